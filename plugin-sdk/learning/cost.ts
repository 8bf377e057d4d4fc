/** Expected cost of a call: log USD, linear in embedding and traits, one line a model. */
import { fitRidge } from '../numerics/ridge.ts';
import { denseRow, denseRows, type Features } from './features.ts';
import type { Scorer, TrainingSet } from './learner.ts';
import { meansByModel, type Outcomes } from './outcomes.ts';

const scale = { embedding: 2, traits: 1 };
const penalty = 20;
const least = 1e-9;

/** What a call of the dearest model usually costs, in USD; 1 where no outcome tells a cost. */
export function costUnitOf({ cost, models }: Outcomes): number {
  const known = [...meansByModel(cost, models.length)].filter((one) => one > 0);
  return known.length > 0 ? Math.max(...known) : 1;
}

/** Undefined where no outcome tells a cost. */
export function learnCost({ features, outcomes }: TrainingSet): Float32Array | undefined {
  if (!outcomes.cost.some((cost) => cost > 0)) return undefined;
  const { values, width } = denseRows(features, scale);
  const logs = outcomes.cost.map((cost) => Math.log(Math.max(least, cost)));
  const { weights } = fitRidge(values, width, logs, outcomes.models.length, penalty);
  // The mean of a logarithm is below the logarithm of the mean: each model's line is lifted by what that takes.
  const score = costScorer(weights, outcomes.models.length);
  const predicted = new Float32Array(outcomes.cost.length);
  features.forEach((one, row) => {
    predicted.set(score(one), row * outcomes.models.length);
  });
  const wanted = meansByModel(outcomes.cost, outcomes.models.length);
  const found = meansByModel(predicted, outcomes.models.length);
  for (let model = 0; model < outcomes.models.length; model++) {
    const lift = Math.log(Math.max(least, wanted[model] as number) / Math.max(least, found[model] as number));
    const at = width * outcomes.models.length + model;
    weights[at] = (weights[at] as number) + (Number.isFinite(lift) ? lift : 0);
  }
  return weights;
}

export function costScorer(weights: Float32Array, outputs: number): Scorer {
  const width = weights.length / outputs - 1;
  return (features: Features) => {
    const row = denseRow(features, scale);
    const out = new Float64Array(outputs);
    // Input by input: the weights of one input lie together.
    for (let at = 0, from = 0; at <= width; at++, from += outputs) {
      const value = at === width ? 1 : (row[at] as number);
      for (let to = 0; to < outputs; to++) out[to] = (out[to] as number) + value * (weights[from + to] as number);
    }
    for (let to = 0; to < outputs; to++) out[to] = Math.exp(out[to] as number);
    return out;
  };
}
