/**
 * A small model answers what is easy, a large one what is harder than a
 * threshold (LLMRouter's thresholdrouter).
 */
import { definePlugin } from '@rutter/plugin-sdk';
import {
  difficultyLearner,
  learnedStrategy,
  learnedStrategyConfig,
  learnedStrategyOptions,
} from '@rutter/plugin-sdk/learning';

export default definePlugin({
  kind: 'strategy',
  config: learnedStrategyConfig,
  setup: (host, config) => learnedStrategy(host, { learner: difficultyLearner, ...learnedStrategyOptions(config) }),
});
