/**
 * Calls to the Gemini API, the one that takes keys of Google AI Studio.
 *
 * `api_base` may be given with or without the version of the API.
 */
import { type Deployment, definePlugin, type TokenCount, z } from '@rutter/plugin-sdk';
import { geminiCodec, geminiEmbeddingsCodec, geminiFailure, modelPath } from '@rutter/plugin-sdk/codecs';

const config = z.strictObject({
  origin: z
    .url()
    .default('https://generativelanguage.googleapis.com')
    .describe('Base address of deployments that name none.'),
  apiVersion: z
    .string()
    .regex(/^v\d\w*$/)
    .default('v1beta')
    .describe('Version of the API, where api_version of the deployment does not say.'),
});

/** Without `models/` that some write before it. */
const modelOf = ({ model }: Deployment) => model.replace(/^(?:models|tunedModels)\//, '');

/** https://ai.google.dev/api/tokens: the whole request is counted, tools and instructions too. */
const count: TokenCount = {
  request({ path, headers, body }) {
    const [, model = ''] = /\/([^/]+\/[^/:]+):\w+$/.exec(path) ?? [];
    return {
      path: path.replace(/:\w+$/, ':countTokens'),
      ...(headers && { headers }),
      body: { generateContentRequest: { ...(body as object), model: decodeURIComponent(model) } },
    };
  },
  tokens: ({ totalTokens }: { readonly totalTokens?: unknown }) =>
    typeof totalTokens === 'number' ? totalTokens : undefined,
};

export default definePlugin({
  kind: 'provider',
  config,
  setup(_host, { origin, apiVersion }) {
    const path = (deployment: Deployment, method: string) => {
      const base = (deployment.apiBase ?? origin).replace(/\/+$/, '');
      const version = /\/v\d[a-z\d]*$/.test(base) ? '' : `/${deployment.apiVersion ?? apiVersion}`;
      return `${version}/${modelPath(deployment.model)}:${method}`;
    };
    return {
      origin,
      variables: { api_base: ['GEMINI_API_BASE'] },
      auth: { scheme: 'header', header: 'x-goog-api-key', variable: ['GEMINI_API_KEY', 'GOOGLE_API_KEY'] },
      chat: { ...geminiCodec({ path, model: modelOf }), count },
      embeddings: geminiEmbeddingsCodec({
        path,
        model: ({ model }) => (/^(?:models|tunedModels)\//.test(model) ? model : `models/${model}`),
        method: () => 'batchEmbedContents',
      }),
      failure: geminiFailure,
    };
  },
});
