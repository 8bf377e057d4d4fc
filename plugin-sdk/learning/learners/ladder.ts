/**
 * A ladder of models, cheapest first: the first that is expected to do as well
 * as the last answers (Hybrid LLM, Ding et al. 2024, arXiv:2404.14618, beyond
 * its two models; LLMRouter's `hybrid_llm`). The threshold is kept with it.
 */
import { z } from 'zod';
import { RutterError } from '../../contract/errors.ts';
import { argmax, sigmoid } from '../../numerics/vectors.ts';
import type { Learnt } from '../artefact.ts';
import { unseenScores } from '../guard.ts';
import { upstreamOption } from '../labels.ts';
import type { Learner, Scorer, TrainingRun, TrainingSet } from '../learner.ts';
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
    .optional()
    .describe(
      'Share of questions for the last model, where no threshold is given; read off the questions kept aside. Without either: the smallest share that keeps the quality of the last model on questions not seen.',
    ),
  upstream: upstreamOption,
});
type Options = z.output<typeof options>;

export function rungsOf(outcomes: Outcomes, named: readonly string[] | undefined): number[] {
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

/**
 * The threshold that gives the last rung the fewest questions while the answers of all are as good on the whole as
 * its own, and as they can be but for a standard error; 1, which nobody reaches, where there is none.
 */
export function keepingThreshold(
  { outcomes }: TrainingSet,
  chances: readonly Float64Array[],
  rungs: readonly number[],
): number {
  const width = outcomes.models.length;
  const qualityOf = (row: number, rung: number) => outcomes.quality[row * width + (rungs[rung] as number)] as number;
  const last = rungs.length - 1;
  const sorted = chances.map((own) => Math.max(...own)).sort((a, b) => b - a);
  const tried = Array.from({ length: 100 }, (_none, step) => {
    const place = Math.ceil(((step + 1) / 100) * sorted.length) - 1;
    const threshold = sorted[Math.max(0, place)] as number;
    let [lift, squares] = [0, 0];
    chances.forEach((own, row) => {
      const rung = own.findIndex((chance) => chance >= threshold);
      const gain = rung < 0 ? 0 : qualityOf(row, rung) - qualityOf(row, last);
      if (Number.isNaN(gain)) return;
      lift += gain;
      squares += gain * gain;
    });
    return { threshold, lift, spread: Math.sqrt(squares) };
  });
  const best = tried.reduce((a, b) => (b.lift > a.lift ? b : a));
  return tried.findLast(({ lift }) => lift >= Math.max(0, best.lift - best.spread))?.threshold ?? 1;
}

const upstreamThreshold = 0.5;

/** How a network learns what each rung but the last is worth. */
export type RungScorer = (run: TrainingRun) => { readonly learnt: Learnt; readonly quality: Scorer };

/** Told, or read off a share, or such that nothing is lost. */
export function chosenThreshold(
  run: TrainingRun,
  rungs: readonly number[],
  { learn, share }: { readonly learn: RungScorer; readonly share: number | undefined },
): number {
  if (share !== undefined) return thresholdFor(run.validation, learn(run).quality, share);
  const { set, scores } = unseenScores(run, (part) => learn(part).quality);
  return keepingThreshold(set, scores, rungs);
}

export const ladderLearner: Learner<Options> = {
  name: 'llmrouter-hybrid',
  options,
  train(run, settings) {
    const rungs = rungsOf(run.train.outcomes, settings.ladder);
    const learn: RungScorer = (part) => {
      const targets = (set: TrainingSet) => targetsOf(set, rungs, settings);
      const learnt = networkLearner.train(
        { ...part, train: targets(part.train), validation: targets(part.validation) },
        networkLearner.options.parse({}) as never,
      );
      return { learnt, quality: networkLearner.restore(learnt, rungs.length - 1).quality };
    };
    const told = settings.router_threshold ?? (settings.upstream === 'faithful' ? upstreamThreshold : undefined);
    const threshold = told ?? chosenThreshold(run, rungs, { learn, share: settings.strong_share });
    const { learnt } = learn(run);
    return { facts: { ...learnt.facts, rungs, threshold }, blocks: learnt.blocks };
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
export function climbed(
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
