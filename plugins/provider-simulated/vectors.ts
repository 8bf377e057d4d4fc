/**
 * Embeddings without a model: each word points in a direction of its own that
 * follows from its letters, and a text points where its words do together.
 * Texts that share words are near each other. All vectors have length one.
 */
import { chanceFrom, hashOf } from './chance.ts';

const word = /[\p{L}\p{N}]+/gu;

export function vectorOf(input: unknown, dimensions: number): Float32Array {
  const words = typeof input === 'string' ? (input.toLowerCase().match(word) ?? []) : [input].flat().map(String);
  const sum = new Float64Array(dimensions);
  for (const each of words.length > 0 ? words : ['']) {
    const chance = chanceFrom(hashOf(each));
    for (let index = 0; index < dimensions; index++) sum[index] = (sum[index] ?? 0) + chance() - 0.5;
  }
  const length = Math.hypot(...chunks(sum));
  return Float32Array.from(sum, (value) => value / length);
}

/** Lengths of pieces: a call takes only so many arguments. */
function chunks(values: Float64Array): number[] {
  const size = 1_024;
  return Array.from({ length: Math.ceil(values.length / size) }, (_, index) =>
    Math.hypot(...values.subarray(index * size, (index + 1) * size)),
  );
}

/** Little-endian floats, as the wire wants them. */
export function base64Of(vector: Float32Array): string {
  const view = new DataView(new ArrayBuffer(vector.length * 4));
  for (const [index, value] of vector.entries()) view.setFloat32(index * 4, value, true);
  return Buffer.from(view.buffer).toString('base64');
}
