/**
 * Splits a question by a planner, which also names the model for each part;
 * asks all parts at once and has the planner join what came back.
 *
 * Only the joining is streamed. A part whose model fails is asked of the next
 * one; where no part is answered, or nothing is planned, the request is routed
 * as if it had not been split.
 */
import { definePlugin, z } from '@rutter/plugin-sdk';
import {
  byStrength,
  inParts,
  type Plan,
  partsOptions,
  roundsOptions,
  tiersByStrength,
  upstreamOption,
} from '@rutter/plugin-sdk/rounds';
import { linesPrompt, planPrompt, readLines, readPlan } from './plan.ts';

const config = z.strictObject({
  ...partsOptions,
  upstream: upstreamOption('the plan is lines of "sub-query: model"; parts of names are not taken for names.'),
  ...roundsOptions,
});

export default definePlugin({
  kind: 'strategy',
  config,
  setup(host, options) {
    if (options.base_model === undefined)
      host.log.warn({}, `no base_model: ${host.name} splits nothing; name a model or a model group`);
    const isFaithful = options.upstream === 'faithful';
    return {
      limits: { calls: options.max_calls },
      select: (_context, candidates) => tiersByStrength(candidates, 'strongest'),

      orchestrate: (context, candidates, invoke, call) =>
        inParts(host, { context, candidates, invoke, call }, options, async (planning): Promise<Plan> => {
          const { rounds, base, words, most } = planning;
          // What is meant for nobody in particular is for the strongest.
          const pool = byStrength(planning.pool).toReversed();
          const told = await rounds.ask(base, {
            messages: (isFaithful ? linesPrompt : planPrompt)(pool, words, most),
            maxOutputTokens: options.plan_tokens,
          });
          if (told.reply === undefined) return { told: `its planner failed (${told.reason})` };
          const parts = (isFaithful ? readLines : readPlan)(pool, told.reply.text, most);
          return parts.length === 0 ? { told: 'its planner made no plan' } : { parts };
        }),
    };
  },
});
