/**
 * Adds up requests, failures and cost by model group, and logs the sums at regular intervals.
 */
import { definePlugin, z } from '@rutter/plugin-sdk';

const config = z.strictObject({
  everySeconds: z.number().min(1).max(86_400).default(60).describe('Seconds between two looks at the sums.'),
});

// Names of groups come from callers. Without a bound, one who invents them would fill the memory.
const mostGroups = 1_000;

export default definePlugin({
  kind: 'observer',
  config,
  setup(host, { everySeconds }) {
    // Kept by the host: the sums go on over a reload of this plugin.
    const sums = host.keep('sums', 1, () => new Map<string, { requests: number; failures: number; nanoUsd: number }>());

    // Ends with this instance, by itself.
    host.every(everySeconds * 1_000, () => {
      for (const [group, { requests, failures, nanoUsd }] of sums)
        host.log.info({ group, requests, failures, costUsd: nanoUsd / 1e9 }, 'traffic of a model group');
      sums.clear();
    });

    return {
      // Called after the reply has gone out; it can delay nobody and fail nobody.
      settled({ group, status, costNanoUsd }) {
        const sum = sums.get(group) ?? { requests: 0, failures: 0, nanoUsd: 0 };
        sum.requests += 1;
        if (status >= 400) sum.failures += 1;
        sum.nanoUsd += costNanoUsd ?? 0;
        if (sums.has(group) || sums.size < mostGroups) sums.set(group, sum);
      },
    };
  },
});
