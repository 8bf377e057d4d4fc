/**
 * Counters, reservations, leases, values and messages in the memory of one process.
 *
 * Every operation is one synchronous step: that is what makes it atomic. A
 * state for several replicas does the same on a server they share, such as a
 * script in Redis.
 */
import { definePlugin, type Reservation, type ReserveResult, RutterError, z } from '@rutter/plugin-sdk';

const config = z.strictObject({
  maxEntries: z.int().min(1).default(100_000).describe('Most entries of each kind, such as counters or leases.'),
});

type Meter = { used: number; endsAtMs: number };
type Charge = { meter: Meter; reservation: Reservation; opened: boolean };
type Ending<T> = T & { endsAtMs: number };
type Listener = (message: string) => void;

export default definePlugin({
  kind: 'state',
  config,
  setup(host, { maxEntries }) {
    // Monotonic: a corrected wall clock ends no window early.
    const now = () => host.clock.monotonic();
    const table = <T>(name: string) => {
      // Kept by the host: nothing is forgotten when this plugin is reloaded.
      const entries = host.keep(name, 1, () => new Map<string, Ending<T>>());
      return expiring(entries, { now, maxEntries });
    };
    const meters = table<{ list: Meter[] }>('meters');
    const held = table<{ charges: Charge[] }>('held');
    const counters = table<{ value: number }>('counters');
    const values = table<{ value: string }>('values');
    const leases = table<{ owner: string }>('leases');
    const channels = host.keep('channels', 1, () => new Map<string, Set<Listener>>());
    const ids = host.keep('ids', 1, () => ({ last: 0 }));

    // A meter is what one window has used, or what one parallel slot takes, until it ends.
    const meterKey = ({ key, measure }: Reservation) => `${measure === 'parallel' ? 'slots' : 'window'} ${key}`;
    const live = (one: Reservation) => meters.get(meterKey(one))?.list.filter(({ endsAtMs }) => endsAtMs > now()) ?? [];
    const sum = (list: Meter[]) => list.reduce((total, { used }) => total + used, 0);

    /** A window goes on until it ends; a slot is always a new one. */
    function charge(reservation: Reservation, list: Meter[]): Charge {
      const { amount, windowMs, measure } = reservation;
      const open = measure === 'parallel' ? undefined : list[0];
      const meter = open ?? { used: 0, endsAtMs: now() + windowMs };
      const all = open === undefined ? [...list, meter] : list;
      meters.set(meterKey(reservation), { list: all, endsAtMs: Math.max(...all.map(({ endsAtMs }) => endsAtMs)) });
      meter.used += amount;
      return { meter, reservation, opened: open === undefined };
    }

    function reserve(asked: readonly Reservation[]): ReserveResult {
      const charges: Charge[] = [];
      for (const [index, one] of asked.entries()) {
        const list = live(one);
        const current = sum(list);
        // Written so that a limit that is no number refuses.
        if (current + one.amount <= one.limit) {
          charges.push(charge(one, list));
          continue;
        }
        // All or none: what was charged so far is taken back, a window opened for it too.
        for (const { meter, reservation, opened } of charges) {
          meter.used -= reservation.amount;
          if (opened) meter.endsAtMs = 0;
        }
        const soonest = Math.min(now() + one.windowMs, ...list.map(({ endsAtMs }) => endsAtMs));
        return { granted: false, index, current, retryAfterMs: soonest - now() };
      }
      const id = `reservation-${++ids.last}`;
      held.set(id, { charges, endsAtMs: Math.max(0, ...charges.map(({ meter }) => meter.endsAtMs)) });
      return { granted: true, id, remaining: asked.map((one) => one.limit - sum(live(one))) };
    }

    return {
      reserve: async (asked) => reserve(asked),

      async settle(id, actual) {
        const charges = held.get(id)?.charges ?? [];
        held.delete(id);
        for (const [index, { meter, reservation }] of charges.entries()) {
          if (reservation.measure === 'parallel') meter.endsAtMs = 0;
          else meter.used += (actual[index] ?? reservation.amount) - reservation.amount;
        }
      },

      async heartbeat(id) {
        const reserved = held.get(id);
        for (const { meter, reservation } of reserved?.charges ?? []) {
          if (reservation.measure !== 'parallel' || meter.endsAtMs <= now()) continue;
          meter.endsAtMs = now() + reservation.windowMs;
          const key = meterKey(reservation);
          const entry = meters.get(key);
          if (entry !== undefined) meters.set(key, { ...entry, endsAtMs: Math.max(entry.endsAtMs, meter.endsAtMs) });
          if (reserved !== undefined) reserved.endsAtMs = Math.max(reserved.endsAtMs, meter.endsAtMs);
        }
      },

      async increment(key, by, ttlMs) {
        const { value, endsAtMs } = counters.get(key) ?? { value: 0, endsAtMs: now() + ttlMs };
        counters.set(key, { value: value + by, endsAtMs });
        return value + by;
      },

      get: async (key) => values.get(key)?.value,
      async set(key, value, { ttlMs = Number.POSITIVE_INFINITY, onlyIfAbsent = false } = {}) {
        if (onlyIfAbsent && values.get(key) !== undefined) return false;
        values.set(key, { value, endsAtMs: now() + ttlMs });
        return true;
      },
      delete: async (key) => values.delete(key),

      async lease(name, owner, ttlMs) {
        if ((leases.get(name)?.owner ?? owner) !== owner) return false;
        leases.set(name, { owner, endsAtMs: now() + ttlMs });
        return true;
      },

      async publish(channel, message) {
        for (const listener of [...(channels.get(channel) ?? [])]) {
          try {
            listener(message);
          } catch (error) {
            host.log.error({ error: String(error) }, 'a listener threw');
          }
        }
      },
      async subscribe(channel, listener) {
        const listeners = channels.get(channel) ?? new Set();
        // Wrapped, so that one function may listen twice and stop once.
        const own = (message: string) => listener(message);
        channels.set(channel, listeners.add(own));
        return () => {
          listeners.delete(own);
          if (listeners.size === 0 && channels.get(channel) === listeners) channels.delete(channel);
        };
      },
    };
  },
});

/** A bounded map whose entries are never seen again once they have ended. */
function expiring<T>(entries: Map<string, Ending<T>>, { now, maxEntries }: { now(): number; maxEntries: number }) {
  const get = (key: string) => {
    const entry = entries.get(key);
    return entry !== undefined && entry.endsAtMs > now() ? entry : undefined;
  };
  const makeRoom = () => {
    for (const [key, { endsAtMs }] of entries) if (endsAtMs <= now()) entries.delete(key);
    if (entries.size >= maxEntries)
      throw new RutterError('ERR_LIMIT_OVERLOADED', `All ${maxEntries} entries are in use. Raise "maxEntries".`);
  };
  return {
    get,
    set(key: string, entry: Ending<T>) {
      if (!entries.has(key) && entries.size >= maxEntries) makeRoom();
      entries.set(key, entry);
    },
    delete(key: string) {
      const wasLive = get(key) !== undefined;
      entries.delete(key);
      return wasLive;
    },
  };
}
