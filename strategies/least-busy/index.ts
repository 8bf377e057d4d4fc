/**
 * Prefers the deployment with the fewest calls running.
 *
 * Equally busy ones form a tie, in random order: a following strategy may
 * break it, and without one no deployment is favoured for standing first.
 */
import { type Candidate, definePlugin } from '@rutter/plugin-sdk';

export default definePlugin({
  kind: 'strategy',
  setup(host) {
    return {
      select(_context, candidates) {
        const tiers = new Map<number, Candidate[]>();
        for (const candidate of candidates) {
          const { inFlight } = candidate.live;
          const tier = tiers.get(inFlight);
          if (tier === undefined) tiers.set(inFlight, [candidate]);
          else tier.push(candidate);
        }
        const idlestFirst = [...tiers.keys()].sort((a, b) => a - b);
        return idlestFirst.map((inFlight) => shuffle(tiers.get(inFlight) ?? [], host.random));
      },
    };
  },
});

/** In place (Fisher and Yates): every order is equally likely. */
function shuffle(candidates: Candidate[], random: () => number): Candidate[] {
  for (let last = candidates.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [candidates[last], candidates[other]] = [candidates[other] as Candidate, candidates[last] as Candidate];
  }
  return candidates;
}
