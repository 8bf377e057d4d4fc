/**
 * Numbers as they were written. Prices never pass through a float: 3e-7
 * dollars are 3e17 yocto-dollars exactly.
 */

const decimal = /^\+?(\d+(?:\.\d*)?|\.\d+)(?:[eE]([+-]?\d{1,9}))?$/;
const longestDecimal = 64;
/** A million dollars a token is a mistake, and an unbounded exponent a trap. */
const mostDollars = 1_000_000n;

/** Digits behind the point of a yocto-dollar: every double from 1e-8 on has no more, so no price is rounded. */
const yoctoDigits = 24;

/** Dollars as integer yocto-dollars (1e-24 USD), rounded half up where they are finer; undefined when the text is no price. */
export function yoctoDollars(text: string): bigint | undefined {
  const yocto = scaledDecimal(text, yoctoDigits);
  return yocto === undefined || yocto > mostDollars * 10n ** BigInt(yoctoDigits) ? undefined : yocto;
}

/** A decimal of zero or more, times ten to the power of `places`, rounded half up; undefined when the text is none. */
export function scaledDecimal(text: string, places: number): bigint | undefined {
  const found = text.length > longestDecimal ? null : decimal.exec(text.trim());
  if (found === null) return undefined;
  const [whole = '', fraction = ''] = (found[1] ?? '').split('.');
  const digits = BigInt(`0${whole}${fraction}`);
  const exponent = Number(found[2] ?? 0) - fraction.length + places;
  if (digits === 0n) return 0n;
  // More places either way than the digits have leaves nothing, or more than any price.
  if (exponent < -longestDecimal) return 0n;
  if (exponent > places + longestDecimal) return undefined;
  return exponent >= 0 ? digits * 10n ** BigInt(exponent) : roundedQuotient(digits, 10n ** BigInt(-exponent));
}

function roundedQuotient(dividend: bigint, divisor: bigint): bigint {
  return (2n * dividend + divisor) / (2n * divisor);
}

const unitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  mo: 2_592_000_000,
};
const duration = /^(\d{1,12}(?:\.\d{1,6})?)\s*(ms|s|m|h|d|w|mo)?$/;
/** Beyond this a timer of Node fires at once. */
export const longestMs = 2_147_483_647;

/** Seconds, or a number with a unit such as `30s`, as milliseconds; undefined when the text is no duration. */
export function milliseconds(text: string): number | undefined {
  const found = duration.exec(text.trim());
  if (found === null) return undefined;
  return Math.round(Number(found[1]) * (unitsMs[found[2] ?? 's'] ?? 1000));
}

const plainNumber = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$/;

/** A finite number written in decimal; undefined otherwise. */
export function finiteNumber(text: string): number | undefined {
  const value = plainNumber.test(text.trim()) ? Number(text) : Number.NaN;
  return Number.isFinite(value) ? value : undefined;
}
