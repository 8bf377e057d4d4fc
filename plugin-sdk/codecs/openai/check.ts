/**
 * Types and nesting of a client's body, checked before anything is called.
 *
 * Unknown fields are nobody's business here: they pass on to the vendor,
 * which knows better. Null means absent wherever OpenAI says so.
 */
import { RutterError } from '../../contract/errors.ts';
import type { Fields } from '../../contract/wire.ts';
import { isArray, isBoolean, isObject, isString } from '../values.ts';

/** How a value looks in a message: short, and never more of it than 40 characters. */
function found(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (isString(value)) return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (isArray(value)) return value.length === 0 ? 'an empty array' : 'an array';
  return isObject(value) ? 'an object' : String(value);
}

/** A field of the wrong type or value. */
export const invalid = (param: string, value: unknown, expected: string): RutterError =>
  new RutterError('ERR_REQUEST_INVALID', `${param}: found ${found(value)}, expected ${expected}.`, { param });

type Check = (value: unknown) => boolean;
// JSON knows numbers beyond any that a program can hold; they would be told to a vendor as null.
const number: Check = Number.isFinite;
const integer: Check = (value) => Number.isInteger(value);
const positive: Check = (value) => Number.isInteger(value) && (value as number) > 0;
const stop: Check = (value) => isString(value) || (isArray(value) && value.every(isString));
const typed: Check = (value) => isObject(value) && isString(value.type);
const choice: Check = (value) => isString(value) || typed(value);

const chatFields: readonly (readonly [string, Check, string])[] = [
  ['stream', isBoolean, 'true or false'],
  ['stream_options', isObject, 'an object'],
  ['temperature', number, 'a number'],
  ['top_p', number, 'a number'],
  ['max_tokens', positive, 'a whole number above 0'],
  ['max_completion_tokens', positive, 'a whole number above 0'],
  ['n', positive, 'a whole number above 0'],
  ['stop', stop, 'a string or an array of strings'],
  ['seed', integer, 'a whole number'],
  ['presence_penalty', number, 'a number'],
  ['frequency_penalty', number, 'a number'],
  ['logprobs', isBoolean, 'true or false'],
  ['top_logprobs', integer, 'a whole number'],
  ['parallel_tool_calls', isBoolean, 'true or false'],
  ['tools', isArray, 'an array'],
  ['tool_choice', choice, 'none, auto, required, or an object with a type'],
  ['response_format', typed, 'an object with a type'],
  ['reasoning_effort', isString, 'a string'],
  ['user', isString, 'a string'],
];

const completionFields: readonly (readonly [string, Check, string])[] = [
  ...chatFields.filter(([name]) =>
    ['stream', 'stream_options', 'temperature', 'top_p', 'max_tokens', 'n', 'stop', 'seed', 'user'].includes(name),
  ),
  ['logprobs', integer, 'a whole number'],
  ['best_of', positive, 'a whole number above 0'],
  ['echo', isBoolean, 'true or false'],
  ['suffix', isString, 'a string'],
];

const embeddingFields: readonly (readonly [string, Check, string])[] = [
  ['dimensions', positive, 'a whole number above 0'],
  ['encoding_format', (value) => value === 'float' || value === 'base64', '"float" or "base64"'],
  ['user', isString, 'a string'],
];

function checkTypes(fields: Fields, types: typeof chatFields): void {
  for (const [name, isRight, expected] of types) {
    const value = fields[name];
    if (value !== undefined && value !== null && !isRight(value)) throw invalid(name, value, expected);
  }
}

/** The model asked for: of the path where it names one, else of the body. */
export function readModel(fields: Fields, params: Readonly<Record<string, string>>): string {
  const model = params.model ?? fields.model;
  if (isString(model) && model !== '') return model;
  throw invalid('model', model, 'the name of a model');
}

export function checkChat(fields: Fields): void {
  const { messages, tools, stream_options: options } = fields;
  if (!isArray(messages) || messages.length === 0)
    throw invalid('messages', messages, 'an array of at least one message');
  for (let index = 0; index < messages.length; index++) checkMessage(messages[index], index);
  checkTypes(fields, chatFields);
  if (isArray(tools)) for (const [index, tool] of tools.entries()) checkTool(tool, index);
  checkStreamOptions(options);
}

function checkStreamOptions(options: unknown): void {
  if (!isObject(options) || options.include_usage === undefined || options.include_usage === null) return;
  if (!isBoolean(options.include_usage))
    throw invalid('stream_options.include_usage', options.include_usage, 'true or false');
}

const roles = new Set<unknown>(['system', 'developer', 'user', 'assistant', 'tool', 'function']);

