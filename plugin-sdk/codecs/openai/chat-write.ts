/** A neutral request as a chat completions body; the inverse of `chat-read.ts`. */
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
import { RutterError } from '../../contract/errors.ts';
import { plainCallId } from '../signed-call.ts';
import { defined, isArray, isNumber, isObject, isString, type JsonObject, writeDataUri } from '../values.ts';
import { chatDialect } from './names.ts';
import { isOpaque, readBlocks, reasoningText, writeBlock } from './thinking.ts';

/** The body, under the caller's own model name. */
export function writeChat(request: ChatRequest): JsonObject {
  const { extra, spelling = {}, stop, stream, reasoning } = request;
  const spelledStop = isString(spelling.stop) && stop?.length === 1 && stop[0] === spelling.stop;
  const effort = reasoning?.effort ?? (extra.thinking === undefined ? effortFor(reasoning?.budgetTokens) : undefined);
  const named = defined({
    model: request.model,
    messages: request.messages.map(writeMessage),
    stream: stream || (spelling.stream === false ? false : undefined),
    tools: request.tools?.map(writeTool),
    tool_choice: request.toolChoice && writeToolChoice(request.toolChoice),
    parallel_tool_calls: request.parallelToolCalls,
    temperature: request.temperature,
    top_p: request.topP,
    top_k: request.topK,
    stop: spelledStop ? spelling.stop : stop,
    seed: request.seed,
    presence_penalty: request.presencePenalty,
    frequency_penalty: request.frequencyPenalty,
    logprobs: request.logprobs,
    top_logprobs: request.topLogprobs,
    n: request.count,
    response_format: request.responseFormat && writeResponseFormat(request.responseFormat),
    reasoning_effort: effort,
    user: request.user,
  });
  return { ...extra, ...named, ...writeLimit(request) };
}

// Without a spelling of this dialect the older name is used: every compatible server knows it.
function writeLimit({ maxOutputTokens, spelling = {} }: ChatRequest): JsonObject {
  if (maxOutputTokens === undefined) return {};
  const { max_tokens: older, max_completion_tokens: newer } = spelling;
  if (isNumber(older) && newer === maxOutputTokens) return { max_completion_tokens: newer, max_tokens: older };
  return newer === undefined ? { max_tokens: maxOutputTokens } : { max_completion_tokens: maxOutputTokens };
}

// The thresholds are those of the efforts' own budgets.
function effortFor(budgetTokens: number | undefined): string | undefined {
  if (budgetTokens === undefined) return undefined;
  return budgetTokens <= 1024 ? 'low' : budgetTokens <= 2048 ? 'medium' : 'high';
}

function writeMessage(message: Message, index: number): JsonObject {
  const { role, content, name, toolCalls, reasoning, toolCallId, refusal, extra } = message;
  const opaque = reasoning?.filter(isOpaque) ?? [];
  const body = defined({
    role,
    name,
    tool_calls: toolCalls?.map(writeToolCall),
    tool_call_id: toolCallId,
    refusal,
    thinking_blocks: opaque.length > 0 ? opaque.map(writeBlock) : undefined,
    reasoning_content: reasoning !== undefined && opaque.length === 0 ? reasoningText(reasoning) : undefined,
    ...extra,
  });
  if (content !== '') return { ...body, content: writeContent(content, index) };
  if ('content' in body) return body;
  const isSilent = role === 'assistant' && Object.keys(body).length > (name === undefined ? 1 : 2);
  return isSilent ? body : { ...body, content: '' };
}

const writeContent = (content: Message['content'], index: number): unknown =>
  isString(content) ? content : content.map((part, at) => writePart(part, `messages[${index}].content[${at}]`));

export const writeToolCall = ({ id, name, arguments: text, extra }: ToolCall): JsonObject => ({
  id,
  type: 'function',
  ...extra,
  function: { name, arguments: text, ...(isObject(extra?.function) && extra.function) },
});

function writePart(part: Part, path: string): unknown {
  switch (part.type) {
    case 'text':
      return defined({ type: 'text', text: part.text, cache_control: part.cacheControl, ...part.extra });
    case 'image': {
      const { url, data, mediaType = 'image/png', detail, cacheControl, extra } = part;
      const image = defined({ url: data === undefined ? url : writeDataUri(mediaType, data), detail });
      return defined({ type: 'image_url', cache_control: cacheControl, ...withInner(extra, 'image_url', image) });
    }
    case 'audio': {
      const { data, format, extra } = part;
      return { type: 'input_audio', ...withInner(extra, 'input_audio', { data, format }) };
    }
    case 'file': {
      const { data, mediaType, name, url, fileId, cacheControl, extra } = part;
      const fileData = data === undefined || mediaType === undefined ? data : writeDataUri(mediaType, data);
      const file = defined({ file_data: fileData, filename: name, file_id: fileId ?? url });
      return defined({ type: 'file', cache_control: cacheControl, ...withInner(extra, 'file', file) });
    }
    case 'other':
      if (part.origin === chatDialect) return part.value;
      throw foreign(path, 'content part', part.origin);
  }
}

