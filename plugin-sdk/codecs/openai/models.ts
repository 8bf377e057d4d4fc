/**
 * What OpenAI's reasoning models want differently: another name for the
 * limit, `developer` for `system`, and nothing that steers sampling.
 */
import type { Deployment } from '../../contract/request.ts';
import { asksForNothing, dropsFor, lacking } from '../drops.ts';
import { isArray, isObject, type JsonObject } from '../values.ts';

const reasoning = /^(?:o[1-9]|gpt-5(?!.*-chat))/;
// From gpt-5.1 on a temperature is taken while reasoning is off, so the vendor has to judge.
const fixedTemperature = /^(?:o[1-9]|gpt-5(?:-(?!chat)|$))/;

const baseName = (model: string) => model.slice(model.lastIndexOf('/') + 1);

/** Whether the name is one of OpenAI's reasoning models. */
export const isReasoningModel = (model: string): boolean => reasoning.test(baseName(model));

export interface Adapted {
  /** The fields to change; `undefined` takes one out. */
  readonly set: JsonObject;
  /** Left out because the deployment says so, by name. */
  readonly dropped: readonly string[];
}

/** Refused by the models that always reason: https://platform.openai.com/docs/guides/reasoning. */
const samplers = [
  'temperature',
  'top_p',
  'presence_penalty',
  'frequency_penalty',
  'logprobs',
  'top_logprobs',
  'logit_bias',
];
// o1 takes stops, those after it do not.
const stopless = /^(?:o[2-9]|gpt-5(?:-(?!chat)|$))/;

/** Changes that a model of this name at OpenAI and the deployment's drop settings ask for. */
export function adapt(fields: Readonly<JsonObject>, deployment: Deployment, model: string | undefined): Adapted {
  const set: JsonObject = {};
  if (model === undefined || !isReasoningModel(model)) return { set, dropped: [] };
  rename(fields, set);
  const name = baseName(model);
  if (!fixedTemperature.test(name)) return { set, dropped: [] };
  const drops = dropsFor(deployment);
  // What asks for nothing is not refused there either.
  const asked = Object.fromEntries(
    samplers.flatMap((one) => (asksForNothing(one, fields[one]) ? [] : [[one, fields[one]]])),
  );
  if (stopless.test(name) && fields.stop !== undefined && fields.stop !== null) asked.stop = fields.stop;
  const lacks = [...samplers, 'stop'];
  for (const one of lacking(asked, { vendor: model, lacks }, { deployment, drops })) set[one] = undefined;
  return { set, dropped: drops.dropped };
}

function rename(
  { max_tokens: limit, max_completion_tokens: newer, messages }: Readonly<JsonObject>,
  set: JsonObject,
): void {
  if (limit !== undefined) {
    set.max_tokens = undefined;
    if (newer === undefined) set.max_completion_tokens = limit;
  }
  if (isArray(messages) && messages.some(isSystem)) {
    set.messages = messages.map((message) => (isSystem(message) ? { ...message, role: 'developer' } : message));
  }
}

const isSystem = (message: unknown): message is JsonObject => isObject(message) && message.role === 'system';
