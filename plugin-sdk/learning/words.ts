/**
 * Hashed words and word pairs of a text, weighted by rarity (feature hashing,
 * Weinberger et al. 2009, arXiv:0902.2206).
 */

/** Places and values, both of one length; places strictly rising. */
export interface Sparse {
  readonly places: Int32Array;
  readonly values: Float32Array;
}

const word = /[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu;
/** Of a longer text, the head and the tail. */
const headWords = 384;
const tailWords = 128;

/** Lower-case words, numbers by their length, punctuation one by one. */
function wordsOf(text: string): string[] {
  const found = text.toLowerCase().match(word) ?? [];
  const kept =
    found.length > headWords + tailWords ? [...found.slice(0, headWords), ...found.slice(-tailWords)] : found;
  return kept.map((one) => (/^\p{N}+$/u.test(one) ? `#${Math.min(one.length, 6)}` : one));
}

/** Bits of a place: 2^15 of them. */
export const wordBits = 15;

function mixed(hash: number): number {
  let value = hash;
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

function hashed(text: string, seed: number): number {
  let hash = seed;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash;
}

/** How often each place is hit, words and pairs together. */
export function countWords(text: string): Map<number, number> {
  const counts = new Map<number, number>();
  const hit = (hash: number) => {
    const place = mixed(hash) >>> (32 - wordBits);
    counts.set(place, (counts.get(place) ?? 0) + 1);
  };
  let before: number | undefined;
  for (const one of wordsOf(text)) {
    const hash = hashed(one, 0x811c9dc5 | 0);
    hit(hash);
    if (before !== undefined) hit(hashed(one, Math.imul(before ^ 0x20, 0x01000193)));
    before = hash;
  }
  return counts;
}

/** Log counts times rarity, to unit length. */
export function weighWords(counts: ReadonlyMap<number, number>, rarity: Float32Array): Sparse {
  const places = Int32Array.from(counts.keys()).sort();
  const values = new Float32Array(places.length);
  let sum = 0;
  for (let at = 0; at < places.length; at++) {
    const place = places[at] as number;
    const value = (1 + Math.log(counts.get(place) as number)) * (rarity[place] as number);
    values[at] = value;
    sum += value * value;
  }
  const scale = sum > 0 ? 1 / Math.sqrt(sum) : 0;
  for (let at = 0; at < values.length; at++) values[at] = (values[at] as number) * scale;
  return { places, values };
}

/** Inverse document frequency of each place: ln((1 + n) / (1 + df)) + 1. */
export function rarityOf(documents: readonly ReadonlyMap<number, number>[]): Float32Array {
  const frequency = new Float32Array(1 << wordBits);
  for (const counts of documents)
    for (const place of counts.keys()) frequency[place] = (frequency[place] as number) + 1;
  return frequency.map((count) => Math.log((1 + documents.length) / (1 + count)) + 1);
}
