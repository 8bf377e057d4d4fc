/** Seeded randomness: the same seed and name give the same numbers on every machine. */
import { hash } from 'node:crypto';

/** The first state of the generator sfc32, 128 bits as four integers. */
export function stateOf(seed: string, name: string): readonly [number, number, number, number] {
  const start = hash('sha256', JSON.stringify([seed, name]), 'buffer');
  return [start.readInt32LE(0), start.readInt32LE(4), start.readInt32LE(8), start.readInt32LE(12)];
}

/** Numbers in [0, 1). */
export function seededBy(seed: string, name: string): () => number {
  let [a, b, c, counter] = stateOf(seed, name);
  return () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
}
