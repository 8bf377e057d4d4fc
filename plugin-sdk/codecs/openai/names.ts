/** Names that several files of this dialect agree on. */
import type { EndReason } from '../../contract/chat.ts';
import { RutterError } from '../../contract/errors.ts';

export const chatDialect = 'openai-chat';
export const completionsDialect = 'openai-completions';
export const embeddingsDialect = 'openai-embeddings';

/** Signed reasoning in the `thinking_blocks` field has Anthropic's shape, and its origin unless it says otherwise. */
export const defaultBlockOrigin = 'anthropic-messages';

const endReasons: Readonly<Record<string, EndReason>> = {
  stop: 'stop',
  eos: 'stop',
  length: 'length',
  max_tokens: 'length',
  // Mistral's and DeepSeek's words for a reply that the model's own bound, or the vendor's, has cut.
  model_length: 'length',
  insufficient_system_resource: 'length',
  tool_calls: 'tool-calls',
  tool_use: 'tool-calls',
  function_call: 'tool-calls',
  content_filter: 'refusal',
  refusal: 'refusal',
  content_filtered: 'refusal',
  guardrail_intervened: 'refusal',
};

/**
 * Unknown reasons count as a normal end: a vendor's novelty must not fail a finished reply. `error`, by which several
 * vendors end a reply they could not finish, throws: half a reply must not pass for a whole one.
 */
export function endReason(finish: unknown): EndReason {
  if (finish === 'error')
    throw new RutterError('ERR_PROVIDER_INTERNAL', 'The vendor ended the reply with an error and did not say which.');
  return (typeof finish === 'string' && Object.hasOwn(endReasons, finish) ? endReasons[finish] : undefined) ?? 'stop';
}

const finishReasons: Readonly<Record<EndReason, string>> = {
  stop: 'stop',
  length: 'length',
  'tool-calls': 'tool_calls',
  refusal: 'content_filter',
};

export const finishReason = (end: EndReason): string => finishReasons[end];
