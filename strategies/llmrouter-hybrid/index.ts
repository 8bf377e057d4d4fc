/**
 * The first rung of a ladder of models that is expected to do as well as the
 * last answers (Hybrid LLM; LLMRouter's `hybrid_llm` knows two models).
 */
import { definePlugin } from '@rutter/plugin-sdk';
import {
  ladderLearner,
  learnedStrategy,
  learnedStrategyConfig,
  learnedStrategyOptions,
} from '@rutter/plugin-sdk/learning';

export default definePlugin({
  kind: 'strategy',
  config: learnedStrategyConfig,
  setup: (host, config) => learnedStrategy(host, { learner: ladderLearner, ...learnedStrategyOptions(config) }),
});
