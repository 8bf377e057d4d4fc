import { expect, test } from 'vitest';
import type { Reservation, State } from '../index.ts';
import { checkState, type FakeHost } from './index.ts';

/** A small state that conforms, until one of its operations is replaced. */
function plainState({ clock }: FakeHost) {
  const now = () => clock.monotonic();
  const entries = new Map<string, { value: string; count: number; owner: string; endsAt: number }>();
  const held = new Map<string, { key: string; amount: number; entry: object; reservation: Reservation }[]>();
  const listeners = new Map<string, Set<(message: string) => void>>();
  let ids = 0;

  const live = (key: string) => {
    const entry = entries.get(key);
    if (entry !== undefined && entry.endsAt <= now()) entries.delete(key);
    return entries.get(key);
  };
  const open = (key: string, ttlMs: number) => {
    const entry = live(key) ?? { value: '', count: 0, owner: '', endsAt: now() + ttlMs };
    entries.set(key, entry);
    return entry;
  };
  const slots = (key: string) => [...entries.keys()].filter((name) => name.startsWith(`slot ${key} `) && live(name));
  const used = ({ key, measure }: Reservation) =>
    measure === 'parallel' ? slots(key).length : (live(`window ${key}`)?.count ?? 0);

  const state = {
    async reserve(reservations: readonly Reservation[]) {
      const sums = new Map<string, number>();
      const remaining: number[] = [];
      for (const [index, reservation] of reservations.entries()) {
        const current = used(reservation) + (sums.get(reservation.key) ?? 0);
        if (current + reservation.amount > reservation.limit)
          return { granted: false as const, index, current, retryAfterMs: 1 };
        sums.set(reservation.key, (sums.get(reservation.key) ?? 0) + reservation.amount);
        remaining.push(reservation.limit - current - reservation.amount);
      }
      const id = `r${++ids}`;
      const charges = reservations.map((reservation, index) => {
        const { key, amount, windowMs, measure } = reservation;
        const name = measure === 'parallel' ? `slot ${key} ${id} ${index}` : `window ${key}`;
        const entry = open(name, windowMs);
        entry.count += amount;
        return { key: name, amount, entry, reservation };
      });
      held.set(id, charges);
      return { granted: true as const, id, remaining };
    },
    async settle(id: string, actual: readonly number[]) {
      for (const [index, { key, amount, entry, reservation }] of (held.get(id) ?? []).entries()) {
        if (reservation.measure === 'parallel') entries.delete(key);
        else if (live(key) === entry) live(key)!.count += (actual[index] ?? amount) - amount;
      }
      held.delete(id);
    },
    async heartbeat(id: string) {
      for (const { key, reservation } of held.get(id) ?? []) {
        const slot = reservation.measure === 'parallel' ? live(key) : undefined;
        if (slot) slot.endsAt = now() + reservation.windowMs;
      }
    },
    async increment(key: string, by: number, ttlMs: number) {
      const entry = open(`counter ${key}`, ttlMs);
      entry.count += by;
      return entry.count;
    },
    get: async (key: string) => live(`value ${key}`)?.value,
    async set(key: string, value: string, options: { ttlMs?: number; onlyIfAbsent?: boolean } = {}) {
      if (options.onlyIfAbsent && live(`value ${key}`)) return false;
      entries.delete(`value ${key}`);
      open(`value ${key}`, options.ttlMs ?? Number.POSITIVE_INFINITY).value = value;
      return true;
    },
    delete: async (key: string) => live(`value ${key}`) !== undefined && entries.delete(`value ${key}`),
    async lease(name: string, owner: string, ttlMs: number) {
      const entry = open(`lease ${name}`, ttlMs);
      if (entry.owner !== '' && entry.owner !== owner) return false;
      Object.assign(entry, { owner, endsAt: now() + ttlMs });
      return true;
    },
    async publish(channel: string, message: string) {
      for (const listener of listeners.get(channel) ?? []) {
        try {
          listener(message);
        } catch {}
      }
    },
    async subscribe(channel: string, listener: (message: string) => void) {
      const all = listeners.get(channel) ?? new Set();
      listeners.set(channel, all.add(listener));
      return () => void all.delete(listener);
    },
  } satisfies State;
  return { state, entries, held, live, used, listeners, now };
}

type Parts = ReturnType<typeof plainState>;

async function failures(fault: (parts: Parts) => Partial<State>): Promise<string[]> {
  const report = await checkState((host) => {
    const parts = plainState(host);
    return { ...parts.state, ...fault(parts) };
  });
  return report.failed.map(({ title }) => title);
}

const later = () => new Promise((resolve) => setImmediate(resolve));

test('a state that does all it should conforms', async () => {
  expect(await failures(() => ({}))).toEqual([]);
});

