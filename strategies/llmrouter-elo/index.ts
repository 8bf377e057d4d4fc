/**
 * Ranks models by one rating each, the same for every request: what a strategy
 * that reads the question has to beat (LLMRouter's `elorouter`).
 */
import { definePlugin } from '@rutter/plugin-sdk';
import {
  eloLearner,
  learnedStrategy,
  learnedStrategyConfig,
  learnedStrategyOptions,
} from '@rutter/plugin-sdk/learning';

export default definePlugin({
  kind: 'strategy',
  config: learnedStrategyConfig,
  setup: (host, config) => learnedStrategy(host, { learner: eloLearner, ...learnedStrategyOptions(config) }),
});
