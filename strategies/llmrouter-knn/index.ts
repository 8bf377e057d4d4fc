/**
 * Ranks models by how they fared on the most similar questions (k nearest
 * neighbours over whole outcome rows; LLMRouter's `knnrouter` votes on labels).
 */
import { definePlugin } from '@rutter/plugin-sdk';
import {
  learnedStrategy,
  learnedStrategyConfig,
  learnedStrategyOptions,
  neighboursLearner,
} from '@rutter/plugin-sdk/learning';

export default definePlugin({
  kind: 'strategy',
  config: learnedStrategyConfig,
  setup: (host, config) => learnedStrategy(host, { learner: neighboursLearner, ...learnedStrategyOptions(config) }),
});
