/**
 * Rutter's own router: four unlike learners blended, a margin before the best
 * single model is left, and the expected cost of each call.
 *
 * Blend, margin and lengths of training come from folds of the training
 * outcomes: each question is judged by learners that have not seen it. Where
 * leaving the best single model did not pay there, it is never left.
 */
import { z } from 'zod';
import { argmax } from '../../numerics/vectors.ts';
import type { Learnt } from '../artefact.ts';
import { costScorer, costUnitOf, learnCost } from '../cost.ts';
import type { Features } from '../features.ts';
import { foldsOf, joined, subset } from '../folds.ts';
import { kindsBlock } from '../kinds.ts';
import type { Learner, Predictor, Scorer, TrainingRun, TrainingSet } from '../learner.ts';
import { meansByModel } from '../outcomes.ts';
import { blend, logitOf } from './blend.ts';
import { chooseMargin, chooseShare } from './choose.ts';
import { kindsLearner } from './kinds.ts';
import { linearLearner } from './linear.ts';
import { neighboursLearner } from './neighbours.ts';
import { networkLearner } from './network.ts';

interface Part {
  readonly learner: Learner;
  /** How often it is trained, each time from another seed; the mean of them counts. */
  readonly bag: number;
}

/** The steadiest first. */
const parts = [
  { learner: kindsLearner, bag: 1 },
  { learner: linearLearner, bag: 1 },
  { learner: networkLearner, bag: 3 },
  { learner: neighboursLearner, bag: 1 },
] as unknown as readonly Part[];

const options = z.strictObject({
  folds: z.int().min(2).max(10).default(4).describe('Parts of the questions, each judged by learners of the others.'),
});

/** Logits of one part: the mean over its bag. */
function logitsOf(scorers: readonly Scorer[], features: Features): Float64Array {
  const all = scorers.map((scorer) => scorer(features));
  return (all[0] as Float64Array).map(
    (_none, model) => all.reduce((sum, own) => sum + logitOf(own[model] as number), 0) / all.length,
  );
}

type BagRun = Pick<TrainingRun, 'train' | 'validation' | 'seed'> & { readonly passes?: number };

function trainBag({ learner, bag }: Part, { passes = 0, ...run }: BagRun): Learnt[] {
  // Told how long: nothing stops early then.
  const settings = learner.options.parse(passes > 0 ? { epochs: passes, patience: 1_000 } : {});
  return Array.from({ length: bag }, (_none, at) => learner.train({ ...run, seed: run.seed + 1_000 * at }, settings));
}

/** Logits for every question by learners that did not see it, and how long those learnt. */
function outOfFold(set: TrainingSet, run: TrainingRun, folds: number) {
  const width = set.outcomes.models.length;
  const logits: Float64Array[][] = [];
  const passes = parts.map(() => 0);
  foldsOf(set.features.length, folds, run.seed).forEach(({ places, rest }, fold) => {
    // When to stop is told by others than those that are judged: those would look easier than they are.
    const kept = Math.max(1, Math.round(rest.length / 8));
    const [train, validation] = [subset(set, rest.slice(kept)), subset(set, rest.slice(0, kept))];
    const scorers = parts.map((part, index) => {
      const learnt = trainBag(part, { train, validation, seed: run.seed + fold });
      for (const { facts } of learnt)
        passes[index] = (passes[index] as number) + ((facts.stoppedAt as number | undefined) ?? 0) / folds / part.bag;
      return learnt.map((one) => part.learner.restore(one, width).quality);
    });
    places.forEach((place) => {
      const features = set.features[place] as Features;
      logits[place] = scorers.map((bag) => logitsOf(bag, features));
    });
    run.onProgress?.({ step: `fold ${fold + 1} of ${folds}`, share: (fold + 1) / (folds + 1) });
  });
  return { logits, passes: passes.map(Math.round) };
}

/** Blocks of all learners in one, each by its part and place in the bag. */
function packed(learnt: readonly (readonly Learnt[])[]) {
  const blocks: Record<string, Float32Array> = {};
  const facts = learnt.map((bag, part) =>
    bag.map((one, at) => {
      for (const [name, values] of Object.entries(one.blocks)) blocks[`${part}.${at}.${name}`] = values;
      return one.facts;
    }),
  );
  return { facts, blocks };
}

function unpacked({ facts, blocks }: Learnt, models: number): Scorer[][] {
  const known = facts.parts as readonly (readonly Learnt['facts'][])[];
  return parts.map(({ learner }, part) =>
    (known[part] ?? []).map((own, at) => {
      const prefix = `${part}.${at}.`;
      const mine = Object.entries(blocks).flatMap(([name, values]) =>
        name.startsWith(prefix) ? [[name.slice(prefix.length), values] as const] : [],
      );
      return learner.restore({ facts: own, blocks: Object.fromEntries(mine) }, models).quality;
    }),
  );
}

export const autoLearner: Learner<z.output<typeof options>> = {
  name: 'rutter-auto',
  options,
  learnsFromAll: true,
  train(run, { folds }): Learnt {
    const set = joined(run);
    const models = set.outcomes.models.length;
    const best = argmax(meansByModel(set.outcomes.quality, models));
    const weights = learnCost(set);
    const { logits, passes } = outOfFold(set, run, folds);
    const unseen = { set, logits, cost: weights && costScorer(weights, models), costUnit: costUnitOf(set.outcomes) };
    const share = chooseShare(unseen);
    const margin = chooseMargin(unseen, best, share);
    // All outcomes are learnt from; one of them stands in for what is kept aside.
    const all = { train: set, validation: subset(set, [0]), seed: run.seed };
    const { facts, blocks } = packed(
      parts.map((part, index) => trainBag(part, { ...all, passes: passes[index] as number })),
    );
    run.onProgress?.({ step: 'all outcomes', share: 1 });
    const kinds = kindsBlock(set, run.seed);
    return {
      facts: { best, share, margin, parts: facts, ...kinds.facts },
      blocks: { ...blocks, ...kinds.blocks },
    };
  },
  restore(learnt, models): Predictor {
    const { best, share, margin } = learnt.facts as { best: number; share: number; margin: number };
    const scorers = unpacked(learnt, models);
    return {
      quality: (features) =>
        blend(
          scorers.map((bag) => logitsOf(bag, features)),
          share,
        ),
      preferred: { model: best, margin },
    };
  },
};
