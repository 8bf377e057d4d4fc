/** From predictions to an order of models. */
import type { Features } from './features.ts';
import type { Predictor } from './learner.ts';

export interface DecideOptions {
  /** What the dearest model's usual price weighs against quality 1; 0 for quality alone. */
  readonly costWeight: number;
  /** Cost that counts as 1, in USD. */
  readonly costUnit: number;
  /** Models that may be chosen; all when absent. */
  readonly allowed?: readonly number[];
}

export interface Judged {
  readonly model: number;
  readonly quality: number;
  /** Expected, where it is known. */
  readonly costUsd: number | undefined;
  /** What the order is by. */
  readonly utility: number;
}

/** Best first; equals keep the order of models. */
export function rankModels(predictor: Predictor, features: Features, options: DecideOptions): Judged[] {
  const quality = predictor.quality(features);
  const cost = predictor.cost?.(features);
  const { preferred } = predictor;
  const allowed = options.allowed ?? Array.from(quality, (_none, model) => model);
  const judged = allowed.map((model): Judged => {
    const costUsd = cost?.[model];
    const price = costUsd === undefined ? 0 : (options.costWeight * costUsd) / options.costUnit;
    // Leaving the preferred model must pay for the risk; the more cost counts, the less quality is what is risked.
    const loyalty = preferred?.model === model ? preferred.margin / (1 + 50 * options.costWeight) : 0;
    const value = quality[model] as number;
    return { model, quality: value, costUsd, utility: value - price + loyalty };
  });
  return judged.sort((a, b) => b.utility - a.utility || a.model - b.model);
}
