/**
 * Ranks models by a learnt graph of questions, models and outcomes, folded into
 * one linear map of the question and one vector a model (GraphRouter).
 */
import { definePlugin } from '@rutter/plugin-sdk';
import {
  graphLearner,
  learnedStrategy,
  learnedStrategyConfig,
  learnedStrategyOptions,
} from '@rutter/plugin-sdk/learning';

export default definePlugin({
  kind: 'strategy',
  config: learnedStrategyConfig,
  setup: (host, config) => learnedStrategy(host, { learner: graphLearner, ...learnedStrategyOptions(config) }),
});
