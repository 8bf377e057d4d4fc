/** Sums of what calls used. */
import type { Usage } from '@rutter/plugin-sdk';
import { promptTokens, replyTokens } from './price-keys.ts';

const sumOf = (usage: Usage, buckets: readonly (keyof Usage)[]): number => {
  let sum = 0;
  for (const bucket of buckets) sum += (usage[bucket] as number | undefined) ?? 0;
  return sum;
};

export const promptLength = (usage: Usage): number => sumOf(usage, promptTokens);
export const totalTokens = (usage: Usage): number => promptLength(usage) + sumOf(usage, replyTokens);

/** Bucket by bucket; an estimate in either makes the sum one, and what is told in words is told of the last call. */
export function addUsage(before: Usage | undefined, more: Usage): Usage {
  if (!before) return more;
  const sum: Record<string, unknown> = { ...before };
  for (const [name, value] of Object.entries(more)) {
    const last = sum[name];
    if (typeof value === 'number') sum[name] = (typeof last === 'number' ? last : 0) + value;
    else if (value !== undefined) sum[name] = value;
  }
  if (before.estimated) sum.estimated = true;
  return sum as unknown as Usage;
}

/** Four characters a token: the rule of thumb for English, marked as an estimate wherever it is used. */
export const estimatedTokens = (characters: number): number => Math.ceil(characters / 4);
