/**
 * One running copy of a plugin: how it is set up, looked at, and disposed of.
 *
 * Invariant: whatever set-up began has ended when set-up fails, except a
 * promise of the plugin's that never settles; should it settle late, what it
 * brings is disposed of at once.
 */
import { type Facets, type Kind, type Log, RutterError } from '@rutter/plugin-sdk';
import type { Configuration, Diagnostic } from '../config/types.ts';
import { within } from '../deadline.ts';
import type { Evaluator, Loaded } from '../plugins/evaluate.ts';
import { createHost, type HostHandle } from '../plugins/host.ts';
import { configure, readerOf } from '../plugins/instance-config.ts';
import type { KernelServices } from '../plugins/kernel-services.ts';
import type { ComposedInstance } from '../plugins/plan.ts';
import type { PlaceName, PluginInstance, PluginPackage, SandboxStatus } from '../plugins/types.ts';

export type InstanceValue = PluginInstance['value'];

/** What carries an instance that runs elsewhere: a value that passes calls on, and the way to end it. */
export interface Remote {
  readonly value: InstanceValue;
  end(): void | Promise<void>;
}

export interface Deadlines {
  readonly setupMs: number;
  readonly smokeMs: number;
  readonly disposeMs: number;
}

export const defaultDeadlines: Deadlines = { setupMs: 10_000, smokeMs: 5000, disposeMs: 10_000 };

export interface Running {
  readonly key: string;
  readonly name: string;
  readonly package: PluginPackage;
  readonly place: PlaceName;
  readonly value: InstanceValue;
  readonly setupMs: number;
  readonly warnings: readonly Diagnostic[];
  /** Undefined in-process. */
  readonly sandbox: SandboxStatus | undefined;
  lastError: PluginInstance['lastError'];
  /** Ends it; called once. Faults are logged, not thrown. */
  dispose(): Promise<void>;
}

export interface SetUpOptions {
  readonly instance: ComposedInstance;
  readonly key: string;
  readonly place: PlaceName;
  readonly services: ReadonlyMap<string, unknown>;
  readonly configuration: Pick<Configuration, 'placeOf'>;
  readonly kernel: KernelServices;
  readonly evaluator: Evaluator;
  readonly deadlines: Deadlines;
  readonly supervise: ((instance: ComposedInstance, key: string) => Promise<Remote>) | undefined;
}

export type SetUpResult = { readonly running: Running } | { readonly diagnostics: readonly Diagnostic[] };

/** Loads and sets up one instance. Problems of its configuration come as diagnostics; everything else is thrown. */
export async function setUp(options: SetUpOptions): Promise<SetUpResult> {
  const { instance, kernel, supervise, place } = options;
  const startedMs = kernel.clock.monotonic();
  if (place === 'supervisor' && supervise !== undefined) {
    const reaching = supervise(instance, options.key);
    const remote = await within(() => reaching, setUpDeadline(options)).catch((error: unknown) => {
      reaching.then((late) => late.end()).catch(() => {});
      throw error;
    });
    return {
      running: new RunningInstance(options, { value: remote.value, end: () => remote.end(), startedMs, warnings: [] }),
    };
  }
  if (place === 'sandbox' || place === 'worker') {
    const found = await kernel.sandbox.setUp(options);
    if ('diagnostics' in found) return found;
    return { running: new RunningInstance(options, { ...found, status: () => found.status, startedMs }) };
  }
  const loaded = await within(() => options.evaluator.acquire(instance.package), setUpDeadline(options));
  const checked = await configure(instance, readerOf(instance.package, loaded.definition), options.configuration);
  if ('diagnostics' in checked) {
    loaded.release();
    return checked;
  }
  return { running: await start(options, loaded, { config: checked.config, warnings: checked.warnings, startedMs }) };
}

interface Start {
  readonly config: unknown;
  readonly warnings: readonly Diagnostic[];
  readonly startedMs: number;
}

async function start(options: SetUpOptions, loaded: Loaded, { config, warnings, startedMs }: Start): Promise<Running> {
  const { instance, key, kernel, services } = options;
  const { manifest } = instance.package;
  const log = kernel.log(instance.name);
  let fault = (error: unknown) =>
    log.error({ error: traced(options.evaluator, error) }, 'a timer task failed during set-up');
  const handle = createHost({ name: instance.name, key, manifest, kernel, services, onFault: (error) => fault(error) });
  const setup = Promise.resolve().then(() => loaded.definition.setup(handle.host, config as never));
  try {
    const value = await within(() => setup, setUpDeadline(options));
    checkValue(instance, value);
    const running = new RunningInstance(options, {
      value,
      startedMs,
      warnings,
      end: () => endLocal(value, handle, loaded),
    });
    fault = (error) => running.fault(error, 'a timer task failed');
    return running;
  } catch (error) {
    setup.then(
      (late) => disposeLate(late, log),
      () => {},
    );
    // Released, the text is forgotten, and with it the way back to its sources.
    if (error instanceof Error && error.stack !== undefined) error.stack = options.evaluator.mapStack(error.stack);
    handle.end();
    loaded.release();
    throw error;
  }
}

