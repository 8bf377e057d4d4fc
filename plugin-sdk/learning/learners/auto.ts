/**
 * Rutter's own router: the mean of three unlike learners, a margin before the
 * best single model is left, and the expected cost of each call.
 *
 * Margin and lengths of training come from folds of the training outcomes:
 * each question is judged by learners that have not seen it. Where leaving the
 * best single model did not pay there, it is never left.
 */
import { z } from 'zod';
import { createRandom, shuffle } from '../../numerics/random.ts';
import { argmax } from '../../numerics/vectors.ts';
import type { Learnt } from '../artefact.ts';
import type { Learner, Predictor, Scorer, TrainingRun, TrainingSet } from '../learner.ts';
import { meansByModel, pick } from '../outcomes.ts';
import { costScorer, learnCost } from './cost.ts';
import { linearLearner } from './linear.ts';
import { neighboursLearner } from './neighbours.ts';
import { networkLearner } from './network.ts';

const parts = [linearLearner, networkLearner, neighboursLearner] as unknown as readonly Learner[];
const margins = [0, 0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.15];
/** A margin that keeps everybody with the best single model, unless cost weighs too. */
const never = 0.5;

const options = z.strictObject({
  folds: z.int().min(2).max(10).default(4).describe('Parts of the questions, each judged by learners of the others.'),
});

const subset = ({ outcomes, features }: TrainingSet, places: readonly number[]): TrainingSet => ({
  outcomes: pick(outcomes, places),
  features: places.map((place) => features[place] as TrainingSet['features'][number]),
});

function joined({ train, validation }: TrainingRun): TrainingSet {
  const { outcomes: a } = train;
  const { outcomes: b } = validation;
  const together = (left: Float32Array, right: Float32Array) => Float32Array.from([...left, ...right]);
  return {
    outcomes: {
      models: a.models,
      questions: [...a.questions, ...b.questions],
      quality: together(a.quality, b.quality),
      cost: together(a.cost, b.cost),
      inputTokens: together(a.inputTokens, b.inputTokens),
      outputTokens: together(a.outputTokens, b.outputTokens),
    },
    features: [...train.features, ...validation.features],
  };
}

interface Fold {
  readonly places: readonly number[];
  readonly rest: readonly number[];
}

function foldsOf(count: number, folds: number, seed: number): Fold[] {
  const order = shuffle(
    Array.from({ length: count }, (_none, index) => index),
    createRandom(seed),
  );
  return Array.from({ length: folds }, (_none, fold) => ({
    places: order.filter((_place, index) => index % folds === fold),
    rest: order.filter((_place, index) => index % folds !== fold),
  }));
}

const meanScore =
  (scorers: readonly Scorer[]): Scorer =>
  (features) => {
    const sum = scorers[0]!(features).slice();
    for (const scorer of scorers.slice(1)) {
      const own = scorer(features);
      for (let at = 0; at < sum.length; at++) sum[at] = (sum[at] as number) + (own[at] as number);
    }
    for (let at = 0; at < sum.length; at++) sum[at] = (sum[at] as number) / scorers.length;
    return sum;
  };

/** Predictions for every question by learners that did not see it, and how long those learnt. */
function outOfFold(set: TrainingSet, run: TrainingRun, folds: number) {
  const width = set.outcomes.models.length;
  const predicted: Float64Array[] = [];
  const epochs = parts.map(() => 0);
  foldsOf(set.features.length, folds, run.seed).forEach(({ places, rest }, fold) => {
    const train = subset(set, rest);
    const validation = subset(set, places);
    const scorers = parts.map((learner, index) => {
      const learnt = learner.train({ train, validation, seed: run.seed + fold }, learner.options.parse({}));
      epochs[index] = (epochs[index] as number) + ((learnt.facts.epochs as number | undefined) ?? 0) / folds;
      return learner.restore(learnt, width).quality;
    });
    const score = meanScore(scorers);
    places.forEach((place, index) => {
      predicted[place] = score(validation.features[index] as TrainingSet['features'][number]);
    });
    run.onProgress?.({ step: `fold ${fold + 1} of ${folds}`, share: (fold + 1) / (folds + 1) });
  });
  return { predicted, epochs };
}

/** Quality of staying with `best` unless another is better by the margin, question by question. */
function picks(set: TrainingSet, predicted: readonly Float64Array[], best: number, margin: number): Float64Array {
  const width = set.outcomes.models.length;
  return Float64Array.from(predicted, (scores, row) => {
    const loyal = scores.slice();
    loyal[best] = (loyal[best] as number) + margin;
    const quality = set.outcomes.quality[row * width + argmax(loyal)] as number;
    return Number.isNaN(quality) ? (set.outcomes.quality[row * width + best] as number) : quality;
  });
}

/** The margin that did best; the largest of those that hardly differ, and `never` where none beat staying. */
function chooseMargin(set: TrainingSet, predicted: readonly Float64Array[], best: number): number {
  const stayed = picks(set, predicted, best, never);
  let chosen = never;
  let highest = 0;
  for (const margin of margins) {
    const lifts = picks(set, predicted, best, margin).map((value, row) => value - (stayed[row] as number));
    const known = lifts.filter((lift) => !Number.isNaN(lift));
    const mean = known.reduce((sum, lift) => sum + lift, 0) / Math.max(1, known.length);
    const spread = Math.sqrt(known.reduce((sum, lift) => sum + (lift - mean) ** 2, 0)) / Math.max(1, known.length);
    // Half a standard error is asked for before anything is risked.
    if (mean > 0.5 * spread && mean >= highest) {
      highest = mean;
      chosen = margin;
    }
  }
  return chosen;
}

export const autoLearner: Learner<z.output<typeof options>> = {
  name: 'rutter-auto',
  options,
  train(run, { folds }): Learnt {
    const set = joined(run);
    const best = argmax(meansByModel(set.outcomes.quality, set.outcomes.models.length));
    const { predicted, epochs } = outOfFold(set, run, folds);
    const margin = chooseMargin(set, predicted, best);
    const costs = [...meansByModel(set.outcomes.cost, set.outcomes.models.length)].filter((cost) => cost > 0);
    const facts: Record<string, unknown> = { best, margin, costUnit: costs.length > 0 ? Math.max(...costs) : 1 };
    const blocks: Record<string, Float32Array> = {};
    parts.forEach((learner, index) => {
      const passes = Math.round(epochs[index] as number);
      const settings = passes > 0 ? { epochs: passes, patience: 1_000 } : {};
      // All outcomes are learnt from; the set itself stands in for what is kept aside, and nothing stops early.
      const learnt = learner.train(
        { train: set, validation: subset(set, [0]), seed: run.seed },
        learner.options.parse(settings),
      );
      facts[learner.name] = learnt.facts;
      Object.assign(blocks, learnt.blocks);
    });
    const cost = learnCost(set);
    if (cost) blocks['cost.weights'] = cost;
    run.onProgress?.({ step: 'all outcomes', share: 1 });
    return { facts, blocks };
  },
  restore({ facts, blocks }, models): Predictor {
    const scorers = parts.map(
      (learner) => learner.restore({ facts: facts[learner.name] as Learnt['facts'], blocks }, models).quality,
    );
    const cost = blocks['cost.weights'];
    return {
      quality: meanScore(scorers),
      ...(cost ? { cost: costScorer(cost, models) } : {}),
      preferred: { model: facts.best as number, margin: facts.margin as number },
    };
  },
};
