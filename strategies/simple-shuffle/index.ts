/**
 * Spreads requests at random, in proportion to what each deployment can take.
 *
 * The measure is `weight` where any candidate has one, else `rpm`, else `tpm`,
 * else all count alike. The whole order is drawn, so that the second place is
 * as fair as the first. A candidate that counts zero comes after the others.
 */
import { type Candidate, type Deployment, definePlugin } from '@rutter/plugin-sdk';

const measures = ['weight', 'rpm', 'tpm'] as const satisfies readonly (keyof Deployment)[];

export default definePlugin({
  kind: 'strategy',
  setup(host) {
    return {
      select(_context, candidates) {
        if (candidates.length < 2) return candidates;
        const measure = measures.find((name) => candidates.some(({ deployment }) => (deployment[name] ?? 0) > 0));
        const drawn = candidates.map((candidate) => draw(candidate, shareOf(candidate, measure), host.random()));
        return drawn.sort(soonestFirst).map(({ candidate }) => candidate);
      },
    };
  },
});

interface Drawn {
  readonly candidate: Candidate;
  readonly counts: boolean;
  /** When this candidate's turn comes: earlier is better. */
  readonly turn: number;
}

const shareOf = ({ deployment }: Candidate, measure: (typeof measures)[number] | undefined): number =>
  measure === undefined ? 1 : (deployment[measure] ?? 0);

// Waiting times that are exponential in the share order themselves as draws without replacement would,
// in one pass. One minus the chance, because the logarithm of zero has no value.
function draw(candidate: Candidate, share: number, chance: number): Drawn {
  const counts = share > 0;
  const waiting = -Math.log(1 - chance);
  return { candidate, counts, turn: counts ? waiting / share : waiting };
}

// Compared, not subtracted: two tiny shares may both wait for infinity.
function soonestFirst(a: Drawn, b: Drawn): number {
  if (a.counts !== b.counts) return a.counts ? -1 : 1;
  if (a.turn === b.turn) return 0;
  return a.turn < b.turn ? -1 : 1;
}
