/**
 * The best value among models that are good enough: of those not much worse
 * than the best single model is expected to be, those nobody beats in both
 * quality and cost, and of them the best `(1 − w) × quality + w × (1 − cost)`.
 *
 * "Not much" is the most that kept the quality of the best single model on
 * questions the learner had not seen.
 */
import { z } from 'zod';
import { argmax } from '../../numerics/vectors.ts';
import { unseenScores } from '../guard.ts';
import type { Learner, TrainingSet } from '../learner.ts';
import { meansByModel } from '../outcomes.ts';
import { linearLearner } from './linear.ts';

const options = z.strictObject({
  cost_weight: z.number().min(0).max(1).default(0.7).describe('What cost weighs beside quality.'),
  slack: z
    .number()
    .min(-1)
    .max(1)
    .optional()
    .describe(
      'How far below the best single model one may be expected to be. Without it: the most that costs nothing.',
    ),
});

export interface Valued {
  /** Expected quality, 0 to 1. */
  readonly quality: number;
  /** 0 the cheapest to 1 the dearest. */
  readonly cost: number;
}

/** Nobody else is at least as good and as cheap, and better in one of them. */
export const isOnFront = (own: Valued, all: readonly Valued[]): boolean =>
  !all.some(
    (other) =>
      other.quality >= own.quality && other.cost <= own.cost && (other.quality > own.quality || other.cost < own.cost),
  );

export const worthOf = ({ quality, cost }: Valued, costWeight: number): number =>
  (1 - costWeight) * quality + costWeight * (1 - cost);

interface Rule {
  readonly best: number;
  readonly slack: number;
  readonly costWeight: number;
  readonly costs: readonly number[];
}

/** Scores from 0 to 1 that order models by the rule: worth choosing, then good enough, then the others. */
export function valued(quality: Float64Array, { best, slack, costWeight, costs }: Rule): Float64Array {
  const least = (quality[best] as number) - slack;
  const good = [...quality.keys()].filter((model) => model === best || (quality[model] as number) >= least);
  const all = good.map((model): Valued => ({ quality: quality[model] as number, cost: costs[model] as number }));
  const out = quality.map((own) => (0.99 * own) / 3);
  good.forEach((model, at) => {
    const own = all[at] as Valued;
    out[model] = ((isOnFront(own, all) ? 2 : 1) + 0.99 * worthOf(own, costWeight)) / 3;
  });
  return out;
}

/** Usual cost of each model between the cheapest and the dearest; 0 for all where none is known. */
function costsOf({ outcomes }: TrainingSet): number[] {
  const means = [...meansByModel(outcomes.cost, outcomes.models.length)];
  const known = means.filter((mean) => !Number.isNaN(mean));
  const [low, high] = [Math.min(...known), Math.max(...known)];
  return means.map((mean) =>
    known.length === 0 || high <= low ? 0 : Number.isNaN(mean) ? 1 : (mean - low) / (high - low),
  );
}

/** Below 0: another has to be expected to be better before it is looked at. */
const slacks = [-0.2, -0.1, -0.05, -0.02, 0, 0.01, 0.02, 0.05, 0.1, 0.2];
const nobody = -1;

function chosenSlack(set: TrainingSet, predicted: readonly Float64Array[], rule: Omit<Rule, 'slack'>): number {
  const width = set.outcomes.models.length;
  const lift = (slack: number) => {
    const gains = predicted.map((quality, row) => {
      const of = (model: number) => set.outcomes.quality[row * width + model] as number;
      const gain = of(argmax(valued(quality, { ...rule, slack }))) - of(rule.best);
      return Number.isNaN(gain) ? 0 : gain;
    });
    return gains.reduce((sum, gain) => sum + gain, 0);
  };
  return slacks.findLast((slack) => lift(slack) >= 0) ?? nobody;
}

export const valueLearner: Learner<z.output<typeof options>> = {
  name: 'llmrouter-cost-aware',
  options,
  train(run, { cost_weight: costWeight, slack }) {
    const models = run.train.outcomes.models.length;
    const settings = linearLearner.options.parse({}) as never;
    const { set, scores } = unseenScores(
      run,
      (part) => linearLearner.restore(linearLearner.train(part, settings), models).quality,
    );
    const rule = { best: argmax(meansByModel(set.outcomes.quality, models)), costWeight, costs: costsOf(set) };
    const { facts, blocks } = linearLearner.train(run, settings);
    return { facts: { ...facts, ...rule, slack: slack ?? chosenSlack(set, scores, rule) }, blocks };
  },
  restore(learnt, models) {
    const { quality } = linearLearner.restore(learnt, models);
    const rule = learnt.facts as unknown as Rule;
    return { quality: (features) => valued(quality(features), rule) };
  },
};
