/**
 * Instances of `shared` plugins, run once by the supervisor for all workers:
 * a state or store that lives in one process.
 *
 * Invariant: an instance lives as long as some worker holds it, or is about to.
 */
import { RutterError, type State, type Store } from '@rutter/plugin-sdk';
import type { Configuration } from '../config/types.ts';
import { defaultDeadlines, type Running, setUp } from '../generation/running.ts';
import { Evaluator } from '../plugins/evaluate.ts';
import type { KernelServices } from '../plugins/kernel-services.ts';
import type { ComposedInstance } from '../plugins/plan.ts';
import { HeldReservations } from './held-reservations.ts';

interface Shared {
  readonly running: Promise<Running>;
  /** Workers, by number, that hold it, and how often each does. */
  readonly holders: Map<number, number>;
  /** Ways to end what each worker listens to. */
  readonly subscriptions: Map<number, (() => void)[]>;
  readonly held: HeldReservations;
}

export interface SharedCall {
  readonly key: string;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** Methods a worker may call; nothing else of an instance is reachable. */
const callable: ReadonlySet<string> = new Set([
  'reserve',
  'settle',
  'heartbeat',
  'increment',
  'get',
  'set',
  'delete',
  'lease',
  'publish',
  'migrate',
  'query',
  'run',
  'flush',
  'health',
]);

export class SharedInstances {
  readonly #byKey = new Map<string, Shared>();
  readonly #evaluator = new Evaluator();
  readonly #kernel: KernelServices;

  constructor(kernel: KernelServices) {
    this.#kernel = kernel;
  }

  /** Sets it up for the first worker that asks. What it answers is plain data about the instance. */
  async setUp(
    worker: number,
    instance: ComposedInstance,
    key: string,
  ): Promise<{ readonly flavour: string | undefined; readonly hasHealth: boolean }> {
    const shared = this.#byKey.get(key) ?? {
      running: this.#start(instance, key),
      holders: new Map(),
      subscriptions: new Map(),
      held: new HeldReservations(),
    };
    this.#byKey.set(key, shared);
    // Held before it is there: another worker may give it back meanwhile.
    shared.holders.set(worker, (shared.holders.get(worker) ?? 0) + 1);
    try {
      const { value } = await shared.running;
      return { flavour: (value as Partial<Store>).flavour, hasHealth: value.health !== undefined };
    } catch (error) {
      if (this.#byKey.get(key) === shared) this.#byKey.delete(key);
      throw error;
    }
  }

  async #start(instance: ComposedInstance, key: string): Promise<Running> {
    const configuration = { placeOf: () => instance.place } as unknown as Configuration;
    const result = await setUp({
      instance,
      key,
      place: 'in-process',
      services: new Map(),
      configuration,
      kernel: this.#kernel,
      evaluator: this.#evaluator,
      deadlines: defaultDeadlines,
      supervise: undefined,
    });
    if ('running' in result) return result.running;
    const reasons = result.diagnostics.map(
      ({ message, found, expected }) => `${message} Found ${found}; expected ${expected}.`,
    );
    throw new RutterError('ERR_CONFIG_INVALID', reasons.join(' '));
  }

  async call(worker: number, { key, method, args }: SharedCall): Promise<unknown> {
    const { running, held } = this.#of(key);
    const value = (await running).value as unknown as Record<string, unknown>;
    const found = callable.has(method) ? value[method] : undefined;
    if (typeof found !== 'function')
      throw new RutterError('ERR_PLUGIN_INVALID', `A shared instance has no method ${method}.`);
    const result: unknown = await (found as (...own: unknown[]) => unknown).apply(value, [...args]);
    held.saw(worker, { method, args, result });
    return result;
  }

  async append(
    key: string,
    table: string,
    { columns, rows }: { readonly columns: readonly string[]; readonly rows: readonly (readonly unknown[])[] },
  ): Promise<void> {
    const store = (await this.#of(key).running).value as unknown as Store;
    for (const row of rows) store.append(table, columns, row as never);
  }

  async subscribe(
    worker: number,
    { key, channel }: { key: string; channel: string },
    listener: (text: string) => void,
  ): Promise<void> {
    const { running, subscriptions } = this.#of(key);
    const state = (await running).value as unknown as State;
    const own = subscriptions.get(worker) ?? [];
    subscriptions.set(worker, own);
    own.push(await state.subscribe(channel, listener));
  }

  #of(key: string): Shared {
    const shared = this.#byKey.get(key);
    if (!shared) throw new RutterError('ERR_PLUGIN_DOWN', 'The shared instance has ended.');
    return shared;
  }

  async release(worker: number, key: string): Promise<void> {
    const shared = this.#byKey.get(key);
    if (!shared) return;
    const left = (shared.holders.get(worker) ?? 1) - 1;
    if (left > 0) shared.holders.set(worker, left);
    else {
      shared.holders.delete(worker);
      for (const end of shared.subscriptions.get(worker) ?? []) end();
      shared.subscriptions.delete(worker);
    }
    if (shared.holders.size > 0) return;
    this.#byKey.delete(key);
    await (await shared.running).dispose();
  }

  /** A worker has died without giving back what it held. */
  async releaseAll(worker: number): Promise<void> {
    for (const [key, { holders, held, running }] of this.#byKey) {
      if (!holders.has(worker)) continue;
      await held.release(worker, (await running).value as unknown as State);
      holders.set(worker, 1);
      await this.release(worker, key);
    }
  }

  async close(): Promise<void> {
    for (const [key, { running }] of this.#byKey) {
      this.#byKey.delete(key);
      await (await running).dispose();
    }
  }
}
