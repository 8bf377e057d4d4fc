/** A neutral request as a body of Converse. */
import type { ChatRequest, Deployment, UpstreamRequest } from '@rutter/plugin-sdk';
import {
  type Drops,
  defined,
  dropsFor,
  filled,
  isFilled,
  isObject,
  isString,
  type JsonObject,
  lacking,
  openAiAsks,
  openAiHints,
  unsupported,
  writeClaudeSampling,
} from '@rutter/plugin-sdk/codecs';
import type { Writing } from './content.ts';
import { writeSystem, writeTurns } from './messages.ts';
import { isClaude, isNova, isOpaque, type Model, modelOf, pathOf } from './model.ts';
import { ToolNames } from './names.ts';
import { joinBetas, type Thinking, writeThinking } from './reasoning.ts';
import { outputConfig } from './structure.ts';
import { writeTools } from './tools.ts';

/** Frames of a stream, and of the request that asks for one. */
export const streamAccept = { accept: 'application/vnd.amazon.eventstream' };

/** Fields of Converse itself, taken as they are. */
const ownFields = new Set([
  'guardrailConfig',
  'performanceConfig',
  'serviceTier',
  'promptVariables',
  'outputConfig',
  'additionalModelResponseFieldPaths',
]);
/** Written by name below, or nobody's. */
const handled = new Set([
  ...['thinking', 'max_tokens', 'max_completion_tokens', 'metadata', 'service_tier', 'stream_options'],
  ...['requestMetadata', 'additionalModelRequestFields', 'anthropic_beta', 'model_id', 'reasoning_effort'],
]);
/** Asked for in a way nobody understood, the last two. */
const asks = [...openAiAsks, 'tool_choice', 'response_format'];
const vendor = 'Converse';

export function writeRequest(request: ChatRequest & { readonly deployment: Deployment }): UpstreamRequest {
  const { deployment } = request;
  const drops = dropsFor(deployment);
  const model = modelOf(deployment);
  const writing: Writing = { model, names: new ToolNames(request), drops };
  refuseUnsupported(request, deployment, drops);
  const thinking = writeThinking(request, { deployment, model, drops });
  const sampling = writeSampling(request, { deployment, model, thinking, drops });
  const tools = writeTools(request, writing, {
    modifies: deployment.params.modify_params === true,
    isThinking: thinking.isThinking,
  });
  const { own, additional } = writeExtra(request, deployment, drops);
  const body = defined({
    ...own,
    messages: writeTurns(request.messages, writing),
    system: writeSystem(request.messages, writing),
    inferenceConfig: inferenceConfig(request, sampling, drops),
    toolConfig: tools.toolConfig,
    outputConfig: own.outputConfig ?? structuredOutput(request, model, drops),
    serviceTier: own.serviceTier ?? serviceTier(request, drops),
    requestMetadata: requestMetadata(request, drops),
    additionalModelRequestFields: filled(
      merged(additional, topK(sampling.top_k, model, drops), thinking.fields, tools.additional),
    ),
  });
  return {
    path: pathOf(model, request.stream ? 'converse-stream' : 'converse'),
    ...(request.stream && { headers: streamAccept }),
    body,
    ...(drops.dropped.length > 0 && { dropped: drops.dropped }),
  };
}

const lacks = ['n', 'seed', 'presence_penalty', 'frequency_penalty', 'logprobs', 'top_logprobs'];

function refuseUnsupported(request: ChatRequest, deployment: Deployment, drops: Drops): void {
  const { count: n, seed, presencePenalty, frequencyPenalty, logprobs, topLogprobs, responseFormat } = request;
  const asked = {
    ...{ n, seed, presence_penalty: presencePenalty, frequency_penalty: frequencyPenalty },
    ...{ logprobs, top_logprobs: topLogprobs },
  };
  lacking(asked, { vendor, lacks }, { deployment, drops });
  // Whoever asks for JSON alone has said so in the messages too.
  if (responseFormat?.type === 'json') drops.dropped.push('response_format');
}

function structuredOutput({ responseFormat }: ChatRequest, model: Model, drops: Drops): JsonObject | undefined {
  if (responseFormat?.type !== 'json-schema') return undefined;
  const config = isClaude(model) || isOpaque(model) ? outputConfig(responseFormat) : undefined;
  if (config === undefined) drops.drop('response_format', `${model.id} takes no such schema by Converse.`);
  return config;
}

