/**
 * Calls to Ollama.
 *
 * `ollama/…` calls its generate operation, `ollama_chat/…` its chat. `api_base`
 * may be given with or without `/api`.
 */
import { type Deployment, definePlugin, z } from '@rutter/plugin-sdk';
import { ollamaEmbeddings } from './embeddings.ts';
import { ollamaFailure } from './failure.ts';
import { readEvents, readReply } from './reply.ts';
import { writeRequest } from './request.ts';

const config = z.strictObject({
  origin: z.url().default('http://localhost:11434').describe('Base address of deployments that name none.'),
});

export default definePlugin({
  kind: 'provider',
  config,
  setup(_host, { origin }) {
    const path = (operation: 'chat' | 'generate' | 'embed', { apiBase = origin }: Deployment) =>
      /\/api\/*$/.test(apiBase) ? `/${operation}` : `/api/${operation}`;
    return {
      origin,
      variables: { api_base: ['OLLAMA_API_BASE'] },
      auth: {
        scheme: 'header',
        header: 'authorization',
        prefix: 'Bearer ',
        variable: 'OLLAMA_API_KEY',
        optional: true,
      },
      chat: {
        framing: 'ndjson',
        inlines: ['image'],
        structured: () => 'native',
        request: (input) => writeRequest(input, path),
        reply: (body, context) => readReply(body, context),
        events: readEvents,
      },
      embeddings: ollamaEmbeddings((deployment) => path('embed', deployment)),
      failure: ollamaFailure,
    };
  },
});
