/**
 * Launchers stand between whoever sends a signal and the gateway: npm, npx, a
 * shell, a Node that is too old. Whatever they do with it, the gateway ends,
 * and cuts nothing.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  endAfterFile,
  openAiDeployment,
  openAiVendor,
  root,
  startVendor,
  until,
  type Vendor,
  within,
} from '../support/index.ts';
import { openStreams } from './streams.ts';

const bin = join(root, 'node_modules', '.bin');
const script = join(root, 'core', 'cli', 'rutter.mjs');
const chunks = Array.from({ length: 30 }, (_none, index) => `w${index} `);

let vendor: Vendor;
beforeAll(async () => {
  vendor = await startVendor(openAiVendor({ chunks, delays: { betweenMs: 50 } }));
});

/** A Node of the machine that is too old for the gateway, which must find its own. */
const oldNode = (process.env.PATH ?? '')
  .split(':')
  .map((folder) => join(folder, 'node'))
  .find((file) => {
    try {
      return Number(execFileSync(file, ['-p', 'process.versions.node.split(".")[0]']).toString()) < 24;
    } catch {
      return false;
    }
  });

interface Launched {
  readonly child: ChildProcess;
  readonly url: string;
  readonly folder: string;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
}

type Launcher = (serve: readonly string[], folder: string) => readonly [command: string, ...args: string[]];

const npmStart =
  (prefix: string): Launcher =>
  (serve, folder) => ['npm', '--prefix', folder, 'run', prefix === '' ? 'start' : 'start-at-once', '--', ...serve];

async function launch(launcher: Launcher): Promise<Launched> {
  const folder = await mkdtemp(join(tmpdir(), 'rutter-launch-'));
  const config = join(folder, 'config.yaml');
  await writeFile(config, JSON.stringify({ model_list: [openAiDeployment('house', vendor)] }));
  const scripts = { start: 'rutter', 'start-at-once': 'exec rutter' };
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'app', version: '1.0.0', scripts }));
  await mkdir(join(folder, 'data'));
  const [command, ...args] = launcher(['serve', '--config', config, '--port', '0'], folder);
  const child = spawn(command, args, {
    cwd: root,
    detached: true,
    env: { PATH: `${bin}:${process.env.PATH}`, HOME: folder, RUTTER_DATA: join(folder, 'data') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (part: Buffer) => (output += part));
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) =>
    child.once('exit', (code, signal) => resolve({ code, signal })),
  );
  endAfterFile(async () => {
    for (const pid of await gatewaysOf(folder)) process.kill(pid, 'SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });
  const ready = await until('the gateway to listen', () => /is listening on (\S+)/.exec(output), 20_000);
  return { child, url: ready[1] as string, folder, exited };
}

/** Processes that serve the configuration of this folder, however they came to be. */
async function gatewaysOf(folder: string): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).map(Number).filter(Number.isInteger);
  const lines = await Promise.all(
    pids.map(async (pid) => ({ pid, text: await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '') })),
  );
  return lines.filter(({ text }) => text.includes(folder)).map(({ pid }) => pid);
}

/** Signals while streams are open, several times within a second; afterwards nothing must be left. */
async function stop({ child, url, folder, exited }: Launched, signal: NodeJS.Signals, isGroup: boolean) {
  const streams = openStreams({ url }, 20);
  await within('the streams to begin', streams.begun, 10_000);
  for (let count = 0; count < 4; count += 1) {
    try {
      process.kill(isGroup ? -(child.pid as number) : (child.pid as number), signal);
    } catch {
      // The launcher has gone; the gateway need not have.
    }
    await sleep(200);
  }
  const ends = await streams.ended;
  const end = await within('the launcher to end', exited);
  await until('the gateway to be gone', async () => (await gatewaysOf(folder)).length === 0);
  return { cut: ends.filter(({ isComplete }) => !isComplete).map(({ error, body }) => `${error} ${body}`), end };
}

const clean = { code: 0, signal: null };

describe.concurrent('a gateway started', () => {
  const direct: Launcher = (serve) => [join(bin, 'node'), script, ...serve];
  const old: Launcher = (serve) => [oldNode ?? 'node', script, ...serve];
  const shell: Launcher = (serve) => ['sh', '-c', `rutter ${serve.join(' ')}; exit $?`];
  const npx: Launcher = (serve) => ['npx', '--no-install', 'rutter', ...serve];

  it.each(['SIGTERM', 'SIGINT'] as const)('by itself ends with 0 when its group gets %s', async (signal) => {
    expect(await stop(await launch(direct), signal, true)).toEqual({ cut: [], end: clean });
  });

  it.skipIf(oldNode === undefined).each([
    ['SIGTERM', true],
    ['SIGINT', true],
    ['SIGTERM', false],
  ] as const)('by an old Node ends with 0 on %s, to the group: %s', async (signal, isGroup) => {
    expect(await stop(await launch(old), signal, isGroup)).toEqual({ cut: [], end: clean });
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('by npm, in the place of its shell, ends with 0 on %s', async (signal) => {
    expect(await stop(await launch(npmStart('exec')), signal, true)).toEqual({ cut: [], end: clean });
  });

  // The shells of these die of the signal, and npm says so by its own end.
  it.each([
    ['npm', npmStart(''), 'SIGTERM', true],
    ['npm', npmStart(''), 'SIGINT', true],
    ['npm', npmStart(''), 'SIGTERM', false],
    ['npx', npx, 'SIGTERM', true],
    ['npx', npx, 'SIGINT', true],
    ['npx', npx, 'SIGTERM', false],
    ['a shell', shell, 'SIGTERM', true],
    ['a shell', shell, 'SIGINT', true],
  ] as const)('by %s cuts nothing and is gone afterwards', async (_name, launcher, signal, isGroup) => {
    const { cut, end } = await stop(await launch(launcher), signal, isGroup);
    expect(cut).toEqual([]);
    expect([clean, { code: null, signal }, { code: 143, signal: null }, { code: 130, signal: null }]).toContainEqual(
      end,
    );
  });
});

it.skipIf(oldNode === undefined)(
  'a gateway whose launcher was killed ends all the same, and cuts nothing',
  async () => {
    const launched = await launch((serve) => [oldNode ?? 'node', script, ...serve]);
    const { cut, end } = await stop(launched, 'SIGKILL', false);
    expect(cut).toEqual([]);
    expect(end).toEqual({ code: null, signal: 'SIGKILL' });
  },
);
