import type { Usage } from '@rutter/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { adjustmentOf } from './adjustments.ts';
import { Bill } from './bill.ts';
import { Tariff } from './tariff.ts';

/**
 * The rules once more, slowly: exact fractions of dollars, every price looked up by its name in the row when it is
 * needed. It shares nothing with what it tests.
 */
type Fraction = readonly [bigint, bigint];
const places = 40;

const fraction = (text: string): Fraction => {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e');
  const [whole = '', decimals = ''] = mantissa.split('.');
  const shift = Number(exponent) - decimals.length;
  const digits = BigInt(whole + decimals);
  return [digits * 10n ** BigInt(places + shift), 10n ** BigInt(places)];
};
const plus = ([a, b]: Fraction, [c, d]: Fraction): Fraction => (b === d ? [a + c, b] : [a * d + c * b, b * d]);
const minus = ([a, b]: Fraction, [c, d]: Fraction): Fraction => [a * d - c * b, b * d];
const by = ([a, b]: Fraction, [c, d]: Fraction): Fraction => [a * c, b * d];
const nano = ([a, b]: Fraction): number => Number((2n * a * 10n ** 9n + b) / (2n * b));

type Row = Readonly<Record<string, unknown>>;

interface Case {
  readonly row: Row;
  readonly usage: Usage & Readonly<Record<string, unknown>>;
  readonly includesThreshold: boolean;
  readonly discount: string | undefined;
  readonly margin: { readonly share: string; readonly fixed: string } | undefined;
}

function slowly({ row, usage, includesThreshold, discount, margin }: Case): number {
  const count = (name: keyof Usage) => (usage[name] as number | undefined) ?? 0;
  const prompt =
    count('input') +
    count('cachedInput') +
    count('cacheWrite') +
    count('cacheWriteLong') +
    count('audioInput') +
    count('imageInput') +
    count('videoInput') +
    count('cachedAudioInput') +
    count('cachedImageInput');
  const tiers = row.tiered_pricing as readonly (Row & { range: readonly [number, number] })[] | undefined;
  const tier =
    tiers?.find(({ range }) => (includesThreshold ? prompt < range[1] : prompt <= range[1])) ?? tiers?.at(-1);
  const flat: Row = { ...row, ...tier };
  const service = { flex: '_flex', priority: '_priority', batch: '_batches' }[usage.serviceTier ?? ''] ?? '';
  const reached = (k: number) => (includesThreshold ? prompt >= k * 1000 : prompt > k * 1000);
  const price = (...names: readonly string[]): Fraction => {
    for (const name of names) {
      const steps = tier ? [] : [272, 200, 128].filter(reached).map((k) => `_above_${k}k_tokens`);
      for (const step of [...steps, ''])
        for (const suffix of [service, '']) {
          const found = flat[name + step + suffix];
          if (found !== undefined) return fraction(String(found));
        }
    }
    throw new Error(`no price ${names}`);
  };
  const line = (amount: number, ...names: readonly string[]): Fraction =>
    amount === 0 ? [0n, 1n] : by(fraction(String(amount)), price(...names));
  const input = 'input_cost_per_token';
  const output = 'output_cost_per_token';
  const read = 'cache_read_input_token_cost';
  const create = 'cache_creation_input_token_cost';
  let tokens = [
    line(count('input'), input),
    line(count('cachedInput'), read, input),
    line(count('cachedAudioInput'), 'cache_read_input_audio_token_cost', read, 'input_cost_per_audio_token', input),
    line(count('cachedImageInput'), 'cache_read_input_image_token_cost', read, 'input_cost_per_image_token', input),
    line(count('cacheWrite'), create, input),
    line(count('cacheWriteLong'), `${create}_above_1hr`, create, input),
    line(count('audioInput'), 'input_cost_per_audio_token', input),
    line(count('imageInput'), 'input_cost_per_image_token', input),
    line(count('videoInput'), 'input_cost_per_video_token', input),
    line(count('output'), output),
    line(count('reasoning'), 'output_cost_per_reasoning_token', output),
    line(count('audioOutput'), 'output_cost_per_audio_token', output),
    line(count('imageOutput'), 'output_cost_per_image_token', output),
    line(row.input_cost_per_request === undefined ? 0 : 1, 'input_cost_per_request'),
    line(count('inputImages'), 'input_cost_per_image'),
    line(count('seconds'), 'output_cost_per_second', 'input_cost_per_second'),
    line(count('inputCharacters'), 'input_cost_per_character'),
  ].reduce(plus);
  for (const name of usage.uplifts ?? []) {
    const factor = (row.provider_specific_entry as Readonly<Record<string, number>> | undefined)?.[name];
    if (factor !== undefined) tokens = by(tokens, fraction(String(factor)));
  }
  const sizes = (row.search_context_cost_per_query ?? {}) as Readonly<Record<string, unknown>>;
  const searched = sizes[`search_context_size_${usage.searchContext ?? 'medium'}`];
  const searches: Fraction =
    count('searches') === 0 ? [0n, 1n] : by(fraction(String(count('searches'))), fraction(String(searched)));
  let sum = [tokens, searches, line(count('queries'), 'input_cost_per_query')].reduce(plus);
  sum = minus(sum, by(sum, fraction(discount ?? '0')));
  if (margin) sum = [sum, by(sum, fraction(margin.share)), fraction(margin.fixed)].reduce(plus);
  return nano(sum);
}

