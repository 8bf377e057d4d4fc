/**
 * Calls to a server that speaks the dialect of OpenAI: a model of your own, or a vendor compatible with it.
 *
 * A provider translates and does nothing else. Sockets, deadlines, retries and
 * keys are the kernel's. For a dialect of its own, write the `ChatCodec` that
 * `openAiChatCodec` makes here: `request`, `reply` and `events`.
 */
import { definePlugin, z } from '@rutter/plugin-sdk';
import { openAiChatCodec, openAiEmbeddingsCodec, openAiFailure } from '@rutter/plugin-sdk/codecs';

const config = z.strictObject({
  origin: z
    .url()
    .default('http://127.0.0.1:8000/v1')
    .describe('Base address of deployments that name none; paths such as /chat/completions are appended.'),
});

export default definePlugin({
  kind: 'provider',
  config,
  setup(_host, { origin }) {
    return {
      origin,
      // The key is the deployment's `api_key`. A server at home may want none.
      auth: { scheme: 'header', header: 'authorization', prefix: 'Bearer ', optional: true },
      chat: openAiChatCodec(),
      embeddings: openAiEmbeddingsCodec(),
      failure(status, body, headers) {
        // Such servers answer 503 for minutes while they load a model: another deployment is the better try.
        if (status === 503 && body.includes('loading')) return 'ERR_PROVIDER_OVERLOADED';
        return openAiFailure(status, body, headers);
      },
    };
  },
});
