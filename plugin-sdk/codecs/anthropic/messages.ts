/**
 * Messages as turns of the Messages API.
 *
 * The system prompt stands apart; turns alternate and begin with the user;
 * the answers of all tools of a turn come together, ahead of what the user
 * said next; signed reasoning opens the assistant's turn, as it was.
 */
import type { ChatRequest, Message, ReasoningBlock } from '../../contract/chat.ts';
import { RutterError } from '../../contract/errors.ts';
import { plainCallId } from '../signed-call.ts';
import { defined, isArray, isObject, isString, type JsonObject, parseJson } from '../values.ts';
import { writeContent } from './content.ts';
import { messagesDialect } from './names.ts';

export interface Turn {
  readonly role: 'user' | 'assistant';
  readonly content: JsonObject[];
}

// The API refuses a conversation that the assistant opens, or an empty one.
const placeholder = (): Turn => ({ role: 'user', content: [{ type: 'text', text: '.' }] });

const jsonInstruction = 'Answer with one JSON object and nothing else: no words around it and no code fence.';

const isSystem = ({ role }: Message) => role === 'system' || role === 'developer';

/** The `system` blocks; undefined for none. */
export function writeSystem({
  messages,
  responseFormat,
}: Pick<ChatRequest, 'messages' | 'responseFormat'>): JsonObject[] | undefined {
  const blocks = messages.flatMap((message, index) =>
    isSystem(message) ? marked(writeContent(message.content, `messages[${index}]`), message) : [],
  );
  // The API has no JSON mode; models go by what they are told.
  if (responseFormat?.type === 'json') blocks.push({ type: 'text', text: jsonInstruction });
  return blocks.length > 0 ? blocks : undefined;
}

export function writeTurns(messages: readonly Message[]): Turn[] {
  const turns: Turn[] = [];
  for (const [index, message] of messages.entries()) {
    if (isSystem(message)) continue;
    const role = message.role === 'assistant' ? 'assistant' : 'user';
    const content = marked(writeBlocks(message, index), message);
    if (content.length === 0) continue;
    const last = turns.at(-1);
    if (last?.role === role) last.content.push(...content);
    else turns.push({ role, content });
  }
  if (turns[0]?.role !== 'user') turns.unshift(placeholder());
  return trimLast(turns.map(resultsFirst));
}

function writeBlocks(message: Message, index: number): JsonObject[] {
  const path = `messages[${index}]`;
  const content = writeContent(message.content, path);
  if (message.role === 'tool') {
    return [
      defined({
        type: 'tool_result',
        tool_use_id: callId(message.toolCallId ?? message.name ?? ''),
        content: content.length > 0 ? content : undefined,
        is_error: message.isError,
      }),
    ];
  }
  if (message.role !== 'assistant') return content;
  const refusal = message.refusal ? [{ type: 'text', text: message.refusal }] : [];
  const calls = message.toolCalls?.map((call, at) => ({
    type: 'tool_use',
    id: callId(call.id),
    name: call.name,
    input: readInput(call.arguments, `${path}.tool_calls[${at}].function.arguments`),
    ...(isObject(call.extra) && call.extra.cache_control !== undefined && { cache_control: call.extra.cache_control }),
  }));
  return [...writeReasoning(message.reasoning), ...ownBlocks(message), ...content, ...refusal, ...(calls ?? [])];
}

/** The API takes letters, digits, `_` and `-`; other vendors' ids may hold more. */
const callId = (id: string): string => plainCallId(id).replace(/[^\w-]/g, '_') || 'call';

/** What the API's own tools did in an earlier turn, told to clients beside the text: the model wants to see it again. */
function ownBlocks({ extra }: Message): JsonObject[] {
  const fields = extra?.provider_specific_fields;
  const blocks = isObject(fields) && isArray(fields.blocks) ? fields.blocks.filter(isObject) : [];
  return blocks.filter(({ type }) => isString(type) && /^server_tool_use$|_tool_result$|^mcp_tool_use$/.test(type));
}

function readInput(text: string, path: string): JsonObject {
  if (text.trim() === '') return {};
  const input = parseJson(text);
  if (isObject(input)) return input;
  throw new RutterError(
    'ERR_REQUEST_INVALID',
    `${path}: found ${JSON.stringify(text.slice(0, 40))}, expected a JSON object.`,
    { param: path },
  );
}

/** Only what Anthropic signed or sealed goes back to it: anything else it refuses. */
const writeReasoning = (blocks: readonly ReasoningBlock[] = []): JsonObject[] =>
  blocks.flatMap(({ text, signature, redacted, origin = messagesDialect }): JsonObject[] => {
    if (origin !== messagesDialect) return [];
    if (redacted !== undefined) return [{ type: 'redacted_thinking', data: redacted }];
    return signature === undefined ? [] : [{ type: 'thinking', thinking: text ?? '', signature }];
  });

/** A cache mark on the message itself belongs to its last block. */
function marked(blocks: JsonObject[], { extra }: Message): JsonObject[] {
  const mark = extra?.cache_control;
  const last = blocks.at(-1);
  if (mark === undefined || last === undefined || last.cache_control !== undefined) return blocks;
  return [...blocks.slice(0, -1), { ...last, cache_control: mark }];
}

function resultsFirst({ role, content }: Turn): Turn {
  if (role === 'assistant') return { role, content };
  const isResult = ({ type }: JsonObject) => type === 'tool_result';
  return { role, content: [...content.filter(isResult), ...content.filter((block) => !isResult(block))] };
}

// A prefilled answer must not end in white space.
function trimLast(turns: Turn[]): Turn[] {
  const last = turns.at(-1);
  const block = last?.content.at(-1);
  if (last?.role !== 'assistant' || block?.type !== 'text') return turns;
  const text = String(block.text).trimEnd();
  const content = [...last.content.slice(0, -1), ...(text === '' ? [] : [{ ...block, text }])];
  return [...turns.slice(0, -1), ...(content.length > 0 ? [{ ...last, content }] : [])];
}

/** Whether the conversation so far has tool calls or answers, for which the API wants `tools`. */
export const usesTools = (messages: readonly Message[]): boolean =>
  messages.some(({ role, toolCalls }) => role === 'tool' || (toolCalls !== undefined && toolCalls.length > 0));

/**
 * Whether the last assistant turn is inside a tool loop without its signed
 * reasoning: the API then refuses to think, because it cannot see what it thought.
 */
export function lacksReasoning(messages: readonly Message[]): boolean {
  const last = messages.findLast(({ role }) => role === 'assistant');
  const isAnswered = messages.at(-1)?.role === 'tool';
  return (
    isAnswered &&
    last?.toolCalls !== undefined &&
    last.toolCalls.length > 0 &&
    writeReasoning(last.reasoning).length === 0
  );
}
