/**
 * The sum of one request: what vendors ask, discounts taken off, margins put
 * on. It is exact to its end and rounded half up once, to nano-dollars.
 */
import type { Cost, Usage } from '@rutter/plugin-sdk';
import { billion, type Tariff } from './tariff.ts';

/** Shares in billionths; the fixed amount in yocto-dollars. */
export interface Adjustment {
  readonly discount: bigint;
  readonly margin: bigint;
  readonly fixedMargin: bigint;
  /** The margin as it was written, for a header. */
  readonly marginShare: number | undefined;
}

/** Of one yocto-dollar: a discount and a margin on it are whole numbers of these. */
const partsPerYocto = billion * billion;
const yoctoPerNano = 10n ** 15n;
const partsPerNano = yoctoPerNano * partsPerYocto;

const nanoOf = (amount: bigint, unit: bigint): number => Number((amount + unit / 2n) / unit);

export class Bill {
  /** Yocto-dollars. */
  #original = 0n;
  /** Parts. */
  #discount = 0n;
  #margin = 0n;
  #unpriced = 0;

  /** Calls without a known price; with any, the sum is unknown. */
  get unpriced(): number {
    return this.#unpriced;
  }

  /** False when something that was used has no price. */
  add(usage: Usage, tariff: Tariff | undefined, options: BillOptions = {}): boolean {
    const original = tariff?.cost(usage, options.serviceTier);
    if (original === undefined) {
      this.#unpriced++;
      return false;
    }
    this.#original += original;
    if (options.adjustment) this.#adjust(original, options.adjustment);
    return true;
  }

  #adjust(original: bigint, { discount, margin, fixedMargin }: Adjustment): void {
    this.#discount += original * discount * billion;
    this.#margin += original * (billion - discount) * margin + fixedMargin * partsPerYocto;
  }

  /** Integer nano-dollars; undefined when some of it is unknown. */
  get nanoUsd(): number | undefined {
    if (this.#unpriced > 0) return undefined;
    if (this.#discount === 0n && this.#margin === 0n) return nanoOf(this.#original, yoctoPerNano);
    return nanoOf(this.#original * partsPerYocto - this.#discount + this.#margin, partsPerNano);
  }

  get cost(): Cost | undefined {
    const { nanoUsd } = this;
    if (nanoUsd === undefined) return undefined;
    if (this.#discount === 0n && this.#margin === 0n)
      return { nanoUsd, originalNanoUsd: nanoUsd, discountNanoUsd: 0, marginNanoUsd: 0 };
    return {
      nanoUsd,
      originalNanoUsd: nanoOf(this.#original, yoctoPerNano),
      discountNanoUsd: nanoOf(this.#discount, partsPerNano),
      marginNanoUsd: nanoOf(this.#margin, partsPerNano),
    };
  }
}

export interface BillOptions {
  /** The tier that was asked for, where the vendor does not say which it was. */
  readonly serviceTier?: string | undefined;
  readonly adjustment?: Adjustment | undefined;
}

export const noCost: Cost = Object.freeze({ nanoUsd: 0, originalNanoUsd: 0, discountNanoUsd: 0, marginNanoUsd: 0 });
