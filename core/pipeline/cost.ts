/**
 * Money: integer pico-dollars (1e-12 USD) while adding up, rounded half up
 * once to integer nano-dollars, which stay exact in numbers up to 9 million USD.
 */
import type { Prices, Usage } from '@rutter/plugin-sdk';

type Bucket = Exclude<keyof Usage, 'estimated'>;

/** Buckets that fall back to another's price when they have none of their own. */
const fallbacks: Readonly<Record<Bucket, keyof Prices>> = {
  input: 'input',
  output: 'output',
  cachedInput: 'input',
  cacheWrite: 'input',
  cacheWriteLong: 'cacheWrite',
  reasoning: 'output',
  audioInput: 'input',
  audioOutput: 'output',
};

const buckets = Object.keys(fallbacks) as Bucket[];

/** Cost in pico-dollars; undefined when some bucket in use has no price. */
export function picoCost(usage: Usage, prices: Prices | undefined): bigint | undefined {
  if (!prices) return undefined;
  let pico = prices.request ?? 0n;
  for (const bucket of buckets) {
    const tokens = usage[bucket];
    if (!tokens) continue;
    const price =
      prices[bucket] ?? prices[fallbacks[bucket]] ?? (fallbacks[bucket] === 'cacheWrite' ? prices.input : undefined);
    if (price === undefined) return undefined;
    pico += price * BigInt(Math.round(tokens));
  }
  return pico;
}

export const nanoCost = (pico: bigint) => Number((pico + 500n) / 1000n);

/** Bucket by bucket; an estimate in either makes the sum one. */
export function addUsage(before: Usage | undefined, more: Usage): Usage {
  if (!before) return more;
  const sum: Record<string, number> = {};
  for (const bucket of buckets) {
    const total = (before[bucket] ?? 0) + (more[bucket] ?? 0);
    if (total > 0 || bucket === 'input' || bucket === 'output') sum[bucket] = total;
  }
  return { ...(sum as unknown as Usage), ...((before.estimated ?? more.estimated) ? { estimated: true } : {}) };
}

const promptTokens = (usage: Usage) =>
  usage.input +
  (usage.cachedInput ?? 0) +
  (usage.cacheWrite ?? 0) +
  (usage.cacheWriteLong ?? 0) +
  (usage.audioInput ?? 0);
const replyTokens = (usage: Usage) => usage.output + (usage.reasoning ?? 0) + (usage.audioOutput ?? 0);
export const totalTokens = (usage: Usage) => promptTokens(usage) + replyTokens(usage);

/** Four characters a token: the rule of thumb for English, marked as an estimate wherever it is used. */
export const estimatedTokens = (characters: number) => Math.ceil(characters / 4);
