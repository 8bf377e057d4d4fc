/**
 * What every strategy must hold to: it judges the candidates it is given,
 * at once, the same way under the same seed, and nothing it is told breaks it.
 */
import { isDeepStrictEqual } from 'node:util';
import { RutterError } from '../contract/errors.ts';
import type { Invoke, Ranking, Strategy } from '../contract/kinds.ts';
import type { CallResult, Candidate, Outcome } from '../contract/request.ts';
import { checkCharging } from './check-charging.ts';
import { call, callResult, candidate, deployment, outcome, requestContext } from './fixtures.ts';
import {
  expect,
  giveOrRefuse,
  type Report,
  runSuite,
  type Subject,
  type Suite,
  type SuiteOptions,
  show,
} from './report.ts';
import { extremeCandidates, generatedCandidates } from './scenarios.ts';

export interface StrategyOptions extends SuiteOptions {
  /** How many generated sets of candidates to try; 200 when absent. */
  readonly scenarios?: number;
}

/** Checks a strategy's definition, or instances that a function makes. */
export function checkStrategy(subject: Subject<'strategy'>, options: StrategyOptions = {}): Promise<Report> {
  return runSuite('strategy', { subject, options }, async (suite) => {
    const seeds = Array.from({ length: options.scenarios ?? 200 }, (_, index) => index);
    await suite.check('has select', async () => {
      const { instance } = await suite.start();
      expect(typeof instance.select === 'function', () => `select is ${show(instance.select)}`);
    });
    await checkRankings(suite, seeds);
    await checkChance(suite, seeds);
    await checkObserve(suite, seeds);
    await checkCharging(suite);
    await checkPrepare(suite);
    await checkOrchestrate(suite);
  });
}

async function checkRankings(suite: Suite<'strategy'>, seeds: readonly number[]): Promise<void> {
  const sets = () => [[], ...seeds.map(generatedCandidates)];
  const over = (
    title: string,
    setsOf: () => Candidate[][],
    judge: (ranking: Ranking, candidates: Candidate[]) => void,
  ) =>
    suite.check(title, async () => {
      const { instance } = await suite.start();
      for (const candidates of setsOf()) judge(select(instance, candidates), candidates);
    });

  await over('ranks none, one and many candidates', sets, expectRanking);
  await over('ranks candidates whose numbers are extreme', extremeCandidates, expectRanking);
  await over('ranks only candidates it was given', sets, (ranking, candidates) => {
    const stranger = flat(ranking).find((entry) => !candidates.includes(entry));
    expect(
      stranger === undefined,
      () => `it ranked ${show(stranger)}, which is none of the ${candidates.length} objects given`,
    );
  });
  await over('ranks no candidate twice', sets, (ranking) => {
    const entries = flat(ranking);
    expect(new Set(entries).size === entries.length, () => `one of ${entries.map(id).join(', ')} stands twice`);
  });
  await suite.check('leaves the candidates as they are', async () => {
    const { instance } = await suite.start();
    for (const seed of seeds) {
      const candidates = generatedCandidates(seed);
      const order = [...candidates];
      select(instance, candidates);
      expect(
        candidates.length === order.length && candidates.every((entry, index) => entry === order[index]),
        () => 'the list it was given changed',
      );
      expect(isDeepStrictEqual(candidates, generatedCandidates(seed)), () => 'a candidate it was given changed');
    }
  });
}

const id = ({ deployment }: Candidate): string => deployment.id;

function select(strategy: Strategy, candidates: readonly Candidate[]): Ranking {
  try {
    return strategy.select(requestContext(), candidates);
  } catch (error) {
    throw new Error(`select threw ${error} on ${candidates.length} candidates: ${show(candidates)}`);
  }
}

function expectRanking(ranking: Ranking, candidates: readonly Candidate[]): void {
  if (ranking === undefined) return;
  expect(!isThenable(ranking), () => 'select returned a promise; it has to be synchronous');
  expect(Array.isArray(ranking), () => `select returned ${show(ranking)}, expected an array or undefined`);
  const ties = ranking.filter((entry) => Array.isArray(entry)).length;
  expect(
    ties === 0 || ties === ranking.length,
    () => 'the ranking mixes candidates and ties; make each entry an array, or none',
  );
  const odd = flat(ranking).find((entry) => typeof entry !== 'object' || entry === null);
  expect(odd === undefined, () => `the ranking of ${candidates.length} candidates holds ${show(odd)}`);
}

const isThenable = (value: unknown): boolean => typeof (value as { then?: unknown } | undefined)?.then === 'function';

const flat = (ranking: Ranking): Candidate[] =>
  Array.isArray(ranking) ? (ranking as readonly Candidate[]).flat() : [];

async function checkChance(suite: Suite<'strategy'>, seeds: readonly number[]): Promise<void> {
  const rankings = async () => {
    const { instance } = await suite.start({ seed: 7 });
    return seeds.map((seed) => shape(select(instance, generatedCandidates(seed))));
  };

  await suite.check('ranks the same under the same seed', async () => {
    const [first, second] = [await rankings(), await rankings()];
    const index = first.findIndex((ranking, at) => !isDeepStrictEqual(ranking, second[at]));
    expect(
      index === -1,
      () => `scenario ${index} ranked ${show(first[index])}, then ${show(second[index])}; draw from host.random`,
    );
  });
  await suite.check('takes the time from host.clock', async () => {
    const { instance } = await suite.start({ seed: 7 });
    const expected = await rankings();
    const found = seeds.map((seed) => atAnotherTime(() => shape(select(instance, generatedCandidates(seed)))));
    expect(isDeepStrictEqual(found, expected), () => 'it ranks otherwise when Date.now is moved');
  });
}

