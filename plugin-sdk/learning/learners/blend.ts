/**
 * Unlike learners as one: how hard a question is, by the mean of all of them;
 * which model does better on it, mostly by the steadiest.
 *
 * Learners that read every word tell well how likely an answer is right, but
 * what they tell apart between models is mostly noise, and the largest of many
 * noisy numbers is a bad choice. So the two are weighed apart, in logits.
 */
import { sigmoid } from '../../numerics/vectors.ts';

const mostLogit = Math.log(99);

export function logitOf(chance: number): number {
  const logit = Math.log(chance / (1 - chance));
  return Math.max(-mostLogit, Math.min(mostLogit, logit));
}

const meanOf = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** `logits` by learner, the steadiest first; `share` is its part in telling models apart, the others share the rest. */
export function blend(logits: readonly Float64Array[], share: number): Float64Array {
  const models = (logits[0] as Float64Array).length;
  const out = new Float64Array(models);
  let common = 0;
  logits.forEach((own, learner) => {
    const mean = meanOf(own);
    common += mean / logits.length;
    const weight = learner === 0 ? share : (1 - share) / (logits.length - 1);
    for (let model = 0; model < models; model++)
      out[model] = (out[model] as number) + weight * ((own[model] as number) - mean);
  });
  return out.map((deviation) => sigmoid(common + deviation));
}
