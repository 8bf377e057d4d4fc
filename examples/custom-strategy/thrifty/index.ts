/**
 * Requests that can wait go to the cheapest deployment, all others to the one
 * that has lately answered fastest.
 *
 * A request can wait when it carries one of the tags `waiting`.
 */
import { type Candidate, definePlugin, z } from '@rutter/plugin-sdk';

const config = z.strictObject({
  waiting: z.array(z.string()).default(['batch']).describe('Tags of requests that can wait.'),
  minSamples: z.int().min(1).default(3).describe('Answers of a deployment before its speed is believed.'),
});

export default definePlugin({
  kind: 'strategy',
  config,
  setup(_host, { waiting, minSamples }) {
    const price = ({ deployment }: Candidate) => Number(deployment.info.eur_a_month ?? Number.POSITIVE_INFINITY);
    // Too few answers count as none at all, so that a new deployment is tried.
    const speed = ({ live }: Candidate) => (live.samples < minSamples ? 0 : live.latencyMs);
    return {
      select({ tags }, candidates) {
        const key = tags.some((tag) => waiting.includes(tag)) ? price : speed;
        // The sort is stable: deployments that are equal stay in configured order.
        return [...candidates].sort((a, b) => key(a) - key(b));
      },
    };
  },
});