test.each<[string, string, (parts: Parts) => Partial<State>]>([
  [
    'checks, waits and then charges',
    'grants exactly the limit to callers that come together',
    ({ state, used }) => ({
      async reserve(reservations) {
        const index = reservations.findIndex((each) => used(each) + each.amount > each.limit);
        await later();
        if (index !== -1) return { granted: false, index, current: used(reservations[index]!), retryAfterMs: 1 };
        return state.reserve(reservations.map((each) => ({ ...each, limit: Number.MAX_SAFE_INTEGER })));
      },
    }),
  ],
  [
    'charges one reservation after the other and keeps what it charged before a refusal',
    'charges all reservations or none',
    ({ state }) => ({
      async reserve(reservations) {
        for (const each of reservations.slice(0, -1)) {
          const result = await state.reserve([each]);
          if (!result.granted) return { ...result, index: reservations.indexOf(each) };
        }
        return state.reserve(reservations.slice(-1));
      },
    }),
  ],
  [
    'looks at each key alone',
    'counts a key that stands twice in one reservation twice',
    ({ state, used }) => ({
      async reserve(reservations) {
        const index = reservations.findIndex((each) => used(each) + each.amount > each.limit);
        if (index !== -1) return { granted: false, index, current: used(reservations[index]!), retryAfterMs: 1 };
        return state.reserve(reservations.map((each) => ({ ...each, limit: Number.MAX_SAFE_INTEGER })));
      },
    }),
  ],
  [
    'slides its window with every charge',
    'opens a window at its first charge and empties it when the window ends',
    ({ state, live, now }) => ({
      async reserve(reservations) {
        const result = await state.reserve(reservations);
        for (const { key, windowMs } of reservations) {
          const window = live(`window ${key}`);
          if (window) window.endsAt = now() + windowMs;
        }
        return result;
      },
    }),
  ],
  [
    'settles as often as it is asked',
    'settles exactly once, however often and by whomever it is asked',
    ({ held, live }) => ({
      async settle(id, actual) {
        for (const [index, { key, amount }] of (held.get(id) ?? []).entries()) {
          const window = live(key);
          if (window) window.count += actual[index]! - amount;
        }
      },
    }),
  ],
  [
    'gives a refund to whatever window is open',
    'settles into the window that was charged, never into a later one',
    ({ held, live }) => ({
      async settle(id, actual) {
        for (const [index, { key, amount }] of (held.get(id) ?? []).entries()) {
          const window = live(key);
          if (window) window.count += actual[index]! - amount;
        }
        held.delete(id);
      },
    }),
  ],
  [
    'never frees a slot whose holder died',
    'frees a parallel slot whose owner fell silent, and no other',
    ({ state }) => ({
      reserve: (reservations) =>
        state.reserve(
          reservations.map((each) => ({ ...each, windowMs: each.measure === 'parallel' ? 1e12 : each.windowMs })),
        ),
    }),
  ],
  ['ignores heartbeats', 'keeps slots beyond the ends of windows', () => ({ heartbeat: async () => {} })],
  [
    'reads, waits and writes a counter',
    'adds up increments that come together',
    ({ state }) => ({
      async increment(key, by, ttlMs) {
        const before = await state.increment(key, 0, ttlMs);
        await later();
        const now = await state.increment(key, 0, ttlMs);
        return state.increment(key, before + by - now, ttlMs);
      },
    }),
  ],
  [
    'lengthens the life of a counter with every increment',
    'forgets a counter its time after the first increment',
    ({ state, live, now }) => ({
      async increment(key, by, ttlMs) {
        const value = await state.increment(key, by, ttlMs);
        live(`counter ${key}`)!.endsAt = now() + ttlMs;
        return value;
      },
    }),
  ],
  [
    'takes every value for a number where it can',
    'keeps values exactly and forgets what is deleted',
    ({ state }) => ({
      set: (key, value, options) =>
        state.set(key, value.trim() !== '' && !Number.isNaN(Number(value)) ? `${Number(value)}` : value, options),
    }),
  ],
  [
    'lets two callers set what is absent',
    'sets only what is absent when asked to, for one caller',
    ({ state }) => ({
      async set(key, value, { onlyIfAbsent, ...options } = {}) {
        const found = await state.get(key);
        await later();
        return onlyIfAbsent && found !== undefined ? false : state.set(key, value, options);
      },
    }),
  ],
  ['gives a lease to all who ask', 'gives a lease to one owner at a time', () => ({ lease: async () => true })],
  [
    'keeps a lease for ever',
    'renews a lease for its owner and passes it on when it has run out',
    ({ state }) => ({ lease: (name, owner) => state.lease(name, owner, 1e12) }),
  ],
  [
    'brings every message to everybody',
    'brings messages in order to every listener of the channel, and to no other',
    ({ listeners }) => ({
      async publish(_channel, message) {
        for (const each of [...listeners.values()].flatMap((set) => [...set])) each(message);
      },
    }),
  ],
  [
    'lets one listener spoil it for the others',
    'stops listening on request, and goes on when a listener throws',
    ({ listeners }) => ({
      async publish(channel, message) {
        for (const listener of listeners.get(channel) ?? []) listener(message);
      },
    }),
  ],
])('catches a state that %s', async (_fault, title, fault) => {
  expect(await failures(fault)).toContain(title);
});

test('two instances that share nothing do not conform as replicas', async () => {
  const report = await checkState((host) => plainState(host).state, { replicated: true });
  expect(report.failed.map(({ title }) => title)).toContain('grants exactly the limit to callers that come together');
});
