/** Whether to leave a deployment that has the beginning of a prompt cached: what is gained against what it costs. */
import type { Candidate, Judgement, Prices } from '@rutter/plugin-sdk';

/** As everywhere where tokens are estimated. */
const charactersPerToken = 4;
const picoPerUsd = 1e12;

export const tokensOf = (characters: number): number => Math.floor(characters / charactersPerToken);

/** What the cached tokens save at these prices, in USD; undefined where the price of input is unknown. */
export function savedUsd(tokens: number, prices: Prices | undefined): number | undefined {
  if (prices?.input === undefined) return undefined;
  // A vendor without a price of its own for cached input charges it as any other.
  const discount = prices.input - (prices.cachedInput ?? prices.input);
  return discount <= 0n ? 0 : (Number(discount) * tokens) / picoPerUsd;
}

/** What the router expects to gain by another candidate than the one that holds. */
export interface Gain {
  readonly quality: number;
  /** Undefined where it does not know both costs. */
  readonly savesUsd: number | undefined;
}

/** Undefined where the router does not say how good both answers would be. */
export function gainOf(move: Candidate, stay: Candidate, judged: readonly Judgement[]): Gain | undefined {
  const to = judged.find(({ candidate, quality }) => candidate === move && quality !== undefined);
  const from = judged.find(({ candidate, quality }) => candidate === stay && quality !== undefined);
  if (to?.quality === undefined || from?.quality === undefined) return undefined;
  const isPriced = to.costUsd !== undefined && from.costUsd !== undefined;
  return {
    quality: to.quality - from.quality,
    savesUsd: isPriced ? (from.costUsd as number) - (to.costUsd as number) : undefined,
  };
}

export interface Terms {
  /** What a whole point of expected quality is worth, in USD an answer. */
  readonly qualityUsd: number;
  /** Gain in quality that is asked for where the price is unknown. */
  readonly unpricedGain: number;
}

export interface Weighed {
  readonly moves: boolean;
  readonly why: string;
}

/** `lostUsd` is undefined where the price is unknown. */
export function weigh(gain: Gain | undefined, lostUsd: number | undefined, terms: Terms): Weighed {
  if (gain === undefined) return { moves: false, why: 'no gain is claimed for leaving it' };
  const quality = `quality ${signed(gain.quality)}`;
  if (lostUsd === undefined)
    return {
      moves: gain.quality >= terms.unpricedGain,
      why: `its price is unknown, and ${quality} is asked to be ${digits(terms.unpricedGain)} then`,
    };
  const worth = gain.quality * terms.qualityUsd + (gain.savesUsd ?? 0);
  return {
    moves: worth > lostUsd,
    why: `leaving it costs $${digits(lostUsd)} and gains $${digits(worth)} (${quality}${gain.savesUsd === undefined ? '' : `, cost ${signed(-gain.savesUsd)}`})`,
  };
}

const digits = (value: number) => String(Number(value.toPrecision(3)));
const signed = (value: number) => `${value < 0 ? '' : '+'}${digits(value)}`;
