/**
 * Calls to Mistral, and to Codestral at its own address.
 *
 * `api_base` is taken as it stands, `/v1` included; the paths are appended.
 */
import { type Deployment, definePlugin, z } from '@rutter/plugin-sdk';
import { openAiFailure } from '@rutter/plugin-sdk/codecs';
import { mistralChat } from './chat.ts';
import { mistralEmbeddings } from './embeddings.ts';

const config = z.strictObject({
  origin: z.url().default('https://api.mistral.ai/v1').describe('Base address of mistral/ deployments that name none.'),
  codestralOrigin: z
    .url()
    .default('https://codestral.mistral.ai/v1')
    .describe('Base address of codestral/ deployments that name none.'),
});

const isCodestral = (prefix: string) => prefix === 'codestral' || prefix === 'text-completion-codestral';

export default definePlugin({
  kind: 'provider',
  config,
  setup(_host, { origin, codestralOrigin }) {
    return {
      origin: ({ provider }: Deployment) => (isCodestral(provider) ? codestralOrigin : origin),
      variables: (prefix) => ({ api_base: [isCodestral(prefix) ? 'CODESTRAL_API_BASE' : 'MISTRAL_API_BASE'] }),
      auth: ({ provider }: Deployment) => ({
        scheme: 'header',
        header: 'authorization',
        prefix: 'Bearer ',
        variable: isCodestral(provider) ? ['CODESTRAL_API_KEY', 'MISTRAL_API_KEY'] : 'MISTRAL_API_KEY',
      }),
      chat: mistralChat,
      embeddings: mistralEmbeddings,
      failure: openAiFailure,
    };
  },
});
