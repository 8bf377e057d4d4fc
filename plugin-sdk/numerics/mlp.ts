/** A network of dense layers with rectified hidden units and sigmoid outputs, trained on cross entropy by Adam. */
import { adam, moments } from './adam.ts';
import { createRandom, type Random, shuffle } from './random.ts';
import { sigmoid } from './vectors.ts';

export interface Layer {
  readonly inputs: number;
  readonly outputs: number;
  /** `outputs × inputs`. */
  readonly weights: Float32Array;
  readonly bias: Float32Array;
}

export type Network = readonly Layer[];

export interface MlpOptions {
  readonly seed: number;
  readonly hidden: readonly number[];
  readonly epochs: number;
  readonly batch: number;
  readonly rate: number;
  readonly decay: number;
  readonly dropout: number;
  /** One label a row instead of outputs by themselves: the cross entropy of a softmax. Targets sum to 1, or are NaN all. */
  readonly isOneOf?: boolean;
  /** After each epoch; true stops. */
  onEpoch?(network: Network, epoch: number): boolean;
}

/** Weights by Glorot and Bengio 2010, uniform. */
export function createNetwork(sizes: readonly number[], random: Random): Network {
  return sizes.slice(1).map((outputs, at) => {
    const inputs = sizes[at] as number;
    const limit = Math.sqrt(6 / (inputs + outputs));
    const weights = new Float32Array(inputs * outputs).map(() => (random() * 2 - 1) * limit);
    return { inputs, outputs, weights, bias: new Float32Array(outputs) };
  });
}

function forwardLayer({ inputs, outputs, weights, bias }: Layer, from: ArrayLike<number>, to: Float64Array): void {
  for (let unit = 0; unit < outputs; unit++) {
    let sum = bias[unit] as number;
    const row = unit * inputs;
    for (let at = 0; at < inputs; at++) sum += (weights[row + at] as number) * (from[at] as number);
    to[unit] = sum;
  }
}

/** Logits of one example. */
export function forward(network: Network, input: ArrayLike<number>): Float64Array {
  let from: ArrayLike<number> = input;
  let to = new Float64Array(0);
  network.forEach((layer, index) => {
    to = new Float64Array(layer.outputs);
    forwardLayer(layer, from, to);
    if (index < network.length - 1)
      for (let unit = 0; unit < to.length; unit++) if ((to[unit] as number) < 0) to[unit] = 0;
    from = to;
  });
  return to;
}

const sigmoids = (logits: Float64Array) => logits.map(sigmoid);

/** Chances that sum to 1. */
export function softmax(logits: Float64Array): Float64Array {
  const highest = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - highest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

export function trainMlp(
  inputs: Float32Array,
  width: number,
  targets: Float32Array,
  outputs: number,
  options: MlpOptions,
): Network {
  const random = createRandom(options.seed);
  const network = createNetwork([width, ...options.hidden, outputs], random);
  const state = network.map(({ weights, bias }) => ({ weights: moments(weights.length), bias: moments(bias.length) }));
  const rows = inputs.length / width;
  const order = Int32Array.from({ length: rows }, (_none, index) => index);
  const values = network.map(({ outputs: size }) => new Float64Array(size));
  const slopes = network.map(({ outputs: size }) => new Float64Array(size));
  const masks = network.map(({ outputs: size }) => new Float64Array(size));
  const last = network.length - 1;
  let step = 0;
  for (let epoch = 0; epoch < options.epochs; epoch++) {
    shuffle(order, random);
    for (let begin = 0; begin < rows; begin += options.batch) {
      const end = Math.min(rows, begin + options.batch);
      for (let place = begin; place < end; place++) {
        const row = order[place] as number;
        const input = inputs.subarray(row * width, (row + 1) * width);
        // Forward, with units left out at random and the rest scaled up.
        network.forEach((layer, index) => {
          const own = values[index] as Float64Array;
          forwardLayer(layer, index === 0 ? input : (values[index - 1] as Float64Array), own);
          if (index === last) return;
          const mask = masks[index] as Float64Array;
          for (let unit = 0; unit < own.length; unit++) {
            const isKept = (own[unit] as number) > 0 && (options.dropout === 0 || random() >= options.dropout);
            mask[unit] = isKept ? 1 / (1 - options.dropout) : 0;
            own[unit] = (own[unit] as number) * (mask[unit] as number);
          }
        });
        const out = slopes[last] as Float64Array;
        const chances = (options.isOneOf ? softmax : sigmoids)(values[last] as Float64Array);
        for (let unit = 0; unit < outputs; unit++) {
          const target = targets[row * outputs + unit] as number;
          out[unit] = Number.isNaN(target) ? 0 : ((chances[unit] as number) - target) / (end - begin);
        }
        for (let index = last; index >= 0; index--) {
          const layer = network[index] as Layer;
          const from = index === 0 ? input : (values[index - 1] as Float64Array);
          const slope = slopes[index] as Float64Array;
          const { weights: w, bias: b } = state[index] as (typeof state)[number];
          const below = index > 0 ? (slopes[index - 1] as Float64Array).fill(0) : undefined;
          for (let unit = 0; unit < layer.outputs; unit++) {
            const s = slope[unit] as number;
            if (s === 0) continue;
            b.gradient[unit] = (b.gradient[unit] as number) + s;
            const at = unit * layer.inputs;
            for (let i = 0; i < layer.inputs; i++) {
              w.gradient[at + i] = (w.gradient[at + i] as number) + s * (from[i] as number);
              if (below) below[i] = (below[i] as number) + s * (layer.weights[at + i] as number);
            }
          }
          if (below) {
            const mask = masks[index - 1] as Float64Array;
            for (let i = 0; i < below.length; i++) below[i] = (below[i] as number) * (mask[i] as number);
          }
        }
      }
      step++;
      network.forEach((layer, index) => {
        const own = state[index] as (typeof state)[number];
        adam(layer.weights, own.weights, step, options.rate, options.decay);
        adam(layer.bias, own.bias, step, options.rate, 0);
      });
    }
    if (options.onEpoch?.(network, epoch)) break;
  }
  return network;
}
