/** Reasoning in the `thinking_blocks` field: Anthropic's block shape inside OpenAI messages. */
import type { ReasoningBlock } from '../../contract/chat.ts';
import { defined, isArray, isObject, isString, type JsonObject } from '../values.ts';
import { defaultBlockOrigin } from './names.ts';

/** Blocks of the field; undefined unless every one is understood, so that nothing is lost by reading. */
export function readBlocks(field: unknown): ReasoningBlock[] | undefined {
  if (!isArray(field) || field.length === 0) return undefined;
  const blocks = field.map(readBlock);
  return blocks.every((block) => block !== undefined) ? blocks : undefined;
}

/** One block; undefined for a shape unknown. */
export function readBlock(value: unknown): ReasoningBlock | undefined {
  if (!isObject(value)) return undefined;
  const { type, thinking, signature, data, origin = defaultBlockOrigin, ...rest } = value;
  if (!isString(origin) || Object.keys(rest).length > 0) return undefined;
  if (type === 'redacted_thinking' && isString(data)) return { redacted: data, origin };
  if (type !== 'thinking' || !isString(thinking)) return undefined;
  if (signature !== undefined && signature !== null && !isString(signature)) return undefined;
  return defined({ text: thinking, signature: signature ?? undefined, origin });
}

/** A block for the field. The origin is told only where it is not Anthropic, so that it survives the way through a client. */
export function writeBlock({ text, signature, redacted, origin }: ReasoningBlock): JsonObject {
  const foreign = origin === undefined || origin === defaultBlockOrigin ? undefined : origin;
  return redacted === undefined
    ? defined({ type: 'thinking', thinking: text ?? '', signature, origin: foreign })
    : defined({ type: 'redacted_thinking', data: redacted, origin: foreign });
}

/** The readable text of reasoning; '' for none. */
export const reasoningText = (blocks: readonly ReasoningBlock[] = []): string =>
  blocks.map(({ text }) => text ?? '').join('');

/** Blocks worth a `thinking_blocks` entry: those a vendor signed or sealed. Plain text is told in `reasoning_content`. */
export const isOpaque = ({ signature, redacted, origin }: ReasoningBlock): boolean =>
  signature !== undefined || redacted !== undefined || origin !== undefined;
