/**
 * What one model charges, compiled from its row of prices: for each tier of
 * service the bands of prompt length, and in each band a price for every
 * bucket that has one, stand-ins filled in.
 *
 * Invariant: prices are integer yocto-dollars (1e-24 USD). Nothing is rounded
 * here; a price that is finer than that has been when it was read.
 */
import type { ModelRow, Prices, Usage } from '@rutter/plugin-sdk';
import { scaledDecimal, yoctoDollars } from '../config/decimals.ts';
import {
  type Bucket,
  buckets,
  measures,
  type PriceName,
  readPriceName,
  type ServiceTier,
  standIns,
} from './price-keys.ts';
import { promptLength } from './usage.ts';

/** By bucket, without a prototype; a bucket without a price is absent. */
export type Rates = Readonly<Record<string, bigint>>;

interface Band {
  /** Prompts longer than this, in tokens; as long as it too, where the vendor counts so. */
  readonly above: number;
  readonly rates: Rates;
}

interface Price extends PriceName {
  readonly value: bigint;
}

export interface TariffOptions {
  /** Prices for long prompts begin at the threshold rather than above it. */
  readonly includesThreshold?: boolean;
}

const searchNames = { searchesLow: 'low', searchesMedium: 'medium', searchesHigh: 'high' } as const;
const sizes = { low: 'searchesLow', medium: 'searchesMedium', high: 'searchesHigh' } as const;
const microUnits = 1_000_000;
/** Factors of uplifts are kept to a billionth. */
export const factorDigits = 9;
export const billion = 10n ** BigInt(factorDigits);

export class Tariff {
  readonly #prices: readonly Price[];
  readonly #tiers: readonly { readonly to: number; readonly prices: readonly Price[] }[];
  readonly #includesThreshold: boolean;
  readonly #factors: ReadonlyMap<string, bigint>;
  /** Longest prompts first. */
  readonly #bands = new Map<ServiceTier | undefined, readonly Band[]>();
  readonly #standard: readonly Band[];

  /** Undefined when the row has no price at all. */
  static of(row: ModelRow, options: TariffOptions = {}): Tariff | undefined {
    const tariff = new Tariff(row, options);
    return tariff.#prices.length === 0 && tariff.#tiers.length === 0 ? undefined : tariff;
  }

  private constructor(row: ModelRow, { includesThreshold = false }: TariffOptions) {
    this.#prices = [...readPrices(row), ...readSearchPrices(row.search_context_cost_per_query)];
    this.#tiers = readTiers(row.tiered_pricing);
    this.#includesThreshold = includesThreshold;
    this.#factors = readFactors(row);
    this.#standard = this.#compile(undefined);
    this.#bands.set(undefined, this.#standard);
  }

  /** In yocto-dollars; undefined when something that was used has no price: see {@link unpriced}. */
  cost(usage: Usage, asked?: string): bigint | undefined {
    const rates = this.#ratesFor(usage, asked);
    let sum = rates.request ?? 0n;
    let extras = 0n;
    let hasPrice = sum > 0n;
    let isMeasured = false;
    for (const name in usage) {
      const count = usage[name as keyof Usage];
      if (typeof count !== 'number' || !(count > 0 && count < Number.POSITIVE_INFINITY)) continue;
      const price = name === 'searches' ? rates[sizes[usage.searchContext ?? 'medium']] : rates[name];
      if (price === undefined) {
        if (!measures.has(name)) return undefined;
        isMeasured = true;
        continue;
      }
      hasPrice = true;
      const amount = times(price, count);
      sum += amount;
      if (usage.uplifts !== undefined && isExtra(name)) extras += amount;
    }
    if (isMeasured && !hasPrice) return undefined;
    return usage.uplifts === undefined ? sum : this.#raised(sum - extras, usage.uplifts) + extras;
  }

  /** What of a usage has no price. */
  unpriced(usage: Usage, asked?: string): readonly string[] {
    const rates = this.#ratesFor(usage, asked);
    return Object.entries(usage)
      .filter(([, count]) => typeof count === 'number' && count > 0)
      .map(([name]) => name)
      .filter((name) => rates[name === 'searches' ? sizes[usage.searchContext ?? 'medium'] : name] === undefined);
  }

  /** As they are said, without stand-ins, to the pico-dollar: for comparing. */
  get prices(): Prices {
    const prices: Record<string, bigint> = {};
    const said = byBucket(this.#tiers[0] ? [...this.#tiers[0].prices, ...this.#prices] : this.#prices);
    for (const bucket of buckets) {
      const yocto = lookUp(said.get(bucket), undefined, 0);
      if (yocto !== undefined && !(bucket in searchNames)) prices[bucket] = (yocto + 500_000_000_000n) / 10n ** 12n;
    }
    return prices;
  }

  #ratesFor(usage: Usage, asked: string | undefined): Rates {
    const tier = serviceTier(usage.serviceTier ?? asked);
    let bands = tier === undefined ? this.#standard : this.#bands.get(tier);
    if (bands === undefined) {
      bands = this.#compile(tier);
      this.#bands.set(tier, bands);
    }
    const [only] = bands as readonly [Band];
    return bands.length === 1 ? only.rates : this.#bandOf(promptLength(usage), bands).rates;
  }

