/**
 * A host for tests: time stands still until moved, chance comes from a seed,
 * and whatever reaches outside is refused unless the test supplies it.
 */
import { RutterError } from '../contract/errors.ts';
import type { FeatureRegistry, Host, Log } from '../contract/host.ts';
import type { Services } from '../contract/services.ts';
import { type ManualClock, manualClock } from './clock.ts';
import { seededRandom } from './random.ts';

export interface FakeHostOptions {
  readonly name?: string;
  readonly version?: string;
  /** Refused when absent, as without the need `files`. */
  readonly dataFolder?: string;
  readonly seed?: number;
  /** Milliseconds since the epoch at which the clock starts. */
  readonly startMs?: number;
  readonly clock?: ManualClock;
  readonly fetch?: Host['fetch'];
  readonly spawn?: Host['spawn'];
  readonly invoke?: Host['invoke'];
  readonly services?: Partial<Services>;
  /** Pass the last host's `kept` to play the next generation. */
  readonly kept?: Map<string, Kept>;
}

interface Kept {
  readonly version: number;
  readonly value: unknown;
}

export interface LogLine {
  readonly level: keyof Log;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string | undefined;
}

type Compute = Parameters<FeatureRegistry['define']>[1];

export interface FakeHost extends Host {
  readonly clock: ManualClock;
  /** Everything logged so far, oldest first. */
  readonly logged: readonly LogLine[];
  readonly kept: Map<string, Kept>;
  /** Features the plugin has defined. */
  readonly defined: ReadonlyMap<string, Compute>;
  /** Moves the clock, and with it the timers of `every`. */
  advance(ms: number): Promise<void>;
  /** Stops every timer, as the kernel does when the instance ends. */
  end(): void;
}

const maxKept = 64;

/** A host that does nothing by itself. */
export function fakeHost(options: FakeHostOptions = {}): FakeHost {
  const clock = options.clock ?? manualClock(options.startMs);
  const logged: LogLine[] = [];
  const defined = new Map<string, Compute>();
  const kept = options.kept ?? new Map<string, Kept>();
  const timers = new Set<() => void>();
  const log = recorder(logged);

  return {
    name: options.name ?? 'under-test',
    version: options.version ?? '0.0.0',
    get dataFolder() {
      return options.dataFolder ?? refuse('dataFolder', 'files');
    },
    clock,
    log,
    logged,
    kept,
    defined,
    features: { define: (name, compute) => void defined.set(name, compute) },
    random: seededRandom(options.seed ?? 1),
    every: (intervalMs, task) => repeat({ clock, log, timers }, intervalMs, task),
    keep: (name, version, make) => keep(kept, { name, version }, make),
    fetch: options.fetch ?? (async () => refuse('fetch', 'fetch')),
    spawn: options.spawn ?? (() => refuse('spawn', 'spawn')),
    invoke: options.invoke ?? (async () => refuse('invoke', 'invoke')),
    use: (name) => options.services?.[name] ?? refuseService(name),
    advance: (ms) => clock.advance(ms),
    end() {
      for (const stop of timers) stop();
      timers.clear();
    },
  };
}

function recorder(lines: LogLine[]): Log {
  const at = (level: keyof Log) => (fields: Readonly<Record<string, unknown>>, message?: string) =>
    void lines.push({ level, fields, message });
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

interface Repeating {
  readonly clock: ManualClock;
  readonly log: Log;
  readonly timers: Set<() => void>;
}

function repeat({ clock, log, timers }: Repeating, intervalMs: number, task: () => void | Promise<void>): () => void {
  let isRunning = false;
  let cancel = () => {};
  const run = async () => {
    isRunning = true;
    try {
      await task();
    } catch (error) {
      log.error({ error: String(error) }, 'a timer task failed');
    } finally {
      isRunning = false;
    }
  };
  const tick = () => {
    cancel = clock.after(intervalMs, tick);
    if (!isRunning) void run();
  };
  cancel = clock.after(intervalMs, tick);
  const stop = () => {
    cancel();
    timers.delete(stop);
  };
  timers.add(stop);
  return stop;
}

function keep<T>(kept: Map<string, Kept>, { name, version }: { name: string; version: number }, make: () => T): T {
  const found = kept.get(name);
  if (found !== undefined && found.version === version) return found.value as T;
  if (found === undefined && kept.size >= maxKept) {
    throw new RutterError(
      'ERR_PLUGIN_INVALID',
      `keep('${name}') is one entry too many: at most ${maxKept} an instance.`,
    );
  }
  const value = make();
  kept.set(name, { version, value });
  return value;
}

function refuse(ability: string, need: string): never {
  throw new RutterError(
    'ERR_PLUGIN_INVALID',
    `host.${ability} was used, but this host was not given one. Pass \`${ability}\` to fakeHost, and list '${need}' under \`needs\` in the manifest.`,
  );
}

function refuseService(name: string): never {
  throw new RutterError(
    'ERR_PLUGIN_INVALID',
    `host.use('${name}') found no such service. Pass \`services: { ${name} }\` to fakeHost, and list it under \`uses\` in the manifest.`,
  );
}
