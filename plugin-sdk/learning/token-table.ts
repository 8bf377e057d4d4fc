/**
 * One vector a token, learnt from a slower embedder: the sum of a text's token
 * vectors is to point where the teacher's vector of the text does, turned onto
 * its principal axes.
 *
 * A token begins with the teacher's vector of itself alone, the less of it the
 * more common it is (Arora et al. 2017, "A simple but tough-to-beat baseline");
 * then 1 − cosine is descended, with a rate for each number (Duchi et al. 2011).
 */
import { createRandom, type Random, shuffle } from '../numerics/random.ts';
import type { TrainingRun } from './learner.ts';
import { EarlyStop } from './learner.ts';

export interface TokenTableInput {
  /** Tokens of all texts, one after the other, from 0; a text ends where the next begins. */
  readonly tokens: Int32Array;
  /** Where each text begins, and the end of the last. */
  readonly starts: Int32Array;
  /** Teacher's vectors of the texts, and of each token alone. */
  readonly texts: Float32Array;
  readonly alone: Float32Array;
  readonly width: number;
  /** Numbers of a token's vector; no more than `width`. */
  readonly dimensions: number;
  readonly seed: number;
  readonly epochs: number;
}

export interface TokenTable {
  /** Tokens × dimensions. */
  readonly values: Float32Array;
  /** Mean cosine to the teacher on texts that were kept aside: at first, and in the end. */
  readonly before: number;
  readonly after: number;
}

const commonness = 1e-3;
const mostForAxes = 4_000;
const turns = 24;
const keptShare = 0.1;
const rate = 0.02;
const patience = 3;

function unit(values: Float64Array | Float32Array, from: number, length: number): void {
  let sum = 0;
  for (let at = from; at < from + length; at++) sum += (values[at] as number) ** 2;
  const scale = sum > 0 ? 1 / Math.sqrt(sum) : 0;
  for (let at = from; at < from + length; at++) values[at] = (values[at] as number) * scale;
}

/** Mean products of all pairs of columns, over a share of the rows. */
function products(rows: Float32Array, width: number): Float64Array {
  const count = rows.length / width;
  const step = Math.max(1, Math.floor(count / mostForAxes));
  const sums = new Float64Array(width * width);
  for (let row = 0; row < count; row += step)
    for (let a = 0; a < width; a++) {
      const value = rows[row * width + a] as number;
      for (let b = 0; b <= a; b++)
        sums[a * width + b] = (sums[a * width + b] as number) + value * (rows[row * width + b] as number);
    }
  for (let a = 0; a < width; a++) for (let b = 0; b < a; b++) sums[b * width + a] = sums[a * width + b] as number;
  return sums;
}

/** The axes along which texts differ most, row by row, by orthogonal iteration. */
function principalAxes(rows: Float32Array, width: number, count: number, random: Random): Float64Array {
  const matrix = products(rows, width);
  let axes: Float64Array = new Float64Array(count * width).map(() => random() - 0.5);
  for (let turn = 0; turn < turns; turn++) {
    const next = new Float64Array(count * width);
    for (let axis = 0; axis < count; axis++) {
      for (let a = 0; a < width; a++) {
        let sum = 0;
        for (let b = 0; b < width; b++) sum += (matrix[a * width + b] as number) * (axes[axis * width + b] as number);
        next[axis * width + a] = sum;
      }
      // Not along any axis that was found before.
      for (let other = 0; other < axis; other++) {
        let along = 0;
        for (let at = 0; at < width; at++)
          along += (next[axis * width + at] as number) * (next[other * width + at] as number);
        for (let at = 0; at < width; at++)
          next[axis * width + at] = (next[axis * width + at] as number) - along * (next[other * width + at] as number);
      }
      unit(next, axis * width, width);
    }
    axes = next;
  }
  return axes;
}

/** Rows on the axes, to unit length. */
function turned(rows: Float32Array, width: number, axes: Float64Array): Float32Array {
  const dimensions = axes.length / width;
  const count = rows.length / width;
  const out = new Float32Array(count * dimensions);
  for (let row = 0; row < count; row++) {
    for (let axis = 0; axis < dimensions; axis++) {
      let sum = 0;
      for (let at = 0; at < width; at++)
        sum += (rows[row * width + at] as number) * (axes[axis * width + at] as number);
      out[row * dimensions + axis] = sum;
    }
    unit(out, row * dimensions, dimensions);
  }
  return out;
}

