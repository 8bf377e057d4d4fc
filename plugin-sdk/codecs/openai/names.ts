/** Names that several files of this dialect agree on. */
import type { EndReason } from '../../contract/chat.ts';

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
  tool_calls: 'tool-calls',
  tool_use: 'tool-calls',
  function_call: 'tool-calls',
  content_filter: 'refusal',
  refusal: 'refusal',
  content_filtered: 'refusal',
  guardrail_intervened: 'refusal',
};

/** Unknown reasons count as a normal end: a vendor's novelty must not fail a finished reply. */
export const endReason = (finish: unknown): EndReason =>
  (typeof finish === 'string' && Object.hasOwn(endReasons, finish) ? endReasons[finish] : undefined) ?? 'stop';

const finishReasons: Readonly<Record<EndReason, string>> = {
  stop: 'stop',
  length: 'length',
  'tool-calls': 'tool_calls',
  refusal: 'content_filter',
};

export const finishReason = (end: EndReason): string => finishReasons[end];
