/**
 * Prefers the deployment with the fewest calls running.
 *
 * Equally busy ones form a tie, in random order: a following strategy may
 * break it, and without one no deployment is favoured for standing first.
 */
import { type Candidate, definePlugin } from '@rutter/plugin-sdk';
import { shuffle } from '@rutter/plugin-sdk/routing';

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
