/** Whole replies of Cohere's chat as neutral ones, and what streams have in common with them. */
import {
  type ChatReply,
  type EndReason,
  type ReasoningBlock,
  RutterError,
  type ToolCall,
  type Usage,
} from '@rutter/plugin-sdk';
import {
  defined,
  filled,
  isArray,
  isFilled,
  isNumber,
  isObject,
  isString,
  type JsonObject,
  malformed,
  parseJson,
  replyObject,
  safeMessage,
} from '@rutter/plugin-sdk/codecs';

export function readReply(body: unknown): ChatReply {
  const found = replyObject(isString(body) ? (parseJson(body) ?? body) : body, 'a message in JSON');
  const { id, message, finish_reason: finish, usage, logprobs, ...envelope } = found;
  if (!isObject(message)) {
    if (isFilled(message)) throw failed(message);
    throw malformed(JSON.stringify(found), 'a message in JSON');
  }
  const parts = isArray(message.content) ? message.content.filter(isObject) : [];
  const joined = (type: 'text' | 'thinking') =>
    parts.map((part) => (part.type === type && isString(part[type]) ? part[type] : '')).join('');
  const toolCalls = isArray(message.tool_calls) ? message.tool_calls.filter(isObject).flatMap(readCall) : [];
  const reasoning = thoughts(isString(message.tool_plan) ? message.tool_plan : '', joined('thinking'));
  const end = endReason(finish);
  const citations = isArray(message.citations) && message.citations.length > 0 ? message.citations : undefined;
  return defined({
    text: isString(message.content) ? message.content : joined('text'),
    toolCalls: toolCalls.length > 0 ? toolCalls : undefined,
    reasoning,
    end: toolCalls.length > 0 && end === 'stop' ? 'tool-calls' : end,
    logprobs: readLogprobs(logprobs),
    id: isFilled(id) ? id : undefined,
    usage: readUsage(usage),
    extra: citations && { message: citing(citations) },
    envelope: filled(envelope),
  });
}

/** Where clients of OpenAI's dialect find what only one vendor tells. */
export const citing = (citations: readonly unknown[]): JsonObject => ({ provider_specific_fields: { citations } });

function thoughts(...texts: readonly string[]): ReasoningBlock[] | undefined {
  const blocks = texts.filter(isFilled).map((text) => ({ text }));
  return blocks.length > 0 ? blocks : undefined;
}

export function readCall(call: JsonObject, index = 0): ToolCall[] {
  const called = isObject(call.function) ? call.function : {};
  if (!isString(called.name)) return [];
  return [
    {
      id: isFilled(call.id) ? call.id : `call_${index}`,
      name: called.name,
      arguments: isString(called.arguments) ? called.arguments : '',
    },
  ];
}

const endReasons: Readonly<Record<string, EndReason>> = {
  COMPLETE: 'stop',
  STOP_SEQUENCE: 'stop',
  MAX_TOKENS: 'length',
  ERROR_LIMIT: 'length',
  TOOL_CALL: 'tool-calls',
  ERROR_TOXIC: 'refusal',
};

/** Unknown reasons count as a normal end; those that say the reply is not finished throw. */
export function endReason(finish: unknown, said?: unknown): EndReason {
  if (finish === 'ERROR') throw failed(isFilled(said) ? said : 'Cohere ended the reply with an error.');
  if (finish === 'TIMEOUT')
    throw new RutterError('ERR_PROVIDER_TIMEOUT', 'Cohere ended the reply because it took too long.');
  return (isString(finish) && Object.hasOwn(endReasons, finish) ? endReasons[finish] : undefined) ?? 'stop';
}

const failed = (message: string) =>
  new RutterError('ERR_PROVIDER_INTERNAL', safeMessage(message), { vendor: { status: 200 } });

const count = (value: unknown): number => (isNumber(value) && value > 0 ? Math.floor(value) : 0);

/**
 * Buckets of a usage object. What is billed counts where it is told: `tokens` also has what Cohere's own templates
 * take, for which nobody pays.
 */
export function readUsage(found: unknown): Usage | undefined {
  if (!isObject(found)) return undefined;
  const billed = countsOf(found.billed_units) ?? countsOf(found.tokens);
  if (billed === undefined) return undefined;
  const cachedInput = Math.min(billed.input, count(found.cached_tokens));
  return defined({
    input: billed.input - cachedInput,
    output: billed.output,
    cachedInput: cachedInput > 0 ? cachedInput : undefined,
  });
}

function countsOf(found: unknown): { input: number; output: number } | undefined {
  if (!isObject(found) || (!isNumber(found.input_tokens) && !isNumber(found.output_tokens))) return undefined;
  return { input: count(found.input_tokens), output: count(found.output_tokens) };
}

/** In OpenAI's shape: a piece of text with the sum over its tokens. */
export function readLogprobs(found: unknown): unknown {
  if (!isArray(found) || found.length === 0) return undefined;
  const content = found.filter(isObject).map(({ text, logprobs }) => ({
    token: isString(text) ? text : '',
    logprob: isArray(logprobs) ? logprobs.filter(isNumber).reduce((sum, one) => sum + one, 0) : 0,
    bytes: null,
    top_logprobs: [],
  }));
  return { content };
}
