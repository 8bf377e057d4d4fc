/** A neutral request as a body of the Messages API. */
import type { ChatRequest } from '../../contract/chat.ts';
import type { Deployment } from '../../contract/request.ts';
import type { UpstreamRequest } from '../../contract/wire.ts';
import { asksForNothing, type Drops, dropsFor, openAiAsks, openAiHints } from '../drops.ts';
import { defined, isArray, isNumber, isObject, isString, type JsonObject } from '../values.ts';
import { betasOf } from './betas.ts';
import { writeSystem, writeTurns } from './messages.ts';
import { apiVersion } from './names.ts';
import { type Thinking, writeThinking } from './reasoning.ts';
import { writeSampling } from './sampling.ts';
import { nativeSchema } from './structure.ts';
import { writeTools } from './tools.ts';

export interface AnthropicCodecOptions {
  /** Appended to the base address; `/v1/messages` when absent. */
  readonly path?: string | ((deployment: Deployment) => string);
  /** Output limit of callers who set none, where the deployment's `model_info` has no `max_output_tokens`; 4096 when absent. */
  readonly defaultMaxTokens?: number;
}

const hints = new Set(openAiHints);
/** Parameters of OpenAI's that ask for something the API cannot do, or for something in a way nobody understood. */
const asks = new Set([...openAiAsks, 'tool_choice', 'response_format']);
/** Written by name below. */
const handled = new Set([
  'thinking',
  'web_search_options',
  'max_tokens',
  'max_completion_tokens',
  'metadata',
  'service_tier',
  'output_config',
  'stream_options',
  'betas',
]);

export function writeRequest(
  request: ChatRequest & { readonly deployment: Deployment },
  options: AnthropicCodecOptions,
): UpstreamRequest {
  const { deployment } = request;
  const drops = dropsFor(deployment);
  refuseUnsupported(request, deployment, drops);
  const thinking = writeThinking(request, deployment, drops);
  const modifies = deployment.params.modify_params === true;
  const { path = '/v1/messages' } = options;
  const body = defined({
    ...writeExtra(request, deployment, drops),
    model: deployment.model,
    max_tokens: maxTokens(request, deployment, thinking, options.defaultMaxTokens ?? 4096),
    system: writeSystem(request),
    messages: writeTurns(request.messages),
    stream: request.stream ? true : undefined,
    ...writeSampling(request, { thinking, deployment, drops }),
    stop_sequences: stopSequences(request, drops),
    ...writeTools(request, drops, modifies),
    ...thinking.body,
    ...outputConfig(request, thinking),
    metadata: writeMetadata(request, drops),
  });
  const named = isArray(request.extra.betas) ? request.extra.betas : [];
  const betas = betasOf(body, [...thinking.betas, ...named]).join(',');
  return {
    path: isString(path) ? path : path(deployment),
    headers: { 'anthropic-version': apiVersion, ...(betas !== '' && { 'anthropic-beta': betas }) },
    body,
    ...(drops.dropped.length > 0 && { dropped: drops.dropped }),
  };
}

function refuseUnsupported(request: ChatRequest, { params }: Deployment, drops: Drops): void {
  const allowed = new Set(isArray(params.allowed_openai_params) ? params.allowed_openai_params : []);
  const refuse = (param: string, isAsked: boolean) => {
    if (isAsked && !allowed.has(param)) drops.drop(param, `Anthropic has no ${param}.`);
  };
  // Values that ask for nothing are no reason to refuse.
  refuse('n', (request.count ?? 1) > 1);
  refuse('seed', request.seed !== undefined);
  refuse('presence_penalty', (request.presencePenalty ?? 0) !== 0);
  refuse('frequency_penalty', (request.frequencyPenalty ?? 0) !== 0);
  refuse('logprobs', request.logprobs === true);
  refuse('top_logprobs', (request.topLogprobs ?? 0) > 0);
}

/** Fields nobody named: OpenAI's own are refused or left out, any other is the vendor's to judge. */
function writeExtra({ extra }: ChatRequest, { params }: Deployment, drops: Drops): JsonObject {
  const allowed = new Set(isArray(params.allowed_openai_params) ? params.allowed_openai_params : []);
  const body: JsonObject = {};
  for (const [name, value] of Object.entries(extra)) {
    if (value === null || value === undefined || handled.has(name)) continue;
    if (allowed.has(name)) body[name] = value;
    else if (hints.has(name)) drops.dropped.push(name);
    else if (asks.has(name)) {
      if (!asksForNothing(name, value)) drops.drop(name, `Anthropic has no ${name}.`);
    } else Object.defineProperty(body, name, { value, enumerable: true, configurable: true, writable: true });
  }
  const { service_tier: tier } = extra;
  if (tier === 'auto' || tier === 'standard_only') body.service_tier = tier;
  else if (isString(tier) && tier !== 'default') drops.dropped.push('service_tier');
  return body;
}

function maxTokens(
  { maxOutputTokens }: ChatRequest,
  { info }: Deployment,
  { budget }: Thinking,
  fallback: number,
): number {
  if (maxOutputTokens !== undefined) return maxOutputTokens;
  const most = isNumber(info.max_output_tokens) ? info.max_output_tokens : undefined;
  return most ?? (budget >= fallback ? budget + fallback : fallback);
}

// The API refuses stops that are nothing but white space.
function stopSequences({ stop = [] }: ChatRequest, { dropped }: Drops): string[] | undefined {
  const kept = stop.filter((text) => text.trim() !== '');
  if (kept.length < stop.length) dropped.push('stop');
  return kept.length > 0 ? kept : undefined;
}

function outputConfig({ extra, responseFormat }: ChatRequest, { body }: Thinking): JsonObject {
  const own = isObject(extra.output_config) ? extra.output_config : {};
  const effort = isObject(body.output_config) ? body.output_config : {};
  const format =
    responseFormat?.type === 'json-schema'
      ? { format: { type: 'json_schema', schema: nativeSchema(responseFormat.schema) ?? responseFormat.schema } }
      : {};
  const config = { ...own, ...effort, ...format };
  return Object.keys(config).length > 0 ? { output_config: config } : {};
}

const email = /^[^@\s]+@[^@\s]+\.[^@\s]+$/;
const phone = /^\+?[\d\s().-]{7,}$/;

/** The API forbids names and contact data in the user's id. */
function writeMetadata({ user }: ChatRequest, { dropped }: Drops): JsonObject | undefined {
  if (user === undefined || user === '') return undefined;
  if (!email.test(user) && !phone.test(user)) return { user_id: user };
  dropped.push('user');
  return undefined;
}
