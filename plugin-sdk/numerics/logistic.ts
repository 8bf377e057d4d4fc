/**
 * Several logistic regressions over one set of inputs: one output a model,
 * targets between 0 and 1, missing ones left out.
 */
import type { Sparse } from '../learning/words.ts';
import { createRandom, shuffle } from './random.ts';
import { sigmoid } from './vectors.ts';

export interface LogisticInputs {
  /** Dense features, one row an example. */
  readonly dense: Float32Array;
  readonly width: number;
  readonly sparse: readonly Sparse[];
  /** Places a sparse feature may have. */
  readonly places: number;
}

export interface LogisticWeights {
  readonly outputs: number;
  readonly width: number;
  /** `width × outputs`. */
  readonly dense: Float32Array;
  /** `places × outputs`. */
  readonly sparse: Float32Array;
  readonly bias: Float32Array;
}

export interface LogisticOptions {
  readonly seed: number;
  readonly epochs: number;
  readonly rate: number;
  readonly decay: number;
  /** After each epoch; true stops. */
  onEpoch?(weights: LogisticWeights, epoch: number): boolean;
}

/** Logits of one example. */
export function logits(
  weights: LogisticWeights,
  dense: ArrayLike<number>,
  { places, values }: Sparse,
  out: Float64Array,
): Float64Array {
  const { outputs } = weights;
  for (let to = 0; to < outputs; to++) out[to] = weights.bias[to] as number;
  for (let at = 0; at < weights.width; at++) {
    const value = dense[at] as number;
    if (value === 0) continue;
    for (let to = 0, from = at * outputs; to < outputs; to++)
      out[to] = (out[to] as number) + value * (weights.dense[from + to] as number);
  }
  for (let at = 0; at < places.length; at++) {
    const value = values[at] as number;
    for (let to = 0, from = (places[at] as number) * outputs; to < outputs; to++)
      out[to] = (out[to] as number) + value * (weights.sparse[from + to] as number);
  }
  return out;
}

/** Stochastic descent on the cross entropy with a rate for each weight (AdaGrad, Duchi et al. 2011). */
export function trainLogistic(
  inputs: LogisticInputs,
  targets: Float32Array,
  outputs: number,
  options: LogisticOptions,
): LogisticWeights {
  const { dense, width, sparse, places } = inputs;
  const weights: LogisticWeights = {
    outputs,
    width,
    dense: new Float32Array(width * outputs),
    sparse: new Float32Array(places * outputs),
    bias: new Float32Array(outputs),
  };
  const seen = {
    dense: new Float32Array(width * outputs),
    sparse: new Float32Array(places * outputs),
    bias: new Float32Array(outputs),
  };
  const random = createRandom(options.seed);
  const order = Int32Array.from(sparse, (_none, index) => index);
  const z = new Float64Array(outputs);
  const slope = new Float64Array(outputs);
  const step = (block: Float32Array, squares: Float32Array, at: number, gradient: number) => {
    const full = gradient + options.decay * (block[at] as number);
    const square = (squares[at] as number) + full * full;
    squares[at] = square;
    block[at] = (block[at] as number) - (options.rate * full) / (Math.sqrt(square) + 1e-6);
  };
  for (let epoch = 0; epoch < options.epochs; epoch++) {
    shuffle(order, random);
    for (const row of order) {
      const features = sparse[row] as Sparse;
      const own = dense.subarray(row * width, (row + 1) * width);
      logits(weights, own, features, z);
      for (let to = 0; to < outputs; to++) {
        const target = targets[row * outputs + to] as number;
        slope[to] = Number.isNaN(target) ? 0 : sigmoid(z[to] as number) - target;
      }
      for (let to = 0; to < outputs; to++) step(weights.bias, seen.bias, to, slope[to] as number);
      for (let at = 0; at < width; at++) {
        const value = own[at] as number;
        if (value === 0) continue;
        for (let to = 0; to < outputs; to++)
          step(weights.dense, seen.dense, at * outputs + to, value * (slope[to] as number));
      }
      for (let at = 0; at < features.places.length; at++) {
        const value = features.values[at] as number;
        const from = (features.places[at] as number) * outputs;
        for (let to = 0; to < outputs; to++)
          step(weights.sparse, seen.sparse, from + to, value * (slope[to] as number));
      }
    }
    if (options.onEpoch?.(weights, epoch)) break;
  }
  return weights;
}
