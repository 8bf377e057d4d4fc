import { expect, test } from 'vitest';
import { definePlugin, type Ranking, type Strategy, z } from '../index.ts';
import { assertConforms, callResult, candidate, checkStrategy, countFirst, type FakeHost } from './index.ts';

const strategy = (make: (host: FakeHost) => Strategy) => checkStrategy(make, { scenarios: 40 });
const ranking = (select: Strategy['select']) => strategy(() => ({ select }));
const failures = async (report: ReturnType<typeof checkStrategy>) => (await report).failed.map(({ title }) => title);

test('a strategy that sorts a copy conforms', async () => {
  const report = await ranking((_context, candidates) =>
    [...candidates].sort((a, b) => a.live.inFlight - b.live.inFlight),
  );
  expect(report.failed).toEqual([]);
  expect(report.passed.length).toBeGreaterThan(10);
  expect(() => assertConforms(report)).not.toThrow();
});

test('a strategy may stay silent or return ties', async () => {
  expect(await failures(ranking(() => undefined))).toEqual([]);
  expect(await failures(ranking((_context, candidates) => [candidates]))).toEqual([]);
});

test.each<[string, string, Strategy['select']]>([
  ['invents a candidate', 'ranks only candidates it was given', (_c, all) => [...all, candidate('invented')]],
  ['copies candidates', 'ranks only candidates it was given', (_c, all) => all.map((entry) => ({ ...entry }))],
  ['names one twice', 'ranks no candidate twice', (_c, all) => [...all, ...all]],
  ['sorts in place', 'leaves the candidates as they are', (_c, all) => (all as never[]).reverse()],
  ['is asynchronous', 'ranks none, one and many candidates', (async () => undefined) as never],
  ['throws on none', 'ranks none, one and many candidates', (_c, all) => [all.reduce((best) => best)]],
  [
    'returns one candidate bare',
    'ranks none, one and many candidates',
    ((_c: unknown, all: unknown[]) => all[0]) as never,
  ],
  [
    'mixes ties and candidates',
    'ranks none, one and many candidates',
    (_c, all) => [...all.slice(1), all.slice(0, 1)] as unknown as Ranking,
  ],
  [
    'draws from Math.random',
    'ranks the same under the same seed',
    (_c, all) => (Math.random() < 0.5 ? all : all.toReversed()),
  ],
  [
    'reads Date.now',
    'takes the time from host.clock',
    (_c, all) => (Math.floor(Date.now() / 31_622_407_331) % 2 === 0 ? all : all.toReversed()),
  ],
])('catches a strategy that %s', async (_fault, title, select) => {
  expect(await failures(ranking(select))).toContain(title);
});

test('catches a strategy that changes a live number', async () => {
  const select: Strategy['select'] = (_context, candidates) => {
    for (const { live } of candidates) (live as { inFlight: number }).inFlight++;
    return candidates;
  };
  expect(await failures(ranking(select))).toContain('leaves the candidates as they are');
});

test('catches a weighted draw that throws when all weights are zero', async () => {
  const select: Strategy['select'] = (_context, candidates) => {
    const total = candidates.reduce((sum, { deployment }) => sum + (deployment.weight ?? 1), 0);
    if (candidates.length > 0 && total === 0) throw new RangeError('no weight left');
    return candidates;
  };
  expect(await failures(ranking(select))).toContain('ranks candidates whose numbers are extreme');
});

test('catches an observer that trips over a request nobody served', async () => {
  const report = strategy(() => ({
    select: () => undefined,
    observe: ({ deployment }) => void (deployment as { id: string }).id.length,
  }));
  expect(await failures(report)).toContain('observes every kind of outcome');
});

test('catches a strategy that breaks once it has learned', async () => {
  const report = strategy(() => {
    let seen = 0;
    return {
      select: (_context, candidates) => (seen > 500 ? [candidate('remembered')] : candidates),
      observe: () => void seen++,
    };
  });
  expect(await failures(report)).toContain('ranks as well after a thousand outcomes');
});

test('catches preparation that insists on a feature', async () => {
  const report = strategy(() => ({
    prepare: async ({ features }) => void (await features.want('vector'))!.toString(),
    select: () => undefined,
  }));
  expect(await failures(report)).toContain('prepares and ranks when no feature can be had');
});

test('catches an orchestrator without a bound, and one that asks a stranger', async () => {
  const endless = strategy(() => ({
    select: () => undefined,
    async orchestrate(_context, candidates, invoke) {
      for (;;) await invoke(candidates);
    },
  }));
  const stranger = strategy(() => ({
    select: () => undefined,
    orchestrate: (_context, _candidates, invoke) => invoke(candidate('invented')),
  }));
  const title = 'orchestrates within its bound of calls and asks only candidates it was given';
  expect(await failures(endless)).toContain(title);
  expect(await failures(stranger)).toContain(title);
});

test('an orchestrator that answers with one call conforms', async () => {
  const report = strategy(() => ({
    select: () => undefined,
    orchestrate: (_context, candidates, invoke) => invoke(candidates),
  }));
  expect(await failures(report)).toEqual([]);
});

test('catches a definition of another kind, a refused default and an undescribed option', async () => {
  const wrong = definePlugin({
    kind: 'cache',
    config: z.strictObject({ share: z.number() }),
    setup: () => ({ read: () => undefined, write: () => {} }),
  });
  const found = await failures(checkStrategy(wrong));
  expect(found).toContain('is defined as a strategy');
  expect(found).toContain('accepts the configuration it is given, or none');
  expect(found).toContain('describes every option');
});

test('a failed report throws an error that names each check', async () => {
  const report = await ranking((_context, candidates) => [...candidates, ...candidates]);
  expect(() => assertConforms(report)).toThrow(/ranks no candidate twice/);
});

test('counts who comes first', () => {
  const candidates = [candidate('a'), candidate('b')];
  const first: Strategy = { select: (_context, all) => all.toReversed() };
  expect([...countFirst(first, candidates, 3)]).toEqual([
    ['a', 0],
    ['b', 3],
  ]);
  expect(callResult().deployment?.id).toBe('deployment-1');
});

test.each<[string, string, Strategy['charge']]>([
  ['charges late', 'charges candidates with reservations that can be made', (async () => []) as never],
  [
    'charges amounts that are no numbers',
    'charges candidates with reservations that can be made',
    (_context, { live }) => [
      { key: 'k', amount: live.latencyMs / live.samples, limit: 1, windowMs: 1, measure: 'tokens' },
    ],
  ],
])('catches a strategy that %s', async (_fault, title, charge) => {
  const select: Strategy['select'] = (_context, all) => all;
  expect(await failures(strategy(() => ({ select, charge: charge as NonNullable<typeof charge> })))).toContain(title);
});

test('catches a strategy that stumbles over a refusal', async () => {
  const instance: Strategy = {
    select: (_context, all) => all,
    charge: () => [{ key: 'k', amount: 1, limit: 1, windowMs: 1, measure: 'requests' }],
    charged(_candidate, _reservations, result) {
      if (result?.granted === false) throw new Error('refused');
    },
  };
  expect(await failures(strategy(() => instance))).toEqual(['takes every answer to a charge']);
});
