/**
 * A chat completions body as a neutral request.
 *
 * A field is named only when it has the expected type and shape; everything
 * else stays in `extra` as found, so that the body can be written again.
 * Gateway-only fields are left out.
 */
import type {
  ChatRequest,
  Message,
  OtherTool,
  Part,
  ResponseFormat,
  Tool,
  ToolCall,
  ToolChoice,
} from '../../contract/chat.ts';
import type { Fields } from '../../contract/wire.ts';
import {
  defined,
  Fieldset,
  filled,
  isArray,
  isBoolean,
  isNumber,
  isObject,
  isString,
  type JsonObject,
  readDataUri,
} from '../values.ts';
import { gatewayFields } from './controls.ts';
import { chatDialect } from './names.ts';
import { readBlocks } from './thinking.ts';

export function readChat(fields: Fields): ChatRequest {
  const set = new Fieldset(fields);
  for (const name of gatewayFields) delete set.rest[name];
  const stream = set.take('stream', isBoolean);
  const limit = set.take('max_completion_tokens', isNumber);
  const olderLimit = set.take('max_tokens', isNumber);
  const stop = set.take('stop', isStop);
  const tools = set.take('tools', isArray)?.map(readTool);
  const { thinking } = set.rest;
  const request = defined({
    model: set.take('model', isString) ?? '',
    messages: (set.take('messages', isArray) ?? []).map((message) => readMessage(message as JsonObject)),
    stream: stream === true,
    tools,
    toolChoice: readToolChoice(set),
    parallelToolCalls: set.take('parallel_tool_calls', isBoolean),
    maxOutputTokens: limit ?? olderLimit,
    temperature: set.take('temperature', isNumber),
    topP: set.take('top_p', isNumber),
    topK: set.take('top_k', isNumber),
    stop: isString(stop) ? [stop] : stop,
    seed: set.take('seed', isNumber),
    presencePenalty: set.take('presence_penalty', isNumber),
    frequencyPenalty: set.take('frequency_penalty', isNumber),
    logprobs: set.take('logprobs', isBoolean),
    topLogprobs: set.take('top_logprobs', isNumber),
    count: set.take('n', isNumber),
    responseFormat: readResponseFormat(set),
    reasoning: readReasoning(set.take('reasoning_effort', isString), thinking),
    user: set.take('user', isString),
  });
  const spelling = filled(
    defined({
      stream: stream === false ? false : undefined,
      stop: isString(stop) ? stop : undefined,
      max_tokens: olderLimit,
      max_completion_tokens: limit,
    }),
  );
  return { ...request, extra: set.rest, ...(spelling && { spelling }) };
}

const isStop = (value: unknown): value is string | string[] =>
  isString(value) || (isArray(value) && value.every(isString));

// `thinking` also stays in `extra`: a compatible server may know the field, and only it.
function readReasoning(effort: string | undefined, thinking: unknown): ChatRequest['reasoning'] {
  if (effort === undefined && !isObject(thinking)) return undefined;
  const raw = isObject(thinking) ? thinking : undefined;
  return defined({ effort, budgetTokens: isNumber(raw?.budget_tokens) ? raw.budget_tokens : undefined, raw });
}

function readMessage(message: JsonObject): Message {
  const set = new Fieldset(message);
  const role = set.take('role', isRole) ?? 'tool';
  const found = message.content;
  const content = isString(found) ? found : isArray(found) ? found.map((part) => readPart(part as JsonObject)) : '';
  // Null and '' are two spellings of an assistant's silence; which one it was is kept beside it.
  if (found !== null && !(found === '' && role === 'assistant')) delete set.rest.content;
  const calls = set.rest.tool_calls;
  const toolCalls = isArray(calls) && calls.every(isFunctionCall) ? calls.map(readToolCall) : undefined;
  if (toolCalls !== undefined) delete set.rest.tool_calls;
  const blocks = readBlocks(set.rest.thinking_blocks);
  if (blocks !== undefined) delete set.rest.thinking_blocks;
  const text =
    blocks === undefined && set.rest.thinking_blocks === undefined
      ? set.take('reasoning_content', isString)
      : undefined;
  return defined({
    role,
    content,
    name: set.take('name', isString),
    toolCalls,
    reasoning: blocks ?? (text === undefined ? undefined : [{ text }]),
    toolCallId: set.take('tool_call_id', isString),
    // Not OpenAI's; it also stays among the fields that only servers of this dialect see.
    isError: role === 'tool' && isBoolean(message.is_error) ? message.is_error : undefined,
    refusal: set.take('refusal', isString),
    extra: set.extra,
  });
}

const roles = new Set<unknown>(['system', 'developer', 'user', 'assistant', 'tool']);
// `function`, the role before tools, is read as a tool's answer and keeps its name in `extra`.
const isRole = (value: unknown): value is Message['role'] => roles.has(value);

const isFunctionCall = (value: unknown): value is JsonObject & { function: JsonObject } =>
  isObject(value) &&
  isString(value.id) &&
  (value.type === undefined || value.type === 'function') &&
  isObject(value.function) &&
  isString(value.function.name) &&
  isString(value.function.arguments);