class Descent {
  readonly values: Float32Array;
  readonly #input: TokenTableInput;
  readonly #wanted: Float32Array;
  readonly #squares: Float32Array;
  readonly #sum: Float64Array;

  constructor(input: TokenTableInput, values: Float32Array, wanted: Float32Array) {
    this.#input = input;
    this.values = values;
    this.#wanted = wanted;
    this.#squares = new Float32Array(values.length);
    this.#sum = new Float64Array(input.dimensions);
  }

  /** Cosine of one text to the teacher, its sum of vectors left in `#sum` at unit length, and the sum's own length. */
  #judge(text: number): { readonly cosine: number; readonly length: number } {
    const { tokens, starts, dimensions } = this.#input;
    const sum = this.#sum.fill(0);
    for (let at = starts[text] as number; at < (starts[text + 1] as number); at++) {
      const from = (tokens[at] as number) * dimensions;
      for (let d = 0; d < dimensions; d++) sum[d] = (sum[d] as number) + (this.values[from + d] as number);
    }
    let square = 0;
    for (let d = 0; d < dimensions; d++) square += (sum[d] as number) ** 2;
    const length = Math.sqrt(square);
    if (length === 0) return { cosine: 0, length };
    let cosine = 0;
    for (let d = 0; d < dimensions; d++) {
      sum[d] = (sum[d] as number) / length;
      cosine += (sum[d] as number) * (this.#wanted[text * dimensions + d] as number);
    }
    return { cosine, length };
  }

  meanCosine(texts: Int32Array): number {
    return texts.reduce((sum, text) => sum + this.#judge(text).cosine, 0) / texts.length;
  }

  learn(text: number): void {
    const { tokens, starts, dimensions } = this.#input;
    const { cosine, length } = this.#judge(text);
    if (length === 0) return;
    for (let d = 0; d < dimensions; d++) {
      const slope = (cosine * (this.#sum[d] as number) - (this.#wanted[text * dimensions + d] as number)) / length;
      for (let at = starts[text] as number; at < (starts[text + 1] as number); at++) {
        const place = (tokens[at] as number) * dimensions + d;
        const square = (this.#squares[place] as number) + slope * slope;
        this.#squares[place] = square;
        this.values[place] = (this.values[place] as number) - (rate * slope) / (Math.sqrt(square) + 1e-6);
      }
    }
  }
}

/** A token alone as the teacher has it, less of it where it is common. */
function beginnings(input: TokenTableInput, axes: Float64Array): Float32Array {
  const { tokens, alone, width, dimensions } = input;
  const values = turned(alone, width, axes);
  const counts = new Float64Array(alone.length / width);
  for (const token of tokens) counts[token] = (counts[token] as number) + 1;
  counts.forEach((count, token) => {
    const weight = commonness / (commonness + count / Math.max(1, tokens.length));
    for (let d = 0; d < dimensions; d++)
      values[token * dimensions + d] = (values[token * dimensions + d] as number) * weight;
  });
  return values;
}

/** The same input gives the same numbers. */
export function learnTokenTable(input: TokenTableInput, onProgress?: TrainingRun['onProgress']): TokenTable {
  const { starts, width, dimensions, epochs } = input;
  const random = createRandom(input.seed);
  const axes = principalAxes(input.texts, width, dimensions, random);
  const order = shuffle(
    Int32Array.from({ length: starts.length - 1 }, (_none, text) => text),
    random,
  );
  const kept = Math.max(1, Math.round(order.length * keptShare));
  const [aside, train] = [order.slice(0, kept), order.slice(kept)];
  const descent = new Descent(input, beginnings(input, axes), turned(input.texts, width, axes));
  const before = descent.meanCosine(aside);
  const stop = new EarlyStop<Float32Array>(patience);
  stop.offer(1 - before, () => descent.values.slice());
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const text of shuffle(train, random)) descent.learn(text);
    const loss = 1 - descent.meanCosine(aside);
    onProgress?.({ step: `pass ${epoch + 1}`, share: (epoch + 1) / epochs, loss });
    if (stop.offer(loss, () => descent.values.slice())) break;
  }
  return { values: stop.best ?? descent.values, before, after: 1 - stop.lowest };
}
