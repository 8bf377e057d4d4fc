import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { finiteNumber, milliseconds, yoctoDollars } from './decimals.ts';

/** The same by long division over one fraction: digits × 10^exponent dollars, in yocto-dollars, rounded half up. */
function expectedYocto(digits: bigint, exponent: number): bigint {
  const numerator = digits * 10n ** BigInt(Math.max(0, exponent)) * 10n ** 24n;
  const denominator = 10n ** BigInt(Math.max(0, -exponent));
  const whole = numerator / denominator;
  return (numerator % denominator) * 2n >= denominator ? whole + 1n : whole;
}

describe('a price', () => {
  it.each([
    ['3e-7', 3n * 10n ** 17n],
    ['0.0000003', 3n * 10n ** 17n],
    ['.0000003', 3n * 10n ** 17n],
    ['3.75E-06', 375n * 10n ** 16n],
    ['1.5e-5', 15n * 10n ** 18n],
    ['2.', 2n * 10n ** 24n],
    ['0', 0n],
    ['0e999999999', 0n],
    ['+1', 10n ** 24n],
    [' 1e-6 ', 10n ** 18n],
    ['1e-12', 10n ** 12n],
    ['1.4999999999999999e-07', 149_999_999_999_999_990n],
    ['5e-13', 500_000_000_000n],
    ['4.9e-13', 490_000_000_000n],
    ['5e-25', 1n],
    ['4.9e-25', 0n],
    ['1e-999999999', 0n],
    ['1000000', 10n ** 30n],
  ])('of %s dollars is %s yocto-dollars', (text, yocto) => {
    expect(yoctoDollars(text)).toBe(yocto);
  });

  it.each([
    '',
    '-1',
    'free',
    '1e',
    '0x10',
    '1_000',
    'NaN',
    'Infinity',
    '1,5',
    '1000000.1',
    '1e999999999',
    '1e9999999999',
    '.',
    `0.${'1'.repeat(100)}`,
  ])('is not written %j', (text) => {
    expect(yoctoDollars(text)).toBeUndefined();
  });

  it('is exact, whatever its digits and exponent', () => {
    const digits = fc.bigInt({ min: 0n, max: 10n ** 15n });
    const property = fc.property(digits, fc.integer({ min: -42, max: -16 }), (value, exponent) => {
      expect(yoctoDollars(`${value}e${exponent}`)).toBe(expectedYocto(value, exponent));
    });
    fc.assert(property, { numRuns: 2000 });
  });

  it('is the same however the point is placed', () => {
    const digits = fc.integer({ min: 1, max: 999_999_999 }).map(String);
    const property = fc.property(digits, fc.nat(8), fc.integer({ min: -20, max: -4 }), (text, places, exponent) => {
      const at = Math.min(places, text.length);
      const pointed = `${text.slice(0, text.length - at)}.${text.slice(text.length - at)}e${exponent + at}`;
      expect(yoctoDollars(pointed)).toBe(yoctoDollars(`${text}e${exponent}`));
    });
    fc.assert(property);
  });
});

describe('a length of time', () => {
  it.each([
    ['30', 30_000],
    ['1.5', 1500],
    ['500ms', 500],
    ['30s', 30_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['1w', 604_800_000],
    ['1mo', 2_592_000_000],
    ['0', 0],
    [' 2 s ', 2000],
  ])('of %s is %s milliseconds', (text, ms) => {
    expect(milliseconds(text)).toBe(ms);
  });

  it.each(['', 'soon', '-1', '1y', '1e3', '5 minutes', '1h30m', '9999999999999'])('is not written %j', (text) => {
    expect(milliseconds(text)).toBeUndefined();
  });
});

describe('a number', () => {
  it.each([
    ['12', 12],
    ['-0.5', -0.5],
    ['+3', 3],
    ['1e3', 1000],
    ['.5', 0.5],
  ])('is read from %s', (text, value) => {
    expect(finiteNumber(text)).toBe(value);
  });

  it.each(['', ' ', 'x', '1e999', '0x1', 'Infinity', '.nan', '1 2'])('is not written %j', (text) => {
    expect(finiteNumber(text)).toBeUndefined();
  });
});
