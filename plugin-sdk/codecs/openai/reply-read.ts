/** Whole replies of vendors that speak this dialect, as neutral ones. */
import type { ChatReply, Choice, Part, ReasoningBlock, ToolCall } from '../../contract/chat.ts';
import { malformed, replyObject } from '../failures.ts';
import {
  defined,
  Fieldset,
  filled,
  isArray,
  isFilled,
  isObject,
  isString,
  type JsonObject,
  parseJson,
} from '../values.ts';
import { readPart, readToolCall } from './chat-read.ts';
import { carriesError, innerFailure } from './failure.ts';
import { endReason } from './names.ts';
import { readBlocks } from './thinking.ts';
import { readUsage } from './usage.ts';

/** The envelope's facts and its choices; throws the error a 200 may carry, or ERR_PROVIDER_MALFORMED. */
function readReply(body: unknown, readChoice: (choice: JsonObject) => Choice): ChatReply {
  const found = replyObject(isString(body) ? (parseJson(body) ?? body) : body, 'a JSON object with choices');
  const { id, object: _, created: _created, model, choices, usage, error: _error, ...envelope } = found;
  if (carriesError(found)) throw innerFailure(found);
  if (!isArray(choices) || !choices.every(isObject))
    throw malformed(JSON.stringify(found), 'a JSON object with choices');
  const ordered = [...choices].sort((a, b) => Number(a.index ?? 0) - Number(b.index ?? 0)).map(readChoice);
  const [first, ...others] = ordered;
  if (first === undefined) throw malformed(JSON.stringify(found), 'at least one choice');
  const groq = isObject(envelope.x_groq) ? envelope.x_groq.usage : undefined;
  return defined({
    ...first,
    id: isFilled(id) ? id : undefined,
    model: isFilled(model) ? model : undefined,
    usage: readUsage(usage, envelope.service_tier) ?? readUsage(groq),
    others: others.length > 0 ? others : undefined,
    envelope: filled(envelope),
  });
}

export const readChatReply = (body: unknown): ChatReply => readReply(body, readChatChoice);

export const readCompletionReply = (body: unknown): ChatReply =>
  readReply(body, ({ text, finish_reason: finish, logprobs }) =>
    defined({ text: isString(text) ? text : '', end: endReason(finish), logprobs: logprobs ?? undefined }),
  );

function readChatChoice({ index: _, message: found, finish_reason: finish, logprobs, ...outer }: JsonObject): Choice {
  const set = new Fieldset(isObject(found) ? found : {});
  delete set.rest.role;
  const toolCalls = readToolCalls(set);
  const content = readContent(set);
  const reasoning = readReasoning(set, content.reasoning);
  const refusal = set.take('refusal', isFilled);
  for (const name in set.rest) if (set.rest[name] === null) delete set.rest[name];
  const rest = Object.fromEntries(Object.entries(outer).filter(([, value]) => value !== null));
  const message = filled(set.rest);
  return defined({
    text: content.text,
    toolCalls,
    reasoning,
    refusal,
    // Several vendors finish with "stop" although they ask for tools; clients go by the reason.
    end: toolCalls !== undefined && endReason(finish) === 'stop' ? 'tool-calls' : endReason(finish),
    logprobs: logprobs ?? undefined,
    extra: filled(message === undefined ? rest : { ...rest, message }),
  });
}

function readToolCalls(set: Fieldset): ToolCall[] | undefined {
  const calls = set.rest.tool_calls;
  if (!isArray(calls) || calls.length === 0) {
    if (isArray(calls)) delete set.rest.tool_calls;
    return undefined;
  }
  const read = calls.map(repaired);
  if (!read.every((call) => call !== undefined)) return undefined;
  delete set.rest.tool_calls;
  return read;
}

/** Vendors leave out `type`, give arguments as an object, or null for none. */
function repaired(call: unknown, index: number): ToolCall | undefined {
  if (!isObject(call) || !isObject(call.function) || !isString(call.function.name)) return undefined;
  const { index: _, ...rest } = call;
  const id = isFilled(call.id) ? call.id : `call_${index}`;
  return readToolCall({
    ...rest,
    id,
    function: { ...call.function, arguments: argumentsText(call.function.arguments) },
  });
}

export const argumentsText = (found: unknown): string =>
  isString(found) ? found : found === undefined || found === null ? '' : JSON.stringify(found);

// Content may be a list of parts, reasoning among them.
function readContent(set: Fieldset): { text: string; reasoning: string } {
  const found = set.rest.content;
  if (found === null || found === undefined || isString(found)) {
    delete set.rest.content;
    return { text: found ?? '', reasoning: '' };
  }
  if (!isArray(found) || !found.every(isObject)) return { text: '', reasoning: '' };
  delete set.rest.content;
  return { text: contentText(found, 'text'), reasoning: contentText(found, 'thinking') };
}

/** The text of all parts of one type; `thinking` parts hold parts themselves. */
export function contentText(parts: readonly JsonObject[], type: 'text' | 'thinking'): string {
  return parts
    .filter((part) => part.type === type)
    .map((part) => {
      const inner = part[type];
      if (isString(inner)) return inner;
      return isArray(inner) ? textOf(inner.filter(isObject).map(readPart)) : '';
    })
    .join('');
}

const textOf = (parts: readonly Part[]): string =>
  parts.map((part) => (part.type === 'text' ? part.text : '')).join('');

function readReasoning(set: Fieldset, fromContent: string): ReasoningBlock[] | undefined {
  const blocks = readBlocks(set.rest.thinking_blocks);
  if (blocks !== undefined) delete set.rest.thinking_blocks;
  const text = set.take('reasoning_content', isString) ?? set.take('reasoning', isString) ?? fromContent;
  return blocks ?? (text === '' ? undefined : [{ text }]);
}
