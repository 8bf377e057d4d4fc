import { expect, it } from 'vitest';
import { beta, createRandom, gamma } from '../../numerics/index.ts';
import { fakeFeedback, fakeHost, requestContext } from '../../testing/index.ts';
import type { Artefact } from '../artefact.ts';
import type { Features } from '../features.ts';
import { predictorFor } from '../judge.ts';
import type { Predictor } from '../learner.ts';
import { posteriorJudge } from './posterior.ts';
import { ratingsJudge } from './ratings.ts';

const traits = new Float32Array(0);
/** Two models; two kinds of questions, told apart by the only number of their embedding. */
const artefact = {
  header: { models: ['a', 'b'] },
  space: { embedder: 'one', dimensions: 1, traitMean: traits, traitScale: traits, rarity: new Float32Array(8) },
  learnt: {
    facts: { kinds: 2 },
    blocks: { 'kinds.centres': Float32Array.of(0, 1), 'elo.ratings': Float32Array.of(0.1, -0.1) },
  },
} as unknown as Artefact;
const question = (value: number): Features => ({
  embedding: Float32Array.of(value),
  traits,
  words: { places: new Int32Array(0), values: new Float32Array(0) } as never,
});
const seen = (value: number) => ({ embedder: 'one', embedding: Float32Array.of(value), traits });

