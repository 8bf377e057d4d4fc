/** Cached tokens of vendors that count them under names of their own, told under the one that clients read. */
import { isObject, parseJson } from '../values.ts';
import { readUsage } from './usage.ts';

const ownName = Buffer.from('"prompt_cache_hit_tokens"');
const usualName = Buffer.from('"prompt_tokens_details"');

/** What goes behind the brace that opens a usage object (its bytes); undefined where nothing is missing. */
export function missingCacheCount(usage: Buffer): Buffer | undefined {
  if (!usage.includes(ownName) || usage.includes(usualName)) return undefined;
  const found = parseJson(usage.toString());
  if (!isObject(found)) return undefined;
  const { cachedInput = 0 } = readUsage(found) ?? {};
  return Buffer.from(`"prompt_tokens_details":{"cached_tokens":${cachedInput}},`);
}
