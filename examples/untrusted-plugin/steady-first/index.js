/** Small requests go to the first deployment, large ones to the last. */
import { definePlugin, z } from '@rutter/plugin-sdk';

const config = z.strictObject({
  small: z.int().min(1).default(1000).describe('Tokens of a prompt that is still small, as estimated.'),
});

export default definePlugin({
  kind: 'strategy',
  config,
  setup(host, { small }) {
    return {
      select(context, candidates) {
        const tokens = context.features.get('input-tokens') ?? 0;
        host.log.debug({ tokens }, 'asked');
        return tokens <= small ? candidates : [...candidates].reverse();
      },
    };
  },
});
