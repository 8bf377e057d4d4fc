/**
 * Wire messages for vendors that speak this dialect and take only a part of
 * it. Many refuse a body for one field they do not know, so each message is
 * made anew from what the vendor takes; what carries meaning and cannot be
 * written is refused by its place.
 */
import { RutterError } from '../../contract/errors.ts';
import { defined, isArray, isFilled, isObject, isString, type JsonObject } from '../values.ts';
import type { BodyChange, OpenAiCodecOptions } from './codec.ts';
import { argumentsText } from './reply-read.ts';
import { readBlocks, reasoningText } from './thinking.ts';

/** A message part of one type as the vendor takes it; undefined where it does not. */
export type PartWriter = (part: JsonObject) => JsonObject | undefined;

/** How a vendor wants its messages. */
export interface MessageRules {
  /** The vendor as messages call it. */
  readonly vendor: string;
  /** Parts other than text, by their type; one without an entry is refused. */
  readonly parts?: Readonly<Record<string, PartWriter>>;
  /** Lists of text become one string. A tool's answer is one always. */
  readonly flattens?: boolean;
  /** The vendor refuses an assistant's turn that says nothing and calls nothing; such turns are left out. */
  readonly refusesSilence?: boolean;
  /** Fields of messages beyond OpenAI's common ones that the vendor knows. */
  readonly keeps?: readonly string[];
  /** The vendor's form of a tool call's id, in a call and in its answer. */
  readonly toolId?: (id: string) => string;
  /** Writes the text of earlier reasoning, '' for none, into an assistant's message. Reasoning is left out where this is absent. */
  readonly reasoning?: (message: JsonObject, text: string, change: BodyChange) => JsonObject;
}

/** For {@link OpenAiCodecOptions.messages}. */
export function messagesWith(rules: MessageRules): NonNullable<OpenAiCodecOptions['messages']> {
  return (messages, change) => {
    const written = messages.map((message, index) => write(message, index, { rules, change }));
    return rules.refusesSilence === true ? written.filter((message) => !isSilent(message)) : written;
  };
}

const isSilent = ({ role, content, tool_calls: calls }: JsonObject): boolean =>
  role === 'assistant' && calls === undefined && (content === '' || (isArray(content) && content.length === 0));

interface Context {
  readonly rules: MessageRules;
  readonly change: BodyChange;
}

function write(found: JsonObject, index: number, { rules, change }: Context): JsonObject {
  const { role, tool_calls: calls, tool_call_id: callId, refusal } = found;
  const path = `messages[${index}]`;
  const toolId = rules.toolId ?? ((id: string) => id);
  const content = writeContent(found.content, path, { ...rules, flattens: rules.flattens === true || role === 'tool' });
  const kept = Object.fromEntries((rules.keeps ?? []).map((name) => [name, found[name] ?? undefined]));
  const message = defined({
    role: role === 'developer' ? 'system' : role,
    content: content === '' && isFilled(refusal) ? refusal : content,
    tool_calls: isArray(calls) && calls.length > 0 ? calls.map(callWriter(path, toolId, rules.vendor)) : undefined,
    tool_call_id: isString(callId) ? toolId(callId) : undefined,
    ...kept,
  });
  return role === 'assistant' && rules.reasoning ? rules.reasoning(message, reasoningOf(found), change) : message;
}

/** What the model thought in this message, of whichever vendor. */
function reasoningOf({ reasoning_content: text, reasoning, thinking_blocks: blocks }: JsonObject): string {
  if (isFilled(text)) return text;
  return isFilled(reasoning) ? reasoning : reasoningText(readBlocks(blocks));
}

const callWriter =
  (path: string, toolId: (id: string) => string, vendor: string) =>
  (call: unknown, index: number): JsonObject => {
    const called = isObject(call) ? call.function : undefined;
    if (!isObject(call) || !isObject(called) || !isString(called.name))
      throw refused(`${path}.tool_calls[${index}]`, vendor, 'a tool call that is no function call');
    const text = argumentsText(called.arguments);
    // Templates of models parse the arguments: no JSON at all would fail the request.
    const args = text.trim() === '' ? '{}' : text;
    return { id: toolId(String(call.id)), type: 'function', function: { name: called.name, arguments: args } };
  };

function writeContent(found: unknown, path: string, rules: MessageRules): unknown {
  if (!isArray(found)) return found ?? '';
  const parts = found.map((part, index) => writePart(part, `${path}.content[${index}]`, rules));
  const texts = parts.map(({ type, text }) => (type === 'text' && isString(text) ? text : undefined));
  return rules.flattens === true && texts.every(isString) ? texts.join('') : parts;
}

function writePart(part: unknown, path: string, { vendor, parts = {} }: MessageRules): JsonObject {
  const type = isObject(part) && isString(part.type) ? part.type : '';
  if (isObject(part) && type === 'text' && isString(part.text)) return { type, text: part.text };
  if (isObject(part) && type === 'refusal' && isString(part.refusal)) return { type: 'text', text: part.refusal };
  const writer = Object.hasOwn(parts, type) ? parts[type] : undefined;
  const written = isObject(part) ? writer?.(part) : undefined;
  if (written === undefined) throw refused(path, vendor, `a part of type ${JSON.stringify(type)}`);
  return written;
}

const refused = (path: string, vendor: string, what: string) =>
  new RutterError(
    'ERR_REQUEST_UNSUPPORTED_PARAMETER',
    `${path}: found ${what}, which ${vendor} does not take in this form. Leave it out, or call a model that takes it.`,
    { param: path },
  );

/** An image part as most vendors take it: the address or the data URI, and its detail. */
export const imagePart: PartWriter = ({ image_url: found }) => {
  const { url, detail }: JsonObject = isObject(found) ? found : { url: found };
  return isString(url) ? { type: 'image_url', image_url: defined({ url, detail }) } : undefined;
};

/**
 * Tools without what only other vendors know of them; each with parameters, which some vendors insist on. Tools that
 * are no functions are passed on, or refused by their place where `vendor` is given, which has none.
 */
export function plainTools(tools: unknown, vendor?: string): JsonObject[] | undefined {
  if (!isArray(tools)) return undefined;
  return tools.filter(isObject).map(({ cache_control: _mark, ...tool }, index) => {
    if (tool.type !== 'function' || !isObject(tool.function)) {
      if (vendor === undefined) return tool;
      throw refused(`tools[${index}]`, vendor, `a tool of type ${JSON.stringify(tool.type)}`);
    }
    const { cache_control: _inner, parameters, ...called } = tool.function;
    return { ...tool, function: { ...called, parameters: parameters ?? { type: 'object', properties: {} } } };
  });
}
