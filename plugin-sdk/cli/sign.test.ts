/** From a key to a signature that holds, and every way in which it does not. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runProgram } from './program.ts';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'rutter-sign-'));
  await writeFile(
    join(cwd, 'index.js'),
    `import { definePlugin } from '@rutter/plugin-sdk';\nexport default definePlugin({ kind: 'observer', setup: () => ({}) });\n`,
  );
  await writeFile(
    join(cwd, 'package.json'),
    JSON.stringify({
      version: '1.2.3',
      type: 'module',
      rutter: { api: 1, kind: 'observer', name: 'mine', entry: 'index.js' },
    }),
  );
});
afterEach(() => rm(cwd, { recursive: true, force: true }));

async function run(...args: string[]) {
  const said: { out: string[]; err: string[] } = { out: [], err: [] };
  const code = await runProgram(args, {
    cwd,
    out: (text: string) => void said.out.push(text),
    err: (text: string) => void said.err.push(text),
  } as never);
  return { code, out: said.out.join(''), err: said.err.join('') };
}

it('signs what was packed, so that anybody with the public key can tell', async () => {
  const made = await run('keygen', 'me.pem');
  expect(made.out).toMatch(/^key [0-9a-f]{16}\ned25519:[A-Za-z0-9+/]{43}=\n$/);
  expect((await stat(join(cwd, 'me.pem'))).mode & 0o777).toBe(0o600);
  expect(made.out).not.toContain('PRIVATE');
  expect((await run('pack', '.')).code).toBe(0);
  expect((await run('verify', 'dist', '--key', 'me.pem.pub')).err).toContain('found no signature');
  expect((await run('sign', 'dist', '--key', 'me.pem')).out).toMatch(/^signed "mine" 1\.2\.3, digest [0-9a-f]{64}\n/);
  const publicKey = (await readFile(join(cwd, 'me.pem.pub'), 'utf8')).trim();
  expect(await run('verify', 'dist', '--key', publicKey)).toMatchObject({ code: 0, err: '' });
  // A second signer adds to the first; signing again changes nothing.
  await run('keygen', 'you.pem');
  await run('sign', 'dist', '--key', 'you.pem');
  await run('sign', 'dist', '--key', 'me.pem');
  for (const key of ['me.pem.pub', 'you.pem.pub'])
    expect((await run('verify', 'dist', '--key', key)).code, key).toBe(0);
  await writeFile(join(cwd, 'dist', 'plugin.cjs.map'), '{}');
  expect(await run('verify', 'dist', '--key', publicKey)).toMatchObject({
    code: 1,
    err: expect.stringContaining('the signature is not of these files'),
  });
});

it('overwrites no key, and says what is wrong without a word of one', async () => {
  await run('keygen', 'me.pem');
  const before = await readFile(join(cwd, 'me.pem'), 'utf8');
  expect(await run('keygen', 'me.pem')).toMatchObject({
    code: 1,
    err: expect.stringContaining('a key is not overwritten'),
  });
  expect(await readFile(join(cwd, 'me.pem'), 'utf8')).toBe(before);
  await run('pack', '.');
  const secret = before.split('\n')[1] as string;
  await writeFile(join(cwd, 'torn.pem'), before.replace('END', 'ENT'));
  const wrong: readonly (readonly [readonly string[], string])[] = [
    [['sign', 'dist', '--key', 'torn.pem'], 'no Ed25519 private key'],
    [['sign', 'dist', '--key', 'me.pem.pub'], 'no Ed25519 private key'],
    [['sign', 'dist', '--key', 'nowhere.pem'], 'ENOENT'],
    [['sign', 'dist'], 'Found no --key'],
    [['sign', '.', '--key', 'me.pem'], 'Found no packed plugin'],
    [['verify', 'dist', '--key', 'me.pem'], 'expected a public key'],
    [['verify', 'dist', '--key', 'ed25519:AAAA'], 'expected a public key'],
  ];
  for (const [args, reason] of wrong) {
    const { code, err } = await run(...args);
    expect([code, err], args.join(' ')).toEqual([1, expect.stringContaining(reason)]);
    expect(err).not.toContain(secret);
  }
});
