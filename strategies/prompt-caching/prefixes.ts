/**
 * Which deployment has lately read a prompt that began alike.
 *
 * A prompt is known by hashes of its beginnings, at lengths that are the same
 * for every prompt; words are not kept. Hashes begin with the caller, so that
 * nobody learns what others have asked.
 */

/** The beginning of a prompt up to a length in characters. */
export interface Beginning {
  readonly length: number;
  readonly hash: string;
}

/** Close together where prompts are short, so that little of a beginning is lost between two of them. */
const steps = [
  { upTo: 4_096, by: 256 },
  { upTo: 32_768, by: 2_048 },
  { upTo: 262_144, by: 16_384 },
  { upTo: 4_194_304, by: 131_072 },
];

/** Longer prompts are known by their first 4 Mi characters. */
const lengths: readonly number[] = steps.flatMap(({ upTo, by }, index) => {
  const from = steps[index - 1]?.upTo ?? 0;
  return Array.from({ length: (upTo - from) / by }, (_, step) => from + (step + 1) * by);
});

/** Shortest first. FNV-1a twice, with two offsets: 64 bits, of which nothing hangs but where a prompt goes. */
export function beginningsOf(caller: string, text: string): readonly Beginning[] {
  let low = 0x811c9dc5;
  let high = 0x9747b28c;
  const add = (code: number) => {
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ code, 0x01000193) + low;
  };
  for (let index = 0; index < caller.length; index++) add(caller.charCodeAt(index));
  add(0xffff);
  const found: Beginning[] = [];
  let at = 0;
  for (const length of lengths) {
    if (length > text.length) break;
    for (; at < length; at++) add(text.charCodeAt(at));
    found.push({ length, hash: `${(high >>> 0).toString(36)}.${(low >>> 0).toString(36)}` });
  }
  return found;
}

/** Deployments that are remembered of one beginning. */
const mostHolders = 4;

/** Bounded; what has not been used for longest goes first. */
export class Prefixes {
  readonly #most: number;
  readonly #keepMs: number;
  readonly #holders = new Map<string, Map<string, number>>();

  constructor(most: number, keepMs: number) {
    this.#most = most;
    this.#keepMs = keepMs;
  }

  get size(): number {
    return this.#holders.size;
  }

  /** The deployment has read all of these at that time. */
  note(hashes: readonly string[], deployment: string, nowMs: number): void {
    for (const hash of hashes) {
      const holders = this.#holders.get(hash) ?? new Map<string, number>();
      holders.delete(deployment);
      if (holders.size >= mostHolders) holders.delete(holders.keys().next().value as string);
      holders.set(deployment, nowMs);
      this.#holders.delete(hash);
      this.#holders.set(hash, holders);
    }
    while (this.#holders.size > this.#most) this.#holders.delete(this.#holders.keys().next().value as string);
  }

  /** Characters of the beginning that each deployment still has, those that have any. */
  held(beginnings: readonly Beginning[], nowMs: number): ReadonlyMap<string, number> {
    const found = new Map<string, number>();
    for (const { hash, length } of beginnings)
      for (const [deployment, atMs] of this.#holders.get(hash) ?? [])
        if (nowMs - atMs <= this.#keepMs) found.set(deployment, length);
    return found;
  }
}
