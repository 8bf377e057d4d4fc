/**
 * Ranks models by quality and price as each user weighs them (after
 * LLMRouter's `personalizedrouter`). How a user weighs them is told by the
 * configuration, or found from feedback while it serves.
 */
import { definePlugin, z } from '@rutter/plugin-sdk';
import {
  learnedStrategy,
  learnedStrategyConfig,
  learnedStrategyOptions,
  preferencesJudge,
  preferencesLearner,
} from '@rutter/plugin-sdk/learning';

const weight = z.number().min(0).max(1);

const config = learnedStrategyConfig.extend({
  preference: weight
    .default(1)
    .describe('What quality weighs beside price for a user of whom nothing is known: 1 is quality alone.'),
  users: z
    .record(z.string(), weight)
    .default({})
    .describe('What quality weighs for users by name; nothing is inferred of these.'),
});

export default definePlugin({
  kind: 'strategy',
  config,
  setup: (host, { preference, users, ...rest }) =>
    learnedStrategy(host, {
      learner: preferencesLearner,
      ...learnedStrategyOptions(rest),
      judge: preferencesJudge({ preference, users }),
    }),
});
