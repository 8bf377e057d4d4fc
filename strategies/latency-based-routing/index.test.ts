import { type Candidate, type LiveNumbers, RutterError, type Strategy } from '@rutter/plugin-sdk';
import {
  assertConforms,
  candidate,
  checkStrategy,
  countFirst,
  deployment,
  type FakeHost,
  fakeHost,
  outcome,
  requestContext,
} from '@rutter/plugin-sdk/testing';
import { expect, test } from 'vitest';
import plugin from './index.ts';
import { speeds } from './speeds.ts';

type Options = Parameters<typeof plugin.setup>[1];
const setUp = (options: Partial<Options> = {}, host: FakeHost = fakeHost({ seed: 5 })) =>
  plugin.setup(host, plugin.config.parse({ exploration: 0, ...options })) as Strategy;
const streamed = requestContext({
  features: { get: (name) => (name === 'stream' ? 1 : undefined), want: async () => undefined },
});
const one = (id: string, live: Partial<LiveNumbers> = {}) => candidate(id, live);

interface Seen {
  readonly ms: number;
  readonly output?: number;
  readonly firstTokenMs?: number;
  readonly error?: 'ERR_PROVIDER_TIMEOUT' | 'ERR_PROVIDER_INTERNAL';
}

function see(strategy: Strategy, id: string, { ms, output = 10, firstTokenMs, error }: Seen, times = 3): void {
  const attempt = {
    deployment: id,
    provider: 'p',
    model: 'm',
    group: 'g',
    startedMs: 5,
    endedMs: 5 + ms,
    ...(firstTokenMs === undefined ? {} : { firstTokenMs: 5 + firstTokenMs }),
    ...(error ? { error: { code: error, message: 'x' } } : {}),
  };
  const failure = error && new RutterError(error, 'x');
  for (let count = 0; count < times; count++)
    strategy.observe?.(
      outcome({
        deployment: error ? undefined : deployment({ id }),
        attempts: [attempt],
        stream: firstTokenMs !== undefined,
        usage: { input: 1, output },
        ending: error ? 'error' : 'complete',
        error: failure,
      }),
    );
}
const order = (strategy: Strategy, candidates: readonly Candidate[], context = requestContext()) =>
  (strategy.select(context, candidates) as Candidate[]).map(({ deployment }) => deployment.id);

test('conforms to what every strategy must hold to', async () => {
  assertConforms(await checkStrategy(plugin));
});

test('prefers the least time for a token', () => {
  const strategy = setUp();
  see(strategy, 'slow', { ms: 1000, output: 10 });
  see(strategy, 'fast', { ms: 2000, output: 100 });
  expect(order(strategy, [one('slow'), one('fast')])).toEqual(['fast', 'slow']);
});

test('compares streams by the time to their first content', () => {
  const strategy = setUp();
  see(strategy, 'a', { ms: 9000, firstTokenMs: 100 });
  see(strategy, 'b', { ms: 1000, firstTokenMs: 400 });
  expect(order(strategy, [one('b'), one('a')], streamed)).toEqual(['a', 'b']);
});

test('takes all within the buffer for as good, and the less busy of two of them', () => {
  const strategy = setUp({ lowest_latency_buffer: 0.5 });
  for (const [id, ms] of Object.entries({ a: 100, b: 140, c: 160 })) see(strategy, id, { ms });
  const counts = countFirst(strategy, [one('a'), one('b'), one('c')], 4000);
  expect(Math.abs((counts.get('a') ?? 0) - 2000)).toBeLessThan(200);
  expect(counts.get('c')).toBe(0);
  expect(order(strategy, [one('a', { inFlight: 3 }), one('b')])[0]).toBe('b');
});

test('tries what it has not measured first, with one call at a time', () => {
  const strategy = setUp();
  see(strategy, 'known', { ms: 10 });
  expect(order(strategy, [one('known'), one('new')])).toEqual(['new', 'known']);
  expect(order(strategy, [one('known', { inFlight: 7 }), one('new', { inFlight: 1 })])).toEqual(['known', 'new']);
});

test('spreads over all when it has measured nobody', () => {
  const strategy = setUp();
  const busy = Object.entries({ a: 2, b: 1, c: 3 }).map(([id, inFlight]) => one(id, { inFlight }));
  expect(order(strategy, busy)).toEqual(['b', 'a', 'c']);
});

