/**
 * What becomes of parameters that a vendor does not take: refused by name, or
 * left out and reported where the deployment says so.
 */
import type { ChatRequest } from '../contract/chat.ts';
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

/** Wire names that `additional_drop_params` of the deployment leaves out always. */
const additionalDrops = ({ params }: Deployment): readonly string[] => names(params.additional_drop_params);

const wireNames: Readonly<Record<string, keyof ChatRequest>> = {
  temperature: 'temperature',
  top_p: 'topP',
  top_k: 'topK',
  n: 'count',
  seed: 'seed',
  stop: 'stop',
  tools: 'tools',
  tool_choice: 'toolChoice',
  parallel_tool_calls: 'parallelToolCalls',
  presence_penalty: 'presencePenalty',
  frequency_penalty: 'frequencyPenalty',
  logprobs: 'logprobs',
  top_logprobs: 'topLogprobs',
  response_format: 'responseFormat',
  reasoning_effort: 'reasoning',
  thinking: 'reasoning',
  max_tokens: 'maxOutputTokens',
  max_completion_tokens: 'maxOutputTokens',
  user: 'user',
};

/** Takes out of a neutral request what the deployment's `additional_drop_params` names. */
export function withoutDropped(request: ChatRequest, deployment: Deployment, { dropped }: Drops): ChatRequest {
  const extra: JsonObject = { ...request.extra };
  const rest: Record<string, unknown> = { ...request, extra };
  for (const name of additionalDrops(deployment)) {
    const own = Object.hasOwn(wireNames, name) ? wireNames[name] : undefined;
    const isThere = extra[name] !== undefined || (own !== undefined && rest[own] !== undefined);
    if (!isThere) continue;
    delete extra[name];
    if (own !== undefined) delete rest[own];
    dropped.push(name);
  }
  return rest as unknown as ChatRequest;
}

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

/**
 * The fields of a body, by wire name, to take out because the vendor lacks them. A value that asks for nothing
 * goes without a word; one in `allowed_openai_params` stays for the vendor to judge.
 */
export function lacking(
  fields: Readonly<JsonObject>,
  { vendor, lacks, ignores = [] }: VendorLimits,
  { deployment, drops }: { readonly deployment: Deployment; readonly drops: Drops },
): string[] {
  const allowed = names(deployment.params.allowed_openai_params);
  const isThere = (name: string) =>
    Object.hasOwn(fields, name) && fields[name] !== undefined && !allowed.includes(name);
  const out: string[] = [];
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

/** A copy of a body's fields without what `additional_drop_params` names and what the vendor lacks, for bodies that are made whole at once. */
export function takenFields(
  fields: Readonly<JsonObject>,
  limits: VendorLimits,
  deployment: Deployment,
): { readonly taken: JsonObject; readonly drops: Drops } {
  const drops = dropsFor(deployment);
  const taken: JsonObject = { ...fields };
  for (const name of additionalDrops(deployment)) {
    if (taken[name] === undefined) continue;
    delete taken[name];
    drops.dropped.push(name);
  }
  for (const name of lacking(taken, limits, { deployment, drops })) delete taken[name];
  return { taken, drops };
}

const defaults: Readonly<Record<string, unknown>> = {
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
