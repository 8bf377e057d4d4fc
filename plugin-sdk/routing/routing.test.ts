import { describe, expect, it } from 'vitest';
import type { Reservation, ReserveResult } from '../contract/services.ts';
import { candidate, deployment, fakeHost, outcome, requestContext } from '../testing/index.ts';
import { deploymentLimits, expectedReplies, shuffle, slowStart } from './index.ts';

const minuteMs = 60_000;
/** Ten seconds into a minute. */
const startMs = 1_800_000_000_000 - (1_800_000_000_000 % minuteMs) + 10_000;

const asking = (numbers: Readonly<Record<string, number>> = {}, operation = 'chat') =>
  requestContext({ operation, features: { get: (name) => numbers[name], want: async (name) => numbers[name] } });
const served = (id: string, output: number) =>
  outcome({ deployment: deployment({ id }), usage: { input: 10, output }, ending: 'complete' });

describe('expected replies', () => {
  it('are as long as those lately seen of the deployment, else as those of all', () => {
    const replies = expectedReplies(fakeHost());
    expect(replies.usual(asking(), 'a')).toBe(256);
    for (let count = 0; count < 200; count++) replies.observe(served('a', 1000));
    expect(replies.usual(asking(), 'a')).toBeCloseTo(1000, 3);
    expect(replies.usual(asking(), 'b')).toBeCloseTo(1000, 3);
    for (let count = 0; count < 200; count++) replies.observe(served('b', 20));
    expect(replies.usual(asking(), 'a')).toBeCloseTo(1000, 3);
    expect(replies.usual(asking(), 'b')).toBeCloseTo(20, 3);
  });

  it('begin with the first of a deployment, not with what others say', () => {
    const replies = expectedReplies(fakeHost());
    replies.observe(served('a', 5000));
    expect(replies.usual(asking(), 'a')).toBe(5000);
  });

  it('are no longer than the caller allows, and for reservations as long as that', () => {
    const replies = expectedReplies(fakeHost());
    expect(replies.usual(asking({ 'output-limit': 50 }), 'a')).toBe(50);
    expect(replies.usual(asking({ 'output-limit': 5000 }), 'a')).toBe(256);
    expect(replies.most(asking({ 'output-limit': 5000 }), 'a')).toBe(5000);
    expect(replies.most(asking(), 'a')).toBe(256);
  });

  it('have no length for embeddings, and learn nothing from them or from what broke', () => {
    const replies = expectedReplies(fakeHost());
    expect(replies.usual(asking({}, 'embeddings'), 'a')).toBe(0);
    expect(replies.most(asking({ 'output-limit': 9 }, 'embeddings'), 'a')).toBe(0);
    replies.observe({ ...served('a', 9), operation: 'embeddings' });
    replies.observe({ ...served('a', 9), ending: 'client' });
    expect(replies.usual(asking(), 'a')).toBe(256);
  });
});

describe('slow starts', () => {
  const proved = (starts: ReturnType<typeof slowStart>, id: string) => {
    starts.held([candidate(id)]);
    for (let count = 0; count < 6; count++) starts.observe(served(id, 1));
  };

  it('hold nobody while nobody has proved itself', () => {
    const starts = slowStart(fakeHost());
    expect(starts.held([candidate('a', { inFlight: 9 }), candidate('b', { inFlight: 9 })]).size).toBe(0);
  });

  it('give a new one one call, then twice as many with each that succeeds', () => {
    const starts = slowStart(fakeHost());
    proved(starts, 'old');
    const isHeld = (inFlight: number) => {
      const fresh = candidate('new', { inFlight });
      return starts.held([candidate('old', { inFlight: 500 }), fresh]).has(fresh);
    };
    for (const most of [1, 2, 4, 8, 16, 32]) {
      expect([most, isHeld(most - 1), isHeld(most)]).toEqual([most, false, true]);
      starts.observe(served('new', 1));
    }
    expect(isHeld(10_000)).toBe(false);
  });

  it('begin anew after a cooldown', () => {
    const starts = slowStart(fakeHost());
    proved(starts, 'old');
    proved(starts, 'back');
    const back = candidate('back', { inFlight: 1, cooledUntil: 5 });
    expect(starts.held([candidate('old'), back])).toEqual(new Set([back]));
    const steady = candidate('back', { inFlight: 1, cooledUntil: 5 });
    starts.observe(served('back', 1));
    expect(starts.held([candidate('old'), steady]).size).toBe(0);
  });

  it('count complete replies alone', () => {
    const starts = slowStart(fakeHost());
    proved(starts, 'old');
    const fresh = candidate('new', { inFlight: 1 });
    starts.held([fresh]);
    for (const ending of ['client', 'broke', 'error'] as const) starts.observe({ ...served('new', 1), ending });
    starts.observe({ ...served('new', 1), cacheHit: true });
    expect(starts.held([candidate('old'), fresh]).has(fresh)).toBe(true);
  });
});

