/** Official SDKs as callers of a gateway; they never try again by themselves. */
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';

interface Address {
  readonly url: string;
}

export const openAiClient = (gateway: Address, apiKey = 'sk-test'): OpenAI =>
  new OpenAI({ apiKey, baseURL: `${gateway.url}/v1`, maxRetries: 0, timeout: 30_000 });

export const anthropicClient = (gateway: Address, apiKey = 'sk-test'): Anthropic =>
  new Anthropic({ apiKey, baseURL: gateway.url, maxRetries: 0, timeout: 30_000 });

/** An entry of `model_list` that reaches a vendor in OpenAI's dialect; `params` go into `litellm_params`. */
export function openAiDeployment(
  group: string,
  vendor: Address,
  params: Readonly<Record<string, unknown>> = {},
  info?: Readonly<Record<string, unknown>>,
) {
  return {
    model_name: group,
    litellm_params: { model: 'openai/gpt-4o-mini', api_base: `${vendor.url}/v1`, api_key: 'sk-vendor', ...params },
    ...(info ? { model_info: info } : {}),
  };
}
