/**
 * Parameters that are to be left out of a call whatever its vendor takes, and
 * what a request says itself of those its vendor does not take.
 */
import { type ChatRequest, type Deployment, RutterError } from '@rutter/plugin-sdk';
import type { ModelCall } from '../pipeline/model-call.ts';

type Fields = Readonly<Record<string, unknown>>;

/** What a call is; without these it is none. */
const needed: ReadonlySet<string> = new Set(['model', 'messages', 'stream', 'input', 'prompt']);

const texts = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];

/** The deployment under the request's own `drop_params` and `allowed_openai_params`: codecs read them in its `params`. */
export function deploymentFor({ controls }: ModelCall, deployment: Deployment): Deployment {
  const { dropParams, allowedParams } = controls;
  if (dropParams === undefined && allowedParams === undefined) return deployment;
  const { params } = deployment;
  return {
    ...deployment,
    params: {
      ...params,
      ...(dropParams !== undefined && { drop_params: dropParams }),
      ...(allowedParams !== undefined && {
        allowed_openai_params: [...texts(params.allowed_openai_params), ...allowedParams],
      }),
    },
  };
}

/** Paths of `additional_drop_params`, the deployment's and the request's. */
export function unwantedPaths({ controls }: ModelCall, { params }: Deployment): readonly string[] {
  const own = texts(params.additional_drop_params);
  return controls.additionalDropParams ? [...new Set([...own, ...controls.additionalDropParams])] : own;
}

type Step = string | number | '*';

/** `tools[*].function.strict`, `a.b`, `a['b.c'][0]` as steps. Throws ERR_REQUEST_INVALID for what is no path. */
export function readPath(path: string): readonly Step[] {
  const steps: Step[] = [];
  const pattern = /\.?([^.[\]]+)|\[(\d+|\*)\]|\['([^']*)'\]|\["([^"]*)"\]/y;
  while (pattern.lastIndex < path.length) {
    const found = pattern.exec(path);
    if (!found) break;
    const [, name, index, ...quoted] = found;
    steps.push(name ?? (index === undefined ? (quoted.find((one) => one !== undefined) ?? '') : stepOf(index)));
    if (pattern.lastIndex === path.length) return steps;
  }
  throw new RutterError(
    'ERR_REQUEST_INVALID',
    `additional_drop_params: found ${JSON.stringify(path.slice(0, 80))}, expected a name or a path such as tools[*].function.strict.`,
    { param: 'additional_drop_params' },
  );
}

const stepOf = (index: string): Step => (index === '*' ? index : Number(index));

const nothing: readonly string[] = [];

/** A copy without what the paths name; `changed` are the top-level fields that differ, `dropped` the paths that named something. */
export function withoutPaths(
  fields: Fields,
  paths: readonly string[],
): { readonly fields: Fields; readonly changed: readonly string[]; readonly dropped: readonly string[] } {
  if (paths.length === 0) return { fields, changed: nothing, dropped: nothing };
  let left = fields;
  const changed = new Set<string>();
  const dropped: string[] = [];
  for (const path of paths) {
    const steps = readPath(path);
    const [first = ''] = steps;
    if (steps.length === 1 && needed.has(String(first))) continue;
    const reduced = without(left, steps) as Fields;
    if (reduced === left) continue;
    left = reduced;
    changed.add(String(first));
    dropped.push(path);
  }
  return { fields: left, changed: [...changed], dropped };
}

/** The same value where the path names nothing in it. */
function without(value: unknown, [step, ...rest]: readonly Step[]): unknown {
  if (typeof value !== 'object' || value === null || step === undefined) return value;
  if (Array.isArray(value)) {
    if (typeof step === 'string' && step !== '*') return value;
    const items = value.flatMap((item: unknown, index) => {
      if (step !== '*' && step !== index) return [item];
      return rest.length === 0 ? [] : [without(item, rest)];
    });
    return items.length === value.length && items.every((item, index) => item === value[index]) ? value : items;
  }
  const name = String(step);
  if (!Object.hasOwn(value, name)) return value;
  const members = value as Fields;
  if (rest.length === 0) return Object.fromEntries(Object.entries(members).filter(([key]) => key !== name));
  const inner = without(members[name], rest);
  return inner === members[name] ? value : { ...members, [name]: inner };
}

/** OpenAI's names of what the neutral request names, by which LiteLLM's users know them. */
const neutralNames: Readonly<Record<string, keyof ChatRequest>> = {
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

/** The same of a neutral request, whatever it was read from: a loop or a guard may have put back what the caller's body lost. */
export function withoutNeutral(
  request: ChatRequest,
  paths: readonly string[],
): { readonly request: ChatRequest; readonly dropped: readonly string[] } {
  const extra: Record<string, unknown> = { ...request.extra };
  const rest: Record<string, unknown> = { ...request, extra };
  const dropped = paths.filter((path) => {
    const own = Object.hasOwn(neutralNames, path) ? neutralNames[path] : undefined;
    if (extra[path] === undefined && (own === undefined || rest[own] === undefined)) return false;
    delete extra[path];
    if (own !== undefined) delete rest[own];
    return true;
  });
  return dropped.length > 0 ? { request: rest as unknown as ChatRequest, dropped } : { request, dropped };
}
