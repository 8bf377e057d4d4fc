/**
 * What becomes of parameters that a vendor does not take: refused by name, or
 * left out and reported where the deployment says so. What `additional_drop_params`
 * names has been taken out by the kernel before a codec sees a request.
 */
import type { Deployment } from '../contract/request.ts';
import { unsupported } from './failures.ts';
import { isArray, isObject, isString, type JsonObject } from './values.ts';

/** Collects what is left out; throws where leaving out is not allowed. */
export interface Drops {
  readonly dropped: string[];
  /** Leaves a parameter out when the deployment says so (`drop_params`), else refuses it; `what` is a whole sentence. */
  drop(param: string, what: string): void;
}

/** One collector a request. */
export function dropsFor({ params }: Deployment): Drops {
  const dropped: string[] = [];
  return {
    dropped,
    drop(param, what) {
      if (params.drop_params !== true) throw unsupported(param, what);
      dropped.push(param);
    },
  };
}

const names = (value: unknown): readonly string[] => (isArray(value) ? value.filter(isString) : []);

/** Which parameters a vendor does not take, by their names in OpenAI's API. */
export interface VendorLimits {
  /** The vendor as messages call it. */
  readonly vendor: string;
  /** Ask for something that the vendor cannot do: refused, or dropped under `drop_params`. */
  readonly lacks: readonly string[];
  /** Only shape how a request is kept, found or priced: left out and reported, never refused. */
  readonly ignores?: readonly string[];
}

/** OpenAI's parameters that only OpenAI can make anything of, and without which nothing is lost. */
export const openAiHints: readonly string[] = [
  'prompt_cache_key',
  'prompt_cache_retention',
  'safety_identifier',
  'store',
  'verbosity',
];

/** OpenAI's parameters for things that few other vendors do. */
export const openAiAsks: readonly string[] = [
  'logit_bias',
  'modalities',
  'audio',
  'prediction',
  'functions',
  'function_call',
  'web_search_options',
  'suffix',
  'echo',
  'best_of',
];

/** OpenAI's parameters by which null is the same as nothing, to clients and to OpenAI; to other vendors it is a fault. */
const nullable = [
  ...['temperature', 'top_p', 'n', 'stop', 'seed', 'max_tokens', 'max_completion_tokens', 'user'],
  ...['presence_penalty', 'frequency_penalty', 'logprobs', 'top_logprobs', 'response_format', 'reasoning_effort'],
  ...['tools', 'tool_choice', 'parallel_tool_calls', 'stream_options', 'service_tier', 'metadata', 'dimensions'],
];

/**
 * The fields of a body, by wire name, to take out because the vendor lacks them. A value that asks for nothing
 * goes without a word, null of any parameter too; one in `allowed_openai_params` stays for the vendor to judge.
 */
export function lacking(
  fields: Readonly<JsonObject>,
  { vendor, lacks, ignores = [] }: VendorLimits,
  { deployment, drops }: { readonly deployment: Deployment; readonly drops: Drops },
): string[] {
  const allowed = names(deployment.params.allowed_openai_params);
  const isThere = (name: string) =>
    Object.hasOwn(fields, name) && fields[name] !== undefined && !allowed.includes(name);
  const out = nullable.filter((name) => Object.hasOwn(fields, name) && fields[name] === null);
  for (const name of lacks) {
    if (!isThere(name)) continue;
    out.push(name);
    if (!asksForNothing(name, fields[name])) drops.drop(name, `${vendor} has no ${name}.`);
  }
  for (const name of ignores) {
    if (!isThere(name)) continue;
    out.push(name);
    if (!asksForNothing(name, fields[name])) drops.dropped.push(name);
  }
  return out;
}

/** A copy of a body's fields without what the vendor lacks, for bodies that are made whole at once. */
export function takenFields(
  fields: Readonly<JsonObject>,
  limits: VendorLimits,
  deployment: Deployment,
): { readonly taken: JsonObject; readonly drops: Drops } {
  const drops = dropsFor(deployment);
  const taken: JsonObject = { ...fields };
  for (const name of lacking(taken, limits, { deployment, drops })) delete taken[name];
  return { taken, drops };
}

const defaults: Readonly<Record<string, unknown>> = {
  temperature: 1,
  top_p: 1,
  n: 1,
  best_of: 1,
  presence_penalty: 0,
  frequency_penalty: 0,
  logprobs: false,
  top_logprobs: 0,
  echo: false,
  store: false,
  parallel_tool_calls: true,
  service_tier: 'auto',
};

/** Whether a value is its parameter's default, which is no reason to refuse a request. */
export function asksForNothing(name: string, value: unknown): boolean {
  if (value === null) return true;
  if (Object.hasOwn(defaults, name)) return value === defaults[name];
  if (name === 'modalities') return isArray(value) && value.length === 1 && value[0] === 'text';
  if (name === 'response_format') return isObject(value) && value.type === 'text';
  return name === 'logit_bias' && isObject(value) && Object.keys(value).length === 0;
}
