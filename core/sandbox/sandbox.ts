/**
 * Where plugins live that do not run inside: the sandbox, for code that nobody
 * vouches for, and worker threads, for trusted code that is slow.
 *
 * Invariant: nothing of the former is evaluated in this process; while there
 * is none, there is no child process, and no thread, either.
 */
import {
  type FeatureRegistry,
  type Guard,
  type KernelEvent,
  type Kind,
  type Log,
  type RequestContext,
  RutterError,
  type Secret,
} from '@rutter/plugin-sdk';
import { kindNames } from '@rutter/plugin-sdk/pack';
import type { Configuration, Diagnostic } from '../config/types.ts';
import { packedText } from '../plugins/evaluate.ts';
import { type ConfigResult, configure, type Parsed } from '../plugins/instance-config.ts';
import type { KernelServices } from '../plugins/kernel-services.ts';
import { type PlannedInstance, Problems } from '../plugins/plan.ts';
import { stateOf } from '../plugins/random.ts';
import type { PlaceName, PluginInstance, SandboxStatus } from '../plugins/types.ts';
import { isSecret } from '../upstream/secret.ts';
import { refuseManifest } from './admission.ts';
import { answersFor } from './answers.ts';
import { makeValue, type Offer, partsServed, unserved } from './kinds.ts';
import { deadlines, setUpMs } from './limits.ts';
import { Shown } from './plain.ts';
import { SandboxPool } from './pool.ts';
import { isGranted, providerOffer } from './provider.ts';
import { Resident } from './resident.ts';
import { termsOf } from './terms.ts';
import type { Special } from './values.ts';
import { Threads } from './worker/threads.ts';
import { startTimers } from './worker/timers.ts';

/** What the sandbox takes from the kernel. */
type SandboxServices = Pick<KernelServices, 'log' | 'clock' | 'seed' | 'fetch' | 'features' | 'dataFolder'>;

export interface SandboxSetUp {
  readonly instance: PlannedInstance;
  readonly key: string;
  readonly configuration: Pick<Configuration, 'placeOf'>;
  readonly kernel: SandboxServices;
  /** `worker` or `sandbox`. */
  readonly place: PlaceName;
  /** What its manifest uses, for a plugin in a worker. */
  readonly services: ReadonlyMap<string, unknown>;
}

export interface SandboxedInstance {
  readonly value: PluginInstance['value'];
  readonly status: SandboxStatus;
  readonly warnings: readonly Diagnostic[];
  end(): Promise<void>;
}

const keptMs = 500;
const disposeMs = 1000;
/** Names whose state is kept for a successor, and entries of one. */
const mostNames = 256;
const mostKept = 64;

type Kept = ReadonlyMap<unknown, unknown>;

export class Sandbox {
  readonly #pool = new SandboxPool();
  readonly #threads = new Threads();
  readonly #tell: (event: KernelEvent) => void;
  /** Those set up, by instance key. */
  readonly #residents = new Map<string, { readonly name: string; readonly resident: Resident }>();
  /** What `host.keep` held of those that ended last, by instance name. */
  readonly #kept = new Map<string, Kept>();

  /** `tell` hears of falls, quarantines and releases. */
  constructor(tell: (event: KernelEvent) => void = () => {}) {
    this.#tell = tell;
  }

  /** How many child processes run. */
  get children(): number {
    return this.#pool.size;
  }

  /** What a packed text defines: its kind, and its options as JSON Schema. ERR_PLUGIN_INVALID where it does not load. */
  async describe(name: string, text: string): Promise<{ readonly kind: Kind; readonly config: unknown }> {
    const resident = this.#visitor(name, text, []);
    try {
      const { kind, config } = portable(name, await load(name, resident));
      if (!kindNames.includes(kind as Kind))
        throw new RutterError('ERR_PLUGIN_INVALID', `Plugin "${name}" defines no kind that is known.`);
      return { kind: kind as Kind, config };
    } finally {
      await resident.end(0);
    }
  }

