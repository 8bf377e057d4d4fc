/** Seeded randomness: the same seed and name give the same numbers on every machine. */
import { hash } from 'node:crypto';

/** Numbers in [0, 1) from a 128-bit state (the generator sfc32). */
export function seededBy(seed: string, name: string): () => number {
  const start = hash('sha256', JSON.stringify([seed, name]), 'buffer');
  let a = start.readInt32LE(0);
  let b = start.readInt32LE(4);
  let c = start.readInt32LE(8);
  let counter = start.readInt32LE(12);
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
