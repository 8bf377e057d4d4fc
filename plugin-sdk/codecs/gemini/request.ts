/**
 * A neutral request as a body of generateContent.
 * https://ai.google.dev/api/generate-content#request-body
 */
import type { ChatRequest } from '../../contract/chat.ts';
import type { Deployment } from '../../contract/request.ts';
import type { UpstreamRequest } from '../../contract/wire.ts';
import { asksForNothing, type Drops, dropsFor, openAiHints } from '../drops.ts';
import { defined, filled, isArray, isObject, type JsonObject } from '../values.ts';
import { writeContents, writeSystem } from './contents.ts';
import { generationFields, writeGeneration } from './generation.ts';
import { isEarlyGemma } from './names.ts';
import { writeTools } from './tools.ts';

export type GeminiMethod = 'generateContent' | 'streamGenerateContent';

export interface GeminiCodecOptions {
  /** Appended to the base address. */
  readonly path: (deployment: Deployment, method: GeminiMethod) => string;
  /** The model's own name, where the deployment's has more in it; decides what the version can do. */
  readonly model?: (deployment: Deployment) => string;
  /** Further addresses that the vendor fetches itself, beside those of Google's own places. */
  readonly readsAddress?: (address: string, deployment: Deployment) => boolean;
  /** Whether requests may be labelled, which is how Vertex AI is told the user. */
  readonly takesLabels?: boolean;
}

const hints = new Set([...openAiHints, 'service_tier']);
/** Parameters of OpenAI's that ask for something the API cannot do, or for something in a way nobody understood. */
const asks = new Set([
  'logit_bias',
  'prediction',
  'functions',
  'function_call',
  'suffix',
  'echo',
  'best_of',
  'response_format',
]);
/** Written by name elsewhere. */
const handled = new Set([
  'thinking',
  'web_search_options',
  'tool_choice',
  'modalities',
  'audio',
  'max_tokens',
  'max_completion_tokens',
  'metadata',
  'stream_options',
  'labels',
  'contents',
  'model',
]);

export function writeRequest(
  input: ChatRequest & { readonly deployment: Deployment },
  { path, model: modelOf, takesLabels = false }: GeminiCodecOptions,
): UpstreamRequest {
  const { deployment } = input;
  const model = modelOf?.(deployment) ?? deployment.model;
  const drops = dropsFor(deployment);
  const named = withReadFormat(input);
  const request = { ...named, messages: withoutSystem(named.messages, model) };
  const system = writeSystem(request.messages);
  const body = defined({
    ...writeExtra(request, deployment, drops),
    contents: writeContents(request.messages, model),
    system_instruction: system === undefined ? undefined : { parts: system },
    ...writeTools(request, model, drops),
    generationConfig: filled(writeGeneration(request, model, drops)),
    labels: writeLabels(request, takesLabels, drops),
  });
  return {
    path: path(deployment, request.stream ? 'streamGenerateContent' : 'generateContent'),
    // Without it a stream is one array, sent piece by piece.
    ...(request.stream && { query: { alt: 'sse' } }),
    body,
    ...(drops.dropped.length > 0 && { dropped: drops.dropped }),
  };
}

/** LiteLLM's `response_schema` inside `json_object`. */
function withReadFormat(request: ChatRequest): ChatRequest {
  const { response_format: format, ...extra } = request.extra;
  if (!isObject(format) || format.type !== 'json_object' || !isObject(format.response_schema)) return request;
  return {
    ...request,
    extra,
    responseFormat: { type: 'json-schema', name: 'response', schema: format.response_schema },
  };
}

/** The first Gemma models know no system prompt: the user says it. */
function withoutSystem(messages: ChatRequest['messages'], model: string): ChatRequest['messages'] {
  if (!isEarlyGemma(model)) return messages;
  return messages.map((message) =>
    message.role === 'system' || message.role === 'developer' ? { ...message, role: 'user' } : message,
  );
}

/** Fields nobody named: OpenAI's own are refused or left out, any other is the vendor's to judge. */
function writeExtra({ extra }: ChatRequest, { params }: Deployment, drops: Drops): JsonObject {
  const allowed = new Set(isArray(params.allowed_openai_params) ? params.allowed_openai_params : []);
  const body: JsonObject = {};
  for (const [name, value] of Object.entries(extra)) {
    if (value === null || value === undefined || handled.has(name) || generationFields.has(name)) continue;
    if (hints.has(name) && !allowed.has(name)) {
      if (!asksForNothing(name, value)) drops.dropped.push(name);
    } else if (asks.has(name) && !allowed.has(name)) {
      if (!asksForNothing(name, value)) drops.drop(name, `Gemini has no ${name}.`);
    } else Object.defineProperty(body, name, { value, enumerable: true, configurable: true, writable: true });
  }
  return body;
}

const label = /^[\p{Ll}\p{Lo}\p{N}_-]{0,63}$/u;

/** https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/add-labels-to-api-calls */
function writeLabels({ user, extra }: ChatRequest, isTaken: boolean, { dropped }: Drops): JsonObject | undefined {
  const given = isObject(extra.labels) ? extra.labels : {};
  if (user === undefined || user === '') return filled(given);
  if (isTaken && label.test(user)) return { user, ...given };
  dropped.push('user');
  return filled(given);
}

/** A model's name as a part of a path: no caller's name leads elsewhere. */
export const pathSegment = (name: string): string => encodeURIComponent(name).replaceAll('%40', '@');

/** `models/NAME`, unless the name says itself which sort it is. */
export function modelPath(name: string): string {
  const [, sort = 'models', rest = name] = /^(models|tunedModels)\/(.+)$/.exec(name) ?? [];
  return `${sort}/${pathSegment(rest)}`;
}
