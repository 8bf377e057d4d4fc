/**
 * Chat with models that Groq runs. https://console.groq.com/docs/openai
 *
 * Reasoning comes in a field of Groq's own, and a stream's usage beside the
 * usual place, so replies are read and not passed on as bytes.
 */
import type { ChatRequest, Deployment } from '@rutter/plugin-sdk';
import {
  imagePart,
  isFilled,
  isNumber,
  isObject,
  type JsonObject,
  messagesWith,
  openAiAsks,
  openAiChatCodec,
  openAiHints,
  plainTools,
} from '@rutter/plugin-sdk/codecs';

// Groq still takes the older form of tools, by functions.
const lacks = openAiAsks.filter((name) => name !== 'functions' && name !== 'function_call');

/** Models that keep to a schema: https://console.groq.com/docs/structured-outputs */
const bySchema = /gpt-oss|kimi-k2|llama-4-(?:maverick|scout)/;
/** Models that write their reasoning into the text, unless asked to keep it apart. */
const mixesReasoning = /qwen3|qwq|deepseek-r1/;

function change(fields: Readonly<JsonObject>, { model }: Deployment): JsonObject {
  const { reasoning_format: format, include_reasoning: included } = fields;
  const isTold = format !== undefined || included !== undefined;
  return {
    thinking: undefined,
    ...effortOf(fields, model),
    ...(!isTold && mixesReasoning.test(model) && { reasoning_format: 'parsed' }),
    ...(fields.tools !== undefined && { tools: plainTools(fields.tools) }),
  };
}

/** The steps of one family of models are not those of another: https://console.groq.com/docs/reasoning */
function effortOf({ reasoning_effort: found, thinking }: Readonly<JsonObject>, model: string): JsonObject {
  const effort = isFilled(found) ? found : effortOfThinking(thinking);
  if (effort === undefined) return {};
  if (mixesReasoning.test(model)) return { reasoning_effort: effort === 'none' ? 'none' : 'default' };
  const steps: Readonly<Record<string, string>> = { minimal: 'low', xhigh: 'high', max: 'high' };
  return { reasoning_effort: Object.hasOwn(steps, effort) ? steps[effort] : effort };
}

function effortOfThinking(thinking: unknown): string | undefined {
  if (!isObject(thinking)) return undefined;
  const { type, budget_tokens: budget } = thinking;
  if (type === 'disabled') return 'none';
  if (!isNumber(budget)) return 'medium';
  return budget <= 1024 ? 'low' : budget <= 2048 ? 'medium' : 'high';
}

/** A schema is kept to by some models, and not in streams; JSON of any shape by all. Neither goes beside tools. */
function structured({ model }: Deployment, { tools = [], stream, responseFormat }: ChatRequest): 'native' | 'tool' {
  if (tools.length > 0) return 'tool';
  return responseFormat?.type === 'json' || (bySchema.test(model) && !stream) ? 'native' : 'tool';
}

export const groqChat = openAiChatCodec({
  limits: {
    vendor: 'Groq',
    lacks: [...lacks, 'n', 'top_k', 'logprobs', 'top_logprobs', 'presence_penalty', 'frequency_penalty'],
    ignores: openAiHints,
  },
  openAiName: () => undefined,
  limitName: 'max_completion_tokens',
  relays: false,
  structured,
  messages: messagesWith({
    vendor: 'Groq',
    parts: { image_url: imagePart },
    reasoning: (message, text) => (text === '' ? message : { ...message, reasoning: text }),
  }),
  change,
});
