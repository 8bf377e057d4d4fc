/**
 * What every state must hold to: reservations are charged all or none and
 * settled once, windows and leases end when they should, and nothing is lost
 * between callers that come at the same time.
 */
import type { Reservation, ReserveResult, State } from '../contract/services.ts';
import type { FakeHost } from './host.ts';
import {
  expect,
  expectEqual,
  type Report,
  runSuite,
  type Subject,
  type Suite,
  type SuiteOptions,
  show,
} from './report.ts';

export interface StateOptions extends SuiteOptions {
  /** Length of windows, slots and leases in the checks; 60,000 when absent. Make it short where `advance` really waits. */
  readonly windowMs?: number;
  /** Lets time pass for the state; moves the host's clock when absent. */
  readonly advance?: (ms: number) => Promise<void>;
  /** Two instances see the same values, as replicas of a gateway do; false when absent. */
  readonly replicated?: boolean;
}

interface Bench {
  readonly suite: Suite<'state'>;
  readonly windowMs: number;
  /** Two doors to one state; the same one twice where it is not replicated. */
  open(): Promise<{
    readonly state: State;
    readonly other: State;
    advance(ms: number): Promise<void>;
    key(name: string): string;
  }>;
}

/** Checks a state's definition, or instances that a function makes. */
export function checkState(subject: Subject<'state'>, options: StateOptions = {}): Promise<Report> {
  return runSuite('state', { subject, options }, async (suite) => {
    const bench = benchOf(suite, options);
    await checkReserve(bench);
    await checkWindows(bench);
    await checkSettle(bench);
    await checkSlots(bench);
    await checkCounters(bench);
    await checkValues(bench);
    await checkLeases(bench);
    await checkMessages(bench);
  });
}

function benchOf(suite: Suite<'state'>, options: StateOptions): Bench {
  // A real server keeps what the last run left behind.
  const run = Math.random().toString(36).slice(2);
  let checks = 0;
  const passTime = (host: FakeHost) => options.advance ?? ((ms: number) => host.advance(ms));
  return {
    suite,
    windowMs: options.windowMs ?? 60_000,
    async open() {
      const first = await suite.start();
      const second = options.replicated ? await suite.start({ clock: first.host.clock }) : first;
      const prefix = `check-${run}-${++checks}`;
      return {
        state: first.instance,
        other: second.instance,
        advance: passTime(first.host),
        key: (name) => `${prefix}:${name}`,
      };
    },
  };
}

function granted(result: ReserveResult, what = 'the reservation'): Extract<ReserveResult, { granted: true }> {
  expect(result.granted, () => `${what} was refused: ${show(result)}`);
  return result;
}

function refused(result: ReserveResult, what = 'the reservation'): Extract<ReserveResult, { granted: false }> {
  expect(!result.granted, () => `${what} was granted: ${show(result)}`);
  return result;
}

const charge =
  (windowMs: number) =>
  (key: string, amount: number, limit: number): Reservation => ({ key, amount, limit, windowMs, measure: 'tokens' });

async function checkReserve({ suite, windowMs, open }: Bench): Promise<void> {
  const of = charge(windowMs);
  await suite.check('charges a reservation and tells what remains', async () => {
    const { state, key } = await open();
    expectEqual(granted(await state.reserve([of(key('a'), 30, 100)])).remaining, [70], 'remaining');
    expectEqual(
      granted(await state.reserve([of(key('a'), 70, 100), of(key('b'), 1, 5)])).remaining,
      [0, 4],
      'remaining',
    );
  });
  await suite.check(
    'refuses what would exceed a limit, naming which, how much is used and when to come back',
    async () => {
      const { state, key } = await open();
      granted(await state.reserve([of(key('a'), 90, 100)]));
      const { index, current, retryAfterMs } = refused(
        await state.reserve([of(key('b'), 1, 10), of(key('a'), 11, 100)]),
      );
      expectEqual({ index, current }, { index: 1, current: 90 }, 'the refusal');
      expect(
        retryAfterMs > 0 && retryAfterMs <= windowMs,
        () => `retryAfterMs is ${retryAfterMs}, expected up to ${windowMs}`,
      );
      refused(await state.reserve([of(key('c'), 1, 0)]), 'one of a limit of zero');
    },
  );
  await suite.check('charges all reservations or none', async () => {
    const { state, key } = await open();
    granted(await state.reserve([of(key('full'), 10, 10)]));
    refused(await state.reserve([of(key('free'), 4, 10), of(key('full'), 1, 10), of(key('last'), 4, 10)]));
    expectEqual(
      granted(await state.reserve([of(key('free'), 10, 10), of(key('last'), 10, 10)])).remaining,
      [0, 0],
      'remaining',
    );
  });
  await suite.check('counts a key that stands twice in one reservation twice', async () => {
    const { state, key } = await open();
    refused(await state.reserve([of(key('a'), 6, 10), of(key('a'), 6, 10)]), 'six and six of ten');
    granted(await state.reserve([of(key('a'), 10, 10)]), 'all ten afterwards');
  });
  await suite.check('grants exactly the limit to callers that come together', async () => {
    const { state, other, key } = await open();
    const both = [of(key('wide'), 1, 1_000), of(key('narrow'), 1, 50)];
    const results = await Promise.all(
      Array.from({ length: 200 }, (_, index) => (index % 2 ? state : other).reserve(both)),
    );
    expectEqual(results.filter((result) => result.granted).length, 50, 'the number granted of a limit of 50');
    const left = granted(await state.reserve([of(key('wide'), 1, 1_000)])).remaining[0];
    expectEqual(left, 949, 'what remains of the limit that was never reached');
  });
  await suite.check('gives every reservation an id of its own', async () => {
    const { state, key } = await open();
    const ids = new Set<string>();
    for (let count = 0; count < 100; count++) ids.add(granted(await state.reserve([of(key('a'), 1, 1_000)])).id);
    expectEqual(ids.size, 100, 'the number of ids');
  });
}

