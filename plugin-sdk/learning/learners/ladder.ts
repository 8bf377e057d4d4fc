/**
 * A ladder of models, cheapest first: the first that is expected to do as well
 * as the last answers (Hybrid LLM, Ding et al. 2024, arXiv:2404.14618, beyond
 * its two models; LLMRouter's `hybrid_llm`). The threshold is kept with it.
 */
import { z } from 'zod';
import { RutterError } from '../../contract/errors.ts';
import { argmax, sigmoid } from '../../numerics/vectors.ts';
import type { Learner, Scorer, TrainingSet } from '../learner.ts';
import { meansByModel, type Outcomes } from '../outcomes.ts';
import { networkLearner } from './network.ts';

const options = z.strictObject({
  ladder: z
    .array(z.string())
    .min(2)
    .optional()
    .describe(
      'Models, the cheapest first. Without it: the cheapest (the weakest where no cost is known) and the best.',
    ),
  router_mode: z
    .enum(['deterministic', 'probabilistic', 'transformed'])
    .default('probabilistic')
    .describe(
      'What is learnt of the gap to the last model: its sign, how likely it is small, or its sign after a shift.',
    ),
  router_tau: z.number().positive().default(0.1).describe('Width of the probabilistic gap.'),
  router_threshold: z.number().min(0).max(1).optional().describe('Chance from which a smaller model answers.'),
  strong_share: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('Share of questions for the last model, where no threshold is given; read off the questions kept aside.'),
});
type Options = z.output<typeof options>;

function rungsOf(outcomes: Outcomes, named: readonly string[] | undefined): number[] {
  const { models } = outcomes;
  if (models.length < 2)
    throw new RutterError('ERR_CONFIG_INVALID', `A ladder needs two models; the outcomes have ${models.join(', ')}.`);
  if (named)
    return named.map((model) => {
      const place = models.indexOf(model);
      if (place >= 0) return place;
      throw new RutterError('ERR_CONFIG_INVALID', `ladder names ${model}; expected of ${models.join(', ')}.`);
    });
  const quality = meansByModel(outcomes.quality, models.length);
  const cost = meansByModel(outcomes.cost, models.length);
  const largest = argmax(quality);
  const dearness = cost.some((one) => one > 0) ? cost : quality;
  return [argmax(dearness.map((value, at) => (at === largest ? Number.NEGATIVE_INFINITY : -value))), largest];
}

/** The shift t at which the signs of gap + t differ most often from each other. */
function bestShift(gaps: readonly number[]): number {
  const widest = Math.max(...gaps.map(Math.abs));
  let [best, highest] = [0, -1];
  for (let step = 0; step < 50; step++) {
    const shift = (step / 49) * widest;
    const share = gaps.filter((gap) => gap >= -shift).length / gaps.length;
    if (2 * share * (1 - share) <= highest) continue;
    highest = 2 * share * (1 - share);
    best = shift;
  }
  return best;
}

/** For each rung but the last, how well it does beside the last. */
function targetsOf(set: TrainingSet, rungs: readonly number[], { router_mode, router_tau }: Options): TrainingSet {
  const { models, quality } = set.outcomes;
  const at = (row: number, rung: number) => quality[row * models.length + (rungs[rung] as number)] as number;
  const lower = rungs.slice(0, -1);
  const gaps = lower.map((_model, rung) =>
    set.features.map((_features, row) => at(row, rung) - at(row, rungs.length - 1)),
  );
  const shifts = gaps.map((own) =>
    router_mode === 'transformed' ? bestShift(own.filter((gap) => !Number.isNaN(gap))) : 0,
  );
  const targets = new Float32Array(set.features.length * lower.length);
  gaps.forEach((own, rung) => {
    own.forEach((gap, row) => {
      const isAsGood = gap >= -(shifts[rung] as number) ? 1 : 0;
      const target = router_mode === 'probabilistic' ? sigmoid(gap / router_tau) : isAsGood;
      targets[row * lower.length + rung] = Number.isNaN(gap) ? Number.NaN : target;
    });
  });
  const names = lower.map((model) => models[model] as string);
  return { ...set, outcomes: { ...set.outcomes, models: names, quality: targets } };
}

/** The threshold above which all but `share` of the questions have a rung. */
function thresholdFor(set: TrainingSet, score: Scorer, share: number): number {
  const highest = set.features.map((features) => Math.max(...score(features))).sort((a, b) => a - b);
  const place = Math.round(share * highest.length);
  if (place <= 0) return 0;
  return place >= highest.length ? 1 : (highest[place] as number);
}

export const ladderLearner: Learner<Options> = {
  name: 'llmrouter-hybrid',
  options,
  train(run, settings) {
    const rungs = rungsOf(run.train.outcomes, settings.ladder);
    const learnt = networkLearner.train(
      { ...run, train: targetsOf(run.train, rungs, settings), validation: targetsOf(run.validation, rungs, settings) },
      networkLearner.options.parse({}) as never,
    );
    const { quality } = networkLearner.restore(learnt, rungs.length - 1);
    const threshold = settings.router_threshold ?? thresholdFor(run.validation, quality, settings.strong_share);
    return {
      facts: { ...learnt.facts, rungs, threshold },
      blocks: { ...learnt.blocks },
    };
  },
  restore(learnt, models) {
    const { rungs, threshold } = learnt.facts as { rungs: readonly number[]; threshold: number };
    const scorer = networkLearner.restore(learnt, rungs.length - 1).quality;
    return {
      quality: (features) => climbed(scorer(features), { rungs, threshold, models }),
    };
  },
};

/** The last rung stands at the threshold; the first rung above it leads, by how far it is above. Off the ladder: 0. */
function climbed(
  chances: Float64Array,
  { rungs, threshold, models }: { rungs: readonly number[]; threshold: number; models: number },
): Float64Array {
  const out = new Float64Array(models);
  const own = Math.max(threshold, 1e-6);
  out[rungs.at(-1) as number] = own;
  let lead: number | undefined;
  chances.forEach((chance, rung) => {
    const isEnough = chance >= threshold;
    // A later rung may be surer, but the cheaper one is sure enough: later ones only come before the last.
    if (isEnough) lead = lead === undefined ? Math.max(chance - own, 1e-6) : lead / 2;
    out[rungs[rung] as number] = isEnough ? own + (lead as number) : chance;
  });
  return out;
}
