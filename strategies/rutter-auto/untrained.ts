/** What there is to go by before anything was learnt. */
import type { Candidate } from '@rutter/plugin-sdk';
import { sizeOf, tierOf } from '@rutter/plugin-sdk/routing';

const last = Number.POSITIVE_INFINITY;

/**
 * The best declared tier first, in a tier the cheapest; who declares no tier, or no price, comes after those who do.
 * Equals are a tie. Undefined where neither is known of anybody.
 */
export function byTierAndPrice(candidates: readonly Candidate[]): (readonly Candidate[])[] | undefined {
  const known = candidates.map((candidate) => ({
    candidate,
    tier: tierOf(candidate.deployment) ?? last,
    price: sizeOf(candidate.deployment, 'price') ?? last,
  }));
  if (known.every(({ tier, price }) => tier === last && price === last)) return undefined;
  const compared = (a: number, b: number) => (a === b ? 0 : a < b ? -1 : 1);
  known.sort((a, b) => compared(a.tier, b.tier) || compared(a.price, b.price));
  const groups = Map.groupBy(known, ({ tier, price }) => `${tier} ${price}`);
  return [...groups.values()].map((group) => group.map(({ candidate }) => candidate));
}
