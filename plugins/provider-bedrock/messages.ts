/**
 * Messages as Converse takes them.
 *
 * The system prompt stands apart; roles alternate and the user begins; no
 * text is blank; all results of a turn come together, ahead of what the user
 * said next; signed reasoning opens the assistant's turn.
 */
import { type Message, type ReasoningBlock, RutterError } from '@rutter/plugin-sdk';
import { isObject, isString, type JsonObject, parseJson } from '@rutter/plugin-sdk/codecs';
import { type Block, cachePoint, marked, PartWriter, type Writing } from './content.ts';
import { claudeDialect, converseDialect, isClaude, isOpaque, type Model, takesNamedTool } from './model.ts';
import { writeCallId } from './names.ts';

interface Turn {
  readonly role: 'user' | 'assistant';
  readonly content: Block[];
}

/** Converse takes neither a conversation that the assistant opens, nor an empty one. */
const placeholder: Block = { text: '.' };

const isSystem = ({ role }: Message) => role === 'system' || role === 'developer';

/** The `system` blocks; undefined for none. */
export function writeSystem(messages: readonly Message[], writing: Writing): Block[] | undefined {
  const parts = new PartWriter(writing);
  const blocks = messages.flatMap((message, index) =>
    isSystem(message) ? marked(parts.system(message.content, `messages[${index}]`), message.extra, writing) : [],
  );
  return blocks.some((block) => !('cachePoint' in block)) ? blocks : undefined;
}

export function writeTurns(messages: readonly Message[], writing: Writing): Turn[] {
  const parts = new PartWriter(writing);
  const turns: Turn[] = [];
  for (const [index, message] of messages.entries()) {
    if (isSystem(message)) continue;
    const role = message.role === 'assistant' ? 'assistant' : 'user';
    const content = marked(writeBlocks(message, index, { ...writing, parts }), message.extra, writing);
    if (content.every((block) => 'cachePoint' in block)) continue;
    const last = turns.at(-1);
    if (last?.role === role) last.content.push(...content);
    else turns.push({ role, content });
  }
  if (turns[0]?.role !== 'user') turns.unshift({ role: 'user', content: [{ ...placeholder }] });
  return trimLast(turns.map(({ role, content }) => (role === 'user' ? userTurn(content) : { role, content })));
}

function writeBlocks(message: Message, index: number, writing: Writing & { parts: PartWriter }): Block[] {
  const path = `messages[${index}]`;
  if (message.role === 'tool') return [writeResult(message, path, writing)];
  const content = writing.parts.content(message.content, path);
  if (message.role !== 'assistant') return content;
  const refusal = message.refusal?.trim() ? [{ text: message.refusal }] : [];
  const calls = (message.toolCalls ?? []).flatMap((call, at): Block[] => {
    const block = {
      toolUse: {
        toolUseId: writeCallId(call.id),
        name: writing.names.write(call.name),
        input: readInput(call.arguments, `${path}.tool_calls[${at}].function.arguments`),
      },
    };
    const mark = isObject(call.extra) ? cachePoint(call.extra.cache_control, writing) : undefined;
    return mark === undefined ? [block] : [block, mark];
  });
  return [...writeReasoning(message.reasoning, writing.model), ...content, ...refusal, ...calls];
}

function writeResult(message: Message, path: string, { model, parts }: Writing & { parts: PartWriter }): Block {
  const content = parts.result(message.content, path);
  const status = takesNamedTool(model) && message.isError !== undefined;
  return {
    toolResult: {
      toolUseId: writeCallId(message.toolCallId ?? message.name ?? 'call'),
      content: content.length > 0 ? content : [{ text: '(empty)' }],
      ...(status && { status: message.isError === true ? 'error' : 'success' }),
    },
  };
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

/** Only what this model signed or sealed goes back to it: anything else it refuses. */
function writeReasoning(blocks: readonly ReasoningBlock[] = [], model: Model): Block[] {
  const takesClaude = isClaude(model) || isOpaque(model);
  return blocks.flatMap(({ text = '', signature, redacted, origin = claudeDialect }): Block[] => {
    if (origin === claudeDialect ? !takesClaude : origin !== converseDialect) return [];
    if (redacted !== undefined) return [{ reasoningContent: { redactedContent: redacted } }];
    if (signature === undefined) return [];
    return [{ reasoningContent: { reasoningText: { text, signature } } }];
  });
}

/** Results first; and words beside a document, without which it is refused. */
function userTurn(content: Block[]): Turn {
  const isResult = (block: Block) => 'toolResult' in block;
  const hasCalls = content.some(isResult);
  const ordered = hasCalls ? resultsFirst(content, isResult) : content;
  const isBare = ordered.some((block) => 'document' in block) && !ordered.some((block) => 'text' in block);
  return { role: 'user', content: isBare && !hasCalls ? [...ordered, { ...placeholder }] : ordered };
}

/** A cache point stays behind the block it marks. */
function resultsFirst(content: readonly Block[], isResult: (block: Block) => boolean): Block[] {
  const groups: Block[][] = [];
  for (const block of content) {
    if ('cachePoint' in block) groups.at(-1)?.push(block);
    else groups.push([block]);
  }
  const [results, others] = [
    groups.filter(([first]) => isResult(first as Block)),
    groups.filter(([first]) => !isResult(first as Block)),
  ];
  return [...results, ...others].flat();
}

// A prefilled answer must not end in white space.
function trimLast(turns: Turn[]): Turn[] {
  const last = turns.at(-1);
  const block = last?.content.at(-1);
  if (last?.role !== 'assistant' || block === undefined || !isString(block.text)) return turns;
  return [...turns.slice(0, -1), { ...last, content: [...last.content.slice(0, -1), { text: block.text.trimEnd() }] }];
}

/** Whether the conversation so far has tool calls or answers, for which Converse wants `toolConfig`. */
export const usesTools = (messages: readonly Message[]): boolean =>
  messages.some(({ role, toolCalls }) => role === 'tool' || (toolCalls !== undefined && toolCalls.length > 0));