test('replaces the oldest sample when its list is full', () => {
  const strategy = setUp({ max_latency_list_size: 3 });
  see(strategy, 'a', { ms: 10 }, 3);
  see(strategy, 'b', { ms: 500 });
  expect(order(strategy, [one('a'), one('b')])[0]).toBe('a');
  see(strategy, 'a', { ms: 1000 }, 2);
  expect(order(strategy, [one('a'), one('b')])[0]).toBe('b');
  see(strategy, 'a', { ms: 10 }, 3);
  expect(order(strategy, [one('a'), one('b')])[0]).toBe('a');
});

test('lets old samples weigh less, and none after the ttl', async () => {
  const host = fakeHost();
  const strategy = setUp({ half_life: 1, ttl: 60 }, host);
  see(strategy, 'a', { ms: 1000 });
  await host.advance(10_000);
  see(strategy, 'a', { ms: 10 });
  see(strategy, 'b', { ms: 100 });
  expect(order(strategy, [one('b'), one('a')])).toEqual(['a', 'b']);
  await host.advance(59_000);
  see(strategy, 'b', { ms: 100 });
  expect(order(strategy, [one('a'), one('b')])[0]).toBe('a');
  await host.advance(2_000);
  expect(order(strategy, [one('a', { inFlight: 1 }), one('b')])[0]).toBe('b');
});

test('counts timeouts as that wait, and other failures not at all', () => {
  const strategy = setUp();
  see(strategy, 'a', { ms: 100 });
  see(strategy, 'b', { ms: 120 });
  see(strategy, 'a', { ms: 1, error: 'ERR_PROVIDER_INTERNAL' }, 5);
  expect(order(strategy, [one('a'), one('b')])[0]).toBe('a');
  see(strategy, 'a', { ms: 5000, error: 'ERR_PROVIDER_TIMEOUT' }, 2);
  expect(order(strategy, [one('a'), one('b')])[0]).toBe('b');
});

test('expects longer where calls fail and have to be made again', () => {
  const strategy = setUp();
  see(strategy, 'a', { ms: 100 });
  see(strategy, 'b', { ms: 150 });
  expect(order(strategy, [one('a', { errorRate: 0.5 }), one('b')])[0]).toBe('b');
});

test('gives a share of requests to slower ones', () => {
  const strategy = setUp({ exploration: 0.1 });
  for (const [id, ms] of Object.entries({ fast: 10, slow: 100, slower: 200 })) see(strategy, id, { ms });
  const counts = countFirst(strategy, [one('fast'), one('slow'), one('slower')], 10_000);
  for (const id of ['slow', 'slower']) expect(Math.abs((counts.get(id) ?? 0) - 500)).toBeLessThan(110);
});

test('holds one back from a cooldown to one call while another has proved itself', () => {
  const strategy = setUp();
  order(strategy, [one('steady'), one('back')]);
  see(strategy, 'steady', { ms: 100 }, 7);
  see(strategy, 'back', { ms: 10 }, 7);
  const cooled = { cooledUntil: 1000 };
  expect(order(strategy, [one('steady'), one('back', cooled)])[0]).toBe('back');
  expect(order(strategy, [one('steady', { inFlight: 30 }), one('back', { ...cooled, inFlight: 1 })])[0]).toBe('steady');
});

test('measures nothing where several deployments served one request', () => {
  const strategy = setUp();
  see(strategy, 'known', { ms: 10 });
  const attempt = { deployment: 'new', provider: 'p', model: 'm', group: 'g', startedMs: 0, endedMs: 5 };
  strategy.observe?.(outcome({ attempts: [attempt, { ...attempt, deployment: 'known' }] }));
  expect(order(strategy, [one('known'), one('new')])[0]).toBe('new');
});

test('keeps at most so many samples, and passes over times that are none', () => {
  const host = fakeHost();
  const measured = speeds(host, { most: 2, ttlMs: 1e6, halfLifeMs: 1e9 });
  for (const ms of [1, 2, 30, Number.NaN, -1]) measured.add('a', 'whole', { ms, tokens: 1 });
  expect(measured.of('a', 'whole')).toBeCloseTo(16, 6);
  expect(measured.of('a', 'stream')).toBeUndefined();
});

test('believes nothing before three samples, and leaves one hiccup aside', () => {
  const strategy = setUp();
  see(strategy, 'known', { ms: 50 });
  see(strategy, 'fast', { ms: 900 }, 1);
  see(strategy, 'fast', { ms: 10 }, 1);
  expect(order(strategy, [one('known'), one('fast')])[0]).toBe('fast');
  expect(order(strategy, [one('known'), one('fast', { inFlight: 1 })])[0]).toBe('known');
  see(strategy, 'fast', { ms: 10 }, 1);
  expect(order(strategy, [one('known'), one('fast', { inFlight: 1 })])[0]).toBe('fast');
});
