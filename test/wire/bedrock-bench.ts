/** A gateway before Amazon Bedrock at the socket, and how tests ask it and make it answer. */
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { type Gateway, openAiClient, sendJson, startGateway, startVendor, type Vendor } from '../support/index.ts';
import { type Issued, sendFrames } from './bedrock-side.ts';
import { askWhole, type Chat, user } from './client.ts';
import type { Fields } from './truth.ts';

export const issued: Issued = { accessKeyId: 'AKIDWIRE', secretAccessKey: 'wire/secret+key' };
const keys = { aws_access_key_id: issued.accessKeyId, aws_secret_access_key: issued.secretAccessKey };
const sonnet = 'us.anthropic.claude-sonnet-4-5-20250929-v1:0';
export const arn = 'arn:aws:bedrock:eu-west-3:123456789012:application-inference-profile/abc123';

let vendor: Vendor;
let gateway: Gateway;

const entry = (group: string, model: string, params: object = {}) => ({
  model_name: group,
  litellm_params: { model: `bedrock/${model}`, api_base: vendor.url, aws_region_name: 'us-west-2', ...keys, ...params },
});

/** Starts both for a file of tests; every test begins with a vendor that says "Aye.". */
export function useBedrock(): void {
  beforeAll(async () => {
    vendor = await startVendor(() => {});
    gateway = await startGateway({
      config: {
        model_list: [
          entry('claude', sonnet),
          entry('lax', sonnet, { drop_params: true, modify_params: true }),
          entry('nova', 'converse/amazon.nova-2-lite-v1:0'),
          entry('wordy', 'deepseek.r1-v1:0'),
          entry('llama', 'meta.llama3-3-70b-instruct-v1:0', { drop_params: true }),
          entry('guarded', 'amazon.nova-pro-v1:0', {
            guardrailConfig: { guardrailIdentifier: 'gr-1', guardrailVersion: '3', trace: 'enabled' },
            performanceConfig: { latency: 'optimized' },
          }),
          entry('invoked', `invoke/${sonnet}`, { drop_params: true }),
          {
            model_name: 'profile',
            litellm_params: { model: `bedrock/${arn}`, aws_bedrock_runtime_endpoint: vendor.url, ...keys },
            model_info: { base_model: 'anthropic.claude-sonnet-4-5-20250929-v1:0' },
          },
          entry('titan', 'amazon.titan-embed-text-v2:0'),
          entry('cohere', 'cohere.embed-multilingual-v3'),
        ],
        router_settings: { num_retries: 0, disable_cooldowns: true },
        general_settings: { allowed_addresses: ['127.0.0.1'] },
      },
    });
  });
  afterAll(() => gateway?.stop());
  beforeEach(() => answers(whole([{ text: 'Aye.' }], 'end_turn')));
}

export const usage = { inputTokens: 100, outputTokens: 20, totalTokens: 120 };
export const whole = (content: object[], stopReason: string, more: object = {}) => ({
  output: { message: { role: 'assistant', content } },
  stopReason,
  usage,
  metrics: { latencyMs: 321 },
  ...more,
});
export const answers = (reply: object) =>
  vendor.use((exchange) => sendJson(exchange.response, 200, reply, { 'x-amzn-requestid': 'aws-7' }));
export const streams = (frames: readonly Buffer[]) => vendor.use((exchange) => sendFrames(exchange, frames));
export const handles = (script: Parameters<Vendor['use']>[0]) => vendor.use(script);

export const client = () => openAiClient(gateway);
export const last = () => vendor.requests.at(-1)!;
export const bodyOf = () => last().json as Fields;
export const ask = (model: string, chat: Fields) =>
  askWhole(client(), model, { messages: [user('Ahoy')], ...chat } as unknown as Chat);
export const raw = (body: Fields) =>
  fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ messages: [user('Ahoy')], ...body }),
  });

export const json = async (response: Response) => (await response.json()) as Fields;

export const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'Tells it.',
    parameters: { type: 'object', properties: { place: {} } },
  },
};
