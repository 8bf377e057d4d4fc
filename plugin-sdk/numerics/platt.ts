/** Scores to probabilities: σ(slope · score + offset), fitted by Newton's method (Platt 1999; Lin, Lin and Weng 2007). */
import { sigmoid } from './vectors.ts';

export interface Platt {
  readonly slope: number;
  readonly offset: number;
}

const steps = 50;

/** Targets from 0 to 1, NaN left out. A weak prior on both keeps scores that separate perfectly from certainty. */
export function fitPlatt(scores: ArrayLike<number>, targets: ArrayLike<number>, prior = 0.01): Platt {
  let slope = 0;
  let offset = 0;
  for (let step = 0; step < steps; step++) {
    let [slopeGradient, offsetGradient] = [prior * slope, prior * offset];
    let [a, b, c] = [prior, 0, prior];
    for (let at = 0; at < scores.length; at++) {
      const target = targets[at] as number;
      if (Number.isNaN(target)) continue;
      const score = scores[at] as number;
      const p = sigmoid(slope * score + offset);
      const curve = p * (1 - p);
      slopeGradient += (p - target) * score;
      offsetGradient += p - target;
      a += curve * score * score;
      b += curve * score;
      c += curve;
    }
    const determinant = a * c - b * b;
    const slopeMove = (c * slopeGradient - b * offsetGradient) / determinant;
    const offsetMove = (a * offsetGradient - b * slopeGradient) / determinant;
    // Far from the optimum a whole Newton step can overshoot; none goes further than 2.
    const damp = Math.min(1, 2 / Math.max(Math.abs(slopeMove), Math.abs(offsetMove), 1e-12));
    slope -= damp * slopeMove;
    offset -= damp * offsetMove;
    if (Math.abs(slopeMove) + Math.abs(offsetMove) < 1e-9) break;
  }
  return { slope, offset };
}
