/**
 * Chat with Mistral's models, and the middle of a text between a prompt and a
 * `suffix`, which is an operation of its own there.
 *
 * Replies that reason have lists as content, so they are read and not passed on
 * as bytes. https://docs.mistral.ai/api/
 */
import type { ChatCodec, ChatRequest, Deployment, UpstreamRequest } from '@rutter/plugin-sdk';
import {
  defined,
  isFilled,
  isObject,
  type JsonObject,
  messageText,
  openAiAsks,
  openAiChatCodec,
  openAiHints,
  plainTools,
  unsupported,
} from '@rutter/plugin-sdk/codecs';
import { writeMessages } from './messages.ts';

const limits = {
  vendor: 'Mistral',
  lacks: [
    ...openAiAsks.filter((name) => name !== 'prediction' && name !== 'suffix'),
    'top_k',
    'logprobs',
    'top_logprobs',
  ],
  ignores: [...openAiHints, 'user', 'service_tier'],
};

function change(fields: Readonly<JsonObject>, { model }: Deployment): JsonObject {
  const { seed, tool_choice: choice } = fields;
  return {
    ...(seed !== undefined && { seed: undefined, random_seed: seed }),
    ...(choice === 'required' && { tool_choice: 'any' }),
    ...(fields.tools !== undefined && { tools: plainTools(fields.tools) }),
    ...effortOf(fields, model),
  };
}

/** Magistral always reasons, with or without its own system prompt; other models know only whether they shall. */
function effortOf({ reasoning_effort: effort, thinking }: Readonly<JsonObject>, model: string): JsonObject {
  if (effort === undefined && thinking === undefined) return {};
  const isOff = isFilled(effort) ? effort === 'none' : isObject(thinking) && thinking.type === 'disabled';
  const out = { thinking: undefined, reasoning_effort: undefined };
  return /magistral/.test(model)
    ? { ...out, prompt_mode: isOff ? null : 'reasoning' }
    : { ...out, reasoning_effort: isOff ? 'none' : 'high' };
}

const chat = openAiChatCodec({
  limits,
  openAiName: () => undefined,
  limitName: 'max_tokens',
  asksForUsage: false,
  relays: false,
  structured: () => 'native',
  messages: writeMessages,
  change,
});

const isFillInPrefix = ({ provider }: Deployment) => provider === 'text-completion-codestral';

/** Fields of `/fim/completions`, by their names in a chat body. */
const fillInFields = ['model', 'stream', 'temperature', 'top_p', 'max_tokens', 'min_tokens', 'stop', 'random_seed'];

/** A prompt and what shall follow; the reply has the shape of a chat's. */
function fillIn(input: ChatRequest & { readonly deployment: Deployment }): UpstreamRequest {
  const { suffix } = input.extra;
  const [message, ...others] = input.messages;
  if (message?.role !== 'user' || others.length > 0)
    throw unsupported('suffix', `Mistral fills in one text; found ${input.messages.length} messages.`);
  const { body, dropped, headers } = chat.request(input);
  const fields = Object.entries(body as JsonObject).filter(([name]) => fillInFields.includes(name));
  const made = {
    ...Object.fromEntries(fields),
    prompt: messageText(message),
    suffix: isFilled(suffix) ? suffix : undefined,
  };
  return { path: '/fim/completions', body: defined(made), ...defined({ dropped, headers }) };
}

export const mistralChat: ChatCodec = {
  ...chat,
  request: (input) =>
    isFilled(input.extra.suffix) || isFillInPrefix(input.deployment)
      ? fillIn(input)
      : chat.request(withoutSuffix(input)),
};

/** A suffix of nothing asks for nothing, and the chat operation refuses the field. */
function withoutSuffix<T extends ChatRequest>(input: T): T {
  if (!('suffix' in input.extra)) return input;
  const { suffix: _, ...extra } = input.extra;
  return { ...input, extra };
}
