/** What the configuration says of prices: of one deployment, and of discounts and margins. */
import { readPriceName } from '../pricing/price-keys.ts';
import type { ReadBlock } from './block-reader.ts';
import type { CostSettings } from './types.ts';

const structured: ReadonlySet<string> = new Set(['tiered_pricing', 'search_context_cost_per_query']);

/** Whether a key is a price of a deployment, rather than a parameter of its requests. */
export const isPriceKey = (key: string): boolean => structured.has(key) || readPriceName(key).length > 0;

/** Prices under their names, decimals as written: from the parameters, else from `model_info`. Undefined when neither says any. */
export function pricesOf(
  parameters: ReadonlyMap<string, unknown>,
  info: ReadonlyMap<string, unknown> | undefined,
): Readonly<Record<string, unknown>> | undefined {
  const prices: Record<string, unknown> = {};
  for (const said of [info, parameters])
    for (const [key, value] of said ?? []) if (isPriceKey(key)) prices[key] = value;
  return Object.keys(prices).length === 0 ? undefined : prices;
}

export function costSettings(litellm: ReadBlock | undefined): CostSettings {
  const value = <T>(name: string) => litellm?.values.get(name) as T | undefined;
  return {
    discounts: value('cost_discount_config') ?? new Map(),
    margins: value('cost_margin_config') ?? new Map(),
  };
}
