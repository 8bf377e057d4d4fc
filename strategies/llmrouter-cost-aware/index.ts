/**
 * Chooses the best value among models that are good enough: dear ones are
 * struck out, then those of too little quality, then those that another beats
 * in both quality and price; the rest go by quality and price together.
 *
 * Quality is learnt from outcomes or, without an artefact, what the
 * configuration declares.
 */
import { type Candidate, definePlugin, z } from '@rutter/plugin-sdk';
import {
  isOnFront,
  learnedStrategy,
  learnedStrategyConfig,
  learnedStrategyOptions,
  type Valued,
  valueLearner,
  worthOf,
} from '@rutter/plugin-sdk/learning';
import { sizeOf } from '@rutter/plugin-sdk/routing';

const config = learnedStrategyConfig.omit({ cost_weight: true }).extend({
  max_cost_per_1k_tokens: z
    .number()
    .positive()
    .optional()
    .describe('USD of a thousand tokens, in and out on average, above which a deployment is only a last resort.'),
  quality_threshold: z
    .number()
    .min(0)
    .max(1)
    .default(0.7)
    .describe('Declared quality (model_info.quality) from which a deployment is good enough, without an artefact.'),
  cost_weight: z
    .number()
    .min(0)
    .max(1)
    .default(0.7)
    .describe('What price weighs beside declared quality, without an artefact; an artefact brings its own.'),
});

const picoInUsd = 1e12;

/** USD of a thousand tokens, half of them in and half out; undefined where a price is not known. */
const perThousand = ({ deployment }: Candidate) => {
  const both = sizeOf(deployment, 'price');
  return both === undefined ? undefined : (both / 2 / picoInUsd) * 1000;
};

/** By declared quality and price; undefined where nobody's quality is declared. */
export function byDeclaration(
  candidates: readonly Candidate[],
  { quality_threshold, cost_weight }: Pick<z.output<typeof config>, 'quality_threshold' | 'cost_weight'>,
): (readonly Candidate[])[] | undefined {
  const prices = candidates.map(perThousand).filter((price) => price !== undefined);
  const [low, high] = [Math.min(...prices), Math.max(...prices)];
  const known = candidates.flatMap((candidate) => {
    const quality = sizeOf(candidate.deployment, 'quality');
    if (quality === undefined) return [];
    const price = perThousand(candidate);
    // Who says no price is taken for the dearest.
    const cost = price === undefined ? 1 : high > low ? (price - low) / (high - low) : 0;
    return [{ candidate, quality, cost }];
  });
  if (known.length === 0) return undefined;
  const good = known.filter(({ quality }) => quality >= quality_threshold);
  const tierOf = (one: Valued) => (!good.includes(one as never) ? 2 : isOnFront(one, good) ? 0 : 1);
  // Where nobody is good enough the best come first.
  const scored = known.map((one) => ({
    ...one,
    tier: tierOf(one),
    score: good.length > 0 ? worthOf(one, cost_weight) : one.quality,
  }));
  const ranked = scored.sort((a, b) => a.tier - b.tier || b.score - a.score);
  const tiers: Candidate[][] = [];
  ranked.forEach((one, at) => {
    const before = ranked[at - 1];
    if (before && before.tier === one.tier && before.score === one.score) tiers.at(-1)?.push(one.candidate);
    else tiers.push([one.candidate]);
  });
  const unknown = candidates.filter((candidate) => !known.some((one) => one.candidate === candidate));
  return unknown.length > 0 ? [...tiers, unknown] : tiers;
}

export default definePlugin({
  kind: 'strategy',
  config,
  async setup(host, { max_cost_per_1k_tokens: cap, ...settings }) {
    const inner = await learnedStrategy(host, {
      learner: valueLearner,
      ...learnedStrategyOptions({ ...settings, cost_weight: 0 }),
      untrained(_context, candidates) {
        const tiers = byDeclaration(candidates, settings);
        return tiers && { tiers, reason: 'by declared quality and price' };
      },
    });
    return {
      ...inner,
      select(context, candidates) {
        const isDear = (candidate: Candidate) => cap !== undefined && (perThousand(candidate) ?? 0) > cap;
        const dear = candidates.filter(isDear);
        const rest = candidates.filter((candidate) => !isDear(candidate));
        // Where all are too dear the cap cannot choose between them.
        if (rest.length === 0 || dear.length === 0) return inner.select(context, candidates);
        const ranking = inner.select(context, rest) ?? [rest];
        return [...ranking.map((tier) => (Array.isArray(tier) ? tier : [tier])), dear] as (readonly Candidate[])[];
      },
    };
  },
});