async function checkWindows({ suite, windowMs, open }: Bench): Promise<void> {
  const of = charge(windowMs);
  await suite.check('opens a window at its first charge and empties it when the window ends', async () => {
    const { state, key, advance } = await open();
    granted(await state.reserve([of(key('a'), 6, 10)]));
    await advance(windowMs * 0.6);
    granted(await state.reserve([of(key('a'), 4, 10)]));
    refused(await state.reserve([of(key('a'), 1, 10)]));
    await advance(windowMs * 0.45);
    expectEqual(
      granted(await state.reserve([of(key('a'), 10, 10)]), 'a full charge in the next window').remaining,
      [0],
      'remaining',
    );
    await advance(windowMs * 0.7);
    refused(await state.reserve([of(key('a'), 1, 10)]), 'one more before the next window has ended');
  });
  await suite.check('opens no window for a reservation it refused', async () => {
    const { state, key, advance } = await open();
    granted(await state.reserve([of(key('full'), 1, 1)]));
    refused(await state.reserve([of(key('a'), 1, 10), of(key('full'), 1, 1)]));
    await advance(windowMs * 0.6);
    granted(await state.reserve([of(key('a'), 10, 10)]));
    await advance(windowMs * 0.6);
    refused(await state.reserve([of(key('a'), 1, 10)]), 'one more in a window that opened with the charge granted');
  });
}

async function checkSettle({ suite, windowMs, open }: Bench): Promise<void> {
  const of = charge(windowMs);
  await suite.check('replaces the charged amounts by the actual ones', async () => {
    const { state, key } = await open();
    const { id } = granted(await state.reserve([of(key('a'), 80, 100), of(key('b'), 10, 100)]));
    await state.settle(id, [30, 25]);
    expectEqual(
      granted(await state.reserve([of(key('a'), 1, 100), of(key('b'), 1, 100)])).remaining,
      [69, 74],
      'remaining',
    );
  });
  await suite.check('counts an actual amount above the limit in full', async () => {
    const { state, key } = await open();
    const { id } = granted(await state.reserve([of(key('a'), 10, 100)]));
    await state.settle(id, [250]);
    expectEqual(refused(await state.reserve([of(key('a'), 1, 100)])).current, 250, 'current');
  });
  await suite.check('settles exactly once, however often and by whomever it is asked', async () => {
    const { state, other, key } = await open();
    const { id } = granted(await state.reserve([of(key('a'), 50, 100)]));
    await Promise.all(Array.from({ length: 20 }, (_, index) => (index % 2 ? state : other).settle(id, [40])));
    await state.settle(id, [0]);
    expectEqual(granted(await state.reserve([of(key('a'), 0, 100)])).remaining, [60], 'remaining');
  });
  await suite.check('settles into the window that was charged, never into a later one', async () => {
    const { state, key, advance } = await open();
    const { id } = granted(await state.reserve([of(key('a'), 100, 100)]));
    await advance(windowMs * 1.1);
    granted(await state.reserve([of(key('a'), 60, 100)]));
    await state.settle(id, [0]);
    expectEqual(granted(await state.reserve([of(key('a'), 0, 100)])).remaining, [40], 'remaining in the later window');
  });
  await suite.check('does nothing when it is asked to settle what it does not know', async () => {
    const { state } = await open();
    await state.settle('no-such-reservation', [1]);
    await state.heartbeat('no-such-reservation');
  });
}

