/**
 * Ranks models by what each user has thought of their answers, over what
 * everybody's outcomes tell (after LLMRouter's `gmtrouter`). Users' tastes are
 * learnt from feedback while it serves.
 */
import { definePlugin } from '@rutter/plugin-sdk';
import {
  learnedStrategy,
  learnedStrategyConfig,
  learnedStrategyOptions,
  tastesJudge,
  tastesLearner,
} from '@rutter/plugin-sdk/learning';

export default definePlugin({
  kind: 'strategy',
  config: learnedStrategyConfig,
  setup: (host, config) =>
    learnedStrategy(host, { learner: tastesLearner, ...learnedStrategyOptions(config), judge: tastesJudge }),
});
