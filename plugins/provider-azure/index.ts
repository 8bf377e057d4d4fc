/**
 * Calls to models deployed in Azure OpenAI (`azure/…`) and Azure AI Foundry (`azure_ai/…`).
 *
 * The model is the name of a deployment, which says nothing of what runs there:
 * rules of reasoning models follow `base_model`.
 */
import { type Deployment, definePlugin, z } from '@rutter/plugin-sdk';
import { openAiChatCodec, openAiCompletionsCodec, openAiEmbeddingsCodec } from '@rutter/plugin-sdk/codecs';
import {
  type Address,
  baseModelOf,
  foundryAddress,
  isUndated,
  nameOf,
  type Operation,
  openAiAddress,
  versionOf,
} from './address.ts';
import { azureAuth } from './auth.ts';
import { isClaude, orClaude } from './claude.ts';
import { azureFailure } from './failure.ts';

const config = z.strictObject({
  apiVersion: z
    .string()
    .default('2025-02-01-preview')
    .describe('`api-version` of deployments that name none, where AZURE_API_VERSION does not say either.'),
  defaultMaxTokens: z
    .int()
    .min(1)
    .default(4096)
    .describe('Output limit of callers of Claude who set none, where model_info.max_output_tokens does not say.'),
});

/** First versions that know `stream_options`, and `json_schema` in `response_format`. */
const usageSince = '2024-09-01';
const schemaSince = '2024-08-01';

const entra = { azure_authority_host: ['AZURE_AUTHORITY_HOST'], azure_scope: ['AZURE_SCOPE'] };
const variables = {
  azure: {
    ...entra,
    api_base: ['AZURE_API_BASE'],
    api_version: ['AZURE_API_VERSION'],
    azure_credential_type: ['AZURE_CREDENTIAL'],
  },
  azure_ai: { ...entra, api_base: ['AZURE_AI_API_BASE'], azure_credential_type: ['AZURE_CREDENTIAL'] },
};

export default definePlugin({
  kind: 'provider',
  config,
  setup(_host, { apiVersion, defaultMaxTokens }) {
    const isFoundry = ({ provider }: Deployment) => provider === 'azure_ai';
    const knows = (deployment: Deployment, since: string) => {
      const version = versionOf(deployment, apiVersion);
      return isFoundry(deployment) || isUndated(version) || version >= since;
    };
    const address = (deployment: Deployment, operation: Operation): Address =>
      isFoundry(deployment) ? foundryAddress(deployment, operation) : openAiAddress(deployment, operation, apiVersion);
    const options = (operation: Operation) => ({
      path: (deployment: Deployment) => address(deployment, operation).path,
      query: (deployment: Deployment) => {
        const { query } = address(deployment, operation);
        return Object.keys(query).length > 0 ? query : undefined;
      },
      // Foundry refuses fields it does not know unless it is told to hand them to the model.
      headers: (deployment: Deployment) => (isFoundry(deployment) ? { 'extra-parameters': 'pass-through' } : undefined),
      model: nameOf,
      openAiName: baseModelOf,
      asksForUsage: (deployment: Deployment) => knows(deployment, usageSince),
      refusesReasoning: (deployment: Deployment) => !isFoundry(deployment),
      refusesMarks: (deployment: Deployment) => !isFoundry(deployment),
    });
    return {
      origin: '',
      variables: (prefix) => (prefix === 'azure_ai' ? variables.azure_ai : variables.azure),
      auth: azureAuth,
      chat: orClaude(
        openAiChatCodec({
          ...options('chat/completions'),
          structured: (deployment) => (knows(deployment, schemaSince) ? 'native' : 'tool'),
        }),
        defaultMaxTokens,
      ),
      completions: {
        ...openAiCompletionsCodec(options('completions')),
        passes: (deployment) => !isClaude(deployment),
      },
      embeddings: openAiEmbeddingsCodec(options('embeddings')),
      failure: azureFailure,
    };
  },
});
