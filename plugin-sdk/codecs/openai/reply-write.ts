/** Whole replies as clients of this dialect read them. */
import type { ChatReply, Choice } from '../../contract/chat.ts';
import type { WriteContext } from '../../contract/wire.ts';
import { defined, isObject, type JsonObject } from '../values.ts';
import { writeToolCall } from './chat-write.ts';
import { finishReason } from './names.ts';
import { isOpaque, reasoningText, writeBlock } from './thinking.ts';
import { writeUsage } from './usage.ts';

const choicesOf = (reply: ChatReply): readonly Choice[] => [reply, ...(reply.others ?? [])];

export function writeReply(reply: ChatReply, { requestId, model, created }: WriteContext): JsonObject {
  return {
    ...reply.envelope,
    id: reply.id ?? `chatcmpl-${requestId}`,
    object: 'chat.completion',
    created,
    model,
    choices: choicesOf(reply).map(writeChoice),
    ...(reply.usage && { usage: writeUsage(reply.usage) }),
  };
}

function writeChoice(choice: Choice, index: number): JsonObject {
  const { text, toolCalls, reasoning, refusal, end, logprobs, extra } = choice;
  const { message, ...rest } = (extra ?? {}) as JsonObject;
  const hasOther = toolCalls !== undefined || refusal !== undefined;
  const blocks = reasoning?.filter(isOpaque) ?? [];
  return {
    index,
    message: defined({
      role: 'assistant',
      content: text === '' && hasOther ? null : text,
      refusal: refusal ?? null,
      tool_calls: toolCalls?.map(writeToolCall),
      reasoning_content: reasoning === undefined ? undefined : reasoningText(reasoning),
      thinking_blocks: blocks.length > 0 ? blocks.map(writeBlock) : undefined,
      ...(isObject(message) && message),
    }),
    logprobs: logprobs ?? null,
    finish_reason: finishReason(end),
    ...rest,
  };
}

export function writeCompletion(reply: ChatReply, { requestId, model, created }: WriteContext): JsonObject {
  return {
    ...reply.envelope,
    id: reply.id ?? `cmpl-${requestId}`,
    object: 'text_completion',
    created,
    model,
    choices: choicesOf(reply).map(({ text, end, logprobs }, index) => ({
      text,
      index,
      logprobs: logprobs ?? null,
      finish_reason: end === 'tool-calls' ? 'stop' : finishReason(end),
    })),
    ...(reply.usage && { usage: writeUsage(reply.usage) }),
  };
}
