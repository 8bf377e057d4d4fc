/**
 * Splits a question by a base model, sends each part to the model that fared
 * best on the most similar questions, and has the base model join what came
 * back. The neighbours are those of `llmrouter-knn`: one artefact serves both.
 */
import { definePlugin } from '@rutter/plugin-sdk';
import {
  learnedRouter,
  learnedStrategyConfig,
  learnedStrategyOptions,
  neighboursLearner,
} from '@rutter/plugin-sdk/learning';
import {
  byStrength,
  inParts,
  type Part,
  type Plan,
  type PoolModel,
  partsOptions,
  poolOf,
  roundsOptions,
  upstreamOption,
} from '@rutter/plugin-sdk/rounds';
import { readParts, splitPrompt } from './split.ts';

const config = learnedStrategyConfig.extend({
  ...partsOptions,
  plan_tokens: partsOptions.plan_tokens.default(256),
  upstream: upstreamOption('the base model writes one part a line.'),
  ...roundsOptions,
});

export default definePlugin({
  kind: 'strategy',
  config,
  async setup(host, options) {
    if (options.base_model === undefined)
      host.log.warn({}, `no base_model: ${host.name} splits nothing; name a model or a model group`);
    const router = await learnedRouter(host, { learner: neighboursLearner, ...learnedStrategyOptions(options) });
    const isFaithful = options.upstream === 'faithful';
    return {
      ...router.strategy,
      limits: { calls: options.max_calls },

      orchestrate: (context, candidates, invoke, call) =>
        inParts(host, { context, candidates, invoke, call }, options, async (planning): Promise<Plan> => {
          const { rounds, pool, base, words, most } = planning;
          // Parts that nobody can route cost calls and win nothing.
          if ((await router.rankText(words, candidates)) === undefined)
            return { told: 'no artefact that knows these models' };
          const told = await rounds.ask(base, {
            messages: splitPrompt(words, most, isFaithful),
            maxOutputTokens: options.plan_tokens,
          });
          if (told.reply === undefined) return { told: `its base model failed (${told.reason})` };
          const queries = readParts(told.reply.text, most, isFaithful);
          if (queries.length === 0) return { told: 'its base model named no parts' };
          const texts = queries.length === 1 ? [words] : queries;
          const parts = texts.map(async (query): Promise<Part> => {
            const tiers = await router.rankText(query, candidates);
            return { query, models: tiers === undefined ? byStrength(pool).toReversed() : modelsOf(tiers, pool) };
          });
          return { parts: await Promise.all(parts) };
        }),
    };
  },
});

/** The pool in the order of tiers. */
function modelsOf(tiers: Parameters<typeof poolOf>[0][], pool: readonly PoolModel[]): readonly PoolModel[] {
  const names = poolOf(tiers.flat()).map(({ name }) => name);
  return pool.toSorted((a, b) => names.indexOf(a.name) - names.indexOf(b.name));
}
