/** The latest samples of each deployment's speed: old ones weigh less, then nothing; the newest takes the oldest's place. */
import type { Host } from '@rutter/plugin-sdk';

/** How a reply is measured: whole by time and tokens, a stream by the time to its first content. */
type Sort = 'whole' | 'stream';

interface Sample {
  readonly ms: number;
  /** At least 1. */
  readonly tokens: number;
}

export interface SpeedOptions {
  /** Samples kept of each sort. */
  readonly most: number;
  readonly ttlMs: number;
  readonly halfLifeMs: number;
}

export interface Speeds {
  /** Milliseconds for each token, or until the first; undefined while there are too few samples that count. */
  of(deployment: string, sort: Sort): number | undefined;
  add(deployment: string, sort: Sort, sample: Sample): void;
}

interface Taken extends Sample {
  readonly atMs: number;
}

/** Samples in a ring, and what they come to. */
interface Ring {
  readonly samples: Taken[];
  next: number;
  speed: number;
  newestMs: number;
}

/** Most deployments; the one heard of first goes first. */
const mostRings = 10_000;

/** Survives reloads. */
export function speeds(host: Pick<Host, 'keep' | 'clock'>, { most, ttlMs, halfLifeMs }: SpeedOptions): Speeds {
  const rings = host.keep('speeds', 1, () => ({ whole: new Map<string, Ring>(), stream: new Map<string, Ring>() }));

  function ringOf(deployment: string, sort: Sort): Ring {
    const found = rings[sort].get(deployment);
    if (found !== undefined) return found;
    if (rings[sort].size >= mostRings) rings[sort].delete(rings[sort].keys().next().value as string);
    const ring: Ring = { samples: [], next: 0, speed: 0, newestMs: 0 };
    rings[sort].set(deployment, ring);
    return ring;
  }

  return {
    of(deployment, sort) {
      const ring = rings[sort].get(deployment);
      if (ring === undefined || ring.samples.length < Math.min(least, most)) return undefined;
      return host.clock.now() - ring.newestMs > ttlMs ? undefined : ring.speed;
    },
    add(deployment, sort, { ms, tokens }) {
      if (!Number.isFinite(ms) || ms < 0) return;
      const ring = ringOf(deployment, sort);
      const atMs = host.clock.now();
      // A reload may have made the list shorter.
      ring.samples.length = Math.min(ring.samples.length, most);
      if (ring.next >= most) ring.next = 0;
      ring.samples[ring.next] = { ms, tokens, atMs };
      ring.next = (ring.next + 1) % most;
      ring.newestMs = atMs;
      ring.speed = weighed(ring.samples, { atMs, ttlMs, halfLifeMs });
    },
  };
}

/** Samples without which nothing is believed; and with which the slowest is left aside, for one hiccup says little. */
const least = 3;

/** Time over tokens, so that many short replies do not outweigh a long one. */
function weighed(
  samples: readonly Taken[],
  { atMs, ttlMs, halfLifeMs }: { atMs: number; ttlMs: number; halfLifeMs: number },
): number {
  let ms = 0;
  let tokens = 0;
  const counting = samples.filter((sample) => atMs - sample.atMs <= ttlMs);
  const slowest = counting.length < least ? undefined : counting.reduce(slower);
  for (const sample of counting) {
    if (sample === slowest) continue;
    const weight = 2 ** ((sample.atMs - atMs) / halfLifeMs);
    ms += weight * sample.ms;
    tokens += weight * sample.tokens;
  }
  return ms / tokens;
}

const slower = (one: Taken, other: Taken): Taken => (other.ms / other.tokens > one.ms / one.tokens ? other : one);
