/** What a cache's key function may answer, and what it is told of a request it must not read. */
import { createHash } from 'node:crypto';
import { type Call, type RequestContext, RutterError } from '@rutter/plugin-sdk';
import { askedText } from '@rutter/plugin-sdk/codecs';

/** A text that holds a whole request is a key; nothing larger needs to be. */
const longestKey = 1_048_576;

/** Throws at what is neither a key nor the word that there is none. */
export function cacheKey(answer: unknown): string | undefined {
  if (answer === undefined) return undefined;
  if (typeof answer === 'string' && answer.length > 0 && answer.length <= longestKey) return answer;
  const found =
    typeof answer === 'string' ? `a text of ${answer.length} characters` : answer === null ? 'null' : typeof answer;
  throw new RutterError(
    'ERR_PLUGIN_INVALID',
    `it gave ${found} for a key, expected a text of 1 to ${longestKey} characters, or undefined`,
  );
}

/** Equal where the same caller asks the very same; another caller's tells nothing of it. */
export const requestDigest = ({ principal: { kind, id }, group }: RequestContext, call: Call): string =>
  sha256([kind, id, group, askedText(call)]);

/** Of a list as JSON: its parts cannot run into each other, and halves of characters stay apart. */
export const sha256 = (parts: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex');
