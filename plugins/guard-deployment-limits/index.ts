/** Keeps `rpm` and `tpm` of every deployment, whatever strategy chooses: `enforce_model_rate_limits`. */
import { definePlugin } from '@rutter/plugin-sdk';
import { deploymentLimits, expectedReplies } from '@rutter/plugin-sdk/routing';

export default definePlugin({
  kind: 'guard',
  setup(host) {
    const replies = expectedReplies(host);
    // Strategies that keep limits themselves count under another name.
    const { charge, charged, discharged } = deploymentLimits(host, { replies, name: 'enforced' });
    return { charge, charged, discharged, observer: { settled: (outcome) => replies.observe(outcome) } };
  },
});
