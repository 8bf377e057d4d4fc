/**
 * Prefers the deployment with the fewest tokens this minute, within its limits.
 *
 * Tokens count from the moment of the choice: a burst is spread before the
 * first reply has come, and `rpm` and `tpm` hold across replicas. What is known
 * to be full ranks last rather than not at all: the state has the last word.
 */
import { type Candidate, definePlugin } from '@rutter/plugin-sdk';
import { deploymentLimits, expectedReplies, shuffle, slowStart } from '@rutter/plugin-sdk/routing';

export default definePlugin({
  kind: 'strategy',
  setup(host) {
    const replies = expectedReplies(host);
    const starts = slowStart(host);
    const limits = deploymentLimits(host, { replies, isEachCounted: true });

    return {
      ...limits,
      select(context, candidates) {
        const held = starts.held(candidates);
        const standing = (candidate: Candidate) =>
          limits.isFull(context, candidate) ? 2 : held.has(candidate) ? 1 : 0;
        const entries = candidates.map((candidate) => ({
          candidate,
          standing: standing(candidate),
          tokens: limits.tokensOf(candidate),
        }));
        // Shuffled first: those with equal tokens stay in an order by chance.
        return shuffle(entries, host.random)
          .sort((a, b) => a.standing - b.standing || a.tokens - b.tokens)
          .map(({ candidate }) => candidate);
      },
      observe(outcome) {
        replies.observe(outcome);
        starts.observe(outcome);
      },
    };
  },
});
