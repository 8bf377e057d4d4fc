/**
 * Fields and headers that steer the gateway. They are read here and never
 * reach a vendor; `user` alone is both, and goes on upstream.
 */
import type { Controls } from '../../contract/request.ts';
import type { DialectInput, Fields } from '../../contract/wire.ts';
import { defined, filled, isArray, isBoolean, isObject, isString, type JsonObject } from '../values.ts';
import { invalid } from './check.ts';

/** Body fields that are the gateway's own. */
export const gatewayFields: readonly string[] = [
  'metadata',
  'litellm_metadata',
  'tags',
  'fallbacks',
  'context_window_fallbacks',
  'content_policy_fallbacks',
  'num_retries',
  'timeout',
  'cache',
  'guardrails',
  'mock_response',
  'mock_testing_fallbacks',
  'mock_testing_context_fallbacks',
  'mock_testing_content_policy_fallbacks',
  'mock_testing_rate_limit_error',
  'mock_timeout',
  'allowed_model_region',
  'disable_fallbacks',
  'drop_params',
  'additional_drop_params',
  'allowed_openai_params',
  // LiteLLM's clients may send these too; no vendor knows them.
  'litellm_session_id',
  'litellm_trace_id',
  'litellm_call_id',
  'caching',
  'no-log',
  'policies',
  'prompt_id',
  'prompt_variables',
  'prompt_version',
  'max_retries',
  'request_timeout',
  'stream_timeout',
];

const owned = new Set(gatewayFields);
// Read into a control of their own; the others ride in `rest` for the capability that owns them.
const named = new Set([
  ...gatewayFields.slice(0, 9),
  'disable_fallbacks',
  'drop_params',
  'additional_drop_params',
  'allowed_openai_params',
]);

const none: { readonly controls: Controls; readonly strip: readonly string[] } = { controls: {}, strip: [] };

/** Controls of a request and the body fields to leave out. */
export function readControls({ fields, headers }: DialectInput): typeof none {
  const strip: string[] = [];
  for (const name in fields) if (owned.has(name)) strip.push(name);
  if (strip.length === 0 && !hasHeaders(headers)) return none;
  const metadata = readMetadata(fields);
  const controls = defined({
    numRetries:
      whole(headers['x-litellm-num-retries'], 'x-litellm-num-retries') ?? whole(fields.num_retries, 'num_retries'),
    timeoutMs: seconds(headers['x-litellm-timeout'], 'x-litellm-timeout') ?? seconds(fields.timeout, 'timeout'),
    streamTimeoutMs: seconds(headers['x-litellm-stream-timeout'], 'x-litellm-stream-timeout'),
    fallbacks: list(fields.fallbacks, 'fallbacks')?.map(fallback),
    contextWindowFallbacks: list(fields.context_window_fallbacks, 'context_window_fallbacks'),
    contentPolicyFallbacks: list(fields.content_policy_fallbacks, 'content_policy_fallbacks'),
    disableFallbacks: flag(fields.disable_fallbacks, 'disable_fallbacks'),
    dropParams: flag(fields.drop_params, 'drop_params'),
    additionalDropParams: texts(fields.additional_drop_params, 'additional_drop_params'),
    allowedParams: texts(fields.allowed_openai_params, 'allowed_openai_params'),
    tags: readTags(fields, metadata, headers['x-litellm-tags']),
    metadata,
    cache: object(fields.cache, 'cache'),
    rest: filled(Object.fromEntries(strip.filter((name) => !named.has(name)).map((name) => [name, fields[name]]))),
  });
  return { controls, strip };
}

const hasHeaders = (headers: DialectInput['headers']): boolean =>
  headers['x-litellm-num-retries'] !== undefined ||
  headers['x-litellm-timeout'] !== undefined ||
  headers['x-litellm-stream-timeout'] !== undefined ||
  headers['x-litellm-tags'] !== undefined;

const isAbsent = (value: unknown): value is undefined | null => value === undefined || value === null;

function whole(value: unknown, param: string): number | undefined {
  if (isAbsent(value)) return undefined;
  const number = numeric(value);
  if (Number.isInteger(number) && number >= 0) return number;
  throw invalid(param, value, 'a whole number, 0 or more');
}

function seconds(value: unknown, param: string): number | undefined {
  if (isAbsent(value)) return undefined;
  const number = numeric(value);
  if (Number.isFinite(number) && number > 0) return Math.ceil(number * 1000);
  throw invalid(param, value, 'a number of seconds above 0');
}

const numeric = (value: unknown): number =>
  typeof value === 'number' ? value : isString(value) && value.trim() !== '' ? Number(value) : Number.NaN;

function flag(value: unknown, param: string): boolean | undefined {
  if (isAbsent(value)) return undefined;
  if (isBoolean(value)) return value;
  throw invalid(param, value, 'true or false');
}

const mostNames = 64;

function texts(value: unknown, param: string): readonly string[] | undefined {
  if (isAbsent(value)) return undefined;
  if (isArray(value) && value.length <= mostNames && value.every(isString)) return value;
  throw invalid(param, value, `an array of at most ${mostNames} names`);
}

function list(value: unknown, param: string): unknown[] | undefined {
  if (isAbsent(value)) return undefined;
  if (isArray(value)) return value;
  throw invalid(param, value, 'an array');
}

function object(value: unknown, param: string): JsonObject | undefined {
  if (isAbsent(value)) return undefined;
  if (isObject(value)) return value;
  throw invalid(param, value, 'an object');
}

function fallback(value: unknown, index: number): string | JsonObject {
  if ((isString(value) && value !== '') || (isObject(value) && filled(value) !== undefined))
    return value as string | JsonObject;
  throw invalid(`fallbacks[${index}]`, value, 'a model name or an object with request fields');
}

function readMetadata(fields: Fields): JsonObject | undefined {
  const litellm = object(fields.litellm_metadata, 'litellm_metadata');
  const metadata = object(fields.metadata, 'metadata');
  return litellm === undefined ? metadata : { ...litellm, ...metadata };
}

// Tags add up: the body's, the metadata's and the header's.
function readTags(fields: Fields, metadata: JsonObject | undefined, header: string | undefined): string[] | undefined {
  const tags = new Set<string>([...tagList(fields.tags, 'tags'), ...tagList(metadata?.tags, 'metadata.tags')]);
  for (const tag of header?.split(',') ?? []) if (tag.trim() !== '') tags.add(tag.trim());
  return tags.size > 0 ? [...tags] : undefined;
}

function tagList(value: unknown, param: string): readonly string[] {
  if (isAbsent(value)) return [];
  if (isArray(value) && value.every(isString)) return value;
  throw invalid(param, value, 'an array of strings');
}
