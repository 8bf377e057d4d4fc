/**
 * Asks the strong of two models where it is likely enough to do better, by
 * RouteLLM's matrix factorisation. The threshold may stand in the name of the
 * model that is asked for.
 */
import { definePlugin } from '@rutter/plugin-sdk';
import { pairFactorsLearner, pairStrategy, pairStrategyConfig } from '@rutter/plugin-sdk/learning';

const prefixes = ['router-mf-'];

export default definePlugin({
  kind: 'strategy',
  config: pairStrategyConfig,
  setup: (host, config) => pairStrategy(host, { learner: pairFactorsLearner, prefixes, config }),
});
