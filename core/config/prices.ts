/** Prices of one deployment, from its parameters, else from `model_info`. */
import type { Prices } from '@rutter/plugin-sdk';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const bucketByKey: Readonly<Record<string, keyof Prices>> = {
  input_cost_per_token: 'input',
  output_cost_per_token: 'output',
  cache_read_input_token_cost: 'cachedInput',
  cache_creation_input_token_cost: 'cacheWrite',
  cache_creation_input_token_cost_above_1hr: 'cacheWriteLong',
  output_cost_per_reasoning_token: 'reasoning',
  input_cost_per_audio_token: 'audioInput',
  output_cost_per_audio_token: 'audioOutput',
  input_cost_per_request: 'request',
};

/** Keys that {@link pricesOf} reads. */
export const priceKeys: ReadonlySet<string> = new Set(Object.keys(bucketByKey));

/** Undefined when neither says a price, which differs from a price of zero. */
export function pricesOf(
  parameters: ReadonlyMap<string, unknown>,
  info: ReadonlyMap<string, unknown> | undefined,
): Prices | undefined {
  const prices: Mutable<Prices> = {};
  for (const [key, bucket] of Object.entries(bucketByKey)) {
    const value = parameters.get(key) ?? info?.get(key);
    if (typeof value === 'bigint') prices[bucket] = value;
  }
  return Object.keys(prices).length === 0 ? undefined : prices;
}
