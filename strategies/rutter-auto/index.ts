/**
 * Predicts for each request how well each model will answer and what it will
 * cost, and ranks by quality less weighted cost. It leaves the best single
 * model only where that paid on the outcomes it learnt from, or where feedback
 * says that it would. Untrained it ranks by declared tier and price.
 */
import { definePlugin, z } from '@rutter/plugin-sdk';
import {
  autoLearner,
  learnedStrategy,
  learnedStrategyConfig,
  learnedStrategyOptions,
  posteriorJudge,
} from '@rutter/plugin-sdk/learning';
import { byTierAndPrice } from './untrained.ts';

const config = learnedStrategyConfig.extend({
  feedback: z
    .enum(['mean', 'thompson', 'off'])
    .default('mean')
    .describe(
      'How feedback corrects what was learnt: by the mean of the posterior, by a draw from it, which tries models of whom little is known, or not at all.',
    ),
  feedback_prior: z
    .number()
    .positive()
    .max(1_000_000)
    .default(20)
    .describe('How many ratings of a model on a kind of question weigh as much as what was learnt before.'),
});

export default definePlugin({
  kind: 'strategy',
  config,
  setup: (host, { feedback, feedback_prior, ...rest }) =>
    learnedStrategy(host, {
      learner: autoLearner,
      ...learnedStrategyOptions(rest),
      untrained(_context, candidates) {
        const tiers = byTierAndPrice(candidates);
        return tiers && { tiers, reason: 'untrained: by declared tier and price' };
      },
      judge: posteriorJudge({ mode: feedback, prior: feedback_prior }),
    }),
});
