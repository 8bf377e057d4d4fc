/** From outcomes to an artefact, by any learner. */
import { createRandom, shuffle } from '../numerics/random.ts';
import { argmax } from '../numerics/vectors.ts';
import { type Artefact, type Learnt, writeArtefact } from './artefact.ts';
import { costScorer, costUnitOf, learnCost } from './cost.ts';
import { rankModels } from './decide.ts';
import { type FeatureSpace, inSpace, learnSpace, type RawFeatures } from './features.ts';
import { preferenceOf } from './guard.ts';
import type { Learner, Predictor, TrainingRun, TrainingSet } from './learner.ts';
import { meansByModel, type Outcomes, pick } from './outcomes.ts';

export interface TrainOptions {
  readonly seed: number;
  /** Share of the questions kept aside. */
  readonly validationShare: number;
  /** Version of the embedder the raw features come from. */
  readonly embedder: string;
  readonly dataHash: string;
  /** Options of the learner; checked by its schema. */
  readonly settings?: unknown;
  readonly onProgress?: TrainingRun['onProgress'];
}

const setOf = (
  outcomes: Outcomes,
  raw: readonly RawFeatures[],
  space: FeatureSpace,
  places: Int32Array,
): TrainingSet => ({
  outcomes: pick(outcomes, places),
  features: Array.from(places, (place) => inSpace(space, raw[place] as RawFeatures)),
});

/** From fewer questions nothing can be told of whom to trust. */
const leastGuarded = 30;

/** The same seed and outcomes give the same bytes. */
export function trainArtefact(
  learner: Learner,
  outcomes: Outcomes,
  raw: readonly RawFeatures[],
  options: TrainOptions,
): Buffer {
  const order = shuffle(
    Int32Array.from(outcomes.questions, (_none, index) => index),
    createRandom(options.seed),
  );
  const kept = Math.max(1, Math.round(order.length * options.validationShare));
  const space = learnSpace(options.embedder, raw);
  const run: TrainingRun = {
    train: setOf(outcomes, raw, space, order.subarray(kept)),
    validation: setOf(outcomes, raw, space, order.subarray(0, kept)),
    seed: options.seed,
    ...(options.onProgress ? { onProgress: options.onProgress } : {}),
  };
  const settings = learner.options.parse(options.settings ?? {});
  const { facts, blocks } = learner.train(run, settings);
  const isGuarded =
    outcomes.models.length > 1 && outcomes.questions.length >= leastGuarded && learner.isGuarded?.(settings);
  const guard = isGuarded ? { preferred: preferenceOf(learner, run, settings) } : {};
  const learnt = withCost({ facts: { ...facts, ...guard }, blocks }, setOf(outcomes, raw, space, order));
  const means = meansByModel(outcomes.quality, outcomes.models.length);
  const metrics = {
    ...{ questions: outcomes.questions.length, bestSingle: means[argmax(means)] as number },
    ...(learner.learnsFromAll ? {} : keptAside(run.validation, learner.restore(learnt, outcomes.models.length))),
  };
  return writeArtefact(
    { strategy: learner.name, models: outcomes.models, metrics, dataHash: options.dataHash },
    space,
    learnt,
  );
}

/** How the choices do on the questions that were kept aside; those told when to stop, so a little too well. */
function keptAside({ outcomes, features }: TrainingSet, predictor: Predictor): Record<string, number> {
  const width = outcomes.models.length;
  const usual = meansByModel(outcomes.quality, width);
  const single = argmax(usual);
  let [chosen, stayed] = [0, 0];
  features.forEach((one, row) => {
    const { model } = rankModels(predictor, one, { costWeight: 0, costUnit: 1 })[0] as { readonly model: number };
    const at = (column: number) => {
      const value = outcomes.quality[row * width + column] as number;
      return Number.isNaN(value) ? (usual[column] as number) : value;
    };
    chosen += at(model);
    stayed += at(single);
  });
  const count = features.length;
  return { keptAside: count, keptAsideQuality: chosen / count, keptAsideBestSingle: stayed / count };
}

/** What a call costs is learnt alike whatever quality is learnt by. */
function withCost({ facts, blocks }: Learnt, set: TrainingSet): Learnt {
  const cost = learnCost(set);
  if (!cost) return { facts, blocks };
  return { facts: { ...facts, costUnit: costUnitOf(set.outcomes) }, blocks: { ...blocks, 'cost.weights': cost } };
}

/** What an artefact knows, ready to judge; the learner must be the one that wrote it. */
export function restorePredictor(
  learner: Pick<Learner, 'restore'>,
  { header, learnt }: Pick<Artefact, 'header' | 'learnt'>,
): { readonly predictor: Predictor; readonly costUnit: number } {
  const models = header.models.length;
  const cost = learnt.blocks['cost.weights'];
  const preferred = header.facts.preferred as Predictor['preferred'];
  return {
    predictor: {
      ...(preferred ? { preferred } : {}),
      ...learner.restore(learnt, models),
      ...(cost ? { cost: costScorer(cost, models) } : {}),
    },
    costUnit: (header.facts.costUnit as number | undefined) ?? 1,
  };
}
