/** Whole replies of Converse as neutral ones. */
import type { ChatReply, CodecContext, EndReason, ReasoningBlock, ToolCall } from '@rutter/plugin-sdk';
import {
  defined,
  filled,
  isArray,
  isFilled,
  isObject,
  isString,
  type JsonObject,
  malformed,
  replyObject,
} from '@rutter/plugin-sdk/codecs';
import { unknownOperation } from './failure.ts';
import { claudeDialect, converseDialect, isClaude, isOpaque, type Model, modelOf } from './model.ts';
import { ToolNames } from './names.ts';
import { readUsage } from './usage.ts';

const endReasons: Readonly<Record<string, EndReason>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool-calls',
  guardrail_intervened: 'refusal',
  content_filtered: 'refusal',
};

/** Unknown reasons, and those of a model that stumbled over its own output, count as a normal end. */
export const endReason = (stop: unknown): EndReason =>
  (isString(stop) && Object.hasOwn(endReasons, stop) ? endReasons[stop] : undefined) ?? 'stop';

/** Whose a signature is: Claude's holds wherever Claude is served. */
export const signatureOrigin = (model: Model): string =>
  isClaude(model) || isOpaque(model) ? claudeDialect : converseDialect;

interface Blocks {
  text: string;
  readonly toolCalls: ToolCall[];
  readonly reasoning: ReasoningBlock[];
  readonly citations: unknown[];
  /** Blocks with no place in the neutral model. */
  readonly others: JsonObject[];
}

export function readReply(body: unknown, { request, deployment }: CodecContext): ChatReply {
  const expected = 'a reply of Converse, with output.message';
  const found = replyObject(body, expected);
  const { output, stopReason, usage, trace, serviceTier, additionalModelResponseFields: additional } = found;
  const message = isObject(output) ? output.message : undefined;
  if (!isObject(message) || !isArray(message.content))
    throw unknownOperation(found) ?? malformed(JSON.stringify(found), expected);
  const blocks: Blocks = { text: '', toolCalls: [], reasoning: [], citations: [], others: [] };
  const names = new ToolNames(request);
  const origin = signatureOrigin(modelOf(deployment));
  for (const block of message.content.filter(isObject)) readBlock(block, { names, origin }, blocks);
  const { text, toolCalls, reasoning } = blocks;
  return defined({
    text,
    toolCalls: toolCalls.length > 0 ? toolCalls : undefined,
    reasoning: reasoning.length > 0 ? reasoning : undefined,
    end: endReason(stopReason),
    usage: readUsage(usage, reasoning.map((block) => block.text ?? '').join('')),
    extra: filled(defined({ stop_sequence: stopSequence(additional), message: otherFields(blocks) })),
    envelope: filled(
      defined({ trace: trace ?? undefined, service_tier: isObject(serviceTier) ? serviceTier.type : undefined }),
    ),
  });
}

/** Told only where the caller asked for `/stop_sequence` among `additionalModelResponseFieldPaths`. */
export const stopSequence = (additional: unknown): string | undefined =>
  isObject(additional) && isFilled(additional.stop_sequence) ? additional.stop_sequence : undefined;

function otherFields({ others, citations }: Blocks): JsonObject | undefined {
  const fields = filled(
    defined({
      citations: citations.length > 0 ? citations : undefined,
      blocks: others.length > 0 ? others : undefined,
    }),
  );
  return fields && { provider_specific_fields: fields };
}

function readBlock(block: JsonObject, to: { names: ToolNames; origin: string }, into: Blocks): void {
  const { text, toolUse, reasoningContent, citationsContent } = block;
  if (isString(text)) into.text += text;
  else if (isObject(toolUse)) {
    into.toolCalls.push({
      id: String(toolUse.toolUseId),
      name: to.names.read(String(toolUse.name)),
      arguments: JSON.stringify(toolUse.input ?? {}),
    });
  } else if (isObject(reasoningContent)) readReasoning(reasoningContent, to.origin, into);
  else if (isObject(citationsContent)) {
    const { content, citations } = citationsContent;
    for (const each of isArray(content) ? content : [])
      if (isObject(each) && isString(each.text)) into.text += each.text;
    if (isArray(citations)) into.citations.push(...citations);
  } else into.others.push(block);
}

function readReasoning({ reasoningText, redactedContent }: JsonObject, origin: string, into: Blocks): void {
  if (isFilled(redactedContent)) into.reasoning.push({ redacted: redactedContent, origin: converseDialect });
  if (!isObject(reasoningText)) return;
  const { text, signature } = reasoningText;
  into.reasoning.push(
    isFilled(signature)
      ? { text: isString(text) ? text : '', signature, origin }
      : { text: isString(text) ? text : '' },
  );
}
