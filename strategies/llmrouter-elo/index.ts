/**
 * Ranks models by one rating each, the same for every request: what a strategy
 * that reads the question has to beat (LLMRouter's `elorouter`). Feedback
 * moves the ratings while it serves.
 */
import { definePlugin, z } from '@rutter/plugin-sdk';
import {
  eloLearner,
  learnedStrategy,
  learnedStrategyConfig,
  learnedStrategyOptions,
  ratingsJudge,
} from '@rutter/plugin-sdk/learning';

const config = learnedStrategyConfig.extend({
  k_factor: z
    .number()
    .min(0)
    .max(400)
    .default(32)
    .describe('Most points by which one word of feedback moves a rating; 0 leaves ratings as they were trained.'),
});

export default definePlugin({
  kind: 'strategy',
  config,
  setup: (host, { k_factor, ...rest }) =>
    learnedStrategy(host, { learner: eloLearner, ...learnedStrategyOptions(rest), judge: ratingsJudge(k_factor) }),
});
