/**
 * Claude in Azure AI Foundry: Anthropic's own API under `/anthropic` of a resource.
 * https://platform.claude.com/docs/en/build-with-claude/claude-in-microsoft-foundry
 */
import type { ChatCodec, Deployment } from '@rutter/plugin-sdk';
import { anthropicMessagesCodec, isObject } from '@rutter/plugin-sdk/codecs';
import { baseModelOf, nameOf } from './address.ts';

/** Deployments have names of the user's: `base_model`, or an address that leads there, says what a name does not. */
export const isClaude = (deployment: Deployment): boolean =>
  deployment.provider === 'azure_ai' &&
  (/\bclaude-/.test(baseModelOf(deployment)) || /\/anthropic(\/|$)/.test(deployment.apiBase ?? ''));

/** `api_base` is the resource, with or without any part of the way to the operation. */
function messagesPath({ apiBase = '' }: Deployment): string {
  const base = apiBase.replace(/\/+$/, '');
  if (base.endsWith('/v1/messages')) return '';
  if (base.endsWith('/anthropic/v1')) return '/messages';
  return base.endsWith('/anthropic') ? '/v1/messages' : '/anthropic/v1/messages';
}

function claudeCodec(defaultMaxTokens: number): ChatCodec {
  const codec = anthropicMessagesCodec({ path: messagesPath, defaultMaxTokens });
  return {
    ...codec,
    request(input) {
      const { deployment } = input;
      // What a version takes follows from the model; the vendor knows it by the deployment's name.
      const written = codec.request({ ...input, deployment: ofModel(deployment) });
      return { ...written, body: { ...(isObject(written.body) && written.body), model: nameOf(deployment) } };
    },
    structured: (deployment, request) => codec.structured?.(ofModel(deployment), request) ?? 'native',
  };
}

const ofModel = (deployment: Deployment): Deployment => ({
  ...deployment,
  model: baseModelOf(deployment).replace(/^.*\//, ''),
});

/** Claude by its own API, anything else by `others`. */
export function orClaude(others: ChatCodec, defaultMaxTokens: number): ChatCodec {
  const claude = claudeCodec(defaultMaxTokens);
  const of = (deployment: Deployment) => (isClaude(deployment) ? claude : others);
  return {
    ...others,
    passes: (deployment) => !isClaude(deployment),
    request: (input) => of(input.deployment).request(input),
    reply: (body, context) => of(context.deployment).reply(body, context),
    events: (context) => of(context.deployment).events(context),
    structured: (deployment, request) => of(deployment).structured?.(deployment, request) ?? 'native',
  };
}
