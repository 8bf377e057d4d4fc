/**
 * How hard a question is for a small model, and a threshold above which a
 * large one answers (LLMRouter's `thresholdrouter`).
 */
import { z } from 'zod';
import { upstreamOption } from '../labels.ts';
import type { Learner, TrainingSet } from '../learner.ts';
import { chosenThreshold, climbed, type RungScorer, rungsOf } from './ladder.ts';
import { networkLearner } from './network.ts';

const options = z.strictObject({
  small_model: z.string().optional().describe('Who answers easy questions; the cheapest model when absent.'),
  large_model: z.string().optional().describe('Who answers hard ones; the best model when absent.'),
  threshold: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe('Difficulty from which the large model answers. Without it: the highest that keeps its quality.'),
  hidden_dims: z.array(z.int().min(1).max(4096)).max(4).default([128, 64]).describe('Units of each hidden layer.'),
  dropout: z.number().min(0).max(0.9).default(0.1).describe('Share of hidden units left out of each step.'),
  upstream: upstreamOption,
});
type Options = z.output<typeof options>;

const upstreamThreshold = 0.5;

/** LLMRouter takes the first and the last candidate; ours are told, or the cheapest and the best. */
function pairOf({ outcomes }: TrainingSet, { small_model, large_model, upstream }: Options): readonly [number, number] {
  const { models } = outcomes;
  const usual = upstream === 'faithful' ? [0, models.length - 1] : rungsOf(outcomes, undefined);
  const named = [small_model ?? models[usual[0] as number], large_model ?? models[usual[1] as number]] as string[];
  return rungsOf(outcomes, named) as [number, number];
}

/** What is learnt: how well the small model does, whose complement is the difficulty. */
function ofSmall(set: TrainingSet, small: number): TrainingSet {
  const { models, quality } = set.outcomes;
  const own = Float32Array.from(set.features, (_features, row) => quality[row * models.length + small] as number);
  return { ...set, outcomes: { ...set.outcomes, models: [models[small] as string], quality: own } };
}

export const difficultyLearner: Learner<Options> = {
  name: 'threshold',
  options,
  train(run, settings) {
    const rungs = pairOf(run.train, settings);
    const learn: RungScorer = (part) => {
      const learnt = networkLearner.train(
        { ...part, train: ofSmall(part.train, rungs[0]), validation: ofSmall(part.validation, rungs[0]) },
        networkLearner.options.parse({ hidden: settings.hidden_dims, dropout: settings.dropout }) as never,
      );
      return { learnt, quality: networkLearner.restore(learnt, 1).quality };
    };
    const told = settings.threshold ?? (settings.upstream === 'faithful' ? upstreamThreshold : undefined);
    // Kept as the chance that the small model suffices, which is what the net says.
    const threshold = told === undefined ? chosenThreshold(run, rungs, { learn, share: undefined }) : 1 - told;
    const { learnt } = learn(run);
    return { facts: { ...learnt.facts, rungs, threshold, difficulty: 1 - threshold }, blocks: learnt.blocks };
  },
  restore(learnt, models) {
    const { rungs, threshold } = learnt.facts as { rungs: readonly number[]; threshold: number };
    const scorer = networkLearner.restore(learnt, 1).quality;
    return { quality: (features) => climbed(scorer(features), { rungs, threshold, models }) };
  },
};
