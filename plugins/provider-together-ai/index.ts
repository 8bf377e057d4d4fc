/**
 * Calls to Together AI.
 *
 * It speaks OpenAI's API, but for a stop reason of its own (`eos`) and for
 * reasoning, which it tells and takes as `reasoning`.
 * https://docs.together.ai/docs/openai-api-compatibility
 */
import { definePlugin, z } from '@rutter/plugin-sdk';
import {
  openAiChatCodec,
  openAiCompletionsCodec,
  openAiEmbeddingsCodec,
  openAiFailure,
} from '@rutter/plugin-sdk/codecs';

const config = z.strictObject({
  origin: z.url().default('https://api.together.xyz/v1').describe('Base address of deployments that name none.'),
});

/** As LiteLLM looks for them. */
const keys = ['TOGETHERAI_API_KEY', 'TOGETHER_API_KEY', 'TOGETHER_AI_API_KEY', 'TOGETHER_AI_TOKEN'];

export default definePlugin({
  kind: 'provider',
  config,
  setup(_host, { origin }) {
    const options = {
      historyReasoning: 'reasoning',
      limitName: 'max_tokens',
      openAiName: () => undefined,
    } as const;
    return {
      origin,
      variables: { api_base: ['TOGETHER_AI_API_BASE'] },
      auth: { scheme: 'header', header: 'authorization', prefix: 'Bearer ', variable: keys },
      chat: openAiChatCodec(options),
      completions: openAiCompletionsCodec(options),
      embeddings: openAiEmbeddingsCodec(),
      failure: openAiFailure,
    };
  },
});