describe('limits of deployments', () => {
  const setUp = (isEachCounted = false) => {
    const host = fakeHost({ startMs });
    const limits = deploymentLimits(host, { replies: expectedReplies(host), isEachCounted });
    return { host, limits };
  };
  const granted = (reservations: readonly Reservation[], used: readonly number[]): ReserveResult => ({
    granted: true,
    id: 'r',
    remaining: reservations.map(({ limit }, index) => limit - (used[index] ?? 0)),
  });
  const small = asking({ 'input-tokens': 100, 'output-limit': 200 });

  it('charge one request, and the prompt with the longest reply, until the minute of the clock ends', () => {
    const { limits } = setUp();
    const [requests, tokens] = limits.charge(small, candidate('a', {}, { rpm: 5, tpm: 1000 }));
    expect(requests).toMatchObject({ measure: 'requests', amount: 1, limit: 5, windowMs: 50_000 });
    expect(tokens).toMatchObject({ measure: 'tokens', amount: 300, limit: 1000, windowMs: 50_000 });
    expect(requests?.key).not.toBe(tokens?.key);
  });

  it('have keys of their own for each minute and deployment', async () => {
    const { host, limits } = setUp();
    const key = (id: string) => limits.charge(small, candidate(id, {}, { rpm: 5 }))[0]?.key;
    const first = key('a');
    expect(key('a')).toBe(first);
    expect(key('b')).not.toBe(first);
    await host.advance(50_000);
    expect(key('a')).not.toBe(first);
  });

  it('charge nothing where there are none, unless each is counted', () => {
    expect(setUp().limits.charge(small, candidate('a'))).toEqual([]);
    const [tokens, more] = setUp(true).limits.charge(small, candidate('a'));
    expect(tokens).toMatchObject({ amount: 300, limit: Number.MAX_SAFE_INTEGER });
    expect(more).toBeUndefined();
  });

  it('let a long reply take the whole limit, and no more than the prompt beyond it', () => {
    const { limits } = setUp();
    const amount = (input: number, output: number) =>
      limits.charge(asking({ 'input-tokens': input, 'output-limit': output }), candidate('a', {}, { tpm: 1000 }))[0]
        ?.amount;
    expect([amount(10, 5000), amount(900, 50), amount(1200, 50)]).toEqual([1000, 950, 1200]);
  });

  it('count tokens from the choice on, and what was really used at the end', () => {
    const { limits } = setUp();
    const one = candidate('a', {}, { tpm: 1000 });
    const reservations = limits.charge(small, one);
    expect(limits.tokensOf(one)).toBe(300);
    limits.charged(one, reservations, granted(reservations, [300]));
    expect(limits.tokensOf(one)).toBe(300);
    limits.discharged(one, reservations, [40]);
    expect(limits.tokensOf(one)).toBe(40);
  });

  it('count what other replicas have taken, as far as the state has told', () => {
    const { limits } = setUp();
    const one = candidate('a', {}, { tpm: 1000 });
    const [first, second] = [limits.charge(small, one), limits.charge(small, one)];
    limits.charged(one, first, granted(first, [700]));
    expect(limits.tokensOf(one)).toBe(1000);
    limits.charged(one, second, { granted: false, index: 0, current: 900, retryAfterMs: 1 });
    expect(limits.tokensOf(one)).toBe(900);
    limits.discharged(one, first, [100]);
    expect(limits.tokensOf(one)).toBe(700);
  });

  it('give back what was not granted, whoever refused it', () => {
    const { limits } = setUp();
    const one = candidate('a', {}, { rpm: 2, tpm: 1000 });
    limits.charged(one, limits.charge(small, one), undefined);
    expect(limits.tokensOf(one)).toBe(0);
    limits.charged(one, limits.charge(small, one), { granted: false, index: 0, current: 2, retryAfterMs: 1 });
    expect(limits.tokensOf(one)).toBe(0);
    expect(limits.isFull(small, one)).toBe(true);
  });

  it('know by themselves when a deployment is full, and when its minute is over', async () => {
    const { host, limits } = setUp();
    const byRequests = candidate('a', {}, { rpm: 1 });
    const byTokens = candidate('b', {}, { tpm: 599 });
    expect([limits.isFull(small, byRequests), limits.isFull(small, byTokens)]).toEqual([false, false]);
    limits.charge(small, byRequests);
    limits.charge(small, byTokens);
    expect([limits.isFull(small, byRequests), limits.isFull(small, byTokens)]).toEqual([true, true]);
    expect(limits.isFull(asking({ 'input-tokens': 1, 'output-limit': 298 }), byTokens)).toBe(false);
    await host.advance(50_000);
    expect([limits.isFull(small, byRequests), limits.isFull(small, byTokens)]).toEqual([false, false]);
  });

  it('settle a call of the last minute there, not in this one', async () => {
    const { host, limits } = setUp();
    const one = candidate('a', {}, { tpm: 1000 });
    const old = limits.charge(small, one);
    limits.charged(one, old, granted(old, [300]));
    await host.advance(50_000);
    limits.discharged(one, old, [5000]);
    expect(limits.tokensOf(one)).toBe(0);
  });
});

it('shuffles into every order alike', () => {
  const { random } = fakeHost({ seed: 3 });
  const counts = new Map<string, number>();
  for (let draw = 0; draw < 6000; draw++) {
    const order = shuffle(['a', 'b', 'c'], random).join('');
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  expect(counts.size).toBe(6);
  for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
});
