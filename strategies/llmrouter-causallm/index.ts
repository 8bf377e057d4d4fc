/**
 * Asks a fine-tuned language model which model shall answer, and reads the
 * probabilities of the labels instead of what it would have written.
 *
 * Each model of the group has a short label. The fine-tuned model is asked for
 * one token with `logprobs`; what the labels' tokens weigh, over their sum, is
 * the ranking. Where nobody tells probabilities, the label it wrote counts.
 */
import { type CallResult, type ChatReply, definePlugin, RutterError, z } from '@rutter/plugin-sdk';
import {
  modelMentioned,
  ownOrGroup,
  type PoolModel,
  poolOf,
  Rounds,
  roundsOptions,
  tiersByStrength,
  transcriptOf,
  upstreamOption,
} from '@rutter/plugin-sdk/rounds';
import { faithfulPrompt, labelPrompt, labelsOf } from './prompt.ts';
import { scoreLabels } from './score.ts';

const config = z.strictObject({
  router_model: z
    .string()
    .min(1)
    .optional()
    .describe(
      'The fine-tuned model: one of the group, or the name of another model group. Without it nobody is asked.',
    ),
  labels: z
    .record(z.string().min(1).max(8), z.string().min(1))
    .optional()
    .describe(
      'Labels it was trained with, and the models they stand for; A, B, C … in the order of names when absent.',
    ),
  min_mass: z
    .number()
    .min(0)
    .max(1)
    .default(0.2)
    .describe('Probability that all labels together must have for the answer to count.'),
  fallback: z
    .enum(['strongest', 'weakest'])
    .default('strongest')
    .describe('Who answers where it is no help; by price, else by size, else by the order of the list.'),
  most_characters: z.int().min(1).default(2000).describe('Characters of the conversation that it sees, the last ones.'),
  model_path: z
    .string()
    .optional()
    .describe('LLMRouter’s path of weights. They cannot be loaded here: serve them and name them in router_model.'),
  upstream: upstreamOption('it writes a name freely, and the first model stands where it names none.'),
  ...roundsOptions,
  call_timeout: roundsOptions.call_timeout.default(5),
});
type Options = z.output<typeof config>;

export default definePlugin({
  kind: 'strategy',
  config,
  setup(host, options) {
    const { router_model: router, fallback } = options;
    tellMissing(host.log, host.name, options);
    return {
      limits: { calls: options.max_calls },
      select: (_context, candidates) => tiersByStrength(candidates, fallback),

      async orchestrate(context, candidates, invoke, call): Promise<CallResult | undefined> {
        const pool = poolOf(candidates);
        if (router === undefined || pool.length < 2) return undefined;
        const rounds = new Rounds(host, { context, invoke }, options);
        const words = transcriptOf(call.chat().messages, options.most_characters);
        const judged = await (options.upstream === 'faithful' ? written : scored)(rounds, {
          pool,
          router,
          options,
          words,
        });
        call.explain(judged.told);
        if (judged.ranking !== undefined) return rounds.answer(judged.ranking);
        return rounds.answer(poolOf(tiersByStrength(candidates, fallback).flat()));
      },
    };
  },
});

/** Told once, at set-up: a group without it is served by its fallback. */
function tellMissing(
  log: { warn(fields: object, message: string): void; error(fields: object, message: string): void },
  name: string,
  { router_model, model_path }: Options,
): void {
  if (model_path !== undefined) {
    const { message } = new RutterError(
      'ERR_CONFIG_INVALID',
      `${model_path} names weights, which are not loaded here. Fine-tune with what "rutter train llmrouter-causallm --data OUTCOMES.jsonl --out chats.jsonl" exports, serve the model behind an OpenAI-compatible address, and name it in router_model.`,
    );
    log.error({ path: model_path, reason: message }, 'the router could not be loaded');
  }
  if (router_model === undefined) log.warn({}, `no router_model: ${name} asks nobody; name a model or a model group`);
}

interface Asking {
  readonly pool: readonly PoolModel[];
  readonly router: string;
  readonly options: Options;
  readonly words: string;
}

interface Judged {
  /** Best first; undefined where nothing was said. */
  readonly ranking?: readonly PoolModel[];
  readonly told: string;
}

async function scored(rounds: Rounds, { pool, router, options, words }: Asking): Promise<Judged> {
  const instead = `so the ${options.fallback} answers`;
  const labels = labelsOf(pool, options.labels);
  if (labels.length < 2) return { told: `labels name fewer than two of the models, ${instead}` };
  const answer = await rounds.ask(ownOrGroup(pool, router), {
    messages: labelPrompt(labels, words),
    maxOutputTokens: 1,
    logprobs: true,
    topLogprobs: 20,
  });
  if (answer.reply === undefined) return { told: `${router} failed (${answer.reason}), ${instead}` };
  const scores = scoreLabels(
    answer.reply,
    labels.map(({ label }) => label),
  );
  if (scores === undefined || scores.mass < options.min_mass) return { told: `${router} gave no label, ${instead}` };
  const order = labels
    .map(({ label, model }, index) => ({ label, model, share: scores.shares[index] as number }))
    .sort((a, b) => b.share - a.share);
  const told = order.slice(0, 4).map(({ model, share }) => `${model.name} ${share.toFixed(2)}`);
  const unlabelled = pool.filter((model) => !order.some((one) => one.model === model));
  return { ranking: [...order.map(({ model }) => model), ...unlabelled], told: `${router} says ${told.join(', ')}` };
}

/** LLMRouter's way, without its matching of parts of names, by which nearly every model is named. */
async function written(rounds: Rounds, { pool, router, words, options }: Asking): Promise<Judged> {
  const answer = await rounds.ask(ownOrGroup(pool, router), {
    messages: faithfulPrompt(pool, words),
    maxOutputTokens: 32,
    temperature: 0.1,
    stop: ['\n'],
  });
  if (answer.reply === undefined)
    return { told: `${router} failed (${answer.reason}), so the ${options.fallback} answers` };
  const chosen = firstNamed(pool, answer.reply);
  const told = chosen ? `${router} wrote ${chosen.name}` : `${router} wrote no name, so the first answers`;
  const first = chosen ?? (pool[0] as PoolModel);
  return { ranking: [first, ...pool.filter((model) => model !== first)], told };
}

/** The first in order whose name the text has. */
const firstNamed = (pool: readonly PoolModel[], { text }: ChatReply): PoolModel | undefined =>
  modelMentioned(pool, text) ?? pool.find((model) => modelMentioned([model], text) !== undefined);