  /** Problems of an instance and its options; nothing is set up. */
  async check(
    instance: PlannedInstance,
    configuration: Pick<Configuration, 'placeOf'>,
  ): Promise<readonly Diagnostic[]> {
    const refused = refuseManifest(instance);
    if (refused.length > 0) return refused;
    const secrets: Secret[] = [];
    const resident = this.#visitor(instance.name, await packedText(instance.package), secrets);
    try {
      portable(instance.name, await load(instance.name, resident));
      const checked = await configured(instance, configuration, { resident, secrets });
      return 'diagnostics' in checked ? checked.diagnostics : checked.warnings;
    } finally {
      await resident.end(0);
    }
  }

  /** Problems come as diagnostics; everything else is thrown. */
  async setUp(options: SandboxSetUp): Promise<SandboxedInstance | { readonly diagnostics: readonly Diagnostic[] }> {
    const { instance, key, configuration, kernel } = options;
    const { refused, living, mayReadText, granted, trusted } = termsOf(options, {
      pool: this.#pool,
      threads: this.#threads,
    });
    if (refused.length > 0) return { diagnostics: refused };
    const { name, grants } = instance;
    const { kind, version } = instance.package.manifest;
    const log = kernel.log(name);
    const shown = new Shown(mayReadText);
    const kept = await this.#keptOf(name);
    const secrets: Secret[] = [];
    let config: unknown;
    const resident = new Resident({
      ...living,
      name,
      tell: this.#tell,
      text: await packedText(instance.package),
      secrets,
      clock: kernel.clock,
      log,
      answer: answersFor({ name, kernel, log, ...granted }),
      setUp: (restarts) => {
        shown.forget();
        // Another sequence each time: a plugin that is set up again shall not repeat itself.
        const seed = stateOf(kernel.seed, restarts === 0 ? name : `${name}#${restarts}`);
        return { argument: { name, version, seed, kept, config, trusted }, special: numbered(secrets) };
      },
    });
    try {
      const loaded = await load(name, resident);
      const defined = options.place === 'worker' ? loaded : portable(name, loaded);
      if (defined.kind !== kind)
        throw new RutterError(
          'ERR_PLUGIN_INVALID',
          `Plugin "${name}" defines another kind than "${kind}", which its manifest says.`,
        );
      const checked = await configured(instance, configuration, { resident, secrets });
      if ('diagnostics' in checked) {
        await resident.end(0);
        return checked;
      }
      config = checked.config;
      const offer = offerOf(await named(name, resident, resident.setUp()), instance);
      const problems = weighed(instance, offer, mayReadText);
      if (problems.hasErrors) throw new RutterError('ERR_PLUGIN_INVALID', problems.found[0]?.message ?? '');
      const ms = grants.timeoutMs ?? deadlines[kind] ?? setUpMs;
      defineFeatures(offer, { resident, shown, ms, registry: kernel.features.registry(key), mayReadText });
      const timers = startTimers(offer, { resident, clock: kernel.clock, log, ms });
      this.#residents.set(key, { name, resident });
      return {
        value: makeValue(kind, { name, resident, shown, offer, ms, origins: grants.fetch }),
        warnings: [...checked.warnings, ...problems.found],
        get status() {
          return resident.status;
        },
        end: () => {
          timers.end();
          return this.#end(key, name, resident);
        },
      };
    } catch (error) {
      await resident.end(0);
      throw error;
    }
  }

  /** Forgives the instances of a name, or all; the names of those that had been quarantined. */
  release(name?: string): readonly string[] {
    const released = [...this.#residents.values()].filter(
      (one) => (name === undefined || one.name === name) && one.resident.release(),
    );
    return released.map((one) => one.name);
  }

  /** Ends every child. */
  close(): void {
    this.#pool.close();
    this.#threads.close();
  }

  /** One that is only looked at. */
  #visitor(name: string, text: string, secrets: readonly Secret[]): Resident {
    const answer = () => undefined;
    const living = { pool: this.#pool, where: 'in the sandbox' };
    return new Resident({ ...living, name, text, secrets, answer, clock: stillClock, log: noLog, setUp: notSetUp });
  }

  /** Of the instance that runs under the name now, or of the last that did. */
  async #keptOf(name: string): Promise<Kept> {
    const running = [...this.#residents.values()].findLast((one) => one.name === name);
    const kept = running ? await running.resident.kept(keptMs) : this.#kept.get(name);
    return checkedKept(kept);
  }

