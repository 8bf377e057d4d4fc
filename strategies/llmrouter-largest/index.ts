/**
 * Ranks models by size, the largest first (LLMRouter's baseline). Equals are a tie
 * for the next strategy; what is not known comes last.
 */
import { type Candidate, definePlugin, z } from '@rutter/plugin-sdk';
import { sizeOf } from '@rutter/plugin-sdk/routing';

const config = z.strictObject({
  by: z
    .enum(['size', 'price', 'context', 'quality'])
    .default('size')
    .describe('Billions of parameters, price of a token in and one out, max_input_tokens, or model_info.quality.'),
});

export default definePlugin({
  kind: 'strategy',
  config,
  setup: (_host, { by }) => ({
    select(_context, candidates) {
      const tiers = Map.groupBy(candidates, ({ deployment }: Candidate) => sizeOf(deployment, by));
      const unknown = tiers.get(undefined) ?? [];
      const known = [...tiers].flatMap(([size, tier]) => (size === undefined ? [] : [{ size, tier }]));
      // Where nothing is known nothing is decided.
      if (known.length === 0) return undefined;
      const ranked = known.sort(({ size: a }, { size: b }) => b - a).map(({ tier }) => tier);
      return unknown.length > 0 ? [...ranked, unknown] : ranked;
    },
  }),
});
