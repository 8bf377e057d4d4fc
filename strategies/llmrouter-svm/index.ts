/**
 * Ranks models by support vector machines on the embedding and the shape of a
 * text, one a model (LLMRouter's `svmrouter` has one a pair of labels vote).
 */
import { definePlugin } from '@rutter/plugin-sdk';
import {
  learnedStrategy,
  learnedStrategyConfig,
  learnedStrategyOptions,
  machinesLearner,
} from '@rutter/plugin-sdk/learning';

export default definePlugin({
  kind: 'strategy',
  config: learnedStrategyConfig,
  setup: (host, config) => learnedStrategy(host, { learner: machinesLearner, ...learnedStrategyOptions(config) }),
});
