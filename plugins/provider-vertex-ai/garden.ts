/**
 * Models of other publishers: Claude by Anthropic's own API, others in
 * OpenAI's shape. Only addresses and the envelope differ.
 */
import type { ChatCodec, Deployment, UpstreamRequest } from '@rutter/plugin-sdk';
import { anthropicMessagesCodec, isObject, openAiChatCodec } from '@rutter/plugin-sdk/codecs';
import { modelResource, named } from './addresses.ts';

/** https://docs.anthropic.com/en/api/claude-on-vertex-ai */
const claudeVersion = 'vertex-2023-10-16';

export type ResourcePath = (deployment: Deployment, resource: string) => string;

const predict = (stream: boolean) => (stream ? 'streamRawPredict' : 'rawPredict');

function modelPath(path: ResourcePath, deployment: Deployment, stream: boolean): string {
  return path(deployment, `${modelResource(named(deployment))}:${predict(stream)}`);
}

/** The model stands in the address, and the API's version in the body. */
export function claudeCodec(path: ResourcePath, defaultMaxTokens: number): ChatCodec {
  const codec = anthropicMessagesCodec({ defaultMaxTokens });
  return {
    ...codec,
    inlines: ['image', 'file'],
    request(input): UpstreamRequest {
      const { deployment } = input;
      const { model } = named(deployment);
      const written = codec.request({ ...input, deployment: { ...deployment, model } });
      const { model: _model, ...body } = isObject(written.body) ? written.body : {};
      const { 'anthropic-version': _version, ...headers } = written.headers ?? {};
      return {
        ...written,
        path: modelPath(path, deployment, input.stream),
        headers,
        body: { anthropic_version: claudeVersion, ...body },
      };
    },
  };
}

/** Mistral and others, whose requests are OpenAI's, sent to the model's own address. */
export function publishedCodec(path: ResourcePath): ChatCodec {
  const codec = openAiChatCodec({ model: (deployment) => named(deployment).model, openAiName: () => undefined });
  return {
    ...codec,
    request: (input) => ({ ...codec.request(input), path: modelPath(path, input.deployment, input.stream) }),
  };
}

/** Open models as a service, all behind one address. */
export const openCodec = (path: ResourcePath): ChatCodec =>
  openAiChatCodec({
    path: (deployment) => path(deployment, 'endpoints/openapi/chat/completions'),
    openAiName: () => undefined,
  });

/** A model the project has deployed itself. */
export const endpointCodec = (path: ResourcePath): ChatCodec =>
  openAiChatCodec({
    path: (deployment) => path(deployment, `endpoints/${named(deployment).model}/chat/completions`),
    openAiName: () => undefined,
  });
