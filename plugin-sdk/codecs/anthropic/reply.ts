/** Whole replies of the Messages API as neutral ones. */
import type { ChatReply, ReasoningBlock, ToolCall } from '../../contract/chat.ts';
import { malformed, replyObject } from '../failures.ts';
import { defined, filled, isArray, isFilled, isObject, isString, type JsonObject, parseJson } from '../values.ts';
import { innerFailure } from './failure.ts';
import { endReason, messagesDialect, toldStop } from './names.ts';
import { readUsage } from './usage.ts';

interface Blocks {
  text: string;
  readonly toolCalls: ToolCall[];
  readonly reasoning: ReasoningBlock[];
  /** Blocks with no place in the neutral model. */
  readonly others: JsonObject[];
  readonly citations: unknown[];
}

export function readReply(body: unknown): ChatReply {
  const found = replyObject(isString(body) ? (parseJson(body) ?? body) : body, 'a message in JSON');
  const { id, type, role: _, model, content, usage, stop_reason: stop, stop_sequence: sequence, ...envelope } = found;
  if (type === 'error') throw innerFailure(found);
  if (!isArray(content)) throw malformed(JSON.stringify(found), 'a message in JSON, with content');
  const blocks = readBlocks(content.filter(isObject));
  const { text, toolCalls, reasoning } = blocks;
  for (const name in envelope) if (envelope[name] === null) delete envelope[name];
  return defined({
    text,
    toolCalls: toolCalls.length > 0 ? toolCalls : undefined,
    reasoning: reasoning.length > 0 ? reasoning : undefined,
    end: endReason(stop),
    id: isFilled(id) ? id : undefined,
    model: isFilled(model) ? model : undefined,
    usage: readUsage(usage, reasoning.map((block) => block.text ?? '').join('')),
    extra: filled(
      defined({ stop_sequence: sequence ?? undefined, stop_reason: toldStop(stop), message: otherFields(blocks) }),
    ),
    envelope: filled(envelope),
  });
}

function otherFields({ others, citations }: Blocks): JsonObject | undefined {
  const fields = defined({
    citations: citations.length > 0 ? citations : undefined,
    blocks: others.length > 0 ? others : undefined,
  });
  return filled(fields) && { provider_specific_fields: fields };
}

function readBlocks(content: readonly JsonObject[]): Blocks {
  const into: Blocks = { text: '', toolCalls: [], reasoning: [], others: [], citations: [] };
  for (const block of content) readBlock(block, into);
  return into;
}

function readBlock(block: JsonObject, into: Blocks): void {
  const { type } = block;
  if (type === 'text' && isString(block.text)) {
    into.text += block.text;
    if (isArray(block.citations)) into.citations.push(...block.citations);
  } else if (type === 'tool_use') {
    into.toolCalls.push({
      id: String(block.id),
      name: String(block.name),
      arguments: JSON.stringify(block.input ?? {}),
    });
  } else if (type === 'thinking') {
    const { thinking, signature } = block;
    const text = isString(thinking) ? thinking : '';
    into.reasoning.push(
      defined({ text, signature: isFilled(signature) ? signature : undefined, origin: messagesDialect }),
    );
  } else if (type === 'redacted_thinking' && isString(block.data)) {
    into.reasoning.push({ redacted: block.data, origin: messagesDialect });
  } else {
    into.others.push(block);
  }
}
