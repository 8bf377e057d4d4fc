/**
 * Finds the gateway's program beside this SDK, and runs it.
 *
 * By path alone: the SDK imports nothing of the kernel.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { RutterError } from '../contract/errors.ts';
import { sdkFolder } from './sdk.ts';

const programs = [join('core', 'cli', 'rutter.mjs'), join('node_modules', '@rutter', 'core', 'cli', 'rutter.mjs')];

/** Path of `rutter.mjs`: in the same repository, or among the packages installed around this one. */
export function findGateway(from: string = sdkFolder): string {
  for (let folder = from; ; folder = dirname(folder)) {
    const found = programs.map((program) => join(folder, program)).find((path) => existsSync(path));
    if (found !== undefined) return found;
    if (dirname(folder) === folder) break;
  }
  throw new RutterError(
    'ERR_REQUEST_NOT_FOUND',
    `Found no gateway beside the SDK in ${from}, expected the package @rutter/core. Install it, or run this command from the repository.`,
  );
}

export interface GatewayRun {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Called for each line of its standard output. */
  line(text: string): void;
}

/** How long it may take to stop when asked. */
const stopMs = 15_000;
/** Copies of one key press that npm and a terminal send come closer together than two presses. */
const sameSignalMs = 200;
const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Runs until it ends by itself or this process is asked to; the number is the exit code. */
export async function runGateway(program: string, { args, env, line }: GatewayRun): Promise<number> {
  // A session of its own, so that a key press reaches it through us and once. The channel
  // and the variable are how it learns that its launcher is gone.
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...env, RUTTER_LAUNCHED: '1' },
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  const release = stopWithUs(child);
  try {
    readLines(child, line);
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve(code ?? 128 + (constants.signals[signal as NodeJS.Signals] ?? 0)));
    });
  } finally {
    release();
  }
}

const longestLine = 1_000_000;

function readLines(child: ChildProcess, line: (text: string) => void): void {
  let rest = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = (lines.pop() as string).slice(0, longestLine);
    for (const each of lines) line(each);
  });
}

/** The first signal asks it to stop, another one ends it, and so does waiting too long. */
function stopWithUs(child: ChildProcess): () => void {
  let askedAtMs: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  const asked = () => {
    const nowMs = performance.now();
    if (askedAtMs === undefined) {
      askedAtMs = nowMs;
      child.kill('SIGTERM');
      timer = setTimeout(() => child.kill('SIGKILL'), stopMs);
    } else if (nowMs - askedAtMs > sameSignalMs) {
      child.kill('SIGKILL');
    }
  };
  for (const signal of stopSignals) process.on(signal, asked);
  return () => {
    clearTimeout(timer);
    for (const signal of stopSignals) process.off(signal, asked);
  };
}
