/**
 * Prefers the deployments that fail least; of equally reliable ones, the fastest.
 *
 * Error rates are compared in steps of `tolerance`, so that one stray failure
 * does not move all requests at once.
 */
import { type Candidate, definePlugin, z } from '@rutter/plugin-sdk';

const config = z.strictObject({
  tolerance: z
    .number()
    .min(0.01)
    .max(1)
    .default(0.1)
    .describe('Difference of error rates, 0 to 1, that does not count.'),
});

export default definePlugin({
  kind: 'strategy',
  config,
  setup(_host, { tolerance }) {
    const step = ({ live }: Candidate) => Math.floor(live.errorRate / tolerance);

    return {
      // Runs for every request and has to answer at once. The list is the kernel's: rank a copy.
      select(_context, candidates) {
        // A deployment nobody has tried yet has a latency of 0, and so gets its chance.
        return [...candidates].sort((a, b) => step(a) - step(b) || a.live.latencyMs - b.live.latencyMs);
      },
    };
  },
});
