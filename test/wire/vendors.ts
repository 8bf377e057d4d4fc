/** Vendors that say what they are told to, by the name of the model that is asked. */
import {
  fail,
  type Gateway,
  openAiVendor,
  sendEvents,
  sendJson,
  startGateway,
  startVendor,
  type Vendor,
  type VendorExchange,
  type VendorHandler,
} from '../support/index.ts';
import { anthropicEvents, anthropicWhole } from './anthropic-side.ts';
import { openAiEvents, openAiWhole } from './openai-side.ts';
import { type Fields, fieldsOf, type Truth } from './truth.ts';

/** What the model of a name says to a request; undefined where there is no such model. */
export type TruthOf = (model: string, body: Fields) => Truth | undefined;

/** A reply of the vendor whatever the request; headers go with it. */
export interface Manner {
  readonly headers?: Readonly<Record<string, string>>;
}

export const includesUsage = (body: object): boolean =>
  fieldsOf(fieldsOf(body).stream_options ?? {}).include_usage === true;

const others: VendorHandler = (exchange) => {
  const { json = {}, path } = exchange.request;
  const { dimensions = 8 } = json as { dimensions?: number };
  if (path.endsWith('/completions') && Array.isArray(json.prompt)) return several(exchange, json.prompt);
  return openAiVendor({ reply: 'Once more', dimensions })(exchange);
};

/** One choice a prompt. */
function several({ request, response }: VendorExchange, prompts: readonly unknown[]): void {
  const choices = prompts.map((prompt, index) => ({
    text: ` after ${prompt}`,
    index,
    logprobs: null,
    finish_reason: 'stop',
  }));
  const usage = { prompt_tokens: prompts.length, completion_tokens: 2, total_tokens: prompts.length + 2 };
  sendJson(response, 200, {
    id: 'cmpl-wire',
    object: 'text_completion',
    created: 1,
    model: request.json?.model,
    choices,
    usage,
  });
}

/** Answers everything with one status. */
export const failing =
  (status: number, body?: object, headers: Readonly<Record<string, string>> = {}): VendorHandler =>
  (exchange) =>
    fail(exchange, { status, body, headers });

/** Speaks OpenAI's dialect; an unknown model is answered 404. */
export const openAiSpeaker =
  (truthOf: TruthOf, { headers = {} }: Manner = {}): VendorHandler =>
  (exchange) => {
    const { request, response } = exchange;
    const body = request.json ?? {};
    const truth = truthOf(String(body.model), body);
    // Embeddings and text completions of any model.
    if (!request.path.endsWith('/chat/completions')) return others(exchange);
    if (truth === undefined)
      return sendJson(response, 404, { error: { message: `no ${body.model} at ${request.path}`, type: 'not_found' } });
    if (body.stream !== true) return sendJson(response, 200, openAiWhole(truth, body.model), headers);
    return sendEvents(response, openAiEvents(truth, body.model, includesUsage(body)), { headers });
  };

/** Speaks Anthropic's dialect; an unknown model is answered 404. */
export const anthropicSpeaker =
  (truthOf: TruthOf, { headers = {} }: Manner = {}): VendorHandler =>
  ({ request, response }) => {
    const body = request.json ?? {};
    const truth = truthOf(String(body.model), body);
    if (truth === undefined || request.path !== '/v1/messages')
      return sendJson(response, 404, {
        type: 'error',
        error: { type: 'not_found_error', message: `no ${body.model} at ${request.path}` },
      });
    if (body.stream !== true) return sendJson(response, 200, anthropicWhole(truth, body), headers);
    return sendEvents(response, anthropicEvents(truth, body), { headers });
  };

/** An entry of `model_list` in Anthropic's dialect. */
export const anthropicDeployment = (
  group: string,
  vendor: { readonly url: string },
  model: string,
  params: Readonly<Record<string, unknown>> = {},
) => ({
  model_name: group,
  litellm_params: { model: `anthropic/${model}`, api_base: vendor.url, api_key: 'sk-ant-vendor', ...params },
});

export const openAiEntry = (
  group: string,
  vendor: { readonly url: string },
  model: string,
  params: Readonly<Record<string, unknown>> = {},
) => ({
  model_name: group,
  litellm_params: { model: `openai/${model}`, api_base: `${vendor.url}/v1`, api_key: 'sk-vendor', ...params },
});

/** Both vendors behind one gateway: `oa/NAME` and `an/NAME`, and the same with drop_params as `oad/NAME`, `and/NAME`. */
export interface Wire {
  readonly gateway: Gateway;
  readonly openAi: Vendor;
  readonly anthropic: Vendor;
}

/** Neither tries again nor rests, so that each request is answered by what its vendor did. */
export const once = { num_retries: 0, disable_cooldowns: true };

export async function startWire(truthOf: TruthOf, { headers }: Manner = {}): Promise<Wire> {
  const [openAi, anthropic] = await Promise.all([
    startVendor(openAiSpeaker(truthOf, { ...(headers && { headers }) })),
    startVendor(anthropicSpeaker(truthOf, { ...(headers && { headers }) })),
  ]);
  const gateway = await startGateway({
    config: {
      model_list: [
        openAiEntry('oa/*', openAi, '*'),
        openAiEntry('oad/*', openAi, '*', { drop_params: true }),
        anthropicDeployment('an/*', anthropic, '*'),
        anthropicDeployment('and/*', anthropic, '*', { drop_params: true }),
      ],
      router_settings: once,
    },
  });
  return { gateway, openAi, anthropic };
}
