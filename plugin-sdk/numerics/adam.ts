/** Adam (Kingma and Ba 2015) with decoupled decay; β 0.9 and 0.999, ε 1e-8. */
import { createRandom, type Random, shuffle } from './random.ts';

export interface Moments {
  /** Filled by whoever differentiates; empty again after a step. */
  readonly gradient: Float64Array;
  readonly first: Float64Array;
  readonly second: Float64Array;
}

export const moments = (size: number): Moments => ({
  gradient: new Float64Array(size),
  first: new Float64Array(size),
  second: new Float64Array(size),
});

/** One step, the first of them numbered 1. */
export function adam(values: Float32Array, m: Moments, step: number, rate: number, decay: number): void {
  const first = 1 - 0.9 ** step;
  const second = 1 - 0.999 ** step;
  for (let at = 0; at < values.length; at++) {
    const gradient = m.gradient[at] as number;
    m.first[at] = 0.9 * (m.first[at] as number) + 0.1 * gradient;
    m.second[at] = 0.999 * (m.second[at] as number) + 0.001 * gradient * gradient;
    const move = (m.first[at] as number) / first / (Math.sqrt((m.second[at] as number) / second) + 1e-8);
    values[at] = (values[at] as number) - rate * (move + decay * (values[at] as number));
    m.gradient[at] = 0;
  }
}

export interface DescentOptions {
  readonly seed: number;
  readonly examples: number;
  readonly epochs: number;
  readonly batch: number;
  readonly rate: number;
  readonly decay: number;
  /** Adds one example's gradient, each already over the batch's size through `share`, and returns its loss. */
  slope(example: number, gradient: Float64Array, share: number, random: Random): number;
  /** After each epoch, with its mean loss; true stops. */
  onEpoch?(epoch: number, loss: number): boolean;
}

/** Descends in place, in seeded order. */
export function descend(parameters: Float32Array, options: DescentOptions): void {
  const random = createRandom(options.seed);
  const order = Int32Array.from({ length: options.examples }, (_none, index) => index);
  const state = moments(parameters.length);
  let step = 0;
  for (let epoch = 0; epoch < options.epochs; epoch++) {
    shuffle(order, random);
    let loss = 0;
    for (let begin = 0; begin < order.length; begin += options.batch) {
      const end = Math.min(order.length, begin + options.batch);
      for (let at = begin; at < end; at++)
        loss += options.slope(order[at] as number, state.gradient, 1 / (end - begin), random);
      adam(parameters, state, ++step, options.rate, options.decay);
    }
    if (options.onEpoch?.(epoch, loss / order.length)) return;
  }
}
