/** Chat with DeepSeek's models. https://api-docs.deepseek.com/api/create-chat-completion */
import type { Deployment } from '@rutter/plugin-sdk';
import {
  type BodyChange,
  type Drops,
  isFilled,
  isObject,
  type JsonObject,
  messagesWith,
  openAiAsks,
  openAiChatCodec,
  openAiCompletionsCodec,
  openAiHints,
  plainTools,
} from '@rutter/plugin-sdk/codecs';

function change(fields: Readonly<JsonObject>, _deployment: Deployment, drops: Drops): JsonObject {
  return {
    ...thinkingOf(fields),
    ...(fields.tools !== undefined && { tools: plainTools(fields.tools, 'DeepSeek') }),
    ...formatOf(fields, drops),
  };
}

/**
 * Models of the fourth generation think unless told not to, those before only when told; an effort does not tell them.
 * https://api-docs.deepseek.com/guides/thinking_mode
 */
function thinkingOf({ thinking, reasoning_effort: effort }: Readonly<JsonObject>): JsonObject {
  if (isObject(thinking)) {
    // A budget in tokens is another vendor's; the API has none.
    const type = thinking.type === 'disabled' ? 'disabled' : 'enabled';
    return { thinking: { type } };
  }
  if (!isFilled(effort)) return {};
  if (effort === 'none') return { thinking: { type: 'disabled' }, reasoning_effort: undefined };
  return { thinking: { type: 'enabled' }, reasoning_effort: effort === 'minimal' ? 'low' : effort };
}

/** There is a JSON mode, and no mode that keeps to a schema. */
function formatOf({ response_format: format }: Readonly<JsonObject>, drops: Drops): JsonObject {
  if (!isObject(format) || format.type !== 'json_schema') return {};
  drops.drop(
    'response_format',
    'DeepSeek keeps to no JSON Schema; found response_format of type json_schema, expected json_object.',
  );
  return { response_format: { type: 'json_object' } };
}

/**
 * What was thought on the way to a tool call has to come back with it, while a thinking model is asked: a call that
 * another vendor's model made comes with empty thoughts, because the API only asks whether there are any.
 */
function withReasoning(message: JsonObject, text: string, _change: BodyChange): JsonObject {
  if (text !== '') return { ...message, reasoning_content: text };
  return message.tool_calls === undefined ? message : { ...message, reasoning_content: '' };
}

export const deepSeekChat = openAiChatCodec({
  limits: {
    vendor: 'DeepSeek',
    lacks: [...openAiAsks, 'n', 'seed', 'top_k', 'parallel_tool_calls'],
    ignores: [...openAiHints, 'user', 'service_tier'],
  },
  openAiName: () => undefined,
  limitName: 'max_tokens',
  structured: () => 'json',
  messages: messagesWith({ vendor: 'DeepSeek', flattens: true, keeps: ['prefix', 'name'], reasoning: withReasoning }),
  change,
});

/** Completions with a `suffix` are found under `/beta` alone. https://api-docs.deepseek.com/api/create-completion */
export const deepSeekCompletions = (origin: string) =>
  openAiCompletionsCodec({
    path: ({ apiBase = origin }) => (/\/(?:beta|v1)\/*$/.test(apiBase) ? '/completions' : '/beta/completions'),
    limits: { vendor: 'DeepSeek', lacks: ['n', 'best_of', 'seed', 'logit_bias'], ignores: ['user'] },
    openAiName: () => undefined,
    limitName: 'max_tokens',
  });
