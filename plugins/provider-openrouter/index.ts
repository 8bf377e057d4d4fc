/**
 * Calls to OpenRouter, which stands between this gateway and other vendors.
 *
 * `models`, `provider`, `transforms`, `route`, `plugins` and what else it adds
 * to OpenAI's API pass as they are. Its errors may come inside a 200.
 * https://openrouter.ai/docs/api-reference/overview
 */
import { type ChatCodec, type ChatReply, type Deployment, definePlugin, type Fields, z } from '@rutter/plugin-sdk';
import {
  isArray,
  isNumber,
  isObject,
  isString,
  type JsonObject,
  openAiChatCodec,
  openAiCompletionsCodec,
  openAiEmbeddingsCodec,
  openAiFailure,
} from '@rutter/plugin-sdk/codecs';
import { blocksOf, DetailReader, withDetails } from './reasoning.ts';

const config = z.strictObject({
  origin: z.url().default('https://openrouter.ai/api/v1').describe('Base address of deployments that name none.'),
  siteUrl: z
    .string()
    .optional()
    .describe('`HTTP-Referer` of deployments that say nothing, where OR_SITE_URL does not.'),
  appName: z.string().optional().describe('`X-Title` of deployments that say nothing, where OR_APP_NAME does not.'),
});

const settingOf = (value: unknown, fallback: string | undefined): string | undefined =>
  isString(value) && value !== '' ? value : fallback;

/** Reasoning asked for in OpenAI's or Anthropic's words, in OpenRouter's own; the caller's `reasoning` wins. */
function askedReasoning({ reasoning, reasoning_effort: effort, thinking }: Fields): JsonObject {
  if (effort === undefined && thinking === undefined) return {};
  const taken = { reasoning_effort: undefined, thinking: undefined };
  if (reasoning !== undefined) return taken;
  if (isObject(thinking) && thinking.type === 'disabled') return { ...taken, reasoning: { enabled: false } };
  if (isObject(thinking) && isNumber(thinking.budget_tokens))
    return { ...taken, reasoning: { max_tokens: thinking.budget_tokens } };
  return { ...taken, reasoning: isString(effort) ? { effort } : { enabled: true } };
}

function change(fields: Fields, { model }: Deployment): JsonObject {
  const { messages } = fields;
  const isTold = (message: unknown) =>
    isObject(message) && (message.reasoning_content !== undefined || message.thinking_blocks !== undefined);
  const set = askedReasoning(fields);
  if (!isArray(messages) || !messages.some(isTold)) return set;
  const isClaude = model.startsWith('anthropic/');
  return { ...set, messages: messages.map((one) => (isObject(one) ? withDetails(one, isClaude) : one)) };
}

/** Blocks that have to come back unchanged, where the reply has them. */
function withBlocks(reply: ChatReply): ChatReply {
  const { message } = (reply.extra ?? {}) as { message?: unknown };
  const reasoning = isObject(message) ? blocksOf(message.reasoning_details) : undefined;
  return reasoning === undefined ? reply : { ...reply, reasoning };
}

function chatCodec(headers: (deployment: Deployment) => Readonly<Record<string, string>>): ChatCodec {
  const codec = openAiChatCodec({ headers, change, openAiName: () => undefined });
  return {
    ...codec,
    reply: (body, context) => withBlocks(codec.reply(body, context)),
    events(context) {
      const read = codec.events(context);
      const details = new DetailReader();
      return (frame) => details.read(read(frame));
    },
  };
}

export default definePlugin({
  kind: 'provider',
  config,
  setup(_host, { origin, siteUrl, appName }) {
    const headers = ({ params }: Deployment) => {
      const referer = settingOf(params.openrouter_site_url, siteUrl);
      const title = settingOf(params.openrouter_app_name, appName);
      return { ...(referer && { 'http-referer': referer }), ...(title && { 'x-title': title }) };
    };
    return {
      origin,
      variables: {
        api_base: ['OPENROUTER_API_BASE'],
        openrouter_site_url: ['OR_SITE_URL'],
        openrouter_app_name: ['OR_APP_NAME'],
      },
      auth: {
        scheme: 'header',
        header: 'authorization',
        prefix: 'Bearer ',
        variable: ['OPENROUTER_API_KEY', 'OR_API_KEY'],
      },
      chat: chatCodec(headers),
      completions: openAiCompletionsCodec({ headers, openAiName: () => undefined }),
      embeddings: openAiEmbeddingsCodec({ headers }),
      failure: openAiFailure,
    };
  },
});
