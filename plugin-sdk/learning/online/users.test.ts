import { describe, expect, it } from 'vitest';
import { fakeFeedback, fakeHost, requestContext } from '../../testing/index.ts';
import type { Artefact } from '../artefact.ts';
import type { Features } from '../features.ts';
import type { JudgeOf } from '../judge.ts';
import type { Predictor } from '../learner.ts';
import { type Comparison, gainLoss, learnGains, type Rated, tasteOf } from '../learners/tastes.ts';
import { LatestMarks } from './latest.ts';
import { meanWeight, preferencesJudge, priorOf, worthsOf } from './preferences.ts';
import { tastesJudge } from './tastes.ts';

const traits = new Float32Array(0);
const artefactOf = (facts: object) =>
  ({
    header: { models: ['a', 'b'] },
    space: { embedder: 'one', dimensions: 1, traitMean: traits, traitScale: traits, rarity: new Float32Array(8) },
    learnt: { facts: { kinds: 2, ...facts }, blocks: { 'kinds.centres': Float32Array.of(0, 1) } },
  }) as unknown as Artefact;
const question = (value: number): Features => ({
  embedding: Float32Array.of(value),
  traits,
  words: { places: new Int32Array(0), values: new Float32Array(0) } as never,
});
const seen = (value: number) => ({ embedder: 'one', embedding: Float32Array.of(value), traits });

async function judged(judgeOf: JudgeOf, predictor: Predictor, facts: object = {}) {
  const feedback = fakeFeedback();
  const judge = await judgeOf({
    host: fakeHost({ services: { feedback } }),
    artefact: artefactOf(facts),
    predictor,
    costUnit: 1,
  });
  const of = (endUser?: string, value = 0) => [
    ...judge.judge(question(value), requestContext(endUser === undefined ? {} : { endUser })).quality,
  ];
  return { feedback, judge, of };
}

describe('tastes', () => {
  it('are decayed sums of surplus over doubt and weight, apart for the kind of question', () => {
    const rated: Rated[] = [
      { model: 0, kind: 1, surplus: -0.5 },
      { model: 0, kind: 0, surplus: 0.25 },
    ];
    const [all, own] = tasteOf(rated, 0, 2);
    expect(all[0]).toBeCloseTo((-0.5 * 0.98 + 0.25) / (4 + 1.98), 12);
    expect(own[0]).toBeCloseTo(0.25 / 5, 12);
    expect([all[1], own[1]]).toEqual([0, 0]);
  });

  const comparisons: Comparison[] = [
    { base: 0.1, tastes: [0.2, -0.1], lead: 0.5 },
    { base: -0.2, tastes: [0.3, 0.1], lead: 1 },
    { base: 0.05, tastes: [-0.1, 0.2], lead: 0.3 },
  ];

  it('have gains whose slope finite differences find', () => {
    const { slope } = gainLoss(comparisons, [0.7, 1.3]);
    const by = 1e-6;
    expect(slope[0]).toBeCloseTo(
      (gainLoss(comparisons, [0.7 + by, 1.3]).loss - gainLoss(comparisons, [0.7 - by, 1.3]).loss) / (2 * by),
      6,
    );
    expect(slope[1]).toBeCloseTo(
      (gainLoss(comparisons, [0.7, 1.3 + by]).loss - gainLoss(comparisons, [0.7, 1.3 - by]).loss) / (2 * by),
      6,
    );
  });

  it('learn to count where they tell who is better, and not to where they mislead', () => {
    const telling = comparisons.map((one) => ({ ...one, base: 0, tastes: [0.2, 0] as const }));
    const misleading = comparisons.map((one) => ({ ...one, base: 0, tastes: [-0.2, 0] as const }));
    expect(learnGains(telling)[0]).toBeGreaterThan(1);
    expect(learnGains(misleading)[0]).toBe(0);
    const found = learnGains(comparisons);
    const least = gainLoss(comparisons, found).loss;
    for (const by of [-0.05, 0.05]) {
      expect(gainLoss(comparisons, [Math.max(0, found[0] + by), found[1]]).loss).toBeGreaterThanOrEqual(least - 1e-9);
      expect(gainLoss(comparisons, [found[0], Math.max(0, found[1] + by)]).loss).toBeGreaterThanOrEqual(least - 1e-9);
    }
  });

  const predictor: Predictor = { quality: () => Float64Array.of(0.75, 0.5) };
  const facts = { gains: [1, 2], visible: 3, upstream: 'rutter' };

  it('move what one user is answered, by his latest ratings, and nobody else', async () => {
    const { feedback, of } = await judged(tastesJudge, predictor, facts);
    feedback.give({ subject: 'eve', names: ['a'], score: 0, features: seen(0) });
    // −0.75 above expectation: over 4 + 1, once for any question and twice for its kind.
    expect(of('eve', 0)[0]).toBeCloseTo(0.75 - (0.75 / 5) * 3, 12);
    expect(of('eve', 1)[0]).toBeCloseTo(0.75 - 0.75 / 5, 12);
    expect([of('max'), of()]).toEqual([
      [0.75, 0.5],
      [0.75, 0.5],
    ]);
    for (let count = 0; count < 3; count++)
      feedback.give({ subject: 'eve', names: ['b'], score: 0.5, features: seen(0) });
    expect(of('eve', 0)).toEqual([0.75, 0.5]);
    feedback.give({ subject: 'eve', names: ['a'], score: 0, features: seen(0) });
    feedback.erase(({ subject }) => subject === 'eve');
    expect(of('eve', 0)).toEqual([0.75, 0.5]);
  });

  it('take a preference for a surplus of the one and a lack of the other', async () => {
    const { feedback, of } = await judged(tastesJudge, predictor, facts);
    const over = { requestId: 'y', group: 'g', deployment: undefined, names: ['a'], strength: 1 };
    feedback.give({ subject: 'eve', names: ['b'], features: seen(0), over });
    const [a, b] = of('eve', 1) as [number, number];
    // The older of the two ratings has decayed once.
    expect(b - 0.5).toBeCloseTo((0.5 * 0.98) / 4.98, 12);
    expect(a - 0.75).toBeCloseTo(-0.5 / 5, 12);
  });

  it('of upstream: see only likes and dislikes, and answer strangers by the first model', async () => {
    const { feedback, of } = await judged(
      tastesJudge,
      { quality: () => Float64Array.of(0.5, 0.75) },
      { ...facts, upstream: 'faithful' },
    );
    expect(of('eve')).toEqual([1, 0]);
    feedback.give({ subject: 'eve', names: ['a'], score: 0.6, features: seen(0) });
    expect(of('eve')).toEqual([1, 0]);
    feedback.give({ subject: 'eve', names: ['a'], score: 0.2, features: seen(1) });
    expect(of('eve', 0)[0]).toBeCloseTo(0.5 - 0.5 / 5, 12);
  });
});

