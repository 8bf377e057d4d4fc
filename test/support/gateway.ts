/**
 * A gateway as a user starts it: the `rutter` command in a process of its
 * own, with a configuration file and a data folder of its own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endAfterFile } from './leftovers.ts';
import { until, within } from './until.ts';

export const root = fileURLToPath(new URL('../..', import.meta.url));

export interface GatewayOptions {
  /** YAML text, or a value that is written as JSON, which is YAML too; when absent the gateway is started without a file. */
  readonly config?: string | object;
  /** Added to an environment that holds nothing but PATH, HOME and the data folder. */
  readonly env?: Readonly<Record<string, string>>;
  /** After `serve [--config …] --port 0 --host 127.0.0.1`. */
  readonly args?: readonly string[];
  /** Further files beside the configuration, by path relative to it. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** For readiness; 15,000 when absent. */
  readonly startMs?: number;
}

export interface GatewayEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One line of the gateway's log. */
export type LogLine = Readonly<Record<string, unknown>>;

export interface Gateway {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly port: number;
  /** Of the gateway process itself, which leads its own process group. */
  readonly pid: number;
  /** Holds `config.yaml`, `data/` and the files given; gone after `stop`. */
  readonly folder: string;
  /** What has been logged so far. */
  log(): readonly LogLine[];
  /** Standard output and standard error so far. */
  output(): string;
  /** The first line, past or to come, that fits; 5,000 ms when absent. */
  waitForLog(fits: (line: LogLine) => boolean, ms?: number): Promise<LogLine>;
  /** Replaces the configuration in one step, as an editor or an operator would. */
  writeConfig(config: string | object): Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** Resident memory in bytes, now. */
  memory(): Promise<number>;
  /** SIGTERM, then SIGKILL to the group after `ms` (10,000 when absent); harmless when it has ended. */
  stop(ms?: number): Promise<GatewayEnd>;
  readonly exited: Promise<GatewayEnd>;
}

const readyLine = /^Rutter is listening on (https?):\/\/(\S+):(\d+)\s*$/m;

/** Resolves when the gateway has said that it listens; otherwise throws with all it said. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const run = await startProcess(options);
  const { startMs = 15_000 } = options;
  try {
    const ready = await within(
      'the gateway to be ready',
      Promise.race([
        until('the line that tells the port', () => readyLine.exec(run.output()), startMs),
        run.exited.then(({ code, signal }) => {
          throw new Error(`The gateway ended with ${signal ?? code} before it was ready.`);
        }),
      ]),
      startMs + 1000,
    );
    return gatewayOf(run, Number(ready[3]), ready[1] as string);
  } catch (error) {
    const output = run.output();
    await run.stop(0);
    throw new Error(`${(error as Error).message} It said:\n${output}`, { cause: error });
  }
}

/** Starts a gateway that is expected to end by itself; gives how, and what it said. */
export async function startRefused(options: GatewayOptions): Promise<GatewayEnd & { readonly output: string }> {
  const run = await startProcess(options);
  try {
    const end = await within('the gateway to end', run.exited, options.startMs ?? 15_000);
    return { ...end, output: run.output() };
  } catch (error) {
    throw new Error(`${(error as Error).message} It said:\n${run.output()}`, { cause: error });
  } finally {
    await run.stop(0);
  }
}

interface Run {
  readonly child: ChildProcess;
  readonly folder: string;
  readonly configFile: string;
  readonly exited: Promise<GatewayEnd>;
  stdout(): string;
  output(): string;
  stop(ms?: number): Promise<GatewayEnd>;
}

async function startProcess({ config, env = {}, args = [], files = {} }: GatewayOptions): Promise<Run> {
  const folder = await mkdtemp(join(tmpdir(), 'rutter-test-'));
  const configFile = join(folder, 'config.yaml');
  if (config !== undefined) await writeFile(configFile, textOf(config));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  const command = [
    join(root, 'node_modules/.bin/rutter'),
    'serve',
    ...(config === undefined ? [] : ['--config', configFile]),
    '--port',
    '0',
    '--host',
    '127.0.0.1',
    ...args,
  ];
  const child = spawn(pinnedNode(), command, {
    cwd: folder,
    detached: true,
    // The launcher's own sign: the gateway ends when this process is gone, however it went.
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      RUTTER_DATA: join(folder, 'data'),
      RUTTER_LAUNCHED: '1',
      AWS_EC2_METADATA_DISABLED: 'true',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  return watch(child, folder, configFile);
}

function watch(child: ChildProcess, folder: string, configFile: string): Run {
  const said: { from: 'stdout' | 'stderr'; text: string }[] = [];
  for (const from of ['stdout', 'stderr'] as const)
    child[from]?.setEncoding('utf8').on('data', (text: string) => said.push({ from, text }));
  const exited = new Promise<GatewayEnd>((resolve) => {
    child.once('error', (error) => {
      said.push({ from: 'stderr', text: error.message });
      resolve({ code: null, signal: null });
    });
    // At `close`, unlike at `exit`, all output has arrived.
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  const killGroup = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // Nobody of the group is left.
    }
  };
  process.once('exit', killGroup);
  const stop = async (ms = 10_000): Promise<GatewayEnd> => {
    if (child.exitCode === null && child.signalCode === null && ms > 0) child.kill('SIGTERM');
    const timer = setTimeout(killGroup, ms);
    const end = await exited;
    clearTimeout(timer);
    killGroup();
    forget();
    process.off('exit', killGroup);
    await rm(folder, { recursive: true, force: true });
    return end;
  };
  const forget = endAfterFile(() => stop(0));
  const textFrom = (from?: string) =>
    said.map((one) => (from === undefined || one.from === from ? one.text : '')).join('');
  return { child, folder, configFile, exited, stop, stdout: () => textFrom('stdout'), output: () => textFrom() };
}

function gatewayOf(run: Run, port: number, scheme: string): Gateway {
  const pid = run.child.pid as number;
  const log = () => run.stdout().split('\n').flatMap(parsed);
  return {
    url: `${scheme}://127.0.0.1:${port}`,
    port,
    pid,
    folder: run.folder,
    exited: run.exited,
    stop: run.stop,
    log,
    output: run.output,
    signal: (name) => void run.child.kill(name),
    waitForLog: (fits, ms) =>
      until('a line of the log', () => log().find(fits), ms).catch((error: Error) =>
        Promise.reject(new Error(`${error.message} It said:\n${run.output()}`)),
      ),
    async writeConfig(config) {
      await writeFile(`${run.configFile}.new`, textOf(config));
      await rename(`${run.configFile}.new`, run.configFile);
    },
    async memory() {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
    },
  };
}

const textOf = (config: string | object) =>
  typeof config === 'string' ? config : `${JSON.stringify(config, undefined, 2)}\n`;

function parsed(line: string): LogLine[] {
  if (!line.startsWith('{')) return [];
  try {
    return [JSON.parse(line) as LogLine];
  } catch {
    // The last line may still be on its way.
    return [];
  }
}

function pinnedNode(): string {
  const pinned = join(root, 'node_modules/.bin/node');
  return existsSync(pinned) ? pinned : process.execPath;
}