/** Mulberry32: the same cases in every run. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Usages of the same row, and so of the same compiled tariff. */
const usagesPerRow = 10;

function* makeCases(random: () => number, count: number): Generator<Case> {
  for (let made = 0; made < count; made += usagesPerRow) {
    const first = makeCase(random);
    yield first;
    for (let more = 1; more < usagesPerRow; more++)
      yield { ...makeCase(random), row: first.row, includesThreshold: first.includesThreshold };
  }
}

function makeCase(random: () => number): Case {
  const chance = (share: number) => random() < share;
  const whole = (most: number) => Math.floor(random() * (most + 1));
  const pick = <T>(values: readonly T[]) => values[whole(values.length - 1)] as T;
  // As maps write them: numbers, texts, and floats with all their digits.
  const price = () => pick([whole(9999) / 1e9, `${whole(9999)}e-10`, 0, random() / 1e5, 3.75e-8]);
  const perThing = () => pick([whole(99) / 1000, '0.0075']);
  const endings = ['', '_flex', '_priority', '_batches'];
  const steps = ['', '_above_128k_tokens', '_above_200k_tokens', '_above_272k_tokens'];
  const row: Record<string, unknown> = { input_cost_per_token: price(), output_cost_per_token: price() };
  const optional = [
    'cache_read_input_token_cost',
    'cache_read_input_audio_token_cost',
    'cache_read_input_image_token_cost',
    'cache_creation_input_token_cost',
    'cache_creation_input_token_cost_above_1hr',
    'output_cost_per_reasoning_token',
    'input_cost_per_audio_token',
    'output_cost_per_audio_token',
    'input_cost_per_image_token',
    'output_cost_per_image_token',
    'input_cost_per_video_token',
    ...['input_cost_per_token', 'output_cost_per_token'],
  ];
  for (const name of optional)
    for (const step of steps)
      for (const ending of endings) if (chance(step + ending === '' ? 0.5 : 0.1)) row[name + step + ending] = price();
  if (chance(0.2)) row.input_cost_per_request = perThing();
  Object.assign(row, {
    input_cost_per_image: perThing(),
    input_cost_per_second: '0.0001',
    input_cost_per_character: 1.5e-5,
    input_cost_per_query: perThing(),
    search_context_cost_per_query: {
      search_context_size_low: perThing(),
      search_context_size_medium: perThing(),
      search_context_size_high: perThing(),
    },
    provider_specific_entry: { us: 1.1, fast: 6 },
  });
  if (chance(0.2))
    row.tiered_pricing = [
      { range: [0, 32_000], input_cost_per_token: price(), output_cost_per_token: price() },
      { range: [32_000, 200_000], input_cost_per_token: price(), output_cost_per_reasoning_token: price() },
      { range: [200_000, 1e6], input_cost_per_token: price() },
    ];
  const usage: Record<string, unknown> = {
    // Often right at a threshold.
    input: chance(0.3) ? pick([32_000, 128_000, 128_001, 200_000, 272_000, 272_001]) : whole(300_000),
    output: whole(20_000),
    ...(chance(0.5) && { serviceTier: pick(['flex', 'priority', 'batch', 'default', 'scale']) }),
    ...(chance(0.2) && { uplifts: pick([['us'], ['fast'], ['us', 'fast'], ['elsewhere']]) }),
    ...(chance(0.3) && { searches: whole(20), searchContext: pick(['low', 'medium', 'high', undefined]) }),
  };
  const buckets = [
    ...['cachedInput', 'cachedAudioInput', 'cachedImageInput', 'cacheWrite', 'cacheWriteLong', 'reasoning'],
    ...['audioInput', 'audioOutput', 'imageInput', 'imageOutput', 'videoInput', 'inputImages', 'inputCharacters'],
    ...['queries'],
  ];
  for (const bucket of buckets) if (chance(0.3)) usage[bucket] = whole(5000);
  if (chance(0.2)) usage.seconds = whole(100_000) / 1000;
  return {
    row,
    usage: usage as unknown as Case['usage'],
    includesThreshold: chance(0.2),
    discount: chance(0.4) ? pick(['0.05', '0.123456789', '1']) : undefined,
    margin: chance(0.4) ? { share: pick(['0.1', '0', '0.333333333']), fixed: pick(['0', '0.0005']) } : undefined,
  };
}