class RunningInstance implements Running {
  readonly key: string;
  readonly name: string;
  readonly package: PluginPackage;
  readonly place: PlaceName;
  readonly value: InstanceValue;
  readonly setupMs: number;
  readonly warnings: readonly Diagnostic[];
  lastError: PluginInstance['lastError'];
  readonly #options: SetUpOptions;
  readonly #end: () => void | Promise<void>;
  readonly #status: (() => SandboxStatus) | undefined;

  constructor(
    options: SetUpOptions,
    parts: {
      value: InstanceValue;
      end: () => void | Promise<void>;
      startedMs: number;
      warnings: readonly Diagnostic[];
      status?: () => SandboxStatus;
    },
  ) {
    this.key = options.key;
    this.name = options.instance.name;
    this.package = options.instance.package;
    this.place = options.place;
    this.value = parts.value;
    this.setupMs = options.kernel.clock.monotonic() - parts.startedMs;
    this.warnings = parts.warnings;
    this.#options = options;
    this.#end = parts.end;
    this.#status = parts.status;
  }

  get sandbox(): SandboxStatus | undefined {
    return this.#status?.();
  }

  fault(error: unknown, message: string): void {
    const { kernel, evaluator } = this.#options;
    this.lastError = { at: kernel.clock.now(), message: error instanceof Error ? error.message : String(error) };
    kernel.log(this.name).error({ error: traced(evaluator, error) }, message);
  }

  async dispose(): Promise<void> {
    const { kernel, deadlines } = this.#options;
    const late = `Plugin "${this.name}" took longer to dispose`;
    try {
      await within(() => this.#end(), { clock: kernel.clock, ms: deadlines.disposeMs, late });
    } catch (error) {
      this.fault(error, 'the plugin failed to dispose');
    }
  }
}

async function endLocal(value: InstanceValue, handle: HostHandle, loaded: Loaded): Promise<void> {
  try {
    await value.dispose?.();
  } finally {
    handle.end();
    loaded.release();
  }
}

function disposeLate(value: unknown, log: Log): void {
  const { dispose } = (value ?? {}) as Facets;
  Promise.resolve()
    .then(() => dispose?.call(value))
    .catch((error: unknown) => log.error({ error: String(error) }, 'the plugin, set up too late, failed to dispose'));
}

const setUpDeadline = ({ instance, kernel, deadlines }: SetUpOptions) => ({
  clock: kernel.clock,
  ms: instance.grants.setupMs ?? deadlines.setupMs,
  late: `Plugin "${instance.name}" took longer to set up`,
});

/** The parts of a value that its kind cannot do without; of a cache, those of the sort it is. */
const parts: Readonly<Record<Kind, readonly string[]>> = {
  protocol: ['routes'],
  guard: [],
  cache: [],
  strategy: ['select'],
  provider: ['origin', 'auth'],
  observer: [],
  embedder: ['embed', 'dimensions', 'version'],
  store: ['migrate', 'query', 'run', 'append', 'flush'],
  state: ['reserve', 'settle', 'increment', 'get', 'set', 'delete'],
  source: ['get', 'list', 'put'],
  secrets: ['resolve'],
  extension: [],
};

const required = (kind: Kind, has: (part: string) => boolean): readonly string[] =>
  kind === 'cache' && !has('key') ? ['read', 'write'] : parts[kind];

function checkValue({ name, package: { manifest } }: ComposedInstance, value: unknown): asserts value is InstanceValue {
  const invalid = (found: string, expected: string) =>
    new RutterError('ERR_PLUGIN_INVALID', `Plugin "${name}" returned ${found} from setup, expected ${expected}.`);
  if (typeof value !== 'object' || value === null) throw invalid(value === null ? 'null' : typeof value, 'an object');
  const has = (part: string) => (value as Record<string, unknown>)[part] !== undefined;
  const missing = required(manifest.kind, has).filter((part) => !has(part));
  const isTwofold = manifest.kind === 'cache' && has('key') && (has('read') || has('write'));
  if (isTwofold) throw invalid('key beside read or write', 'either of them');
  if (missing.length > 0)
    throw invalid(`an object without ${missing.join(', ')}`, `what the kind ${manifest.kind} asks for`);
  const own = (value as Facets).services as Readonly<Record<string, unknown>> | undefined;
  const absent = manifest.provides.find((service) => service !== manifest.kind && own?.[service] === undefined);
  if (absent !== undefined) throw invalid(`no services.${absent}`, 'every service that its manifest provides');
}

/** The service an instance provides under a name. */
export function serviceFrom({ value, package: { manifest } }: Running, service: string): unknown {
  if (manifest.kind === service) return value;
  return (value.services as Readonly<Record<string, unknown>> | undefined)?.[service];
}

/** An error's trace with the lines of the sources. */
export function traced(evaluator: Evaluator, error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause =
    error.cause instanceof Error && error.cause.stack !== undefined ? `\ncaused by ${error.cause.stack}` : '';
  return evaluator.mapStack(`${error.stack ?? error.message}${cause}`);
}
