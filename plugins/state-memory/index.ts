/**
 * Counters, reservations, leases, values and messages within this process.
 *
 * Every operation is one synchronous step, which is what makes it atomic.
 * Nothing outlives the process, and everything outlives a reload. All times
 * are read from the monotonic clock: a corrected wall clock moves no window.
 */
import { definePlugin, type Host, z } from '@rutter/plugin-sdk';
import { type Ending, expiring } from './expiring.ts';
import { type SlotSet, slotMeter, type Window, windowMeter } from './meters.ts';
import { type Held, reservationsOf } from './reservations.ts';

const config = z.strictObject({
  maxEntries: z
    .int()
    .min(1)
    .default(1_000_000)
    .describe('Most windows, slot sets, reservations, counters, values and leases, of each kind.'),
  sweepIntervalMs: z
    .int()
    .min(10)
    .default(1_000)
    .describe('Milliseconds between two looks for entries that have ended.'),
});

interface Value extends Ending {
  readonly value: string;
}
interface Counter extends Ending {
  value: number;
}
interface Lease extends Ending {
  readonly owner: string;
}
type Listener = (message: string) => void;

/** Entries looked at in one sweep: about a millisecond of work. */
const sweepSlice = 20_000;

export default definePlugin({
  kind: 'state',
  config,
  setup(host, { maxEntries, sweepIntervalMs }) {
    const now = () => host.clock.monotonic();
    const stored = host.keep('tables', 1, emptyTables);
    const view = <T extends Ending>(what: string, entries: Map<string, T>) =>
      expiring(entries, { what, maxEntries, now });

    const windows = view('windows', stored.windows);
    const slotSets = view('slot sets', stored.slotSets);
    const held = view('reservations', stored.held);
    const counters = view('counters', stored.counters);
    const values = view('values', stored.values);
    const leases = view('leases', stored.leases);
    const all = [windows, slotSets, held, counters, values, leases];

    const reservations = reservationsOf({
      held,
      windows: windowMeter(windows, now),
      slots: slotMeter(slotSets, now),
      nextId: () => `r${++stored.lastId}`,
    });
    host.every(sweepIntervalMs, () => {
      for (const each of all) each.sweep(sweepSlice);
    });

    return {
      reserve: async (asked) => reservations.reserve(asked),
      settle: async (id, actual) => reservations.settle(id, actual),
      heartbeat: async (id) => reservations.heartbeat(id),

      async increment(key, by, ttlMs) {
        const counter = counters.get(key) ?? { value: 0, endsAtMs: now() + ttlMs };
        counter.value += by;
        counters.set(key, counter);
        return counter.value;
      },

      get: async (key) => values.get(key)?.value,
      async set(key, value, options = {}) {
        if (options.onlyIfAbsent && values.get(key) !== undefined) return false;
        values.set(key, {
          value,
          endsAtMs: options.ttlMs === undefined ? Number.POSITIVE_INFINITY : now() + options.ttlMs,
        });
        return true;
      },
      delete: async (key) => values.delete(key),

      async lease(name, owner, ttlMs) {
        const holder = leases.get(name);
        if (holder !== undefined && holder.owner !== owner) return false;
        leases.set(name, { owner, endsAtMs: now() + ttlMs });
        return true;
      },

      publish: async (channel, message) => publish(stored.listeners.get(channel), message, host.log),
      subscribe: async (channel, listener) => subscribe(stored.listeners, channel, listener),
    };
  },
});

const emptyTables = () => ({
  lastId: 0,
  windows: new Map<string, Window>(),
  slotSets: new Map<string, SlotSet>(),
  held: new Map<string, Held>(),
  counters: new Map<string, Counter>(),
  values: new Map<string, Value>(),
  leases: new Map<string, Lease>(),
  listeners: new Map<string, Set<Listener>>(),
});

function publish(listeners: ReadonlySet<Listener> | undefined, message: string, log: Host['log']): void {
  for (const listener of [...(listeners ?? [])]) {
    try {
      listener(message);
    } catch (error) {
      log.error({ error: String(error) }, 'a listener threw');
    }
  }
}

function subscribe(channels: Map<string, Set<Listener>>, channel: string, listener: Listener): () => void {
  const listeners = channels.get(channel) ?? new Set();
  channels.set(channel, listeners);
  // Wrapped, so that the same function may listen twice and stop once.
  const own: Listener = (message) => listener(message);
  listeners.add(own);
  return () => {
    listeners.delete(own);
    if (listeners.size === 0) channels.delete(channel);
  };
}
