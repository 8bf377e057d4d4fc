/**
 * Calls to Cohere, version 2 of its API.
 *
 * `api_base` may be given with or without `/v2`, or with the whole path of the chat.
 */
import { type Deployment, definePlugin, type FailureReader, RutterError, z } from '@rutter/plugin-sdk';
import { openAiFailure, vendorFailure } from '@rutter/plugin-sdk/codecs';
import { cohereEmbeddings } from './embeddings.ts';
import { readReply } from './reply.ts';
import { writeRequest } from './request.ts';
import { readEvents } from './stream.ts';

const config = z.strictObject({
  origin: z.url().default('https://api.cohere.com').describe('Base address of deployments that name none.'),
});

/** A trial key's calls of the month; those of a minute come back. */
const spent = /calls? \/ month/i;

/** 498 stands for a word on the deny list of a request or its reply. https://docs.cohere.com/reference/errors */
const failure: FailureReader = (status, body, headers) => {
  const found = openAiFailure(status, body, headers);
  const code =
    status === 498
      ? 'ERR_PROVIDER_CONTENT_POLICY'
      : status === 429 && spent.test(body)
        ? 'ERR_PROVIDER_QUOTA'
        : undefined;
  if (code === undefined) return found;
  return vendorFailure(
    code,
    status,
    { message: RutterError.is(found) ? found.message : `Cohere answered ${status}.` },
    headers,
  );
};

export default definePlugin({
  kind: 'provider',
  config,
  setup(_host, { origin }) {
    const path =
      (operation: 'chat' | 'embed') =>
      ({ apiBase = origin }: Deployment) => {
        const base = apiBase.replace(/\/+$/, '');
        if (base.endsWith(`/v2/${operation}`)) return '';
        return base.endsWith('/v2') ? `/${operation}` : `/v2/${operation}`;
      };
    const chatPath = path('chat');
    return {
      origin,
      variables: { api_base: ['COHERE_API_BASE', 'CO_API_URL'] },
      auth: {
        scheme: 'header',
        header: 'authorization',
        prefix: 'Bearer ',
        variable: ['COHERE_API_KEY', 'CO_API_KEY'],
      },
      chat: {
        framing: 'sse',
        // Its own JSON mode excludes tools.
        structured: (_deployment, { tools = [] }) => (tools.length > 0 ? 'tool' : 'native'),
        request: (input) => writeRequest(input, chatPath),
        reply: (body) => readReply(body),
        events: () => readEvents(),
      },
      embeddings: cohereEmbeddings(path('embed')),
      failure,
    };
  },
});