function checkMessage(message: unknown, index: number): void {
  const path = `messages[${index}]`;
  if (!isObject(message)) throw invalid(path, message, 'an object with role and content');
  const { role, content, tool_calls: calls } = message;
  if (!roles.has(role)) {
    throw invalid(`${path}.role`, role, 'one of system, developer, user, assistant, tool, function');
  }
  if (isArray(content)) for (let at = 0; at < content.length; at++) checkPart(content[at], `${path}.content[${at}]`);
  else if (!isString(content) && !(role === 'assistant' && isNothing(content)) && content !== null) {
    throw invalid(`${path}.content`, content, 'a string, an array of parts, or null');
  }
  if (role === 'tool' && !isString(message.tool_call_id)) {
    throw invalid(`${path}.tool_call_id`, message.tool_call_id, 'the id of the tool call this answers');
  }
  if (isNothing(calls)) return;
  if (!isArray(calls)) throw invalid(`${path}.tool_calls`, calls, 'an array');
  for (const [at, call] of calls.entries()) checkToolCall(call, `${path}.tool_calls[${at}]`);
}

const isNothing = (value: unknown) => value === undefined || value === null;

/** Payload of a part type, and the member of it that must be a string. */
const payloads: Readonly<Record<string, readonly [string, string]>> = {
  image_url: ['image_url', 'url'],
  input_audio: ['input_audio', 'data'],
};

function checkPart(part: unknown, path: string): void {
  if (!isObject(part)) throw invalid(path, part, 'an object with a type');
  const { type } = part;
  if (!isString(type)) throw invalid(`${path}.type`, type, 'a string');
  if (type === 'text' && !isString(part.text)) throw invalid(`${path}.text`, part.text, 'a string');
  if (type === 'file' && !isObject(part.file)) throw invalid(`${path}.file`, part.file, 'an object');
  const payload = Object.hasOwn(payloads, type) ? payloads[type] : undefined;
  if (payload === undefined) return;
  const [name, member] = payload;
  const value = part[name];
  // A bare address is what some clients send for an image; it is understood.
  if (type === 'image_url' && isString(value)) return;
  if (!isObject(value)) throw invalid(`${path}.${name}`, value, `an object with ${member}`);
  if (!isString(value[member])) throw invalid(`${path}.${name}.${member}`, value[member], 'a string');
}

function checkToolCall(call: unknown, path: string): void {
  if (!isObject(call)) throw invalid(path, call, 'an object');
  if (!isString(call.id)) throw invalid(`${path}.id`, call.id, 'a string');
  if (!isNothing(call.type) && call.type !== 'function') return;
  const { function: called } = call;
  if (!isObject(called)) throw invalid(`${path}.function`, called, 'an object with name and arguments');
  if (!isString(called.name)) throw invalid(`${path}.function.name`, called.name, 'a string');
  if (!isString(called.arguments)) throw invalid(`${path}.function.arguments`, called.arguments, 'a string of JSON');
}

function checkTool(tool: unknown, index: number): void {
  const path = `tools[${index}]`;
  if (!isObject(tool)) throw invalid(path, tool, 'an object with a type');
  if (!isString(tool.type)) throw invalid(`${path}.type`, tool.type, 'a string such as "function"');
  if (tool.type !== 'function') return;
  const { function: called } = tool;
  if (!isObject(called)) throw invalid(`${path}.function`, called, 'an object with a name');
  if (!isString(called.name) || called.name === '')
    throw invalid(`${path}.function.name`, called.name, 'the name of a function');
  if (!isNothing(called.parameters) && !isObject(called.parameters)) {
    throw invalid(`${path}.function.parameters`, called.parameters, 'a JSON Schema object');
  }
}

const isToken: Check = (value) => Number.isInteger(value) && (value as number) >= 0;

export function checkCompletion(fields: Fields): void {
  const { prompt } = fields;
  const isPrompt = isString(prompt) || (isArray(prompt) && prompt.length > 0 && isTextList(prompt));
  if (!isPrompt) throw invalid('prompt', prompt, 'a string, or an array of strings or tokens');
  checkTypes(fields, completionFields);
  checkStreamOptions(fields.stream_options);
}

export function checkEmbeddings(fields: Fields): void {
  const { input } = fields;
  const isInput = (isString(input) && input !== '') || (isArray(input) && input.length > 0 && isTextList(input));
  if (!isInput) throw invalid('input', input, 'a string, an array of strings, or arrays of tokens');
  checkTypes(fields, embeddingFields);
}

/** All strings, all tokens, or all arrays of tokens. */
const isTextList = (items: readonly unknown[]): boolean =>
  items.every(isString) ||
  items.every(isToken) ||
  items.every((item) => isArray(item) && item.length > 0 && item.every(isToken));
