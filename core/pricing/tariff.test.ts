import type { Usage } from '@rutter/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { readPriceName } from './price-keys.ts';
import { Tariff, type TariffOptions } from './tariff.ts';

const nanoPerYocto = 10n ** 15n;

/** In nano-dollars; prices below are nano-dollars too, for the eye. */
function costOf(row: object, usage: Partial<Usage>, options: TariffOptions & { asked?: string } = {}) {
  const dollars = JSON.parse(JSON.stringify(row), (_key, value) => value) as Record<string, unknown>;
  const cost = Tariff.of(dollars, options)?.cost({ input: 0, output: 0, ...usage }, options.asked);
  return cost === undefined ? undefined : Number(cost / nanoPerYocto);
}

const base = { input_cost_per_token: '1e-9', output_cost_per_token: '2e-9' };

describe('the name of a price', () => {
  it.each([
    ['input_cost_per_token', 'input', 0, undefined],
    ['input_cost_per_token_above_272k_tokens_priority', 'input', 272_000, 'priority'],
    ['output_cost_per_token_flex_above_200k_tokens', 'output', 200_000, 'flex'],
    ['cache_creation_input_token_cost_above_1hr', 'cacheWriteLong', 0, undefined],
    ['cache_creation_input_token_cost_above_1hr_above_200k_tokens', 'cacheWriteLong', 200_000, undefined],
    ['output_cost_per_token_batches', 'output', 0, 'batches'],
  ])('%s says %s above %i at %s', (key, bucket, above, tier) => {
    expect(readPriceName(key)).toEqual([{ bucket, rank: 0, per: 1n, above, tier }]);
  });

  it('is none where it only looks like one', () => {
    for (const key of ['input_cost', 'input_cost_per_token_above_1hr', 'max_tokens', 'input_cost_per_token_soon'])
      expect(readPriceName(key)).toEqual([]);
  });
});

describe('a tariff', () => {
  it('is none where a row says no price, and one where it says zero', () => {
    expect(Tariff.of({ max_input_tokens: 8, mode: 'chat' })).toBeUndefined();
    expect(costOf({ input_cost_per_token: 0, output_cost_per_token: 0 }, { input: 9, output: 9 })).toBe(0);
  });

  it('charges what has no price of its own as what it stands beside', () => {
    const usage = { cachedInput: 1, cacheWrite: 10, cacheWriteLong: 100, audioInput: 1000, reasoning: 10_000 };
    expect(costOf(base, usage)).toBe(1111 + 20_000);
    expect(costOf({ ...base, cache_creation_input_token_cost: '3e-9' }, { cacheWriteLong: 1 })).toBe(3);
    expect(costOf({ ...base, input_cost_per_token_cache_hit: '5e-10' }, { cachedInput: 2 })).toBe(1);
  });

  it('prefers the long prompt over the tier, and the tier over the standard', () => {
    const row = {
      ...base,
      input_cost_per_token_priority: '10e-9',
      input_cost_per_token_above_128k_tokens: '3e-9',
      input_cost_per_token_above_200k_tokens: '5e-9',
      input_cost_per_token_above_200k_tokens_priority: '50e-9',
    };
    const at = (input: number, serviceTier?: string) =>
      (costOf(row, { input, ...(serviceTier && { serviceTier }) }) ?? 0) / input;
    expect([at(1000), at(128_000), at(128_001), at(200_001)]).toEqual([1, 1, 3, 5]);
    expect([at(1000, 'priority'), at(128_001, 'priority'), at(200_001, 'priority')]).toEqual([10, 3, 50]);
    expect(at(1000, 'flex')).toBe(1);
  });

  it('begins at the threshold where the vendor counts so', () => {
    const row = { ...base, input_cost_per_token_above_128k_tokens: '3e-9' };
    expect(costOf(row, { input: 128_000 })).toBe(128_000);
    expect(costOf(row, { input: 128_000 }, { includesThreshold: true })).toBe(384_000);
    expect(costOf(row, { input: 127_999 }, { includesThreshold: true })).toBe(127_999);
  });

  it('charges the length of a recording once, by the price of what was made of it', () => {
    const row = { input_cost_per_second: '1e-4', output_cost_per_second: '2e-4' };
    expect(costOf(row, { seconds: 2.5 })).toBe(500_000);
    expect(costOf({ input_cost_per_second: '1e-4' }, { seconds: 10 })).toBe(1_000_000);
  });

  it('charges images made by their own price, or by that of images', () => {
    expect(costOf({ input_cost_per_image: '2e-9' }, { outputImages: 3 })).toBe(6);
    expect(costOf({ input_cost_per_image: '2e-9', output_cost_per_image: '5e-9' }, { outputImages: 3 })).toBe(15);
  });

  it('divides the price of a thousand', () => {
    expect(costOf({ ...base, file_search_cost_per_1k_calls: '0.0025' }, { fileSearches: 2 })).toBe(5000);
  });

  it('leaves a measure out that only the tokens beside it have a price for', () => {
    expect(costOf(base, { input: 5, inputImages: 2 })).toBe(5);
    expect(costOf(base, { inputImages: 2 })).toBeUndefined();
  });

  it('says what has no price', () => {
    const tariff = Tariff.of({ input_cost_per_token: 1e-9 });
    const usage = { input: 1, output: 2, searches: 1, cachedInput: 1 };
    expect(tariff?.cost(usage)).toBeUndefined();
    expect(tariff?.unpriced(usage)).toEqual(['output', 'searches']);
  });

  it('passes over counts that are none', () => {
    expect(costOf(base, { input: Number.NaN, output: Number.POSITIVE_INFINITY, reasoning: -5 })).toBe(0);
  });

  it('raises what tokens cost by what the vendor says, and searches not', () => {
    const row = {
      ...base,
      provider_specific_entry: { us: 1.1, fast: 6 },
      regional_processing_uplift_multiplier_eu: '1.5',
      search_context_cost_per_query: { search_context_size_medium: '100e-9' },
    };
    expect(costOf(row, { input: 100, searches: 1, uplifts: ['us', 'fast'] })).toBe(660 + 100);
    expect(costOf(row, { input: 100, uplifts: ['eu'] })).toBe(150);
    expect(costOf(row, { input: 100, uplifts: ['moon'] })).toBe(100);
  });

  it('tells plugins the prices it says, to the pico-dollar', () => {
    expect(
      Tariff.of({ ...base, cache_read_input_token_cost: '1.5e-12', input_cost_per_token_flex: 1 })?.prices,
    ).toEqual({
      input: 1000n,
      output: 2000n,
      cachedInput: 2n,
    });
  });
});