interface Extras {
  /** Top-level fields of Converse. */
  readonly own: JsonObject;
  /** Fields for the model behind it. */
  readonly additional: JsonObject;
}

/** Fields nobody named: Converse's own, OpenAI's (refused or left out), and the rest, which is the model's to judge. */
function writeExtra({ extra }: ChatRequest, deployment: Deployment, drops: Drops): Extras {
  const foreign = Object.keys(extra).filter((name) => name.startsWith('aws_'));
  const limits = { vendor, lacks: asks, ignores: [...openAiHints, ...foreign] };
  const out = new Set([...handled, ...lacking(extra, limits, { deployment, drops })]);
  const own: JsonObject = {};
  const additional: JsonObject = {};
  for (const [name, value] of Object.entries(extra)) {
    if (value === null || value === undefined || out.has(name)) continue;
    const into = ownFields.has(name) ? own : additional;
    Object.defineProperty(into, name, { value, enumerable: true, configurable: true, writable: true });
  }
  const { additionalModelRequestFields: given } = extra;
  if (given !== undefined && !isObject(given))
    throw unsupported('additionalModelRequestFields', 'An object is expected.');
  const betas = joinBetas(extra.anthropic_beta);
  return { own, additional: { ...additional, ...given, ...(betas.length > 0 && { anthropic_beta: betas }) } };
}

/** Later ones win, except that betas add up and objects such as Nova's `inferenceConfig` are joined. */
function merged(...all: readonly JsonObject[]): JsonObject {
  const into: JsonObject = {};
  for (const fields of all) {
    for (const [name, value] of Object.entries(fields)) {
      const before = Object.hasOwn(into, name) ? into[name] : undefined;
      const joined =
        name === 'anthropic_beta'
          ? joinBetas(before, value)
          : isObject(before) && isObject(value)
            ? { ...before, ...value }
            : value;
      Object.defineProperty(into, name, { value: joined, enumerable: true, configurable: true, writable: true });
    }
  }
  return into;
}

interface Sampled {
  readonly deployment: Deployment;
  readonly model: Model;
  readonly thinking: Thinking;
  readonly drops: Drops;
}

/** Claude's rules hold wherever it is served. */
function writeSampling(request: ChatRequest, { deployment, model, thinking, drops }: Sampled): JsonObject {
  if (isClaude(model) || isOpaque(model))
    return writeClaudeSampling(request, { thinking, deployment: { ...deployment, model: model.name }, drops });
  const { temperature, topP: top_p, topK: top_k } = request;
  return { temperature, top_p, top_k };
}

function inferenceConfig(request: ChatRequest, sampling: JsonObject, { dropped }: Drops): JsonObject | undefined {
  const { maxOutputTokens, stop = [] } = request;
  const stopSequences = stop.filter((text) => text.trim() !== '');
  if (stopSequences.length < stop.length) dropped.push('stop');
  return filled(
    defined({
      maxTokens: maxOutputTokens,
      temperature: sampling.temperature,
      topP: sampling.top_p,
      stopSequences: stopSequences.length > 0 ? stopSequences : undefined,
    }),
  );
}

/** `top_k` has a name of its own with each maker. */
function topK(value: unknown, model: Model, drops: Drops): JsonObject {
  if (value === undefined) return {};
  if (isNova(model)) return { inferenceConfig: { topK: value } };
  if (isClaude(model) || isOpaque(model) || model.vendor === 'mistral') return { top_k: value };
  if (model.vendor === 'cohere') return { k: value };
  drops.drop('top_k', `${model.id} has no top_k.`);
  return {};
}

const tiers = new Set(['default', 'flex', 'priority', 'reserved']);

function serviceTier({ extra: { service_tier: tier } }: ChatRequest, { dropped }: Drops): JsonObject | undefined {
  if (!isString(tier) || tier === 'auto') return undefined;
  if (tiers.has(tier)) return { type: tier };
  dropped.push('service_tier');
  return undefined;
}

const metadataText = /^[a-zA-Z0-9\s:_@$#=/+,\-.]{1,256}$/;

/** Shown in the account's invocation logs alone. */
function requestMetadata({ user, extra }: ChatRequest, { dropped }: Drops): JsonObject | undefined {
  const given = isObject(extra.requestMetadata) ? extra.requestMetadata : {};
  if (!isFilled(user) || 'user' in given) return filled(given);
  if (metadataText.test(user)) return { ...given, user };
  dropped.push('user');
  return filled(given);
}