const shape = (ranking: Ranking) =>
  ranking?.map((entry) => (Array.isArray(entry) ? entry.map(id) : id(entry as Candidate)));

/** Runs with the machine's own clock moved on by a year and a bit. */
function atAnotherTime<T>(run: () => T): T {
  const { now } = Date;
  Date.now = () => now() + 31_622_407_331;
  try {
    return run();
  } finally {
    Date.now = now;
  }
}

async function checkObserve(suite: Suite<'strategy'>, seeds: readonly number[]): Promise<void> {
  await suite.check('observes every kind of outcome', async () => {
    const { instance } = await suite.start();
    for (const each of outcomes()) instance.observe?.(each);
  });
  await suite.check('ranks as well after a thousand outcomes', async () => {
    const { instance } = await suite.start();
    const all = outcomes();
    for (let count = 0; count < 1_000; count++) instance.observe?.(all[count % all.length] ?? outcome());
    for (const seed of seeds) {
      const candidates = generatedCandidates(seed);
      const ranking = select(instance, candidates);
      expectRanking(ranking, candidates);
      expect(
        flat(ranking).every((entry) => candidates.includes(entry)),
        () => 'it ranked a candidate it was not given',
      );
    }
  });
}

function outcomes(): Outcome[] {
  const served = deployment({ id: 'deployment-0' });
  const failure = new RutterError('ERR_PROVIDER_TIMEOUT', 'No answer.');
  const unserved = { attempts: [], usage: undefined, costNanoUsd: undefined };
  return [
    outcome({ deployment: served }),
    outcome({ deployment: served, stream: true, firstTokenMs: 0 }),
    outcome({ deployment: deployment({ id: 'never-seen-before' }) }),
    outcome({ usage: undefined, costNanoUsd: undefined, ending: 'client', status: 499 }),
    outcome({ ending: 'broke', stream: true, error: failure, usage: { input: 0, output: 0, estimated: true } }),
    outcome({ cacheHit: true, attempts: [], durationMs: 0, overheadMs: 0 }),
    { ...outcome(unserved), deployment: undefined, ending: 'error', status: 408, error: failure, route: 'none left' },
    { ...outcome(unserved), deployment: undefined, group: '', requestedModel: '', operation: 'moderation' },
  ];
}

async function checkPrepare(suite: Suite<'strategy'>): Promise<void> {
  await suite.check('prepares and ranks when no feature can be had', async () => {
    const { instance } = await suite.start();
    const context = requestContext();
    await instance.prepare?.(context);
    const candidates = generatedCandidates(3);
    expectRanking(instance.select(context, candidates), candidates);
  });
}

const maxCallsByDefault = 8;

async function checkOrchestrate(suite: Suite<'strategy'>): Promise<void> {
  const { instance } = await suite.start();
  const { orchestrate } = instance;
  if (orchestrate === undefined) return;
  const maxCalls = instance.limits?.calls ?? maxCallsByDefault;

  const rounds = async (answer: (count: number) => Promise<CallResult>) => {
    const candidates = ['a', 'b', 'c'].map((name) => candidate(name));
    const asked: Candidate[] = [];
    let count = 0;
    const invoke = async (targets: Parameters<Invoke>[0]) => {
      asked.push(...([targets].flat(2) as Candidate[]));
      expect(++count <= maxCalls, () => `it asked more than ${maxCalls} times`);
      return answer(count);
    };
    const run = () => orchestrate.call(instance, requestContext(), candidates, invoke, call());
    return { run, strangers: () => asked.filter((entry) => !candidates.includes(entry)) };
  };

  await suite.check('orchestrates within its bound of calls and asks only candidates it was given', async () => {
    const { run, strangers } = await rounds(async () => callResult());
    const result = await run();
    const given =
      result === undefined ||
      typeof (result as CallResult).events === 'function' ||
      Symbol.asyncIterator in Object(result);
    expect(given, () => `orchestrate gave ${show(result)}, expected a result, events or undefined`);
    expect(strangers().length === 0, () => `it asked ${show(strangers()[0])}`);
  });
  await suite.check('orchestrates to a RutterError when every call fails', async () => {
    const failure = new RutterError('ERR_PROVIDER_INTERNAL', 'Out of order.');
    const { run } = await rounds(async () => Promise.reject(failure));
    const ended = await run().then(
      () => undefined,
      (error: unknown) => error,
    );
    giveOrRefuse(() => {
      if (ended !== undefined) throw ended;
    }, 'orchestrate');
  });
}

/** For tests of distributions: how often each deployment comes first in so many draws. */
export function countFirst(strategy: Strategy, candidates: readonly Candidate[], draws: number): Map<string, number> {
  const counts = new Map(candidates.map((entry) => [id(entry), 0]));
  for (let draw = 0; draw < draws; draw++) {
    const first = flat(strategy.select(requestContext(), candidates))[0];
    if (first !== undefined) counts.set(id(first), (counts.get(id(first)) ?? 0) + 1);
  }
  return counts;
}
