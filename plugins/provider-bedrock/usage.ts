/** Converse counts cache reads and writes beside the input; reasoning is part of the output and not told. */
import type { Usage } from '@rutter/plugin-sdk';
import { defined, estimateTokens, isArray, isObject } from '@rutter/plugin-sdk/codecs';

const count = (value: unknown): number => (typeof value === 'number' && value > 0 ? Math.floor(value) : 0);
const some = (value: number) => (value > 0 ? value : undefined);

/** Buckets of a `usage` object. `thinking` is the reasoning text, from which its share of the output is estimated. */
export function readUsage(found: unknown, thinking: string): Usage | undefined {
  if (!isObject(found)) return undefined;
  const details = isArray(found.cacheDetails) ? found.cacheDetails.filter(isObject) : [];
  const sum = (ttl: string) =>
    details.reduce((total, entry) => total + (entry.ttl === ttl ? count(entry.inputTokens) : 0), 0);
  const cacheWriteLong = sum('1h');
  const written = Math.max(
    count(found.cacheWriteInputTokens ?? found.cacheWriteInputTokenCount),
    cacheWriteLong + sum('5m'),
  );
  const output = count(found.outputTokens);
  const reasoning = Math.min(output, estimateTokens(thinking));
  return defined({
    input: count(found.inputTokens),
    output: output - reasoning,
    cachedInput: some(count(found.cacheReadInputTokens ?? found.cacheReadInputTokenCount)),
    cacheWrite: some(written - cacheWriteLong),
    cacheWriteLong: some(cacheWriteLong),
    reasoning: some(reasoning),
  });
}
