/**
 * Ranks models by the cosine of the projected question and their vectors, which
 * dual contrastive learning has drawn together where a model does well
 * (RouterDC).
 */
import { definePlugin } from '@rutter/plugin-sdk';
import {
  contrastLearner,
  learnedStrategy,
  learnedStrategyConfig,
  learnedStrategyOptions,
} from '@rutter/plugin-sdk/learning';

export default definePlugin({
  kind: 'strategy',
  config: learnedStrategyConfig,
  setup: (host, config) => learnedStrategy(host, { learner: contrastLearner, ...learnedStrategyOptions(config) }),
});
