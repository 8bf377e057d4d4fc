/** One seeded generator for all training and tests: the same seed gives the same numbers on every machine. */

/** Uniform numbers of [0, 1), by xoshiro128** (Blackman and Vigna 2018) seeded through splitmix32. */
export type Random = () => number;

export function createRandom(seed: number | string): Random {
  let state = typeof seed === 'number' ? seed | 0 : hashText(seed);
  const next = () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) | 0;
  };
  let a = next();
  let b = next();
  let c = next();
  let d = next();
  return () => {
    const five = Math.imul(b, 5);
    const result = Math.imul((five << 7) | (five >>> 25), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = (d << 11) | (d >>> 21);
    return result / 4294967296;
  };
}

/** 32-bit FNV-1a over UTF-16 units. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash | 0;
}

/** Standard normal numbers, by Box and Muller. */
export function normal(random: Random): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random()));
  return radius * Math.cos(2 * Math.PI * random());
}

/** Of the gamma distribution of this shape and scale 1 (Marsaglia and Tsang 2000). */
export function gamma(shape: number, random: Random): number {
  // Below 1 by the one above it: their third remark.
  if (shape < 1) return gamma(shape + 1, random) * (1 - random()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = normal(random);
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** Of the Beta distribution, from two gamma numbers. */
export function beta(a: number, b: number, random: Random): number {
  const good = gamma(a, random);
  return good / (good + gamma(b, random));
}

/** In place (Fisher and Yates). */
export function shuffle<T extends { [at: number]: unknown; readonly length: number }>(items: T, random: Random): T {
  for (let last = items.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [items[last], items[other]] = [items[other], items[last]];
  }
  return items;
}