export function readToolCall(value: JsonObject & { function: JsonObject }): ToolCall {
  const { id, type: _, function: called, ...outer } = value;
  const { name, arguments: text, ...inner } = called;
  return defined({
    id: id as string,
    name: name as string,
    arguments: text as string,
    extra: nested(outer, 'function', inner),
  });
}

/** What was not named, at its own depth. */
function nested(outer: JsonObject, name: string, inner: JsonObject): JsonObject | undefined {
  return filled(filled(inner) === undefined ? outer : { ...outer, [name]: inner });
}

export function readPart(part: JsonObject): Part {
  const other: Part = { type: 'other', origin: chatDialect, value: part };
  const { type, cache_control: cacheControl, ...rest } = part;
  switch (type) {
    case 'text': {
      const { text, ...extra } = rest;
      return isString(text) ? defined({ type, text, cacheControl, extra: filled(extra) }) : other;
    }
    case 'image_url': {
      const { image_url: found, ...outer } = rest;
      const set = new Fieldset(isString(found) ? { url: found } : isObject(found) ? found : {});
      const url = set.take('url', isString);
      const detail = set.take('detail', isString);
      if (url === undefined) return other;
      return defined({
        type: 'image' as const,
        ...(readDataUri(url) ?? { url }),
        detail,
        cacheControl,
        extra: nested(outer, type, set.rest),
      });
    }
    case 'input_audio': {
      const { input_audio: audio, ...outer } = part;
      if (!isObject(audio) || !isString(audio.data) || !isString(audio.format)) return other;
      const { data, format, ...inner } = audio as JsonObject & { data: string; format: string };
      const { type: _, ...extra } = outer;
      return defined({ type: 'audio' as const, data, format, extra: nested(extra, type, inner) });
    }
    case 'file':
      return readFile(rest, cacheControl) ?? other;
    default:
      return other;
  }
}

function readFile({ file, ...outer }: JsonObject, cacheControl: unknown): Part | undefined {
  if (!isObject(file)) return undefined;
  const set = new Fieldset(file);
  const found = set.take('file_data', isString);
  const data = found === undefined ? {} : (readDataUri(found) ?? { data: found });
  const name = set.take('filename', isString);
  const id = set.take('file_id', isString);
  // LiteLLM's users put addresses where OpenAI has ids.
  const place = id === undefined ? {} : /^(?:https?|data):/i.test(id) ? { url: id } : { fileId: id };
  return defined({
    type: 'file' as const,
    ...data,
    name,
    ...place,
    cacheControl,
    extra: nested(outer, 'file', set.rest),
  });
}

function readTool(value: unknown): Tool | OtherTool {
  if (!isObject(value) || value.type !== 'function' || !isObject(value.function) || !isString(value.function.name)) {
    return { origin: chatDialect, value };
  }
  const { type: _, function: called, cache_control: cacheControl, ...outer } = value;
  const set = new Fieldset(called as JsonObject);
  const name = set.take('name', isString) ?? '';
  const description = set.take('description', isString);
  const parameters = set.take('parameters', isObject);
  const strict = set.take('strict', isBoolean);
  return defined({ name, description, parameters, strict, cacheControl, extra: nested(outer, 'function', set.rest) });
}

function readToolChoice(set: Fieldset): ToolChoice | undefined {
  const found = set.rest.tool_choice;
  const choice = found === 'auto' || found === 'required' || found === 'none' ? found : namedChoice(found);
  if (choice !== undefined) delete set.rest.tool_choice;
  return choice;
}

function namedChoice(found: unknown): { name: string } | undefined {
  if (!isObject(found) || found.type !== 'function' || !isObject(found.function)) return undefined;
  const { name, ...rest } = found.function;
  return isString(name) && filled(rest) === undefined && Object.keys(found).length === 2 ? { name } : undefined;
}

function readResponseFormat(set: Fieldset): ResponseFormat | undefined {
  const format = set.rest.response_format;
  const read = isObject(format) ? responseFormat(format) : undefined;
  if (read !== undefined) delete set.rest.response_format;
  return read;
}

function responseFormat({ type, json_schema: found, ...others }: JsonObject): ResponseFormat | undefined {
  const { response_schema: schema, ...rest } = others;
  // LiteLLM's spelling for vendors that have a schema beside their JSON mode.
  if (type === 'json_object' && found === undefined && isObject(schema) && filled(rest) === undefined)
    return { type: 'json-schema', name: 'response', schema };
  return plainFormat({ type, json_schema: found, ...others });
}

function plainFormat({ type, json_schema: found, ...others }: JsonObject): ResponseFormat | undefined {
  if (filled(others) !== undefined) return undefined;
  if (found === undefined) return type === 'text' ? { type } : type === 'json_object' ? { type: 'json' } : undefined;
  if (type !== 'json_schema' || !isObject(found) || !isString(found.name) || !isObject(found.schema)) return undefined;
  const { name, schema, strict, description, ...rest } = found;
  if (filled(rest) !== undefined || !(strict === undefined || isBoolean(strict))) return undefined;
  if (!(description === undefined || isString(description))) return undefined;
  return defined({ type: 'json-schema' as const, name: name as string, schema, strict, description });
}
