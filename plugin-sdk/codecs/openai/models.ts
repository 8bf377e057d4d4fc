/**
 * What OpenAI's reasoning models want differently: another name for the
 * limit, `developer` for `system`, and no temperature.
 */
import type { Deployment } from '../../contract/request.ts';
import { unsupported } from '../failures.ts';
import { isArray, isNumber, isObject, isString, type JsonObject } from '../values.ts';

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

/** Changes that a model of this name at OpenAI and the deployment's drop settings ask for. */
export function adapt(fields: Readonly<JsonObject>, { params }: Deployment, model: string | undefined): Adapted {
  const set: JsonObject = {};
  const dropped: string[] = [];
  const drop = (name: string) => {
    set[name] = undefined;
    dropped.push(name);
  };
  if (model !== undefined && isReasoningModel(model)) {
    rename(fields, set);
    const { temperature } = fields;
    if (isNumber(temperature) && temperature !== 1 && fixedTemperature.test(baseName(model))) {
      if (params.drop_params !== true)
        throw unsupported('temperature', `${model} takes no temperature other than 1; found ${temperature}.`);
      drop('temperature');
    }
  }
  const additional = params.additional_drop_params;
  if (isArray(additional)) for (const name of additional) if (isString(name) && fields[name] !== undefined) drop(name);
  return { set, dropped };
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
