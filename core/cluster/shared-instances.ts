/**
 * Instances of `shared` plugins, run once by the supervisor for all workers:
 * a state or store that lives in one process.
 */
import { RutterError, type State, type Store } from '@rutter/plugin-sdk';
import type { Configuration } from '../config/types.ts';
import { defaultDeadlines } from '../generation/keeper.ts';
import { type Running, setUp } from '../generation/running.ts';
import { Evaluator } from '../plugins/evaluate.ts';
import type { KernelServices } from '../plugins/kernel-services.ts';
import type { ComposedInstance } from '../plugins/plan.ts';

interface Shared {
  readonly running: Promise<Running>;
  /** Workers, by number, that hold it, and how often each does. */
  readonly holders: Map<number, number>;
}

/** Methods a worker may call; nothing else of an instance is reachable. */
const callable: ReadonlySet<string> = new Set(['reserve', 'settle', 'heartbeat', 'increment', 'get', 'set', 'delete', 'lease', 'publish', 'migrate', 'query', 'run', 'flush', 'health']);

export class SharedInstances {
  readonly #byKey = new Map<string, Shared>();
  readonly #evaluator = new Evaluator();
  readonly #kernel: KernelServices;

  constructor(kernel: KernelServices) {
    this.#kernel = kernel;
  }

  /** Sets it up for the first worker that asks. What it answers is plain data about the instance. */
  async setUp(worker: number, instance: ComposedInstance, key: string): Promise<{ readonly flavour: string | undefined; readonly hasHealth: boolean }> {
    let shared = this.#byKey.get(key);
    if (!shared) {
      shared = { running: this.#start(instance, key), holders: new Map() };
      this.#byKey.set(key, shared);
    }
    try {
      const { value } = await shared.running;
      shared.holders.set(worker, (shared.holders.get(worker) ?? 0) + 1);
      return { flavour: (value as Partial<Store>).flavour, hasHealth: value.health !== undefined };
    } catch (error) {
      this.#byKey.delete(key);
      throw error;
    }
  }

  async #start(instance: ComposedInstance, key: string): Promise<Running> {
    const configuration = { placeOf: () => instance.place } as unknown as Configuration;
    const result = await setUp({ instance, key, place: 'in-process', services: new Map(), configuration, kernel: this.#kernel, evaluator: this.#evaluator, deadlines: defaultDeadlines, supervise: undefined });
    if ('running' in result) return result.running;
    throw new RutterError('ERR_CONFIG_INVALID', result.diagnostics.map(({ message, found, expected }) => `${message} Found ${found}; expected ${expected}.`).join(' '));
  }

  async call(key: string, method: string, args: readonly unknown[]): Promise<unknown> {
    const value = (await this.#of(key)).value as unknown as Record<string, unknown>;
    const found = callable.has(method) ? value[method] : undefined;
    if (typeof found !== 'function') throw new RutterError('ERR_PLUGIN_INVALID', `A shared instance has no method ${method}.`);
    return (found as (...own: unknown[]) => unknown).apply(value, [...args]);
  }

  async append(key: string, table: string, columns: readonly string[], rows: readonly (readonly unknown[])[]): Promise<void> {
    const store = (await this.#of(key)).value as unknown as Store;
    for (const row of rows) store.append(table, columns, row as never);
  }

  async subscribe(key: string, channel: string, listener: (text: string) => void): Promise<() => void> {
    return ((await this.#of(key)).value as unknown as State).subscribe(channel, listener);
  }

  #of(key: string): Promise<Running> {
    const shared = this.#byKey.get(key);
    if (!shared) throw new RutterError('ERR_PLUGIN_DOWN', 'The shared instance has ended.');
    return shared.running;
  }

  async release(worker: number, key: string): Promise<void> {
    const shared = this.#byKey.get(key);
    if (!shared) return;
    const left = (shared.holders.get(worker) ?? 1) - 1;
    if (left > 0) shared.holders.set(worker, left);
    else shared.holders.delete(worker);
    if (shared.holders.size > 0) return;
    this.#byKey.delete(key);
    await (await shared.running).dispose();
  }

  /** A worker has died without giving back what it held. */
  async releaseAll(worker: number): Promise<void> {
    for (const [key, { holders }] of this.#byKey) {
      if (!holders.has(worker)) continue;
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
