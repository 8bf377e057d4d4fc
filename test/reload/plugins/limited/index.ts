/** Limits all callers together, and fails to set up in the worker it is told to. */
import { definePlugin, type Reservation, z } from '@rutter/plugin-sdk';

const hourMs = 3_600_000;

const config = z.strictObject({
  requests: z.int().optional().describe('Most requests in an hour.'),
  parallel: z.int().optional().describe('Most requests at once.'),
  failsIn: z.string().optional().describe('Number of the worker that is not to come up.'),
});

export default definePlugin({
  kind: 'guard',
  config,
  setup(_host, { requests, parallel, failsIn }) {
    if (failsIn !== undefined && failsIn === process.env.RUTTER_WORKER) throw new Error(`no luck in worker ${failsIn}`);
    const limit = (measure: Reservation['measure'], most: number | undefined): readonly Reservation[] =>
      most === undefined ? [] : [{ key: `limited:${measure}`, amount: 1, limit: most, windowMs: hourMs, measure }];
    return { reserve: () => [...limit('requests', requests), ...limit('parallel', parallel)] };
  },
});
