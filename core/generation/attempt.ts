/**
 * One attempt at a generation: instances carried over or set up, checked, and
 * compiled into a path.
 *
 * Invariant: it holds every instance it has taken until it becomes a
 * generation or is given up; given up, nothing it began is left.
 */
import { RutterError, type Store } from '@rutter/plugin-sdk';
import type { Configuration, Diagnostic } from '../config/types.ts';
import { within } from '../deadline.ts';
import type { BuildFault } from '../plugins/build-fault.ts';
import type { Evaluator } from '../plugins/evaluate.ts';
import { configure, readerOf } from '../plugins/instance-config.ts';
import { instanceKey } from '../plugins/instance-key.ts';
import type { KernelServices } from '../plugins/kernel-services.ts';
import type { ComposedInstance } from '../plugins/plan.ts';
import { References } from '../plugins/references.ts';
import type { PlaceName, PluginInstance } from '../plugins/types.ts';
import type { InstanceTable } from './instance-table.ts';
import { InstanceView } from './instance-view.ts';
import { type PartsByName, partsOf } from './plan-change.ts';
import type { ReadComposition } from './read-composition.ts';
import type { LeftOut } from './report.ts';
import { type Deadlines, type Remote, type Running, serviceFrom, setUp, traced } from './running.ts';

export interface AttemptOptions {
  readonly kernel: KernelServices;
  readonly evaluator: Evaluator;
  readonly table: InstanceTable;
  readonly quarantine: Quarantine;
  readonly deadlines: Deadlines;
  readonly required: readonly string[];
  /** Sets up what is shared beside several workers; undefined where there is one process. */
  readonly supervise: ((instance: ComposedInstance, key: string) => Promise<Remote>) | undefined;
}

/** Keys of instances that failed and are not to be tried again. */
export interface Quarantine {
  reasonFor(key: string): string | undefined;
  add(key: string, reason: string): void;
}

export class Attempt {
  readonly configuration: Configuration;
  readonly warnings: Diagnostic[];
  readonly problems: Diagnostic[] = [];
  readonly leftOut: LeftOut[] = [];
  readonly started: string[] = [];
  readonly kept: string[] = [];
  readonly #options: AttemptOptions;
  readonly #read: ReadComposition;
  readonly #keys = new Map<string, string>();
  readonly #running = new Map<string, Running>();

  constructor(options: AttemptOptions, read: ReadComposition) {
    this.#options = options;
    this.#read = read;
    this.configuration = read.configuration;
    this.warnings = [...read.warnings];
    for (const instance of read.composition.order)
      this.#keys.set(instance.name, instanceKey(instance, this.#place(instance), this.#keys));
  }

