/** What a call will cost, before it is made. */
import type { Deployment } from '../contract/request.ts';

export interface ExpectedTokens {
  readonly input: number;
  readonly output: number;
}

/** In pico-dollars; infinite where a price that it needs is not known. */
export function expectedPico({ prices }: Pick<Deployment, 'prices'>, { input, output }: ExpectedTokens): number {
  if (prices === undefined) return Number.POSITIVE_INFINITY;
  return Number(prices.request ?? 0n) + priced(input, prices.input) + priced(output, prices.output);
}

const priced = (tokens: number, price: bigint | undefined): number =>
  tokens === 0 ? 0 : price === undefined ? Number.POSITIVE_INFINITY : tokens * Number(price);
