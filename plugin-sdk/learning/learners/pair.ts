/**
 * A strong and a weak model, and a threshold: the strong one answers where it
 * is likely enough to do better (RouteLLM, Ong et al. 2024, arXiv:2406.18665).
 */
import { z } from 'zod';
import { RutterError } from '../../contract/errors.ts';
import { argmax } from '../../numerics/vectors.ts';
import type { Features } from '../features.ts';
import type { JudgeOf } from '../judge.ts';
import type { Scorer } from '../learner.ts';
import { meansByModel, type Outcomes } from '../outcomes.ts';

export const pairOptions = {
  strong: z.string().optional().describe('The model to spare; the best on average where it is absent.'),
  weak: z
    .string()
    .optional()
    .describe('The model to ask instead; the cheapest where it is absent, the weakest where no cost is known.'),
  threshold: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe('Chance to do better from which the strong model answers; read off questions kept aside where absent.'),
};

export interface Pair {
  readonly strong: number;
  readonly weak: number;
}

export function pairOf(
  outcomes: Outcomes,
  named: { readonly strong?: string | undefined; readonly weak?: string | undefined },
): Pair {
  const { models } = outcomes;
  const placeOf = (role: string, model: string) => {
    const place = models.indexOf(model);
    if (place >= 0) return place;
    throw new RutterError('ERR_CONFIG_INVALID', `${role} names ${model}; expected one of ${models.join(', ')}.`);
  };
  if (models.length < 2)
    throw new RutterError('ERR_CONFIG_INVALID', `A pair needs two models; the outcomes have ${models.join(', ')}.`);
  const quality = meansByModel(outcomes.quality, models.length);
  const cost = meansByModel(outcomes.cost, models.length);
  const taken = named.weak === undefined ? -1 : placeOf('weak', named.weak);
  const without = (values: Float64Array, place: number) =>
    values.map((value, at) => (at === place ? Number.NEGATIVE_INFINITY : value));
  const strong = named.strong === undefined ? argmax(without(quality, taken)) : placeOf('strong', named.strong);
  const dearness = cost.some((one) => one > 0) ? cost : quality;
  const weak =
    taken >= 0
      ? taken
      : argmax(
          without(
            dearness.map((value) => -value),
            strong,
          ),
        );
  if (strong === weak)
    throw new RutterError('ERR_CONFIG_INVALID', `strong and weak are both ${models[strong]}; expected two models.`);
  return { strong, weak };
}

/** By how much the strong model does better on each question; NaN where one of the two was not tried. */
export const leadsOf = ({ quality, models }: Outcomes, { strong, weak }: Pair): Float64Array =>
  Float64Array.from(
    { length: quality.length / models.length },
    (_none, row) => (quality[row * models.length + strong] as number) - (quality[row * models.length + weak] as number),
  );

/** Standard errors that are asked for before a question is risked. */
const leastErrors = 1;

/**
 * The threshold at which the weak model answers as many questions as can be without doing worse than the strong one
 * alone would, beyond what chance does; 0, which always asks the strong one, where there is none.
 */
export function keepingThreshold(chances: ArrayLike<number>, leads: ArrayLike<number>): number {
  const order = Array.from({ length: leads.length }, (_none, at) => at)
    .filter((at) => !Number.isNaN(leads[at] as number))
    .sort((a, b) => (chances[a] as number) - (chances[b] as number));
  let [threshold, sum, squares, best] = [0, 0, 0, 0];
  order.forEach((at, place) => {
    const gain = -(leads[at] as number);
    sum += gain;
    squares += gain * gain;
    const next = order[place + 1];
    // Questions of one chance go the same way.
    if (next !== undefined && chances[next] === chances[at]) return;
    const error = Math.sqrt(Math.max(0, squares - (sum * sum) / order.length));
    if (sum < leastErrors * error || sum < best) return;
    best = sum;
    threshold = next === undefined ? 1 : ((chances[at] as number) + (chances[next] as number)) / 2;
  });
  return threshold;
}

export interface PairFacts extends Pair {
  readonly threshold: number;
}

/** At the threshold the strong model answers. */
const leastLead = 1e-9;

/** The strong model stands at its chance to do better, the weak one at the threshold, every other model below. */
export const pairScorer =
  ({ strong, weak, threshold }: PairFacts, models: number, chance: (features: Features) => number): Scorer =>
  (features) => {
    const out = new Float64Array(models).fill(-1);
    out[strong] = chance(features) + leastLead;
    out[weak] = threshold;
    return out;
  };

/** The number behind the last hyphen of a name that begins with one of the prefixes; NaN where it is none from 0 to 1. */
export function thresholdIn(group: string, prefixes: readonly string[]): number | undefined {
  const prefix = prefixes.find((one) => group.startsWith(one));
  if (prefix === undefined) return undefined;
  const text = group.slice(prefix.length);
  const value = /^(?:\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : Number.NaN;
  return value <= 1 ? value : Number.NaN;
}

/** The threshold of the name that was asked for, else that of the configuration, else that of the artefact. */
export const thresholdJudge =
  (prefixes: readonly string[], threshold: number | undefined): JudgeOf =>
  ({ artefact, predictor }) => {
    const { weak } = artefact.learnt.facts as unknown as PairFacts;
    return {
      judge(features, { group }) {
        const quality = predictor.quality(features);
        const named = thresholdIn(group, prefixes);
        const wanted = named === undefined || Number.isNaN(named) ? threshold : named;
        if (wanted !== undefined) quality[weak] = wanted;
        return { quality };
      },
      stop() {},
    };
  };