describe('preferences', () => {
  const predictor: Predictor = { quality: () => Float64Array.of(0.9, 0.6), cost: () => Float64Array.of(1, 0.1) };

  it('weigh quality and price by one number', () => {
    const expected = { quality: Float64Array.of(0.9, 0.6), cost: [1, 0.1] };
    const found = worthsOf(expected, 0.4);
    expect(found[0]).toBeCloseTo(0.4 * 0.9 - 0.6, 12);
    expect(found[1]).toBeCloseTo(0.4 * 0.6 - 0.06, 12);
  });

  it('begin half sure of the usual weight, and average what is likely', () => {
    expect(meanWeight(priorOf(1))).toBeCloseTo(
      0.5 * 1 + (0.5 / 8) * (0.2 + 0.3 + 0.4 + 0.5 + 0.6 + 0.7 + 0.8 + 0.9),
      12,
    );
    expect(meanWeight(Float64Array.of(0, -1e9, -1e9, -1e9, -1e9, -1e9, -1e9, -1e9, -1e9))).toBeCloseTo(0.2, 12);
  });

  it('are found from what a user says, told for whom they are known, and the usual one for all others', async () => {
    const { feedback, of } = await judged(preferencesJudge({ preference: 1, users: { told: 0 } }), predictor);
    const best = (user?: string) => {
      const [a, b] = of(user) as [number, number];
      return a > b ? 'a' : 'b';
    };
    expect([best(), best('eve'), best('told')]).toEqual(['a', 'a', 'b']);
    // The dear answer is called bad, the cheap one good.
    for (let count = 0; count < 5; count++) {
      feedback.give({ subject: 'eve', names: ['a'], score: 0, features: seen(0) });
      feedback.give({ subject: 'eve', names: ['b'], score: 1, features: seen(0) });
      feedback.give({ subject: 'max', names: ['a'], score: 1, features: seen(0) });
    }
    expect([best(), best('eve'), best('max')]).toEqual(['a', 'b', 'a']);
    feedback.erase(({ subject }) => subject === 'eve');
    expect(best('eve')).toBe('a');
  });

  it('are told by a preference for one answer over another too', async () => {
    const { feedback, of } = await judged(preferencesJudge({ preference: 1, users: {} }), predictor);
    const over = { requestId: 'y', group: 'g', deployment: undefined, names: ['a'], strength: 1 };
    for (let count = 0; count < 5; count++) feedback.give({ subject: 'eve', names: ['b'], features: seen(0), over });
    const [a, b] = of('eve') as [number, number];
    expect(b).toBeGreaterThan(a);
  });
});

it('remembers the latest marks of the ten thousand users heard of last', () => {
  const users = new LatestMarks(2);
  const mark = (subject: string | undefined, requestId: string) => ({ subject, requestId }) as never;
  for (const id of ['1', '2', '3']) users.add(mark('first', id));
  expect(users.of('first').map(({ requestId }) => requestId)).toEqual(['2', '3']);
  users.add(mark(undefined, '4'));
  expect(users.of(undefined)).toEqual([]);
  for (let at = 0; at < 10_000; at++) users.add(mark(`user-${at}`, 'x'));
  expect([users.of('first'), users.of('user-0').length]).toEqual([[], 1]);
});