  /** Equal for compositions between which nothing changes for a request. */
  get identity(): string {
    const { instances } = this.#read.composition;
    return JSON.stringify([this.configuration.digest, instances.map((one) => [this.#keys.get(one.name), one.for])]);
  }

  /** What each instance is made of, by name, in order of the hooks. */
  get parts(): PartsByName {
    const keys = this.#keys;
    return new Map(
      this.#read.composition.instances.map((instance) => {
        const key = keys.get(instance.name) as string;
        return [instance.name, partsOf(instance, { key, place: this.#place(instance), keys })];
      }),
    );
  }

  get held(): readonly Running[] {
    return [...this.#running.values()];
  }

  /** Whether everything is up that must be; `problems` says what is not. */
  async setUpAll(): Promise<boolean> {
    for (const instance of this.#read.composition.order) {
      await this.#setUpOne(instance);
      if (this.problems.length > 0) return false;
    }
    return true;
  }

  /**
   * Options that shipped plugins would refuse. Nothing is set up, and nothing
   * that was brought along is run.
   */
  async checkShipped(): Promise<readonly Diagnostic[]> {
    const { table, evaluator } = this.#options;
    const running = new Set(table.running().map(({ key }) => key));
    const found: Diagnostic[] = [];
    for (const instance of this.#read.composition.order) {
      const isKnown = running.has(this.#keys.get(instance.name) as string);
      if (isKnown || instance.package.origin !== 'shipped') continue;
      try {
        const loaded = await evaluator.acquire(instance.package);
        const checked = await configure(instance, readerOf(instance.package, loaded.definition), this.configuration);
        found.push(...('diagnostics' in checked ? checked.diagnostics : checked.warnings));
        loaded.release();
      } catch (error) {
        found.push(this.#describe(instance, error));
      }
    }
    return found;
  }

  /** What became of each planned instance, in order of the hooks. */
  views(): readonly PluginInstance[] {
    return this.#read.composition.instances.flatMap((instance) => {
      const running = this.#running.get(instance.name);
      return running === undefined ? [] : new InstanceView(running, instance);
    });
  }

  /** A service some instance or the kernel provides; undefined for none. */
  service(name: string): unknown {
    if (this.#options.kernel.provides.includes(name)) return this.#options.kernel.use(name);
    for (const running of this.#running.values()) {
      const found = serviceFrom(running, name);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /**
   * Weighs what was thrown while the path was compiled: afterwards either an
   * instance less is held, or `problems` says why that may not be.
   */
  async blame({ instances, cause }: BuildFault): Promise<void> {
    const known = instances.flatMap((name) => this.#read.composition.instances.find((one) => one.name === name) ?? []);
    // Of several, the last that was asked for by name: what is written can be changed.
    const instance = known.findLast(({ origin }) => origin === 'entry') ?? known.at(-1);
    if (instance === undefined || !this.#running.has(instance.name)) throw cause;
    const users = this.#read.composition.order.filter(
      ({ name, uses }) => this.#running.has(name) && [...uses.values()].includes(instance.name),
    );
    // Whoever uses it could not go on without it.
    const isUsed = users.length > 0;
    await this.#fail(
      isUsed ? { ...instance, onFailure: 'abort' } : instance,
      this.#keys.get(instance.name) as string,
      cause,
    );
    for (const list of [this.started, this.kept]) {
      const index = list.indexOf(instance.name);
      if (index >= 0) list.splice(index, 1);
    }
  }

  giveUp(): Promise<void> {
    const held = this.held;
    this.#running.clear();
    return this.#options.table.release(held);
  }

  async #setUpOne(instance: ComposedInstance): Promise<void> {
    const { table, quarantine } = this.#options;
    const key = this.#keys.get(instance.name) as string;
    const known = table.take(key);
    if (known !== undefined) {
      this.#running.set(instance.name, known);
      this.kept.push(instance.name);
      return;
    }
    const quarantined = instance.onFailure === 'quarantine' ? quarantine.reasonFor(key) : undefined;
    if (quarantined !== undefined) {
      this.#leaveOut(instance, 'quarantined', quarantined);
      return;
    }
    try {
      await this.#start(instance, key);
      this.started.push(instance.name);
    } catch (error) {
      await this.#fail(instance, key, error);
    }
  }

  async #start(instance: ComposedInstance, key: string): Promise<void> {
    const { kernel, evaluator, table, deadlines, supervise } = this.#options;
    const place = this.#place(instance);
    const services = this.#servicesFor(instance);
    const references = new References(this.#running.values());
    const values = references.isEmpty
      ? instance.config.values
      : await references.resolve(instance.config.values, instance.config.base);
    const result = await setUp({
      instance: { ...instance, config: { ...instance.config, values } },
      key,
      place,
      services,
      configuration: this.configuration,
      kernel,
      evaluator,
      deadlines,
      supervise,
    });
    if ('diagnostics' in result) throw new Refused(result.diagnostics);
    const { running } = result;
    table.add(running);
    this.#running.set(instance.name, running);
    this.warnings.push(...running.warnings);
    await this.#migrate(running);
    const late = `Plugin "${running.name}" took longer to say that it is healthy`;
    await within(() => running.value.health?.(), { clock: kernel.clock, ms: deadlines.smokeMs, late });
  }

  #servicesFor(instance: ComposedInstance): ReadonlyMap<string, unknown> {
    const services = new Map<string, unknown>();
    for (const [service, provider] of instance.uses) {
      const running = provider === undefined ? undefined : this.#running.get(provider);
      const found = running === undefined ? undefined : serviceFrom(running, service);
      if (provider !== undefined && found === undefined) {
        const message = `Plugin "${instance.name}" uses "${service}" of plugin "${provider}", which is not running.`;
        throw new RutterError('ERR_PLUGIN_DOWN', message);
      }
      services.set(service, found ?? this.#options.kernel.use(service));
    }
    return services;
  }

  async #migrate({ name, value, package: { manifest } }: Running): Promise<void> {
    const { migrations } = value;
    if (migrations === undefined || migrations.length === 0) return;
    const store = this.service('store') as Store | undefined;
    if (store === undefined)
      throw new RutterError('ERR_PLUGIN_INVALID', `Plugin "${name}" brings migrations, and there is no store.`);
    const { kernel, deadlines } = this.#options;
    const late = `The migrations of plugin "${name}" took longer`;
    await within(() => store.migrate(manifest.name, migrations), { clock: kernel.clock, ms: deadlines.setupMs, late });
  }

  async #fail(instance: ComposedInstance, key: string, error: unknown): Promise<void> {
    const { required, quarantine, table } = this.#options;
    const diagnostics = error instanceof Refused ? error.diagnostics : [this.#describe(instance, error)];
    const { manifest } = instance.package;
    const isNeeded = required.some((service) => service === manifest.kind || manifest.provides.includes(service));
    if (instance.onFailure === 'abort' || isNeeded) {
      this.problems.push(...diagnostics);
      return;
    }
    const running = this.#running.get(instance.name);
    this.#running.delete(instance.name);
    if (running !== undefined) await table.release([running]);
    const reason = diagnostics.map(({ message }) => message).join(' ');
    if (instance.onFailure === 'quarantine') quarantine.add(key, reason);
    this.#leaveOut(instance, instance.onFailure === 'quarantine' ? 'quarantined' : 'failed', reason);
    this.warnings.push(...diagnostics.map((diagnostic) => ({ ...diagnostic, severity: 'warning' as const })));
  }

  #describe({ name, place, package: { folder } }: ComposedInstance, error: unknown): Diagnostic {
    const said = error instanceof Error ? error.message : String(error);
    const message = RutterError.is(error) ? said : `Plugin "${name}" failed to set up: ${said}`;
    const frames = traced(this.#options.evaluator, error).matchAll(/\(?((?:\/|[A-Z]:\\)[^()\n]+:\d+:\d+)\)?/g);
    const where = Array.from(frames, ([, frame]) => frame).find((frame) => frame?.startsWith(folder));
    const code = RutterError.is(error) ? error.code : 'an error';
    const found = where === undefined ? code : `${code} at ${where}`;
    return { severity: 'error', message, found, expected: 'a plugin that sets up', place };
  }

  #leaveOut({ name, package: found, reason }: ComposedInstance, state: LeftOut['state'], error: string): void {
    const { manifest, packed } = found;
    const { kind, version } = manifest;
    const at = this.#options.kernel.clock.now();
    this.leftOut.push({
      name,
      plugin: manifest.name,
      kind,
      version,
      digest: packed?.digest ?? '',
      state,
      reason,
      error,
      at,
    });
  }

  #place({ package: { manifest, origin }, isTrusted, runsIn }: ComposedInstance): PlaceName {
    if (origin === 'untrusted' || !isTrusted) return 'sandbox';
    if ((runsIn ?? manifest.place) === 'worker') return 'worker';
    return manifest.shared && this.#options.supervise !== undefined ? 'supervisor' : 'in-process';
  }
}

/** Carries what is wrong with a configuration to where failures are weighed. */
class Refused extends Error {
  readonly diagnostics: readonly Diagnostic[];

  constructor(diagnostics: readonly Diagnostic[]) {
    super('The options of a plugin were refused.');
    this.diagnostics = diagnostics;
  }
}
