/** How good a deployment is declared to be, before anything was learnt of it. */
import type { Deployment } from '../contract/request.ts';

const named: Readonly<Record<string, number>> = {
  premium: 1,
  large: 1,
  high: 1,
  standard: 2,
  medium: 2,
  mid: 2,
  economy: 3,
  small: 3,
  low: 3,
  budget: 3,
};

/** `model_info.tier`: 1 for the best, a larger number for less, or `premium`, `standard`, `economy`; undefined where none is declared. */
export function tierOf({ info }: Pick<Deployment, 'info'>): number | undefined {
  const { tier } = info;
  if (typeof tier === 'number' && Number.isFinite(tier)) return tier;
  return typeof tier === 'string' ? named[tier.trim().toLowerCase()] : undefined;
}
