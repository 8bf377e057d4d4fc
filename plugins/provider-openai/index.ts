/**
 * Calls to OpenAI and to servers compatible with it.
 *
 * `api_base` means what it means to LiteLLM: the paths are appended to it as
 * it stands, `https://host/v1` becoming `https://host/v1/chat/completions`.
 */
import { type Deployment, definePlugin, z } from '@rutter/plugin-sdk';
import {
  openAiChatCodec,
  openAiCompletionsCodec,
  openAiEmbeddingsCodec,
  openAiFailure,
} from '@rutter/plugin-sdk/codecs';

const config = z.strictObject({
  origin: z
    .url()
    .default('https://api.openai.com/v1')
    .describe('Base address of deployments that name none; paths such as /chat/completions are appended.'),
});

/** `OpenAI-Organization`, where the deployment names one. */
function headers({ params }: Deployment): Record<string, string> | undefined {
  const { organization } = params;
  return typeof organization === 'string' && organization !== '' ? { 'openai-organization': organization } : undefined;
}

export default definePlugin({
  kind: 'provider',
  config,
  setup(_host, { origin }) {
    const isOpenAi = ({ apiBase }: Deployment) => (apiBase ?? origin).startsWith('https://api.openai.com');
    // OpenAI itself refuses messages with fields it does not know; compatible servers may well read them.
    const options = { headers, refusesReasoning: isOpenAi, refusesMarks: isOpenAi };
    return {
      origin,
      auth: { scheme: 'header', header: 'authorization', prefix: 'Bearer ', variable: 'OPENAI_API_KEY' },
      chat: openAiChatCodec(options),
      completions: openAiCompletionsCodec(options),
      embeddings: openAiEmbeddingsCodec({ headers }),
      failure: openAiFailure,
    };
  },
});
