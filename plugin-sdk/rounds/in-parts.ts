/** The flow of strategies that answer in parts: plan, ask all parts at once, join. They differ in the plan alone. */
import { z } from 'zod';
import type { Host } from '../contract/host.ts';
import type { Invoke } from '../contract/kinds.ts';
import type { Call, CallResult, Candidate, RequestContext } from '../contract/request.ts';
import { answerParts, joining, type Part, tellParts } from './parts.ts';
import { type PoolModel, poolOf } from './pool.ts';
import { type Asked, ownOrGroup, Rounds, type RoundsOptions } from './rounds.ts';
import { questionOf, transcriptOf, whyPlain } from './words.ts';

/** Options of every strategy that answers in parts, beside those of its rounds. */
export const partsOptions = {
  base_model: z
    .string()
    .min(1)
    .optional()
    .describe(
      'The model that plans and joins: one of the group, or the name of another model group. Without it nothing is split.',
    ),
  max_parts: z.int().min(1).max(16).default(4).describe('Most parts of a question.'),
  plan_tokens: z.int().min(1).default(512).describe('Most tokens of the plan.'),
  part_tokens: z.int().min(1).default(512).describe('Most tokens of the answer to a part.'),
  most_characters: z
    .int()
    .min(1)
    .default(16_000)
    .describe('Characters of the conversation that the plan is made from, the last ones.'),
  min_characters: z.int().min(0).default(0).describe('Shorter questions are not split.'),
} as const;

const shape = z.object(partsOptions);
export type PartsOptions = z.output<typeof shape> & RoundsOptions;

/** Parts of a question, or why there are none. */
export type Plan = { readonly parts: readonly Part[] } | { readonly parts?: undefined; readonly told: string };

export interface Planning {
  readonly rounds: Rounds;
  readonly pool: readonly PoolModel[];
  readonly base: Asked;
  /** The conversation in words. */
  readonly words: string;
  /** Most parts that there are calls for. */
  readonly most: number;
}

export interface InParts {
  readonly context: RequestContext;
  readonly candidates: readonly Candidate[];
  readonly invoke: Invoke;
  readonly call: Call;
}

/**
 * Answers a request in parts; undefined, with its reason explained, where that cannot be or has failed. A single part
 * is the request itself: the model it was planned for answers it as it is.
 */
export async function inParts(
  host: Pick<Host, 'invoke' | 'clock' | 'log'>,
  { context, candidates, invoke, call }: InParts,
  options: PartsOptions,
  plan: (planning: Planning) => Promise<Plan>,
): Promise<CallResult | undefined> {
  const request = call.chat();
  const question = questionOf(request.messages);
  const plain = whyPlain(request) ?? (question.length < options.min_characters ? 'the question is short' : undefined);
  if (options.base_model === undefined || plain !== undefined) {
    if (plain !== undefined) call.explain(`no parts, since ${plain}`);
    return undefined;
  }
  const pool = poolOf(candidates);
  const base = ownOrGroup(pool, options.base_model);
  const rounds = new Rounds(host, { context, invoke }, options);
  const words = transcriptOf(request.messages, options.most_characters);
  // The plan and the last call are not for parts.
  const most = Math.min(options.max_parts, rounds.left - 1);
  const planned = await plan({ rounds, pool, base, words, most });
  if (planned.parts === undefined) {
    call.explain(planned.told);
    return undefined;
  }
  const [only] = planned.parts;
  if (planned.parts.length === 1 && only !== undefined) {
    call.explain(`one part, by ${only.models[0]?.name}`);
    return rounds.answer([...only.models, ...pool.filter((model) => !only.models.includes(model))]);
  }
  const parts = await answerParts(rounds, planned.parts, { maxOutputTokens: options.part_tokens, question });
  const told = tellParts(parts);
  call.explain(told);
  if (parts.every(({ text }) => text === undefined)) return undefined;
  try {
    return await rounds.answerBy(base, request, joining(request.messages, parts));
  } catch (error) {
    context.signal.throwIfAborted();
    host.log.warn({ err: error }, 'the parts could not be joined; the request is routed plainly');
    call.explain(`${told}, which could not be joined`);
    return undefined;
  }
}