  async #end(key: string, name: string, resident: Resident): Promise<void> {
    this.#residents.delete(key);
    const kept = checkedKept(await resident.kept(keptMs));
    this.#kept.delete(name);
    this.#kept.set(name, kept);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > mostNames && oldest !== undefined) this.#kept.delete(oldest);
    await resident.end(disposeMs);
  }
}

const stillClock = { now: () => 0, monotonic: () => 0, sleep: async () => {} };
const noLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

function notSetUp(): never {
  throw new RutterError('ERR_KERNEL_INTERNAL', 'A plugin that is only looked at is not set up.');
}

function checkedKept(kept: unknown): Kept {
  return kept instanceof Map && kept.size <= mostKept ? kept : new Map();
}

/** The plugin's name put in front of what the guest says. */
async function named<T>(name: string, { where }: Resident, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const { message, code } = RutterError.from(error, 'ERR_PLUGIN_INVALID');
    throw new RutterError(
      code === 'ERR_PLUGIN_FAILED' ? 'ERR_PLUGIN_INVALID' : code,
      `Plugin "${name}" ${where}: ${message}`,
    );
  }
}

interface Defined {
  readonly kind?: unknown;
  readonly config?: unknown;
  readonly unportable?: unknown;
}

async function load(name: string, resident: Resident): Promise<Defined> {
  return ((await named(name, resident, resident.load())) ?? {}) as Defined;
}

/** Options of code that nobody vouches for are what its manifest says, so that both sides judge them alike. */
function portable(name: string, defined: Defined): Defined {
  const told = Array.isArray(defined.unportable) ? defined.unportable.slice(0, 20) : [];
  if (told.length === 0) return defined;
  throw new RutterError(
    'ERR_PLUGIN_INVALID',
    `Plugin "${name}" has options that its manifest cannot describe. ${told.map((one) => String(one).slice(0, 500)).join(' ')}`,
  );
}

function configured(
  instance: PlannedInstance,
  configuration: Pick<Configuration, 'placeOf'>,
  { resident, secrets }: { readonly resident: Resident; readonly secrets: Secret[] },
): Promise<ConfigResult> {
  // What is checked is what is set up with: the guest parses it again, with its own schema.
  const parse = async (values: unknown): Promise<Parsed> => {
    collectSecrets(values, secrets);
    const asked = resident.ask('check', { config: values }, { ms: resident.setUpMs, special: numbered(secrets) });
    const { issues } = ((await named(instance.name, resident, asked)) ?? {}) as { readonly issues?: unknown };
    return { data: values, issues: Array.isArray(issues) ? issues.slice(0, 20).map(issueOf) : [] };
  };
  return configure(instance, { schema: instance.package.manifest.config ?? {}, parse }, configuration);
}

function issueOf(issue: unknown): Parsed['issues'][number] {
  const { path, message } = (issue ?? {}) as { readonly path?: unknown; readonly message?: unknown };
  const steps = Array.isArray(path) ? path.filter((step) => typeof step === 'string' || typeof step === 'number') : [];
  return { path: steps, message: String(message).slice(0, 300), code: 'custom' };
}

const numbered =
  (secrets: readonly Secret[]): Special =>
  (value) =>
    isSecret(value) ? { $: 'k', v: secrets.indexOf(value) } : undefined;

function collectSecrets(value: unknown, secrets: Secret[]): void {
  if (isSecret(value)) {
    if (!secrets.includes(value)) secrets.push(value);
  } else if (typeof value === 'object' && value !== null)
    for (const item of Object.values(value)) collectSecrets(item, secrets);
}

function offerOf(answer: unknown, { name, package: { manifest } }: PlannedInstance): Offer {
  const { parts, mode, embedder, features, timers, provider, ttlMs } = (answer ?? {}) as Readonly<
    Record<string, unknown>
  >;
  const { dimensions, version } = (embedder ?? {}) as Readonly<Record<string, unknown>>;
  const names = Array.isArray(parts) ? parts.filter((part) => typeof part === 'string') : [];
  return {
    parts: new Set(names.slice(0, 50)),
    mode: mode === 'before' || mode === 'beside' || mode === 'after' ? (mode satisfies Guard['mode']) : undefined,
    dimensions: Number.isInteger(dimensions) ? Math.min(Number(dimensions), 8192) : 0,
    version: String(version).slice(0, 100),
    features: Array.isArray(features) ? features.slice(0, 16).map(featureOf) : [],
    // What is no time is told of when the replies' place is made.
    ttlMs: ttlMs === undefined ? undefined : Number(ttlMs),
    timers: Array.isArray(timers) ? timers.slice(0, 64).map(Number) : [],
    provider: manifest.kind === 'provider' ? said(name, () => providerOffer(provider)) : undefined,
  };
}