async function checkSlots({ suite, windowMs, open }: Bench): Promise<void> {
  const slot = (key: string, limit: number): Reservation => ({ key, amount: 1, limit, windowMs, measure: 'parallel' });
  await suite.check('gives a parallel slot back when it is settled', async () => {
    const { state, key } = await open();
    const first = granted(await state.reserve([slot(key('a'), 2)]));
    expectEqual(first.remaining, [1], 'remaining');
    granted(await state.reserve([slot(key('a'), 2)]));
    refused(await state.reserve([slot(key('a'), 2)]), 'a third of two slots');
    await state.settle(first.id, [1]);
    await state.settle(first.id, [1]);
    granted(await state.reserve([slot(key('a'), 2)]), 'a slot that was given back');
    refused(await state.reserve([slot(key('a'), 2)]), 'a slot that was given back twice');
  });
  await suite.check('frees a parallel slot whose owner fell silent, and no other', async () => {
    const { state, other, key, advance } = await open();
    const silent = granted(await state.reserve([slot(key('a'), 2)]));
    const alive = granted(await state.reserve([slot(key('a'), 2)]));
    await advance(windowMs * 0.6);
    await other.heartbeat(alive.id);
    await advance(windowMs * 0.6);
    granted(await state.reserve([slot(key('a'), 2)]), 'the slot of a silent owner');
    refused(await state.reserve([slot(key('a'), 2)]), 'the slot of an owner that gave signs of life');
    await state.settle(silent.id, [1]);
    refused(await state.reserve([slot(key('a'), 2)]), 'a slot after a silent owner came back to settle');
  });
  await suite.check('keeps slots beyond the ends of windows', async () => {
    const { state, key, advance } = await open();
    const { id } = granted(await state.reserve([slot(key('a'), 1)]));
    for (let count = 0; count < 4; count++) {
      await advance(windowMs * 0.6);
      await state.heartbeat(id);
    }
    refused(await state.reserve([slot(key('a'), 1)]), 'a slot that is still held');
    await state.settle(id, [1]);
    granted(await state.reserve([slot(key('a'), 1)]));
  });
}

async function checkCounters({ suite, windowMs, open }: Bench): Promise<void> {
  await suite.check('adds up increments that come together', async () => {
    const { state, other, key } = await open();
    const seen = await Promise.all(
      Array.from({ length: 100 }, (_, index) => (index % 2 ? state : other).increment(key('n'), 3, windowMs)),
    );
    expectEqual(new Set(seen).size, 100, 'the number of different values seen');
    expectEqual(await state.increment(key('n'), -300, windowMs), 0, 'the sum');
  });
  await suite.check('counts exactly up to 2^53 - 1', async () => {
    const { state, key } = await open();
    await state.increment(key('n'), Number.MAX_SAFE_INTEGER - 1, windowMs);
    expectEqual(await state.increment(key('n'), 1, windowMs), Number.MAX_SAFE_INTEGER, 'the sum');
  });
  await suite.check('forgets a counter its time after the first increment', async () => {
    const { state, key, advance } = await open();
    await state.increment(key('n'), 1, windowMs);
    await advance(windowMs * 0.6);
    expectEqual(await state.increment(key('n'), 1, windowMs), 2, 'the counter within its time');
    await advance(windowMs * 0.6);
    expectEqual(await state.increment(key('n'), 1, windowMs), 1, 'the counter after its time');
  });
}

