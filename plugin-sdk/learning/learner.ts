/** What a learner is: it learns from outcomes, and scores new questions. */
import type { z } from 'zod';
import type { Network } from '../numerics/mlp.ts';
import type { Learnt } from './artefact.ts';
import type { Features } from './features.ts';
import type { Outcomes } from './outcomes.ts';

export interface TrainingSet {
  readonly outcomes: Outcomes;
  /** One a question, in the same order. */
  readonly features: readonly Features[];
}

export interface TrainingRun {
  /** What is learnt from. */
  readonly train: TrainingSet;
  /** Kept aside: tells when to stop and how far to trust. */
  readonly validation: TrainingSet;
  readonly seed: number;
  /** Told after each step. `share` is of the whole work, 0 to 1. */
  onProgress?(progress: { readonly step: string; readonly share: number; readonly loss?: number }): void;
}

/** Expected quality of each model for a question, 0 to 1 where it is calibrated; higher is better in any case. */
export type Scorer = (features: Features) => Float64Array;

/** What was learnt, ready to judge; models in the order of the training outcomes. */
export interface Predictor {
  readonly quality: Scorer;
  /** Expected USD of a call of each model; absent where outcomes told no cost. */
  readonly cost?: Scorer;
  /** The model to stay with unless another is better by `margin`. */
  readonly preferred?: { readonly model: number; readonly margin: number };
}

export interface Learner<O = unknown> {
  readonly name: string;
  readonly options: z.ZodType<O>;
  /** Whether its word against the best single model is to be taken only as far as that paid on questions it had not seen. */
  isGuarded?(options: O): boolean;
  train(run: TrainingRun, options: O): Learnt;
  restore(learnt: Learnt, models: number): Predictor;
  /** Whether what is kept aside is learnt from in the end: it then measures nothing. */
  readonly learnsFromAll?: boolean;
}

/** Layers from embedding and standardised traits, each times its scale, to logits. */
export interface LayeredNetwork {
  readonly scale: { readonly embedding: number; readonly traits: number };
  readonly layers: Network;
  /** Whether what lies between two layers is cut off below 0. */
  readonly isRectified: boolean;
}

/** Cross entropy of predictions on a set, missing outcomes left out; what early stopping watches. */
export function crossEntropy(set: TrainingSet, score: Scorer): number {
  const width = set.outcomes.models.length;
  let sum = 0;
  let count = 0;
  set.features.forEach((features, row) => {
    const predicted = score(features);
    for (let model = 0; model < width; model++) {
      const target = set.outcomes.quality[row * width + model] as number;
      if (Number.isNaN(target)) continue;
      const p = Math.min(1 - 1e-6, Math.max(1e-6, predicted[model] as number));
      sum -= target * Math.log(p) + (1 - target) * Math.log(1 - p);
      count++;
    }
  });
  return count === 0 ? 0 : sum / count;
}

/** Keeps the best of what is offered and says when nothing better has come for a while. */
export class EarlyStop<T> {
  best: T | undefined;
  lowest = Number.POSITIVE_INFINITY;
  /** When the best was offered, counted from 0. */
  at = -1;
  #offers = 0;
  #since = 0;
  readonly #patience: number;

  constructor(patience: number) {
    this.#patience = patience;
  }

  /** True when it is time to stop. */
  offer(loss: number, make: () => T): boolean {
    if (loss < this.lowest - 1e-5) {
      this.lowest = loss;
      this.best = make();
      this.at = this.#offers++;
      this.#since = 0;
      return false;
    }
    this.#offers++;
    return ++this.#since >= this.#patience;
  }
}
