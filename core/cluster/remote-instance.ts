/** A worker's side of an instance that the supervisor runs: the same interface, calls passed on. */
import type { Facets, SqlValue, State, Store } from '@rutter/plugin-sdk';
import type { InstanceValue, Remote } from '../generation/running.ts';
import type { ComposedInstance } from '../plugins/plan.ts';
import type { Channel } from './channel.ts';
import type { Ask } from './messages.ts';

const batchMs = 5;
const mostWaiting = 100_000;

export class RemoteInstances {
  readonly #channel: () => Channel;
  readonly #listeners = new Map<string, Set<(text: string) => void>>();

  constructor(channel: () => Channel) {
    this.#channel = channel;
  }

  async supervise(instance: ComposedInstance, key: string): Promise<Remote> {
    const found = await this.#channel().ask<{ flavour: string | undefined; hasHealth: boolean }>({ type: 'set-up', instance, key } as Ask);
    const call = (method: string, args: readonly unknown[]) => this.#channel().ask<never>({ type: 'call', key, method, args });
    const facets: Facets = found.hasHealth ? { health: () => call('health', []) } : {};
    const value = instance.package.manifest.kind === 'state' ? this.#state(key, call) : remoteStore(key, found.flavour as Store['flavour'], call, this.#channel());
    return { value: { ...value, ...facets } as unknown as InstanceValue, end: () => this.#channel().ask<void>({ type: 'release', key }) };
  }

  #state(key: string, call: (method: string, args: readonly unknown[]) => Promise<never>): State {
    return {
      reserve: (...args) => call('reserve', args),
      settle: (...args) => call('settle', args),
      heartbeat: (...args) => call('heartbeat', args),
      increment: (...args) => call('increment', args),
      get: (...args) => call('get', args),
      set: (...args) => call('set', args),
      delete: (...args) => call('delete', args),
      lease: (...args) => call('lease', args),
      publish: (...args) => call('publish', args),
      subscribe: async (channel, listener) => {
        const name = `${key}\n${channel}`;
        let listeners = this.#listeners.get(name);
        if (!listeners) {
          listeners = new Set();
          this.#listeners.set(name, listeners);
          this.#channel().tell({ type: 'subscribe', key, channel });
        }
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
  }

  heard(key: string, channel: string, text: string): void {
    for (const listener of this.#listeners.get(`${key}\n${channel}`) ?? []) listener(text);
  }
}

/** Rows wait a few milliseconds and go over together. */
function remoteStore(key: string, flavour: Store['flavour'], call: (method: string, args: readonly unknown[]) => Promise<never>, channel: Channel): Store {
  let waiting = new Map<string, { table: string; columns: readonly string[]; rows: (readonly SqlValue[])[] }>();
  let count = 0;
  let timer: NodeJS.Timeout | undefined;
  const send = () => {
    clearTimeout(timer);
    timer = undefined;
    const batches = waiting;
    waiting = new Map();
    count = 0;
    for (const batch of batches.values()) channel.tell({ type: 'append', key, ...batch });
  };
  return {
    flavour,
    migrate: (...args) => call('migrate', args),
    query: (...args) => call('query', args),
    run: (...args) => {
      send();
      return call('run', args);
    },
    append: (table, columns, values) => {
      if (count >= mostWaiting) return false;
      count++;
      const name = `${table}\n${columns.join()}`;
      const batch = waiting.get(name);
      if (batch) batch.rows.push(values);
      else waiting.set(name, { table, columns, rows: [values] });
      timer ??= setTimeout(send, batchMs);
      return true;
    },
    flush: () => {
      send();
      return call('flush', []);
    },
  };
}