async function checkValues({ suite, windowMs, open }: Bench): Promise<void> {
  await suite.check('keeps values exactly and forgets what is deleted', async () => {
    const { state, other, key } = await open();
    for (const value of ['', 'plain', 'naïve 🧭 日本', '{"a":[1,2]}', 'x'.repeat(100_000), ' 007 ', '1e3']) {
      expectEqual(await state.set(key('v'), value), true, 'the result of set');
      expectEqual(await other.get(key('v')), value, 'the value read back');
    }
    expectEqual(await state.delete(key('v')), true, 'the result of deleting a value');
    expectEqual(await state.delete(key('v')), false, 'the result of deleting nothing');
    expectEqual(await other.get(key('v')), undefined, 'a deleted value');
  });
  await suite.check('sets only what is absent when asked to, for one caller', async () => {
    const { state, other, key } = await open();
    const tries = Array.from({ length: 20 }, (_, index) =>
      (index % 2 ? state : other).set(key('v'), `${index}`, { onlyIfAbsent: true }),
    );
    const results = await Promise.all(tries);
    expectEqual(results.filter(Boolean).length, 1, 'the number of callers that set it');
    expectEqual(await state.get(key('v')), `${results.indexOf(true)}`, 'the value');
  });
  await suite.check('forgets a value when its time is over', async () => {
    const { state, key, advance } = await open();
    await state.set(key('short'), 'a', { ttlMs: windowMs });
    await state.set(key('kept'), 'b', { ttlMs: windowMs });
    await state.set(key('kept'), 'c');
    await advance(windowMs * 0.6);
    expectEqual(await state.get(key('short')), 'a', 'a value within its time');
    await advance(windowMs * 0.6);
    expectEqual(await state.get(key('short')), undefined, 'a value after its time');
    expectEqual(await state.delete(key('short')), false, 'the result of deleting a value after its time');
    expectEqual(await state.set(key('short'), 'd', { onlyIfAbsent: true }), true, 'setting it again');
    expectEqual(await state.get(key('kept')), 'c', 'a value set again without a time');
  });
  await suite.check('keeps values, counters, reservations and leases of one name apart', async () => {
    const { state, key } = await open();
    const name = key('same');
    await state.set(name, 'text');
    expectEqual(await state.increment(name, 5, windowMs), 5, 'the counter');
    expectEqual(granted(await state.reserve([charge(windowMs)(name, 1, 10)])).remaining, [9], 'remaining');
    expectEqual(await state.lease(name, 'owner', windowMs), true, 'the lease');
    expectEqual(await state.get(name), 'text', 'the value');
  });
}

async function checkLeases({ suite, windowMs, open }: Bench): Promise<void> {
  await suite.check('gives a lease to one owner at a time', async () => {
    const { state, other, key } = await open();
    const results = await Promise.all(
      ['a', 'b', 'c', 'd'].map((owner, index) => (index % 2 ? state : other).lease(key('l'), owner, windowMs)),
    );
    expectEqual(results.filter(Boolean).length, 1, 'the number of owners');
  });
  await suite.check('renews a lease for its owner and passes it on when it has run out', async () => {
    const { state, key, advance } = await open();
    expectEqual(await state.lease(key('l'), 'a', windowMs), true, 'the first lease');
    await advance(windowMs * 0.6);
    expectEqual(await state.lease(key('l'), 'a', windowMs), true, 'the renewal');
    await advance(windowMs * 0.6);
    expectEqual(await state.lease(key('l'), 'b', windowMs), false, 'another owner while it is held');
    await advance(windowMs * 0.6);
    expectEqual(await state.lease(key('l'), 'b', windowMs), true, 'another owner after it has run out');
    expectEqual(await state.lease(key('l'), 'a', windowMs), false, 'the first owner afterwards');
  });
}

async function checkMessages({ suite, open }: Bench): Promise<void> {
  await suite.check('brings messages in order to every listener of the channel, and to no other', async () => {
    const { state, other, key } = await open();
    const heard: Record<string, string[]> = { own: [], far: [], elsewhere: [] };
    const note = (name: string) => (message: string) => void heard[name]?.push(message);
    await state.subscribe(key('c'), note('own'));
    await other.subscribe(key('c'), note('far'));
    await state.subscribe(key('d'), note('elsewhere'));
    for (const message of ['1', '', '3 🧭']) await state.publish(key('c'), message);
    await until(() => heard.own?.length === 3 && heard.far?.length === 3);
    expectEqual(heard, { own: ['1', '', '3 🧭'], far: ['1', '', '3 🧭'], elsewhere: [] }, 'what was heard');
  });
  await suite.check('stops listening on request, and goes on when a listener throws', async () => {
    const { state, key } = await open();
    const heard: string[] = [];
    await state.subscribe(key('c'), () => {
      throw new Error('listener out of order');
    });
    const stop = await state.subscribe(key('c'), (message) => void heard.push(`stopped ${message}`));
    await state.subscribe(key('c'), (message) => void heard.push(message));
    stop();
    stop();
    await state.publish(key('c'), 'a');
    await state.publish(key('c'), 'b');
    await until(() => heard.length >= 2);
    expectEqual(heard, ['a', 'b'], 'what was heard');
  });
}

/** Waits in real time: messages may come over a network. */
async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 2_000;
  while (!holds() && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
}