  #bandOf(prompt: number, bands: readonly Band[]): Band {
    const isIn = ({ above }: Band) => (this.#includesThreshold ? prompt >= above : prompt > above);
    return bands.find(isIn) ?? (bands.at(-1) as Band);
  }

  #compile(tier: ServiceTier | undefined): readonly Band[] {
    if (this.#tiers.length > 0) {
      let above = 0;
      const bands = this.#tiers.map(({ to, prices }) => {
        // What a tier does not say is said beside the tiers.
        const band = { above, rates: ratesOf([...prices, ...this.#prices], tier, 0) };
        above = to;
        return band;
      });
      return bands.toReversed();
    }
    const thresholds = [...new Set([0, ...this.#prices.map(({ above }) => above)])].toSorted((a, b) => b - a);
    return thresholds.map((above) => ({ above, rates: ratesOf(this.#prices, tier, above) }));
  }

  #raised(amount: bigint, uplifts: readonly string[]): bigint {
    return uplifts.reduce((sum, name) => (sum * (this.#factors.get(name) ?? billion)) / billion, amount);
  }
}

/** Things charged beside the tokens, which a region or a speed does not make dearer. */
const isExtra = (name: string) =>
  name === 'searches' || name === 'fileSearches' || name === 'codeSessions' || name === 'queries';

/** Lengths may have fractions: those are kept to a millionth. */
const times = (price: bigint, count: number): bigint =>
  Number.isInteger(count)
    ? price * BigInt(count)
    : (price * BigInt(Math.round(count * microUnits))) / BigInt(microUnits);

/** Words of vendors for the tiers that have prices of their own; all others are charged as the standard one. */
const tierNames: Readonly<Record<string, ServiceTier>> = {
  flex: 'flex',
  priority: 'priority',
  batch: 'batches',
  batches: 'batches',
};

const serviceTier = (word: string | undefined): ServiceTier | undefined =>
  word === undefined ? undefined : tierNames[word];

function readPrices(row: ModelRow): Price[] {
  return Object.entries(row).flatMap(([key, said]) => {
    const value = amount(said);
    return value === undefined ? [] : readPriceName(key).map((name) => ({ ...name, value: value / name.per }));
  });
}

/** A number stands for its shortest decimal, which is what was written. */
function amount(said: unknown): bigint | undefined {
  if (typeof said === 'number') return yoctoDollars(String(said));
  return typeof said === 'string' ? yoctoDollars(said) : undefined;
}

function readSearchPrices(said: unknown): Price[] {
  if (typeof said !== 'object' || said === null) return [];
  return Object.entries(searchNames).flatMap(([bucket, size]) => {
    const value = amount((said as Record<string, unknown>)[`search_context_size_${size}`]);
    const name = { bucket: bucket as Bucket, rank: 0, per: 1n, above: 0, tier: undefined };
    return value === undefined ? [] : [{ ...name, value }];
  });
}

function readTiers(said: unknown): { readonly to: number; readonly prices: readonly Price[] }[] {
  if (!Array.isArray(said)) return [];
  return said
    .flatMap((tier: ModelRow) => {
      const to = Array.isArray(tier?.range) ? Number(tier.range[1]) : Number.NaN;
      return Number.isFinite(to) ? [{ to, prices: readPrices(tier) }] : [];
    })
    .toSorted((a, b) => a.to - b.to);
}

const regional = 'regional_processing_uplift_multiplier_';

/** Factors by the vendor's word for what raised the price. */
function readFactors(row: ModelRow): Map<string, bigint> {
  const entry = row.provider_specific_entry;
  const own = typeof entry === 'object' && entry !== null ? Object.entries(entry) : [];
  const byRegion = Object.entries(row)
    .filter(([key]) => key.startsWith(regional))
    .map(([key, factor]) => [key.slice(regional.length), factor] as const);
  const factors = new Map<string, bigint>();
  for (const [name, said] of [...own, ...byRegion]) {
    const factor = scaledDecimal(String(said), factorDigits);
    if (factor !== undefined) factors.set(name, factor);
  }
  return factors;
}

type ByBucket = ReadonlyMap<Bucket, readonly Price[]>;
const byBucket = (prices: readonly Price[]): ByBucket => Map.groupBy(prices, ({ bucket }) => bucket);

function ratesOf(prices: readonly Price[], tier: ServiceTier | undefined, above: number): Rates {
  const grouped = byBucket(prices);
  const rates: Record<string, bigint> = Object.create(null);
  for (const bucket of buckets) {
    for (const source of [bucket, ...(standIns[bucket] ?? [])]) {
      const found = lookUp(grouped.get(source), tier, above);
      if (found === undefined) continue;
      rates[bucket] = found;
      break;
    }
  }
  return rates;
}

/** The price of the longest prompt that is reached, at the tier or else the standard; of several names the first. */
function lookUp(
  prices: readonly Price[] | undefined,
  tier: ServiceTier | undefined,
  above: number,
): bigint | undefined {
  let best: Price | undefined;
  for (const price of prices ?? []) {
    if (price.above > above || (price.tier !== undefined && price.tier !== tier)) continue;
    if (best === undefined || isBefore(price, best)) best = price;
  }
  return best?.value;
}

function isBefore(one: Price, other: Price): boolean {
  if (one.above !== other.above) return one.above > other.above;
  if (one.tier !== other.tier) return one.tier !== undefined;
  return one.rank < other.rank;
}
