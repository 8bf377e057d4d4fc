/** Discounts and margins of the configuration, by provider, ready to be reckoned with. */
import { scaledDecimal, yoctoDollars } from '../config/decimals.ts';
import type { CostSettings } from '../config/types.ts';
import type { Adjustment } from './bill.ts';
import { factorDigits } from './tariff.ts';

const billionths = (share: string | undefined): bigint => scaledDecimal(share ?? '0', factorDigits) ?? 0n;

/** Undefined where nothing is taken off and nothing put on. */
export function adjustmentOf({ discounts, margins }: CostSettings, provider: string): Adjustment | undefined {
  const margin = margins.get(provider) ?? margins.get('global');
  const discount = discounts.get(provider);
  if (margin === undefined && discount === undefined) return undefined;
  return {
    discount: billionths(discount),
    margin: billionths(margin?.share),
    fixedMargin: yoctoDollars(margin?.fixed ?? '0') ?? 0n,
    marginShare: margin === undefined ? undefined : Number(margin.share),
  };
}
