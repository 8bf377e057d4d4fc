/**
 * Lets a model think in turns and ask the group's models in between, after
 * Router-R1 (https://arxiv.org/abs/2506.09033): any chat model by prompt, or
 * one that was trained for it.
 *
 * What it answers is the reply. When its turns or the bounds are used up, one
 * last call answers from what is known, streamed where the caller streams.
 */
import { type CallResult, definePlugin, RutterError, z } from '@rutter/plugin-sdk';
import {
  ownOrGroup,
  poolOf,
  Rounds,
  resultOf,
  roundsOptions,
  tiersByStrength,
  transcriptOf,
  upstreamOption,
  whyPlain,
} from '@rutter/plugin-sdk/rounds';
import { think } from './machine.ts';

const config = z.strictObject({
  policy_model: z
    .string()
    .min(1)
    .optional()
    .describe('The model that thinks: one of the group, or the name of another model group. Without it nobody thinks.'),
  max_turns: z.int().min(2).max(16).default(5).describe('Turns of the policy, the answering one among them.'),
  policy_tokens: z.int().min(1).default(1024).describe('Most tokens of a turn.'),
  search_tokens: z.int().min(1).default(512).describe('Most tokens of an answer to a search.'),
  most_information: z
    .int()
    .min(1)
    .default(4000)
    .describe('Characters of an answer to a search that the policy is shown.'),
  most_characters: z.int().min(1).default(16_000).describe('Characters of the conversation that the policy is shown.'),
  model_path: z
    .string()
    .optional()
    .describe('LLMRouter’s path of weights. They cannot be loaded here: serve them and name them in policy_model.'),
  upstream: upstreamOption('one growing prompt at temperature 1, one search a turn.'),
  ...roundsOptions,
});

export default definePlugin({
  kind: 'strategy',
  config,
  setup(host, options) {
    const { policy_model: policy, model_path: path } = options;
    if (path !== undefined) {
      const { message } = new RutterError(
        'ERR_CONFIG_INVALID',
        `${path} names weights, which are not loaded here. Train with what "rutter train llmrouter-r1 --data OUTCOMES.jsonl --out chats.jsonl" exports, serve the model behind an OpenAI-compatible address, and name it in policy_model.`,
      );
      host.log.error({ path, reason: message }, 'the router could not be loaded');
    }
    if (policy === undefined)
      host.log.warn({}, `no policy_model: ${host.name} thinks nothing; name a model or a model group`);
    return {
      limits: { calls: options.max_calls },
      select: (_context, candidates) => tiersByStrength(candidates, 'strongest'),

      async orchestrate(context, candidates, invoke, call): Promise<CallResult | undefined> {
        if (policy === undefined) return undefined;
        const request = call.chat();
        const plain = whyPlain(request);
        if (plain !== undefined) {
          call.explain(`no turns, since ${plain}`);
          return undefined;
        }
        const pool = poolOf(candidates);
        const asked = ownOrGroup(pool, policy);
        const rounds = new Rounds(host, { context, invoke }, options);
        const ended = await think(rounds, {
          pool,
          policy: asked,
          question: transcriptOf(request.messages, options.most_characters),
          maxTurns: options.max_turns,
          policyTokens: options.policy_tokens,
          searchTokens: options.search_tokens,
          mostInformation: options.most_information,
          isFaithful: options.upstream === 'faithful',
        });
        call.explain(ended.told);
        if (ended.kind === 'failed') return undefined;
        if (ended.kind === 'answer') return resultOf({ text: ended.answer, end: 'stop' }, undefined);
        try {
          return await rounds.answerBy(asked, request, ended.messages);
        } catch (error) {
          context.signal.throwIfAborted();
          host.log.warn(
            { reason: RutterError.from(error).code },
            'the last turn failed; the request is routed plainly',
          );
          call.explain(`${ended.told}, and its last turn failed`);
          return undefined;
        }
      },
    };
  },
});
