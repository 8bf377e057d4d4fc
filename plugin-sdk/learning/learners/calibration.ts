/** From scores that only order models to expected quality, on questions kept aside. */
import { fitPlatt, type Platt } from '../../numerics/platt.ts';
import { sigmoid } from '../../numerics/vectors.ts';
import type { Scorer, TrainingSet } from '../learner.ts';

const leastSlope = 1e-3;

/** One line for all models, so that their order stays what the scores say. */
export function calibrate({ features, outcomes }: TrainingSet, score: Scorer): Platt {
  const scores = features.flatMap((one) => [...score(one)]);
  const { slope, offset } = fitPlatt(scores, outcomes.quality);
  return { slope: Math.max(leastSlope, slope), offset };
}

export const calibrated =
  (score: Scorer, { slope, offset }: Platt): Scorer =>
  (features) =>
    score(features).map((one) => sigmoid(slope * one + offset));
