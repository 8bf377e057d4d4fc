import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { processCredentials, wordsOf } from './aws-process.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rutter process '));
});
afterEach(() => rm(folder, { recursive: true }));

const environment = { PATH: process.env.PATH };

/** Runs a script of Node's. */
async function run(script: string, more: { timeoutMs?: number; argument?: string } = {}) {
  const file = join(folder, 'give keys.cjs');
  await writeFile(file, script);
  const command = `"${process.execPath}" "${file}" '${more.argument ?? ''}'`;
  return processCredentials({ command, profile: 'p', environment, ...more });
}

const printing = (value: unknown) => `process.stdout.write(${JSON.stringify(JSON.stringify(value))})`;
const keys = { Version: 1, AccessKeyId: 'AKIA-p', SecretAccessKey: 's' };

describe('the words of a command', () => {
  it.each([
    ['/bin/give --profile p', ['/bin/give', '--profile', 'p']],
    [`"/opt/my tools/give" 'a "b"' "c \\"d\\""`, ['/opt/my tools/give', 'a "b"', 'c "d"']],
    ['give a\\ b --x="1 2"', ['give', 'a b', '--x=1 2']],
    ['give $(whoami); rm *', ['give', '$(whoami);', 'rm', '*']],
    ['  ', []],
  ])('%s are %j', (command, words) => {
    expect(wordsOf(command)).toEqual(words);
  });
});

describe('a program that gives credentials', () => {
  it('is run without a shell, and its keys are used to their end', async () => {
    const end = '2030-01-01T00:00:00Z';
    const script = `process.stdout.write(JSON.stringify({ ...${JSON.stringify(keys)}, SessionToken: process.argv[2], Expiration: '${end}' }))`;
    expect(await run(script, { argument: '$HOME; x' })).toEqual({
      value: { accessKeyId: 'AKIA-p', secretAccessKey: 's', sessionToken: '$HOME; x' },
      expiresAt: Date.parse(end),
    });
  });

  it('may name no end', async () => {
    expect(await run(printing(keys))).toMatchObject({ expiresAt: Number.POSITIVE_INFINITY });
  });

  it.each([
    ['fails', 'process.exit(3)', /ended with code 3/],
    ['prints no JSON', 'console.log("canary")', /"Version": 1/],
    ['prints another version', printing({ ...keys, Version: 2 }), /"Version": 1/],
    ['prints no keys', printing({ Version: 1, AccessKeyId: 'canary' }), /sent no credentials/],
    ['prints too much', 'process.stdout.write("canary".repeat(20000))', /more than 65536 bytes/],
  ])('is told of, and not repeated, where it %s', async (_what, script, message) => {
    const error = await run(script).catch((found: unknown) => found as Error);
    expect(error).toMatchObject({ code: 'ERR_PROVIDER_AUTHENTICATION', message: expect.stringMatching(message) });
    expect((error as Error).message).not.toContain('canary');
  });

  it('is told of where there is none', async () => {
    const none = { command: '/nowhere/to/be found', profile: 'p', environment };
    await expect(processCredentials(none)).rejects.toThrow(/cannot be run/);
    await expect(processCredentials({ ...none, command: '' })).rejects.toThrow(/is empty/);
  });

  it('is killed with all it started where it is late', async () => {
    const file = join(folder, 'alive');
    const child = `require('fs').writeFileSync(process.argv[1], String(process.pid)); setInterval(() => {}, 1000)`;
    const script = `require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(child)}, process.argv[2]], { stdio: 'inherit' })`;
    await expect(run(script, { timeoutMs: 1500, argument: file })).rejects.toThrow(/did not end within 1500 ms/);
    const pid = Number(await readFile(file, 'utf8'));
    // Where nobody collects the dead they stay as names.
    const isAlive = () =>
      !/^(Z.*)?$/.test(
        spawnSync('ps', ['-o', 'stat=', '-p', String(pid)])
          .stdout.toString()
          .trim(),
      );
    for (let tries = 0; tries < 50 && isAlive(); tries++) await sleep(20);
    expect(isAlive()).toBe(false);
  });
});
