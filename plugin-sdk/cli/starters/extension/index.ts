/**
 * Logs every request that took longer than it should, by tapping the kernel's own hooks.
 *
 * An extension is the way out when no kind fits. Its hooks are tapable
 * objects: preRoute, select, call, postCall and settled. What it does there is
 * checked by nobody, so prefer a kind wherever one will do.
 */
import { definePlugin, type Outcome, z } from '@rutter/plugin-sdk';

const config = z.strictObject({
  slowMs: z.number().min(0).default(5_000).describe('Milliseconds from which a request counts as slow.'),
});

export default definePlugin({
  kind: 'extension',
  config,
  setup(host, { slowMs }) {
    return {
      // Once for each generation. The hooks are of no declared type: an extension says itself what it expects of them.
      apply(hooks) {
        const settled = hooks.settled as { tap(name: string, watch: (outcome: Outcome) => void): void };
        settled.tap(host.name, ({ group, route, durationMs }) => {
          if (durationMs >= slowMs) host.log.warn({ group, route, durationMs }, 'request was slow');
        });
      },
    };
  },
});
