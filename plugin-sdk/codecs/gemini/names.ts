/** Names and numbers that several files of this codec agree on. */
import type { EndReason } from '../../contract/chat.ts';

/** Origin of what Gemini signed. */
export const geminiOrigin = 'gemini';

const endReasons: Readonly<Record<string, EndReason>> = {
  STOP: 'stop',
  MAX_TOKENS: 'length',
  SAFETY: 'refusal',
  RECITATION: 'refusal',
  LANGUAGE: 'refusal',
  OTHER: 'refusal',
  BLOCKLIST: 'refusal',
  PROHIBITED_CONTENT: 'refusal',
  SPII: 'refusal',
  MODEL_ARMOR: 'refusal',
};

/** Unknown reasons count as a normal end, as MALFORMED_FUNCTION_CALL does; those about images are refusals. */
export function endReason(finish: unknown): EndReason {
  if (typeof finish !== 'string') return 'stop';
  if (finish.startsWith('IMAGE_')) return 'refusal';
  return (Object.hasOwn(endReasons, finish) ? endReasons[finish] : undefined) ?? 'stop';
}

const versioned = /gemini-(?:[a-z]+-)*?(\d{1,2})(?:\.(\d{1,2}))?(?![\d.])/;

/**
 * `2.5` of `gemini-2.5-flash` as 205, 3 as 300; undefined for a name that tells no version, such as an alias of
 * the latest or the number of a tuned model.
 */
export function modelVersion(model: string): number | undefined {
  const found = versioned.exec(model);
  return found === null ? undefined : Number(found[1]) * 100 + Number(found[2] ?? 0);
}

/** Gemma before its fourth version: without system prompts, functions and JSON. */
export const isEarlyGemma = (model: string): boolean => /^gemma-(?:[123]\b|3n)/.test(model);
