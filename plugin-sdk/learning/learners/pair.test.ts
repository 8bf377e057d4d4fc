import { describe, expect, it } from 'vitest';
import { createRandom, normal } from '../../numerics/index.ts';
import { fakeHost, requestContext } from '../../testing/index.ts';
import type { Artefact } from '../artefact.ts';
import type { Features } from '../features.ts';
import type { Learner, TrainingRun, TrainingSet } from '../learner.ts';
import { OutcomeTable } from '../outcomes.ts';
import { traitNames } from '../traits.ts';
import { keepingThreshold, pairOf, pairScorer, thresholdIn, thresholdJudge } from './pair.ts';
import {
  type BilinearShape,
  bilinearCount,
  bilinearScores,
  bilinearSlope,
  pairFactorsLearner,
  pairLoss,
} from './pair-factors.ts';
import { pairRatingsLearner, weightedWins, weightOf } from './pair-ratings.ts';
import { tiersOf } from './tiers.ts';

const words = { places: new Int32Array(0), values: new Float32Array(0) } as never;
const seen = (...embedding: number[]): Features => ({
  embedding: Float32Array.from(embedding),
  traits: new Float32Array(traitNames.length),
  words,
});

describe('a pair', () => {
  const table = (rows: readonly (readonly [string, number, number?])[]) => {
    const outcomes = new OutcomeTable();
    for (const [model, performance, cost] of rows)
      outcomes.add({ query_id: 'q', query: 'q', model, performance, ...(cost === undefined ? {} : { cost }) });
    return outcomes.finish();
  };

  it('is the best and the cheapest, or the weakest where no cost is known, unless they are named', () => {
    const priced = table([
      ['good', 0.9, 3],
      ['fair', 0.5, 1],
      ['poor', 0.1, 2],
    ]);
    expect(pairOf(priced, {})).toEqual({ strong: 0, weak: 1 });
    expect(pairOf(priced, { weak: 'good' })).toEqual({ strong: 1, weak: 0 });
    expect(pairOf(priced, { strong: 'poor', weak: 'fair' })).toEqual({ strong: 2, weak: 1 });
    expect(
      pairOf(
        table([
          ['good', 0.9],
          ['fair', 0.5],
          ['poor', 0.1],
        ]),
        {},
      ),
    ).toEqual({ strong: 0, weak: 2 });
  });

  it('refuses a model nobody tried, one model for both, and outcomes of one model', () => {
    const two = table([
      ['good', 0.9],
      ['poor', 0.1],
    ]);
    expect(() => pairOf(two, { strong: 'great' })).toThrow('strong names great; expected one of good, poor');
    expect(() => pairOf(two, { strong: 'good', weak: 'good' })).toThrow('both good');
    expect(() => pairOf(table([['good', 1]]), {})).toThrow('needs two models');
  });

  it('keeps the strong model’s quality: the weak one is asked only where that did not cost any', () => {
    // By chance of the strong one: where it is least likely to help the weak one is better.
    expect(keepingThreshold([0.1, 0.2, 0.3, 0.4], [-1, -1, 1, 1])).toBeCloseTo(0.25);
    // Nothing is lost by asking the weak one about equals.
    expect(keepingThreshold([0.1, 0.2, 0.3, 0.4], [0, 0, 0, 1])).toBeCloseTo(0.35);
    expect(keepingThreshold([0.1, 0.2], [1, 1])).toBe(0);
    expect(keepingThreshold([0.1, 0.2], [-1, -1])).toBe(1);
    // Questions of one chance cannot be parted, and unknown ones do not count.
    expect(keepingThreshold([0.1, 0.1, 0.1, 0.5], [-1, 1, 1, Number.NaN])).toBe(0);
    expect(keepingThreshold([], [])).toBe(0);
  });

  it('asks the strong model from the threshold on, and no third one while either is there', () => {
    const at = (chance: number) => [...pairScorer({ strong: 2, weak: 0, threshold: 0.5 }, 3, () => chance)(seen())];
    for (const [chance, strongLeads] of [
      [0.5, true],
      [0.49, false],
      [1, true],
      [0, false],
    ] as const) {
      const [weak, other, strong] = at(chance) as [number, number, number];
      expect(strong > weak).toBe(strongLeads);
      expect(other).toBeLessThan(Math.min(weak, strong));
    }
  });

  it('reads the threshold off RouteLLM’s names', () => {
    const prefixes = ['router-sw-', 'router-sw_ranking-'];
    expect(
      ['router-sw-0.116', 'router-sw_ranking-1', 'router-sw-.5'].map((name) => thresholdIn(name, prefixes)),
    ).toEqual([0.116, 1, 0.5]);
    expect(['router-mf-0.1', 'chat', 'router-sw'].map((name) => thresholdIn(name, prefixes))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    for (const name of ['router-sw-', 'router-sw-1.01', 'router-sw-1e-3', 'router-sw--0', 'router-sw_ranking-x'])
      expect(thresholdIn(name, prefixes)).toBeNaN();
  });

  it('goes by the name’s threshold, then the configuration’s, then the artefact’s', async () => {
    const facts = { strong: 0, weak: 1, threshold: 0.7 };
    const predictor = { quality: pairScorer(facts, 2, () => 0.5) };
    const artefact = { learnt: { facts, blocks: {} } } as unknown as Artefact;
    const weakOf = async (threshold: number | undefined, group: string) => {
      const judge = await thresholdJudge(
        ['router-mf-'],
        threshold,
      )({ host: fakeHost(), artefact, predictor, costUnit: 1 });
      return judge.judge(seen(), requestContext({ group })).quality[1];
    };
    expect([await weakOf(undefined, 'chat'), await weakOf(0.3, 'chat'), await weakOf(0.3, 'router-mf-0.116')]).toEqual([
      0.7, 0.3, 0.116,
    ]);
  });
});

describe('RouteLLM’s factors', () => {
  const shape: BilinearShape = { width: 3, dim: 2, models: 3 };
  const random = createRandom(5);
  const parameters = Float32Array.from({ length: bilinearCount(shape) }, () => normal(random));
  const input = [0.4, -1.2, 0.7];

  it('score a model by w · (its unit vector ⊙ W q), and nothing of its vector’s length', () => {
    const simple = Float32Array.of(
      1,
      0,
      0,
      0,
      1,
      0,
      /* models */ 3,
      4,
      0,
      2,
      -5,
      0,
      /* w */ 2,
      10,
      /* constants */ 0,
      0,
      1,
    );
    // W q = (0.4, −1.2); the first model’s unit vector is (0.6, 0.8).
    const scores = bilinearScores(shape, simple, input);
    [2 * 0.6 * 0.4 - 10 * 0.8 * 1.2, -10 * 1.2, -2 * 0.4 + 1].forEach((expected, model) => {
      expect(scores[model]).toBeCloseTo(expected, 5);
    });
  });

  it.each([true, false])('descend along the slope that finite differences find (equals left out: %s)', (skips) => {
    const quality = skips ? [1, 0.25, Number.NaN] : [1, 0.25, 1];
    const loss = (at: number, by: number) => {
      const moved = Float64Array.from(parameters) as unknown as Float32Array;
      moved[at] = (moved[at] as number) + by;
      return pairLoss(bilinearScores(shape, moved, input), quality, skips).loss;
    };
    const gradient = new Float64Array(parameters.length);
    bilinearSlope(
      shape,
      parameters,
      input,
      pairLoss(bilinearScores(shape, parameters, input), quality, skips).slopes,
      gradient,
    );
    gradient.forEach((slope, at) => {
      expect(slope).toBeCloseTo((loss(at, 1e-5) - loss(at, -1e-5)) / 2e-5, 5);
    });
    expect(gradient.some((slope) => Math.abs(slope) > 0.01)).toBe(true);
  });
});

describe('RouteLLM’s ranking', () => {
  it('weighs a comparison by 10 · 10^(likeness / the highest) where faithful', () => {
    const faithful = { sharpness: 3, isFaithful: true };
    expect([weightOf(0.8, 0.8, faithful), weightOf(0, 0.8, faithful), weightOf(0.4, 0.8, faithful)]).toEqual([
      100,
      10,
      10 * Math.sqrt(10),
    ]);
    const own = { sharpness: 3, isFaithful: false };
    expect([weightOf(0.8, 0.8, own), weightOf(-0.2, 0.8, own)]).toEqual([1, 1e-3]);
  });

  it('sums up the wins of all questions but the one left out, by their weights', () => {
    const battles = {
      ...{ rows: Float32Array.of(1, 0, 0, 1), width: 2, tiers: 2 },
      wins: Float32Array.of(0, 1, 0, 0, /* then the other way */ 0, 0, 1, 0),
    };
    const rule = { sharpness: 2, prior: 1, isFaithful: false };
    const near = (without?: number) => [...weightedWins(battles, Float32Array.of(1, 0), rule, without)];
    expect(near()).toEqual([0, 1, 0.01, 0]);
    expect(near(0)).toEqual([0, 0, 1, 0]);
  });

  it('makes tiers with the least squares within, as trying every cut finds them', () => {
    const random = createRandom(3);
    const squares = (values: readonly number[], of: readonly number[]) => {
      let sum = 0;
      for (const tier of new Set(of)) {
        const own = values.filter((_value, at) => of[at] === tier);
        const mean = own.reduce((a, b) => a + b, 0) / own.length;
        sum += own.reduce((a, b) => a + (b - mean) ** 2, 0);
      }
      return sum;
    };
    for (let trial = 0; trial < 20; trial++) {
      const values = Array.from({ length: 7 }, () => Math.round(100 * random()));
      const sorted = [...values].sort((a, b) => a - b);
      let least = Number.POSITIVE_INFINITY;
      for (let a = 1; a < 6; a++)
        for (let b = a + 1; b < 7; b++)
          least = Math.min(
            least,
            squares(
              sorted,
              sorted.map((_value, at) => (at < a ? 0 : at < b ? 1 : 2)),
            ),
          );
      expect(squares(values, tiersOf(values, 3))).toBeCloseTo(least, 9);
    }
    expect(tiersOf([5, 1, 9], 10)).toEqual([1, 0, 2]);
  });
});

/** The strong one is right about questions to the right, the weak one about those to the left. */
function set(count: number, seed: number, noise: number): TrainingSet {
  const random = createRandom(seed);
  const table = new OutcomeTable();
  const features: Features[] = [];
  for (let at = 0; at < count; at++) {
    const angle = (random() - 0.5) * Math.PI;
    features.push({ ...seen(Math.sin(angle), Math.cos(angle)) });
    const isRight = random() < noise ? random() < 0.5 : angle > 0;
    const answers = { strong: isRight ? 1 : random() < 0.4 ? 1 : 0, weak: isRight ? 0 : 1 };
    for (const [model, performance] of Object.entries(answers))
      table.add({ query_id: `${at}`, query: '', model, performance });
  }
  return { outcomes: table.finish(), features };
}

describe.each([
  ['routellm-mf', pairFactorsLearner as unknown as Learner],
  ['routellm-sw', pairRatingsLearner as unknown as Learner],
])('%s', (name, learner) => {
  const run: TrainingRun = { train: set(400, 1, 0.1), validation: set(200, 2, 0.1), seed: 1 };
  const test = set(400, 3, 0.1);

  it.each(['rutter', 'faithful'])('learns who does better on what (%s)', (upstream) => {
    const learnt = learner.train(
      run,
      learner.options.parse(
        // Fewer passes than upstream’s hundred: this is to be learnt soon.
        { strong: 'strong', weak: 'weak', upstream, ...(name === 'routellm-mf' ? { num_epochs: 15, dim: 16 } : {}) },
      ),
    );
    const { quality } = learner.restore(learnt, 2);
    const lead = (angle: number) => {
      const [strong, weak] = quality(seen(Math.sin(angle), Math.cos(angle))) as unknown as [number, number];
      return strong - weak;
    };
    expect(lead(1)).toBeGreaterThan(lead(0.2));
    expect(lead(0.2)).toBeGreaterThan(lead(-0.2));
    expect(lead(-0.2)).toBeGreaterThan(lead(-1));
    expect(lead(1)).toBeGreaterThan(0);
    expect(lead(-1)).toBeLessThan(0);
  });

  it('does no worse than the strong model alone at the threshold it keeps', () => {
    const learnt = learner.train(run, learner.options.parse({ strong: 'strong', weak: 'weak' }));
    const { quality } = learner.restore(learnt, 2);
    const [got, alone] = [0, 1].map((which) =>
      test.features.reduce((sum, features, row) => {
        const [strong, weak] = quality(features) as unknown as [number, number];
        const place = which === 1 || strong >= weak ? 0 : 1;
        return sum + (test.outcomes.quality[row * 2 + place] as number);
      }, 0),
    ) as [number, number];
    expect(got).toBeGreaterThan(alone);
  });

  it('gives the same artefact for the same seed', () => {
    const once = () => learner.train(run, learner.options.parse({}));
    expect(once()).toEqual(once());
  });

  it('takes a threshold that it is told, and leaves out what nobody tried', () => {
    const gaps = {
      ...run,
      train: {
        ...run.train,
        outcomes: {
          ...run.train.outcomes,
          quality: run.train.outcomes.quality.map((value, at) => (at % 7 ? value : Number.NaN)),
        },
      },
    };
    const { facts } = learner.train(gaps, learner.options.parse({ threshold: 0.116, strong: 'strong', weak: 'weak' }));
    expect(facts).toMatchObject({ threshold: 0.116, strong: 0, weak: 1 });
  });
});
