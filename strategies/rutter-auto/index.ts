/**
 * Predicts for each request how well each model will answer and what it will
 * cost, and ranks by quality less weighted cost. It leaves the best single
 * model only where that paid on the outcomes it learnt from.
 */
import { definePlugin } from '@rutter/plugin-sdk';
import {
  autoLearner,
  learnedStrategy,
  learnedStrategyConfig,
  learnedStrategyOptions,
} from '@rutter/plugin-sdk/learning';

export default definePlugin({
  kind: 'strategy',
  config: learnedStrategyConfig,
  setup: (host, config) => learnedStrategy(host, { learner: autoLearner, ...learnedStrategyOptions(config) }),
});
