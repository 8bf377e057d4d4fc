/** A worker's side of an instance that the supervisor runs: the same interface, calls passed on. */
import type { Facets, SqlValue, State, Store } from '@rutter/plugin-sdk';
import type { InstanceValue, Remote } from '../generation/running.ts';
import type { ComposedInstance } from '../plugins/plan.ts';
import type { Channel } from './channel.ts';

const batchMs = 5;
const mostWaiting = 100_000;

type Pass = (method: string, args: readonly unknown[]) => Promise<never>;

export class RemoteInstances {
  readonly #channel: () => Channel;
  /** Listeners by channel, by key of the state. */
  readonly #listeners = new Map<string, Map<string, Set<(text: string) => void>>>();

  constructor(channel: () => Channel) {
    this.#channel = channel;
  }

  async supervise(instance: ComposedInstance, key: string): Promise<Remote> {
    const channel = this.#channel();
    const found = await channel.ask<{ flavour: string | undefined; hasHealth: boolean }>({
      type: 'set-up',
      instance,
      key,
    });
    const pass: Pass = (method, args) => channel.ask<never>({ type: 'call', key, method, args });
    const facets: Facets = found.hasHealth ? { health: () => pass('health', []) } : {};
    const release = () => channel.ask<void>({ type: 'release', key });
    if (instance.package.manifest.kind === 'state') {
      const end = () => {
        this.#listeners.delete(key);
        return release();
      };
      return { value: { ...this.#state(key, pass), ...facets } as unknown as InstanceValue, end };
    }
    const { store, send } = remoteStore(key, found.flavour as Store['flavour'], { pass, channel });
    const end = () => {
      send();
      return release();
    };
    return { value: { ...store, ...facets } as unknown as InstanceValue, end };
  }

  #state(key: string, pass: Pass): State {
    return {
      reserve: (...args) => pass('reserve', args),
      settle: (...args) => pass('settle', args),
      heartbeat: (...args) => pass('heartbeat', args),
      increment: (...args) => pass('increment', args),
      get: (...args) => pass('get', args),
      set: (...args) => pass('set', args),
      delete: (...args) => pass('delete', args),
      lease: (...args) => pass('lease', args),
      publish: (...args) => pass('publish', args),
      subscribe: async (channel, listener) => {
        const byChannel = this.#listeners.get(key) ?? new Map<string, Set<(text: string) => void>>();
        this.#listeners.set(key, byChannel);
        const known = byChannel.get(channel);
        const listeners = known ?? new Set();
        byChannel.set(channel, listeners);
        if (!known) this.#channel().tell({ type: 'subscribe', key, channel });
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
  }

  heard(key: string, channel: string, text: string): void {
    for (const listener of this.#listeners.get(key)?.get(channel) ?? []) listener(text);
  }
}

/**
 * Rows wait a few milliseconds and go over together, one batch at a time: what
 * the supervisor has not taken waits here, where it is counted.
 */
function remoteStore(
  key: string,
  flavour: Store['flavour'],
  { pass, channel }: { pass: Pass; channel: Channel },
): { readonly store: Store; send(): void } {
  let waiting = new Map<string, { table: string; columns: readonly string[]; rows: (readonly SqlValue[])[] }>();
  let count = 0;
  let underway = 0;
  let timer: NodeJS.Timeout | undefined;
  const send = () => {
    clearTimeout(timer);
    timer = undefined;
    const batches = waiting;
    waiting = new Map();
    count = 0;
    for (const batch of batches.values()) {
      underway++;
      // A supervisor that is gone takes this process with it.
      void channel
        .ask({ type: 'append', key, ...batch })
        .catch(() => {})
        .then(taken);
    }
  };
  const taken = () => {
    underway--;
    if (underway === 0 && count > 0) timer ??= setTimeout(send, 0);
  };
  const store: Store = {
    flavour,
    migrate: (...args) => pass('migrate', args),
    query: (...args) => pass('query', args),
    run: (...args) => {
      send();
      return pass('run', args);
    },
    append: (table, columns, values) => {
      if (count >= mostWaiting) return false;
      count++;
      const name = `${table}\n${columns.join()}`;
      const batch = waiting.get(name);
      if (batch) batch.rows.push(values);
      else waiting.set(name, { table, columns, rows: [values] });
      if (underway === 0) timer ??= setTimeout(send, batchMs);
      return true;
    },
    flush: () => {
      send();
      return pass('flush', []);
    },
  };
  return { store, send };
}
