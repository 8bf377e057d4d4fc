/**
 * Prefers the deployment where this call is expected to cost least.
 *
 * The cost is that of the prompt and of a reply as long as this deployment's
 * replies usually are: a cheap prompt may belong to an expensive talker. Where
 * no price is known, any known one is preferred.
 */
import { type Candidate, definePlugin, type RequestContext } from '@rutter/plugin-sdk';
import {
  deploymentLimits,
  type ExpectedReplies,
  expectedPico,
  expectedReplies,
  shuffle,
  slowStart,
} from '@rutter/plugin-sdk/routing';

export default definePlugin({
  kind: 'strategy',
  setup(host) {
    const replies = expectedReplies(host);
    const starts = slowStart(host);
    const limits = deploymentLimits(host, { replies });

    return {
      charge: limits.charge,
      charged: limits.charged,
      discharged: limits.discharged,
      select(context, candidates) {
        const held = starts.held(candidates);
        const standing = (candidate: Candidate) =>
          limits.isFull(context, candidate) ? 2 : held.has(candidate) ? 1 : 0;
        const entries = candidates.map((candidate) => ({
          candidate,
          standing: standing(candidate),
          cost: expectedCost(context, candidate, replies),
          inFlight: candidate.live.inFlight,
        }));
        // Shuffled first: what is equal stays in an order by chance.
        return shuffle(entries, host.random)
          .sort((a, b) => a.standing - b.standing || compare(a.cost, b.cost) || a.inFlight - b.inFlight)
          .map(({ candidate }) => candidate);
      },
      observe(outcome) {
        replies.observe(outcome);
        starts.observe(outcome);
      },
    };
  },
});

/** In pico-dollars; infinite where a price that it needs is not known. */
function expectedCost(context: RequestContext, { deployment }: Candidate, replies: ExpectedReplies): number {
  const input = (context.features.get('input-tokens') as number | undefined) ?? 0;
  return expectedPico(deployment, { input, output: replies.usual(context, deployment.id) });
}

// Compared, not subtracted: infinity less infinity is no number.
const compare = (a: number, b: number): number => (a === b ? 0 : a < b ? -1 : 1);
