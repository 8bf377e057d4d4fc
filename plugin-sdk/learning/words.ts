/**
 * Hashed words and word pairs of a text, weighted by rarity (feature hashing,
 * Weinberger et al. 2009, arXiv:0902.2206).
 */

/** Places and values, both of one length; places strictly rising. */
export interface Sparse {
  readonly places: Int32Array;
  readonly values: Float32Array;
}

/** How often each place is hit; places strictly rising. */
export interface WordCounts {
  readonly places: Int32Array;
  readonly counts: Int32Array;
}

/** Of a text whose words are not known. */
export const noWords: WordCounts = { places: new Int32Array(0), counts: new Int32Array(0) };

const word = /[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu;
const beyondAscii = /\P{ASCII}/u;
/** Of a longer text, the head and the tail. */
const headWords = 384;
const tailWords = 128;
const mostWords = headWords + tailWords;
/** Beyond these the letters of a longer text hold none of the words that count, or words without end. */
const headLetters = 24_000;
const tailLetters = 8_000;
const longestNumber = 6;

/** Bits of a place: 2^15 of them. */
export const wordBits = 15;

function mixed(hash: number): number {
  let value = hash;
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

const firstSeed = 0x811c9dc5 | 0;
const prime = 0x01000193;
const pairSeed = (before: number) => Math.imul(before ^ 0x20, prime);

function hashed(text: string, seed: number): number {
  let hash = seed;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), prime);
  return hash;
}

/** A hash of one word from a seed. */
type WordHash = (index: number, seed: number) => number;

/** Kinds of ASCII characters: 0 white space, 1 a mark, 2 a letter, 3 a digit. */
const kinds = Uint8Array.from({ length: 128 }, (_none, code) => {
  const letter = String.fromCharCode(code);
  if (/\s/.test(letter)) return 0;
  if (/[a-z]/i.test(letter)) return 2;
  return /\d/.test(letter) ? 3 : 1;
});

/** Words of ASCII text as places in it, hashed without a string for each. */
function plainWords(text: string): { readonly count: number; readonly hash: WordHash } {
  const starts: number[] = [];
  for (let at = 0; at < text.length; ) {
    const kind = kinds[text.charCodeAt(at)] as number;
    if (kind === 0) {
      at++;
      continue;
    }
    const start = at++;
    let isNumber = kind === 3;
    if (kind > 1)
      for (; at < text.length; at++) {
        const next = kinds[text.charCodeAt(at)] as number;
        if (next < 2) break;
        if (next === 2) isNumber = false;
      }
    starts.push(start, isNumber ? -at : at);
  }
  const hash: WordHash = (index, seed) => {
    const [start, end] = [starts[2 * index] as number, starts[2 * index + 1] as number];
    if (end < 0) return hashed(numberWord(-end - start), seed);
    let own = seed;
    for (let at = start; at < end; at++) {
      const code = text.charCodeAt(at);
      own = Math.imul(own ^ (code >= 65 && code <= 90 ? code | 32 : code), prime);
    }
    return own;
  };
  return { count: starts.length / 2, hash };
}

const numberWord = (length: number) => `#${Math.min(length, longestNumber)}`;

/** Lower-case words, numbers by their length, punctuation one by one. */
function anyWords(text: string): { readonly count: number; readonly hash: WordHash } {
  const words = text.toLowerCase().match(word) ?? [];
  const hash: WordHash = (index, seed) => {
    const own = words[index] as string;
    return hashed(/^\p{N}+$/u.test(own) ? numberWord(own.length) : own, seed);
  };
  return { count: words.length, hash };
}

/** How often each place is hit, words and pairs together. */
export function countWords(text: string): WordCounts {
  const seen =
    text.length > headLetters + tailLetters ? `${text.slice(0, headLetters)} ${text.slice(-tailLetters)}` : text;
  const { count, hash } = beyondAscii.test(seen) ? anyWords(seen) : plainWords(seen);
  const kept = Math.min(count, mostWords);
  const hits = new Int32Array(Math.max(0, 2 * kept - 1));
  let before: number | undefined;
  for (let at = 0, hit = 0; at < kept; at++) {
    const index = at < headWords || count <= mostWords ? at : count - kept + at;
    const own = hash(index, firstSeed);
    hits[hit++] = mixed(own) >>> (32 - wordBits);
    if (before !== undefined) hits[hit++] = mixed(hash(index, pairSeed(before))) >>> (32 - wordBits);
    before = own;
  }
  return counted(hits.sort());
}

function counted(hits: Int32Array): WordCounts {
  const places = new Int32Array(hits.length);
  const counts = new Int32Array(hits.length);
  let length = 0;
  for (let at = 0; at < hits.length; at++) {
    if (at > 0 && hits[at] === hits[at - 1]) counts[length - 1] = (counts[length - 1] as number) + 1;
    else {
      places[length] = hits[at] as number;
      counts[length++] = 1;
    }
  }
  return { places: places.slice(0, length), counts: counts.slice(0, length) };
}

/** Log counts times rarity, to unit length. */
export function weighWords({ places, counts }: WordCounts, rarity: Float32Array): Sparse {
  const values = new Float32Array(places.length);
  let sum = 0;
  for (let at = 0; at < places.length; at++) {
    const place = places[at] as number;
    const value = (1 + Math.log(counts[at] as number)) * (rarity[place] as number);
    values[at] = value;
    sum += value * value;
  }
  const scale = sum > 0 ? 1 / Math.sqrt(sum) : 0;
  for (let at = 0; at < values.length; at++) values[at] = (values[at] as number) * scale;
  return { places, values };
}

/** Inverse document frequency of each place: ln((1 + n) / (1 + df)) + 1. */
export function rarityOf(documents: readonly WordCounts[]): Float32Array {
  const frequency = new Float32Array(1 << wordBits);
  for (const { places } of documents) for (const place of places) frequency[place] = (frequency[place] as number) + 1;
  return frequency.map((count) => Math.log((1 + documents.length) / (1 + count)) + 1);
}
