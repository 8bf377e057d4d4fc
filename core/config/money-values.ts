/** Reads prices, discounts and margins: decimals that stay as they were written. */
import { type Coerced, each, type Input, textLeaf, wrong } from './coercing.ts';
import { scaledDecimal, yoctoDollars } from './decimals.ts';
import { type Entry, isUnset, type Tree, toPlain } from './tree.ts';

const priceRange = 'dollars from 0 to 1,000,000, as 0.0000003, 3e-7 or "3e-7"';

/** The decimal as it was written: it is only ever calculated with exactly. */
export function price(input: Input): Coerced {
  const written = textLeaf(input.tree)?.trim();
  return written === undefined || yoctoDollars(written) === undefined
    ? wrong(input, 'The value is not a price.', priceRange)
    : { value: written };
}

/** Prices by name, as those of `search_context_cost_per_query`. */
export function prices(input: Input): Coerced {
  if (input.tree.kind !== 'block') return wrong(input, 'The value is not a block of prices.', 'keys with prices');
  const values: Record<string, unknown> = {};
  for (const [name, { value: tree }] of input.tree.entries) {
    if (isUnset(tree)) continue;
    const one = price({ ...input, tree, path: [...input.path, name] });
    if ('problem' in one) return one;
    values[name] = one.value;
  }
  return { value: values };
}

/** One band of `tiered_pricing`: `range`, two numbers of tokens, beside prices. */
function priceTier(input: Input): Coerced {
  if (input.tree.kind !== 'block') return wrong(input, 'A tier is not a block.', 'a block with "range" and prices');
  const { tree } = input;
  const at = tree.entries.get('range');
  const range = at && toPlain(at.value);
  const isRange =
    Array.isArray(range) && range.length === 2 && range.every((end) => Number.isFinite(end)) && range[0] < range[1];
  if (!isRange)
    return wrong(
      { ...input, tree: at?.value ?? tree, path: [...input.path, 'range'] },
      'A tier has no range of tokens.',
      'two rising numbers such as [0, 128000]',
    );
  const others = new Map([...tree.entries].filter(([name]) => name !== 'range'));
  const read = prices({ ...input, tree: { ...tree, entries: others } });
  return 'problem' in read ? read : { value: { ...(read.value as object), range } };
}

export const priceTiers = (input: Input): Coerced => each(input, priceTier, 'a list of tiers');

/** More digits of a share would have to be rounded. */
const shareDigits = 9;
const mostMargin = 100n;

/** A decimal of at most nine digits behind the point, up to `most`. */
function share(input: Input, most: bigint): Coerced {
  const written = textLeaf(input.tree)?.trim() ?? '';
  const value = scaledDecimal(written, shareDigits);
  const isExact = value !== undefined && scaledDecimal(written, 2 * shareDigits) === value * 10n ** BigInt(shareDigits);
  return isExact && value <= most * 10n ** BigInt(shareDigits)
    ? { value: written }
    : wrong(input, 'The value is not a share.', `a decimal from 0 to ${most}, of at most nine digits, such as 0.05`);
}

/** Reads each value of a block by its key, which is a provider's prefix. */
function byProvider(input: Input, read: (item: Input) => Coerced, expected: string): Coerced {
  if (input.tree.kind !== 'block') return wrong(input, 'The value is not a block of providers.', expected);
  const values = new Map<string, unknown>();
  for (const [provider, { value: tree }] of input.tree.entries) {
    if (isUnset(tree)) continue;
    const item = read({ ...input, tree, path: [...input.path, provider] });
    if ('problem' in item) return item;
    values.set(provider, item.value);
  }
  return { value: values };
}

export const discounts = (input: Input): Coerced =>
  byProvider(input, (item) => share(item, 1n), 'keys such as openai with shares such as 0.05');

/** A share, or a block of `percentage` (a share too) and `fixed_amount` in dollars. */
function margin(input: Input): Coerced {
  const { tree } = input;
  if (tree.kind !== 'block') {
    const one = share(input, mostMargin);
    return 'problem' in one ? one : { value: { share: one.value, fixed: '0' } };
  }
  const stray = [...tree.entries.keys()].find((key) => key !== 'percentage' && key !== 'fixed_amount');
  if (stray !== undefined)
    return wrong(
      { ...input, path: [...input.path, stray] },
      'A margin has no such part.',
      'percentage or fixed_amount',
    );
  const part = (key: string, read: (item: Input) => Coerced): Coerced => {
    const entry: Entry | undefined = tree.entries.get(key);
    const found: Tree | undefined = entry?.value;
    if (found === undefined || isUnset(found)) return { value: '0' };
    return read({ ...input, tree: found, path: [...input.path, key] });
  };
  const percentage = part('percentage', (item) => share(item, mostMargin));
  if ('problem' in percentage) return percentage;
  const fixed = part('fixed_amount', price);
  return 'problem' in fixed ? fixed : { value: { share: percentage.value, fixed: fixed.value } };
}

export const margins = (input: Input): Coerced =>
  byProvider(input, margin, 'keys such as openai, or global, with shares or blocks');
