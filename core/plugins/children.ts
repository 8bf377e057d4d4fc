/**
 * Child processes of trusted plugins, each in a process group of its own.
 *
 * Invariant: no group outlives its instance, nor, as far as the process can
 * see its own end, the gateway.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { type Host, type HostChild, type Log, RutterError } from '@rutter/plugin-sdk';

const longestLine = 1024 * 1024;
const longestNote = 4096;
const mostChildren = 16;

/** Groups alive in this process, for its end. */
const groups = new Set<number>();
let isWatchingExit = false;

type Child = ChildProcessByStdio<Writable, Readable, Readable>;
type SpawnOptions = Parameters<Host['spawn']>[2];

export class Children {
  readonly #plugin: string;
  readonly #log: Log;
  readonly #alive = new Set<number>();

  constructor(plugin: string, log: Log) {
    this.#plugin = plugin;
    this.#log = log;
  }

  spawn(command: string, args: readonly string[], options: SpawnOptions = {}): HostChild {
    if (this.#alive.size >= mostChildren)
      throw this.#failure(`already runs ${mostChildren} child processes, expected at most that many`);
    const child: Child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...options.env },
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const { pid } = child;
    if (pid === undefined) {
      child.once('error', () => {});
      throw this.#failure(`could not start "${command}": found no such program, or it may not be run`);
    }
    this.#watch(child, pid);
    return {
      pid,
      write: (text) => write(child, text, (reason) => this.#failure(reason)),
      lines: linesOf(child, (reason) => this.#failure(reason)),
      exited: new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal }))),
      kill: () => killGroup(pid),
    };
  }

  /** Kills every group that is left; says how many. */
  end(): number {
    const left = this.#alive.size;
    for (const pid of this.#alive) killGroup(pid);
    return left;
  }

  #watch(child: Child, pid: number): void {
    watchExit();
    groups.add(pid);
    this.#alive.add(pid);
    child.once('exit', () => {
      // What the leader started ends with it: the group's number may be given to strangers once it is empty.
      killGroup(pid);
      groups.delete(pid);
      this.#alive.delete(pid);
    });
    child.on('error', (error) => this.#log.warn({ error: error.message, pid }, 'a child process failed'));
    child.stdin.on('error', () => {});
    child.stderr.on('data', (chunk: Buffer) => {
      this.#log.debug(
        { pid, text: chunk.toString('utf8', 0, longestNote) },
        'a child process wrote to its standard error',
      );
    });
  }

  #failure(reason: string): RutterError {
    return new RutterError('ERR_PLUGIN_FAILED', `Plugin "${this.#plugin}" ${reason}.`);
  }
}

function write(child: Child, text: string, fail: (reason: string) => RutterError): Promise<void> {
  return new Promise((resolve, reject) => {
    child.stdin.write(text, (error) =>
      error ? reject(fail(`could not write to its child: ${error.message}`)) : resolve(),
    );
  });
}

async function* linesOf(child: Child, fail: (reason: string) => RutterError): AsyncGenerator<string> {
  child.stdout.setEncoding('utf8');
  let rest = '';
  for await (const chunk of child.stdout as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line;
    if (rest.length <= longestLine) continue;
    killGroup(child.pid);
    throw fail(`has a child that wrote a line of more than ${longestLine} characters`);
  }
  if (rest !== '') yield rest;
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}

function watchExit(): void {
  if (isWatchingExit) return;
  isWatchingExit = true;
  process.once('exit', () => {
    for (const pid of groups) killGroup(pid);
  });
}
