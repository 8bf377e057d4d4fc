/**
 * Ranks models by their vectors times the projected question, learnt from pairs
 * of models (RouteLLM's and LLMRouter's matrix factorisation).
 */
import { definePlugin } from '@rutter/plugin-sdk';
import {
  factorsLearner,
  learnedStrategy,
  learnedStrategyConfig,
  learnedStrategyOptions,
} from '@rutter/plugin-sdk/learning';

export default definePlugin({
  kind: 'strategy',
  config: learnedStrategyConfig,
  setup: (host, config) => learnedStrategy(host, { learner: factorsLearner, ...learnedStrategyOptions(config) }),
});
