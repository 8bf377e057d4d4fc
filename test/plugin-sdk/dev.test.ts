/** `rutter-plugin` as an author runs it: the built command, on folders outside of the checkout. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { root } from '../support/gateway.ts';
import { endAfterFile } from '../support/leftovers.ts';
import { until, within } from '../support/until.ts';

const command = join(root, 'plugin-sdk', 'cli', 'rutter-plugin.mjs');

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'rutter-author-'));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

interface Run {
  readonly child: ChildProcess;
  readonly exited: Promise<number | NodeJS.Signals | null>;
  output(): string;
  /** The first line, past or to come, that fits. */
  line(fits: RegExp): Promise<string>;
  lines(fits: RegExp): readonly string[];
}

function run(...args: string[]): Run {
  // Scratch folders show in the home: what a command leaves behind can be seen.
  const env = { ...process.env, TMPDIR: home, HOME: home };
  const child = spawn(process.execPath, [command, ...args], { cwd: home, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  const exited = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once('close', (code, signal) => resolve(signal ?? code));
  });
  endAfterFile(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const lines = (fits: RegExp) => output.split('\n').filter((line) => fits.test(line));
  const line = async (fits: RegExp) => {
    try {
      const ended = exited.then((how) => Promise.reject(new Error(`It ended with ${how}.`)));
      return await Promise.race([until(`a line like ${fits}`, () => lines(fits)[0], 20_000), ended]);
    } catch (error) {
      throw new Error(`${(error as Error).message} It said:\n${output}`, { cause: error });
    }
  };
  return { child, exited, output: () => output, line, lines };
}

async function develop(folder: string): Promise<{ readonly dev: Run; readonly url: string }> {
  const dev = run('dev', folder, '--port', '0');
  const [, url] = /Listening on (\S+)\./.exec(await dev.line(/^Listening on /)) as unknown as [string, string];
  return { dev, url };
}

async function ask(url: string, model: string): Promise<{ readonly status: number; readonly body: unknown }> {
  const messages = [{ role: 'user', content: 'Why?' }];
  const reply = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages }),
  });
  return { status: reply.status, body: await reply.json() };
}

const isAnswering = (url: string) =>
  fetch(url).then(
    () => true,
    () => false,
  );
const scratch = () => readdirSync(home).filter((name) => name.startsWith('rutter-'));

it('checks what it has made, outside of the checkout and without an install', async () => {
  const made = run('create', 'observer', 'sums');
  expect(await made.exited).toBe(0);
  const checked = run('check', 'sums');
  expect(await within('the check', checked.exited, 60_000)).toBe(0);
  expect(checked.output()).toMatch(
    /ok +types .*\nok +pack .*\nok +options .*\nok +conformance .*\nok +tests .*\nNothing is wrong\.\n$/,
  );
  expect(scratch()).toEqual([]);
});

it('shows each decision, takes up each saved file, refuses a broken one and ends with its gateway', async () => {
  await run('create', 'strategy', 'steady').exited;
  const file = join(home, 'steady', 'index.ts');
  const source = readFileSync(file, 'utf8');
  const { dev, url } = await develop('steady');
  await dev.line(/^STARTED .*\(boot\): set up .*steady/);
  expect(dev.output()).toContain(
    `curl ${url}/v1/chat/completions -H 'content-type: application/json' -d '{"model":"dev",`,
  );

  // Each deployment is tried once; after that the quickest is preferred.
  for (let count = 0; count < 4; count += 1) expect((await ask(url, 'dev')).status).toBe(200);
  await until('four decisions', () => dev.lines(/^200 {2}dev: /).length === 4);
  const decisions = dev.lines(/^200 {2}dev: /);
  expect(decisions[3]).toMatch(/simulated\/quick .*chosen by steady · 1 attempt · \d+ ms · \$0\.\d{6}$/);
  expect(new Set(decisions.map((line) => /simulated\/(\w+)/.exec(line)?.[1]))).toEqual(
    new Set(['quick', 'middling', 'slow']),
  );

  writeFileSync(file, source.replace('a.live.latencyMs - b.live.latencyMs', 'b.live.latencyMs - a.live.latencyMs'));
  expect(await dev.line(/^RELOADED /)).toMatch(/\(file\): set up steady · \d+ ms$/);
  await ask(url, 'dev');
  await until('the fifth decision', () => /simulated\/slow/.test(dev.lines(/^200 {2}dev: /)[4] ?? ''));

  writeFileSync(file, `${source}\nconst broken = ;\n`);
  await dev.line(/^REFUSED /);
  expect(await dev.line(/index\.ts:\d+:\d+: Unexpected ";"/)).not.toContain('rutter.yaml');
  expect((await ask(url, 'simulated')).status).toBe(200);
  await dev.line(/^200 {2}simulated: .*the only candidate/);

  dev.child.kill('SIGINT');
  expect(await within('the end of dev', dev.exited, 20_000)).toBe(0);
  expect(await isAnswering(url)).toBe(false);
  expect(scratch()).toEqual([]);
});

it('leaves no gateway behind when it is killed', async () => {
  await run('create', 'guard', 'gate', '--javascript').exited;
  const { dev, url } = await develop('gate');
  expect(await isAnswering(url)).toBe(true);
  dev.child.kill('SIGKILL');
  await dev.exited;
  await until('the end of the gateway', async () => !(await isAnswering(url)), 15_000);
});

it('tells what is wrong with a plugin instead of starting a gateway', async () => {
  await run('create', 'cache', 'short', '--javascript').exited;
  writeFileSync(join(home, 'short', 'index.js'), "import './gone.js';\n");
  const dev = run('dev', 'short', '--port', '0');
  expect(await within('the end of dev', dev.exited, 20_000)).toBe(1);
  expect(dev.output()).toMatch(/short\/index\.js:1:8: found no package or file "\.\/gone\.js"/);
});

it('runs a configuration of the author’s own around the plugin', async () => {
  await run('create', 'guard', 'riddle').exited;
  const own = { model_list: [{ model_name: 'mine', litellm_params: { model: 'simulated/default' } }] };
  writeFileSync(join(home, 'own.yaml'), JSON.stringify(own));
  const dev = run('dev', 'riddle', '--port', '0', '--config', 'own.yaml');
  const url = /Listening on (\S+)\./.exec(await dev.line(/^Listening on /))?.[1] as string;
  expect((await ask(url, 'mine')).status).toBe(200);
  expect((await ask(url, 'simulated')).status).toBe(400);
  dev.child.kill('SIGTERM');
  expect(await within('the end of dev', dev.exited, 20_000)).toBe(0);
});