const foreign = (path: string, what: string, origin: string) =>
  new RutterError(
    'ERR_REQUEST_UNSUPPORTED_PARAMETER',
    `${path} is a ${what} that only ${origin} knows; expected one this vendor takes. Leave it out, or call a model that has it.`,
    { param: path },
  );

const withInner = (extra: Readonly<JsonObject> | undefined, name: string, inner: JsonObject): JsonObject => ({
  ...extra,
  [name]: { ...inner, ...(isObject(extra?.[name]) && (extra[name] as JsonObject)) },
});

function writeTool(tool: Tool | OtherTool, index: number): unknown {
  if ('origin' in tool) {
    if (tool.origin === chatDialect) return tool.value;
    throw foreign(`tools[${index}]`, 'tool', tool.origin);
  }
  const { name, description, parameters, strict, cacheControl, extra } = tool;
  const called = defined({ name, description, parameters, strict });
  return defined({ type: 'function', cache_control: cacheControl, ...withInner(extra, 'function', called) });
}

const writeToolChoice = (choice: ToolChoice): unknown =>
  isString(choice) ? choice : { type: 'function', function: { name: choice.name } };

function writeResponseFormat(format: ResponseFormat): JsonObject {
  if (format.type === 'text') return { type: 'text' };
  if (format.type === 'json') return { type: 'json_object' };
  const { name, schema, strict, description } = format;
  return { type: 'json_schema', json_schema: defined({ name, schema, strict, description }) };
}

/**
 * Copies of messages without what a vendor outside this dialect's extensions would refuse: reasoning, and the mark
 * of a tool that failed. Ids of calls are without the signatures in them, which make them longer than the vendor takes.
 */
export function plainMessages(messages: readonly unknown[]): unknown[] {
  return messages.map((message) => {
    if (!isObject(message) || !isExtended(message)) return message;
    const { thinking_blocks: _blocks, reasoning_content: _text, is_error: _mark, ...rest } = message;
    return hasSignedCalls(rest) ? withPlainIds(rest) : rest;
  });
}

const idsOf = ({ tool_calls: calls, tool_call_id: answered }: JsonObject): unknown[] =>
  isArray(calls) ? calls.map((call) => isObject(call) && call.id) : [answered];

/** Whether a message has what {@link plainMessages} takes out. */
export const isExtended = (message: unknown): boolean =>
  hasReasoning(message) || hasSignedCalls(message) || hasMark(message);

/** Whether a tool's answer says that the tool failed, which only other vendors have a field for. */
const hasMark = (message: unknown): boolean => isObject(message) && message.is_error !== undefined;

/** Whether ids of calls carry another vendor's signatures. */
const hasSignedCalls = (message: unknown): boolean =>
  isObject(message) && idsOf(message).some((id) => isString(id) && plainCallId(id) !== id);

function withPlainIds(message: JsonObject): JsonObject {
  const { tool_calls: calls, tool_call_id: answered } = message;
  if (isString(answered)) return { ...message, tool_call_id: plainCallId(answered) };
  if (!isArray(calls)) return message;
  const plain = (call: unknown) => (isObject(call) && isString(call.id) ? { ...call, id: plainCallId(call.id) } : call);
  return { ...message, tool_calls: calls.map(plain) };
}

/** Copies of messages whose reasoning is told as text in one member alone, whoever thought it. */
export function toldReasoning(messages: readonly unknown[], name: 'reasoning' | 'reasoning_content'): unknown[] {
  return messages.map((message) => {
    if (!isObject(message) || !hasReasoning(message)) return message;
    const { thinking_blocks: blocks, reasoning_content: told, ...rest } = message;
    const text = isString(told) && told !== '' ? told : reasoningText(readBlocks(blocks));
    return text === '' ? rest : { ...rest, [name]: rest[name] ?? text };
  });
}

export const hasReasoning = (message: unknown): boolean =>
  isObject(message) && (message.thinking_blocks !== undefined || message.reasoning_content !== undefined);