function said<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const { message } = RutterError.from(error);
    throw new RutterError('ERR_PLUGIN_INVALID', `Plugin "${name}" in the sandbox: ${message}.`);
  }
}

function featureOf(feature: unknown): Offer['features'][number] {
  const { name, timeoutMs } = (feature ?? {}) as Readonly<Record<string, unknown>>;
  return { name: String(name).slice(0, 100), timeoutMs: typeof timeoutMs === 'number' ? timeoutMs : undefined };
}

/** Parts of a guard that are nothing without the words of replies. */
const readingReplies: readonly string[] = ['checkReply', 'events'];

/** What the plugin brings and the sandbox does not serve: a warning, or the end of it. */
function weighed(instance: PlannedInstance, { parts, provider }: Offer, mayReadText: boolean): Problems {
  const problems = new Problems();
  const { kind } = instance.package.manifest;
  const { refused, leftOut } = unserved(kind, parts);
  const expected = partsServed(kind).join(', ');
  const brings = (names: readonly string[], what: string) =>
    `Plugin "${instance.name}" brings ${names.join(', ')}, ${what} outside of the gateway's own thread`;
  if (refused.length > 0)
    problems.error(instance.place, [`${brings(refused, 'which is not served')}.`, refused.join(', '), expected]);
  if (leftOut.length > 0)
    problems.warn(instance.place, [`${brings(leftOut, 'which is left out')}.`, leftOut.join(', '), expected]);
  const reading = mayReadText || kind !== 'guard' ? [] : readingReplies.filter((part) => parts.has(part));
  if (reading.length > 0)
    problems.error(instance.place, [
      `Plugin "${instance.name}" brings ${reading.join(', ')}, which reads what is answered, and is not granted text.`,
      'no grant',
      '"text" among "needs" in its manifest and "grants: { text: true }" in its entry',
    ]);
  const origin = provider?.origin;
  if (origin && !isGranted(origin, instance.grants.fetch))
    problems.warn(instance.place, [
      `Plugin "${instance.name}" names the address ${origin}, which its entry does not grant: it serves only deployments with api_base.`,
      origin,
      `"grants: { fetch: [${URL.parse(origin)?.origin ?? 'https://…'}] }" in its entry, or api_base in the deployments`,
    ]);
  const missing = ({ strategy: 'select', embedder: 'embed', cache: 'key' } as Partial<Record<Kind, string>>)[kind];
  if (missing !== undefined && !parts.has(missing))
    problems.error(instance.place, [
      `Plugin "${instance.name}" returned an object without ${missing} from setup.`,
      [...parts].join(', ') || 'nothing',
      `what the kind ${kind} asks for`,
    ]);
  return problems;
}

interface Defining {
  readonly resident: Resident;
  readonly shown: Shown;
  readonly ms: number;
  readonly registry: FeatureRegistry;
  readonly mayReadText: boolean;
}

function defineFeatures({ features }: Offer, { resident, shown, ms, registry, mayReadText }: Defining): void {
  for (const { name, timeoutMs } of features) {
    const compute = (context: RequestContext, text: string) =>
      resident.call(
        'feature',
        { name, context: shown.context(context), text: mayReadText ? text : '' },
        { ms: Math.min(timeoutMs ?? 50, ms), context },
        featureValue,
      );
    registry.define(name, compute, timeoutMs === undefined ? {} : { timeoutMs });
  }
}

function featureValue(answer: unknown): number | Float32Array {
  if (typeof answer === 'number' || (answer instanceof Float32Array && answer.length <= 8192)) return answer;
  throw new RutterError('ERR_PLUGIN_INVALID', 'it gave a feature that is neither a number nor a vector');
}