async function judged(judgeOf: ReturnType<typeof ratingsJudge>, predictor: Predictor) {
  const feedback = fakeFeedback();
  const host = fakeHost({ services: { feedback } });
  const judge = await judgeOf({ host, artefact, predictor, costUnit: 1 });
  return {
    feedback,
    judge,
    quality: (value = 0) => [...judge.judge(question(value), requestContext()).quality],
  };
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const points = (chance: number) => (Math.log(chance / (1 - chance)) * 400) / Math.LN10;
const learnt: Predictor = { quality: () => Float64Array.of(0.75, 0.5), preferred: { model: 0, margin: 0.2 } };

it('moves two ratings by the points that Elo’s formula says, and back where the word is taken back', async () => {
  const { feedback, quality } = await judged(ratingsJudge(32), learnt);
  const before = points(quality()[0] as number);
  expect(before).toBeCloseTo((0.2 * 400) / Math.LN10, 3);
  feedback.give({ requestId: 'x', names: ['b'], over: { ...blank, names: ['a'], strength: 1 } });
  // The loser was expected to win with σ(0.2): each moves by 32 times that.
  expect(points(quality()[0] as number)).toBeCloseTo(before - 2 * 32 * sigmoid(0.2), 3);
  feedback.erase(({ requestId }) => requestId === 'x');
  expect(points(quality()[0] as number)).toBeCloseTo(before, 6);
});

const blank = { requestId: 'y', group: 'g', deployment: undefined, names: [] };

it('takes a score for a game against the field, and moves nothing in the long run where all are praised alike', async () => {
  const { feedback, quality } = await judged(ratingsJudge(32), learnt);
  const before = points(quality()[0] as number);
  feedback.give({ names: ['a'], score: 0 });
  expect(points(quality()[0] as number)).toBeCloseTo(before - 32 * sigmoid(0.1), 3);
  feedback.erase(() => true);
  for (let count = 0; count < 400; count++) feedback.give({ names: [count % 2 ? 'a' : 'b'], score: 0.9 });
  const later = points(quality()[0] as number);
  for (let count = 0; count < 400; count++) feedback.give({ names: [count % 2 ? 'a' : 'b'], score: 0.9 });
  expect(Math.abs(points(quality()[0] as number))).toBeLessThanOrEqual(Math.abs(later) + 1);
  expect(Math.abs(later)).toBeLessThan(before + 1);
});

it('leaves ratings alone where it was told to, and where a model is not known', async () => {
  const still = await judged(ratingsJudge(0), learnt);
  still.feedback.give({ names: ['a'], score: 0 });
  expect(still.quality()).toEqual([0.75, 0.5]);
  const { feedback, quality } = await judged(ratingsJudge(32), learnt);
  const before = quality();
  feedback.give({ names: ['stranger'], score: 0 });
  feedback.give({ names: ['a'], over: { ...blank, names: ['stranger'], strength: 1 } });
  expect(quality()).toEqual(before);
});

it('takes what was learnt for as many ratings as it is told, by kind of question and model', async () => {
  const { feedback, quality, judge } = await judged(posteriorJudge({ mode: 'mean', prior: 4 }), learnt);
  expect(quality()).toEqual([0.75, 0.5]);
  for (const score of [0, 0, 1]) feedback.give({ names: ['a'], score, features: seen(0.1) });
  // (4 × 0.75 + 1) / (4 + 3)
  expect(quality(0)[0]).toBeCloseTo(4 / 7, 12);
  expect(quality(0)[1]).toBe(0.5);
  expect(quality(1)).toEqual([0.75, 0.5]);
  feedback.give({ names: ['b'], features: seen(0.9), over: { ...blank, names: ['a'], strength: 0.75 } });
  expect(quality(1)).toEqual([(3 + 0.25) / 5, (2 + 0.75) / 5]);
  // The margin of the preferred model shrinks with what callers said of this kind: 4 of 4 + 3.
  const predictor = predictorFor({ predictor: learnt, judge }, requestContext());
  predictor.quality(question(0));
  expect(predictor.preferred?.margin).toBeCloseTo((0.2 * 4) / 7, 12);
});

it('counts no mark whose question it cannot see as its learner does', async () => {
  const { feedback, quality } = await judged(posteriorJudge({ mode: 'mean', prior: 4 }), learnt);
  feedback.give({ names: ['a'], score: 0 });
  feedback.give({ names: ['a'], score: 0, features: { ...seen(0), embedder: 'another' } });
  feedback.give({ names: ['a'], score: 0, features: { ...seen(0), embedding: Float32Array.of(0, 0) } });
  feedback.give({ names: ['a'], score: 0, features: { ...seen(0), traits: Float32Array.of(1) } });
  expect(quality()).toEqual([0.75, 0.5]);
});

it('draws from the posterior where Thompson’s rule is asked for: nearer to the mean with each rating', async () => {
  const { feedback, quality } = await judged(posteriorJudge({ mode: 'thompson', prior: 4 }), learnt);
  const spread = () => {
    const draws = Array.from({ length: 2000 }, () => quality()[0] as number);
    const mean = draws.reduce((sum, draw) => sum + draw, 0) / draws.length;
    return { mean, variance: draws.reduce((sum, draw) => sum + (draw - mean) ** 2, 0) / draws.length };
  };
  // Beta(3, 1)
  const first = spread();
  expect(first.mean).toBeCloseTo(0.75, 1);
  expect(first.variance).toBeCloseTo(3 / 80, 2);
  for (let count = 0; count < 96; count++) feedback.give({ names: ['a'], score: 0.75, features: seen(0) });
  // Beta(75, 25)
  expect(spread().variance).toBeCloseTo(75 / 40_400 / 2.5, 2);
  expect(spread().variance).toBeLessThan(first.variance / 10);
});

it('draws gamma and Beta numbers with the moments of their distributions', () => {
  const random = createRandom(7);
  for (const shape of [0.3, 1, 4.5]) {
    const draws = Array.from({ length: 20_000 }, () => gamma(shape, random));
    const mean = draws.reduce((sum, draw) => sum + draw, 0) / draws.length;
    const variance = draws.reduce((sum, draw) => sum + (draw - mean) ** 2, 0) / draws.length;
    expect(mean / shape).toBeCloseTo(1, 1);
    expect(variance / shape).toBeGreaterThan(0.9);
    expect(variance / shape).toBeLessThan(1.1);
  }
  const draws = Array.from({ length: 20_000 }, () => beta(0.5, 1.5, random));
  expect(draws.reduce((sum, draw) => sum + draw, 0) / draws.length).toBeCloseTo(0.25, 1);
  expect(Math.min(...draws)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...draws)).toBeLessThanOrEqual(1);
});

it('follows no more once it has stopped', async () => {
  for (const judgeOf of [ratingsJudge(32), posteriorJudge({ mode: 'mean', prior: 4 })]) {
    const { feedback, judge, quality } = await judged(judgeOf, learnt);
    const before = quality();
    judge.stop();
    feedback.give({ names: ['a'], score: 0, features: seen(0) });
    expect(quality()).toEqual(before);
  }
});
