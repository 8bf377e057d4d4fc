/**
 * Asks the strong of two models where it is likely enough to do better, by
 * RouteLLM's similarity-weighted ranking. The threshold may stand in the name of the
 * model that is asked for.
 */
import { definePlugin } from '@rutter/plugin-sdk';
import { pairRatingsLearner, pairStrategy, pairStrategyConfig } from '@rutter/plugin-sdk/learning';

const prefixes = ['router-sw-', 'router-sw_ranking-'];

export default definePlugin({
  kind: 'strategy',
  config: pairStrategyConfig,
  setup: (host, config) => pairStrategy(host, { learner: pairRatingsLearner, prefixes, config }),
});
