/**
 * Calls to Vertex AI: Gemini, and in its model garden Claude and others.
 *
 * Which API a model is behind follows from its name; which project and region,
 * from the deployment, the environment or the credential.
 */
import { type ChatCodec, type Deployment, definePlugin, type FailureReader, z } from '@rutter/plugin-sdk';
import {
  anthropicFailure,
  geminiCodec,
  geminiEmbeddingsCodec,
  geminiFailure,
  isObject,
  openAiFailure,
  parseJson,
} from '@rutter/plugin-sdk/codecs';
import { type Defaults, type Family, modelResource, named, originOf, pathOf } from './addresses.ts';
import { claudeCodec, endpointCodec, openCodec, publishedCodec } from './garden.ts';

const config = z.strictObject({
  origin: z
    .url()
    .optional()
    .describe('Base address of deployments that name none; that of their location when absent.'),
  project: z.string().min(1).optional().describe('Project of deployments that name none.'),
  location: z.string().min(1).optional().describe('Location of deployments that name none.'),
  apiVersion: z
    .string()
    .regex(/^v\d\w*$/)
    .default('v1')
    .describe('Version of the API, where api_version of the deployment does not say.'),
  defaultMaxTokens: z
    .int()
    .min(1)
    .default(4096)
    .describe('Output limit of callers of Claude who set none, where model_info.max_output_tokens does not say.'),
});

/** Each deployment has its own codec; what they have in common is that all stream server-sent events. */
function chosen(codecs: Readonly<Record<Family, ChatCodec>>): ChatCodec {
  const of = (deployment: Deployment) => codecs[named(deployment).family];
  return {
    framing: 'sse',
    request: (input) => of(input.deployment).request(input),
    reply: (body, context) => of(context.deployment).reply(body, context),
    events: (context) => of(context.deployment).events(context),
    inlines: ['image', 'file'],
    // Anthropic's own API says itself what is no image.
    imagesAreFiles: true,
    structured: (deployment, request) => of(deployment).structured?.(deployment, request) ?? 'native',
    readsAddress: (address, deployment) => of(deployment).readsAddress?.(address, deployment) ?? false,
  };
}

/** Google's own shape, else that of whose model it is. */
const readFailure: FailureReader = (status, body, headers) => {
  const found = parseJson(body);
  const others = isObject(found) && found.type === 'error' ? anthropicFailure : openAiFailure;
  return geminiFailure(status, body, headers) ?? others(status, body, headers);
};

export default definePlugin({
  kind: 'provider',
  config,
  setup(_host, { origin, project, location, apiVersion, defaultMaxTokens }) {
    const defaults: Defaults = { origin, project, location, apiVersion };
    const path = (deployment: Deployment, resource: string) => pathOf(deployment, defaults, resource);
    const modelPath = (deployment: Deployment, method: string) =>
      path(deployment, `${modelResource(named(deployment))}:${method}`);
    return {
      origin: (deployment) => originOf(deployment, defaults),
      variables: {
        api_base: ['VERTEXAI_API_BASE', 'VERTEX_API_BASE'],
        vertex_project: ['VERTEXAI_PROJECT', 'GOOGLE_CLOUD_PROJECT'],
        vertex_location: ['VERTEXAI_LOCATION', 'VERTEX_LOCATION', 'GOOGLE_CLOUD_LOCATION'],
      },
      auth: ({ hasApiKey }) =>
        hasApiKey === true
          ? { scheme: 'header', header: 'x-goog-api-key' }
          : {
              scheme: 'google',
              scope: 'https://www.googleapis.com/auth/cloud-platform',
              keyParam: 'vertex_credentials',
            },
      chat: chosen({
        gemini: geminiCodec({
          path: modelPath,
          model: (deployment) => named(deployment).model,
          takesLabels: true,
          // Long films are better left to Google than carried through the gateway.
          readsAddress: (address) => /\.(?:mp4|mov|mpe?g|avi|webm|wmv|3gp|mp3|wav|flac)(?:[?#]|$)/i.test(address),
        }),
        claude: claudeCodec(path, defaultMaxTokens),
        published: publishedCodec(path),
        open: openCodec(path),
        endpoint: endpointCodec(path),
      }),
      embeddings: geminiEmbeddingsCodec({
        path: modelPath,
        method: ({ model }) => (/gemini-embedding-[2-9]/.test(model) ? 'embedContent' : 'predict'),
      }),
      failure: readFailure,
    };
  },
});
