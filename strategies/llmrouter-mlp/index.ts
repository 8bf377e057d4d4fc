/**
 * Ranks models by a small network's prediction of their quality (LLMRouter's
 * `mlprouter` predicts one label instead).
 */
import { definePlugin } from '@rutter/plugin-sdk';
import {
  learnedStrategy,
  learnedStrategyConfig,
  learnedStrategyOptions,
  networkLearner,
} from '@rutter/plugin-sdk/learning';

export default definePlugin({
  kind: 'strategy',
  config: learnedStrategyConfig,
  setup: (host, config) => learnedStrategy(host, { learner: networkLearner, ...learnedStrategyOptions(config) }),
});
