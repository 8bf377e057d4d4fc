/**
 * What a deployment's model name says: the id to call, in which form and
 * region, and whose model it is, on which depends what it can be asked.
 */
import type { Deployment } from '@rutter/plugin-sdk';
import { isFilled } from '@rutter/plugin-sdk/codecs';

/** Tag of what only Converse understands: its own reasoning, its own blocks. */
export const converseDialect = 'bedrock-converse';
/** Claude's signatures hold wherever Claude is served, so they carry the name of its own API. */
export const claudeDialect = 'anthropic-messages';

export interface Model {
  /** As it stands in the path, before escaping: a model id, an inference profile, or an ARN. */
  readonly id: string;
  readonly form: 'converse' | 'invoke';
  /** Region named in the model, as in `us-west-2/anthropic.…`. */
  readonly region: string | undefined;
  /** Name by which the model is told apart: `model_info.base_model` where it is given, else the id. */
  readonly name: string;
  /** The maker, such as `anthropic`; '' where the id hides it, as an application inference profile does. */
  readonly vendor: string;
}

const routes = /^(converse|invoke)\//;
const regionSegment = /^([a-z]{2}(?:-[a-z]+)+-\d)\/(?=.)/;
const geography = /^(?:us-gov|us|eu|apac|au|jp|ca|global)\./;
const makers =
  /^(anthropic|amazon|meta|mistral|cohere|ai21|deepseek|openai|qwen|writer|moonshotai|minimax|twelvelabs)\b/;

export function modelOf({ model, params, info }: Pick<Deployment, 'model' | 'params' | 'info'>): Model {
  let id = model;
  let form: Model['form'] = 'converse';
  let region: string | undefined;
  const route = routes.exec(id)?.[1];
  if (route !== undefined) {
    form = route as Model['form'];
    id = id.slice(route.length + 1);
  }
  const place = regionSegment.exec(id)?.[1];
  if (place !== undefined) {
    region = place;
    id = id.slice(place.length + 1);
  }
  const base = isFilled(info.base_model) ? info.base_model : id;
  // `model` then only says whose model the ARN in `model_id` is.
  if (isFilled(params.model_id)) id = params.model_id;
  const name = plainName(base);
  return { id, form, region, name, vendor: vendorOf(name) };
}

/** `anthropic.claude-…` of a profile, an ARN or a name with a provider's prefix. */
const plainName = (name: string): string =>
  name
    .replace(/^(?:bedrock\/)?(?:converse\/|invoke\/)?/, '')
    .replace(/^arn:.*\//, '')
    .replace(geography, '');

function vendorOf(name: string): string {
  if (name.startsWith('claude-')) return 'anthropic';
  return makers.exec(name)?.[1] ?? '';
}

export const isClaude = ({ vendor }: Model): boolean => vendor === 'anthropic';
export const isNova = ({ name }: Model): boolean => name.startsWith('amazon.nova');
/** Nobody can tell whose model it is: it is asked for everything, and AWS judges. */
export const isOpaque = ({ vendor }: Model): boolean => vendor === '';

/** Models whose prompts may be marked for caching. */
export const cachesPrompts = (model: Model): boolean => isClaude(model) || isNova(model) || isOpaque(model);

const withoutTools =
  /^(?:amazon\.titan-text|meta\.llama(?:2|3-(?:8|70)b)|mistral\.(?:mistral-7b|mixtral)|cohere\.command-(?:text|light)|ai21\.(?:j2|jamba-instruct)|deepseek\.r1)/;
/** Models that AWS lists without tool use: they can be asked for JSON in words alone. */
export const takesTools = ({ name }: Model): boolean => !withoutTools.test(name);

/** Makers whose models take no `toolChoice` at all. */
const withoutChoice = new Set(['meta', 'cohere', 'ai21', 'deepseek']);
export const takesAnyTool = ({ vendor }: Model): boolean => !withoutChoice.has(vendor);
/** `toolChoice.tool`, and `status` of a tool's result. */
export const takesNamedTool = (model: Model): boolean => isClaude(model) || isNova(model) || isOpaque(model);

const escaped = (id: string): string =>
  encodeURIComponent(id).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);

/** Path of an operation; an ARN's `:` and `/` belong to the id and are escaped. */
export const pathOf = ({ id }: Model, operation: string): string => `/model/${escaped(id)}/${operation}`;
