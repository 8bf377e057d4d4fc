/** Parts of the outcomes, each to be judged by learners of the others. */
import { createRandom, shuffle } from '../numerics/random.ts';
import type { TrainingRun, TrainingSet } from './learner.ts';
import { pick } from './outcomes.ts';

export interface Fold {
  readonly places: readonly number[];
  readonly rest: readonly number[];
}

export const subset = ({ outcomes, features }: TrainingSet, places: readonly number[]): TrainingSet => ({
  outcomes: pick(outcomes, places),
  features: places.map((place) => features[place] as TrainingSet['features'][number]),
});

/** What is learnt from and what is kept aside, together again. */
export function joined({ train, validation }: TrainingRun): TrainingSet {
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

export function foldsOf(count: number, folds: number, seed: number): Fold[] {
  const order = shuffle(
    Array.from({ length: count }, (_none, index) => index),
    createRandom(seed),
  );
  return Array.from({ length: folds }, (_none, fold) => ({
    places: order.filter((_place, index) => index % folds === fold),
    rest: order.filter((_place, index) => index % folds !== fold),
  }));
}
