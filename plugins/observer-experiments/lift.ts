/** How much better one variant's answers are rated than another's, and how sure that is. */

export interface Sample {
  readonly count: number;
  readonly sum: number;
  readonly squares: number;
}

export const noSample: Sample = { count: 0, sum: 0, squares: 0 };

export const withScore = ({ count, sum, squares }: Sample, score: number): Sample => ({
  count: count + 1,
  sum: sum + score,
  squares: squares + score * score,
});

export const meanOf = ({ count, sum }: Sample): number | undefined => (count === 0 ? undefined : sum / count);

export interface Lift {
  /** Mean of the variant less that of the baseline. */
  readonly lift: number;
  /** Below this it is with the confidence that was asked for. */
  readonly atMost: number;
}

/** Undefined where either has fewer marks than `least`. */
export function liftOf(
  variant: Sample,
  baseline: Sample,
  options: { least: number; confidence: number },
): Lift | undefined {
  if (variant.count < options.least || baseline.count < options.least) return undefined;
  const lift = (meanOf(variant) as number) - (meanOf(baseline) as number);
  const error = Math.sqrt(varianceOf(variant) / variant.count + varianceOf(baseline) / baseline.count);
  return { lift, atMost: lift + quantile(options.confidence) * error };
}

function varianceOf({ count, sum, squares }: Sample): number {
  return count < 2 ? 0 : Math.max(0, (squares - (sum * sum) / count) / (count - 1));
}

/**
 * Of the normal distribution, for 0.5 up to, not including, 1, to 0.00045: Abramowitz and Stegun, Handbook of
 * Mathematical Functions, 26.2.23.
 */
export function quantile(confidence: number): number {
  if (confidence <= 0.5) return 0;
  const t = Math.sqrt(-2 * Math.log(1 - confidence));
  return t - (2.515517 + 0.802853 * t + 0.010328 * t * t) / (1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t ** 3);
}