const tariffs = new WeakMap<Row, Tariff | undefined>();

function quickly({ row, usage, includesThreshold, discount, margin }: Case): number | undefined {
  const bill = new Bill();
  const adjustment = adjustmentOf(
    {
      discounts: new Map(discount === undefined ? [] : [['p', discount]]),
      margins: new Map(margin === undefined ? [] : [['p', margin]]),
    },
    'p',
  );
  if (!tariffs.has(row)) tariffs.set(row, Tariff.of(row, { includesThreshold }));
  bill.add(usage, tariffs.get(row), { adjustment });
  return bill.nanoUsd;
}

describe('a bill', () => {
  it('is what exact fractions say, in ten thousand cases', () => {
    const random = randomFrom(20_261_123);
    const differing: unknown[] = [];
    let aboveZero = 0;
    for (const one of makeCases(random, 10_000)) {
      const expected = slowly(one);
      const found = quickly(one);
      aboveZero += expected > 0 ? 1 : 0;
      if (found !== expected) differing.push({ found, expected, one });
    }
    expect(differing).toEqual([]);
    // One discount in three takes everything off.
    expect(aboveZero).toBeGreaterThan(8500);
  }, 60_000);

  it('rounds once, after everything has been added', () => {
    const tariff = Tariff.of({ input_cost_per_token: '4e-10', output_cost_per_token: 0 });
    const bill = new Bill();
    // Two fifths of a nano-dollar each: alone all would vanish.
    for (let index = 0; index < 5; index++) bill.add({ input: 1, output: 0 }, tariff);
    expect(bill.nanoUsd).toBe(2);
  });

  it('rounds a half up', () => {
    const of = (price: string) => {
      const bill = new Bill();
      bill.add({ input: 1, output: 0 }, Tariff.of({ input_cost_per_token: price }));
      return bill.nanoUsd;
    };
    expect(of('5e-10')).toBe(1);
    expect(of('4.99999999999999e-10')).toBe(0);
    expect(of('1.5e-9')).toBe(2);
  });

  it('takes the discount off before the margin is put on, and tells both', () => {
    const bill = new Bill();
    const adjustment = adjustmentOf(
      { discounts: new Map([['p', '0.1']]), margins: new Map([['global', { share: '0.5', fixed: '0.000001' }]]) },
      'p',
    );
    bill.add({ input: 1000, output: 0 }, Tariff.of({ input_cost_per_token: 1e-9 }), { adjustment });
    expect(bill.cost).toEqual({ nanoUsd: 2350, originalNanoUsd: 1000, discountNanoUsd: 100, marginNanoUsd: 1450 });
  });

  it('is unknown as soon as one part of it is, and counts the parts', () => {
    const bill = new Bill();
    const tariff = Tariff.of({ input_cost_per_token: 1e-9 });
    expect(bill.add({ input: 1, output: 0 }, tariff)).toBe(true);
    expect(bill.add({ input: 1, output: 1 }, tariff)).toBe(false);
    expect(bill.add({ input: 1, output: 1 }, undefined)).toBe(false);
    expect(bill.nanoUsd).toBeUndefined();
    expect(bill.cost).toBeUndefined();
    expect(bill.unpriced).toBe(2);
  });

  it('of nothing is zero', () => {
    expect(new Bill().cost).toEqual({ nanoUsd: 0, originalNanoUsd: 0, discountNanoUsd: 0, marginNanoUsd: 0 });
  });
});
