/**
 * How much each user cares for quality beside price (after PersonalizedRouter):
 * one of nine weights w, by which an answer is worth w · quality − (1 − w) ·
 * cost. Which one is inferred from what the user says of answers.
 */
import type { Feedback, FeedbackMark } from '../../contract/feedback.ts';
import { sigmoid } from '../../numerics/vectors.ts';
import type { Features } from '../features.ts';
import type { JudgeOf, JudgeParts } from '../judge.ts';
import { LatestMarks, onceForEach } from './latest.ts';
import { featuresOf, modelOf } from './marks.ts';

/** PersonalizedRouter's simulated users: 0.2 to 1. */
const weights: readonly number[] = Array.from({ length: 9 }, (_none, at) => (2 + at) / 10);

export interface PreferencesOptions {
  /** Weight of quality of whom nothing is known, 0 to 1. */
  readonly preference: number;
  /** Weights that users are known to have, by their names. */
  readonly users: Readonly<Record<string, number>>;
}

type Judging = Pick<JudgeParts, 'artefact' | 'predictor' | 'costUnit'>;

interface Expected {
  readonly quality: Float64Array;
  /** In units of the dearest model's usual cost, at most 1. */
  readonly cost: readonly number[];
}

function expectedOf({ predictor, costUnit }: Judging, features: Features): Expected {
  const quality = predictor.quality(features);
  const cost = predictor.cost?.(features);
  return { quality, cost: Array.from(quality, (_none, model) => Math.min(1, (cost?.[model] ?? 0) / costUnit)) };
}

/** What each model's answer is worth to whom quality weighs `weight`. */
export const worthsOf = ({ quality, cost }: Expected, weight: number): Float64Array =>
  quality.map((own, model) => weight * own - (1 - weight) * (cost[model] as number));

/** Marks of a user that count: the latest. */
const mostMarks = 50;

/** Worth by which the chance to be called good grows from a half to 0.73. */
const width = 0.1;
const leastChance = 0.02;
/** Chance of a user's weight to be the usual one, before he has said anything. */
const usualShare = 0.5;

export function priorOf(preference: number): Float64Array {
  const nearest = weights.reduce(
    (best, weight, at) =>
      Math.abs(weight - preference) < Math.abs((weights[best] as number) - preference) ? at : best,
    0,
  );
  return Float64Array.from(weights, (_weight, at) =>
    Math.log(at === nearest ? usualShare : (1 - usualShare) / (weights.length - 1)),
  );
}

const nothing = new Float64Array(weights.length);

/** Log likelihood of a mark by weight: a score is likelier high where the answer is worth more than the mean of all models'. */
function likelihoodOf(mark: FeedbackMark, judging: Judging): Float64Array {
  const features = featuresOf(judging.artefact, mark);
  const model = modelOf(judging.artefact, mark);
  if (features === undefined || model === undefined) return nothing;
  const expected = expectedOf(judging, features);
  const other = mark.over && modelOf(judging.artefact, mark.over);
  const likely = (lead: number, target: number) => {
    const p = Math.max(leastChance, Math.min(1 - leastChance, sigmoid(lead / width)));
    return target * Math.log(p) + (1 - target) * Math.log(1 - p);
  };
  return Float64Array.from(weights, (weight) => {
    const worths = worthsOf(expected, weight);
    const own = worths[model] as number;
    const mean = worths.reduce((sum, worth) => sum + worth, 0) / worths.length;
    const byScore = mark.score === undefined ? 0 : likely(own - mean, mark.score);
    if (!mark.over || other === undefined || other === model) return byScore;
    return byScore + likely(own - (worths[other] as number), mark.over.strength);
  });
}

/** Mean of the nine weights by their posterior. */
export function meanWeight(posterior: Float64Array): number {
  const highest = Math.max(...posterior);
  const shares = posterior.map((log) => Math.exp(log - highest));
  const all = shares.reduce((sum, share) => sum + share, 0);
  return shares.reduce((sum, share, at) => sum + share * (weights[at] as number), 0) / all;
}

export const preferencesJudge =
  ({ preference, users: told }: PreferencesOptions): JudgeOf =>
  async (parts) => {
    const feedback: Feedback = parts.host.use('feedback');
    const prior = priorOf(preference);
    const followed = await feedback.follow(
      () => new LatestMarks(mostMarks),
      (users, mark) => users.add(mark),
    );
    const likelihood = onceForEach((mark) => likelihoodOf(mark, parts));
    const weightOf = (subject: string | undefined, user: string | undefined) => {
      if (user !== undefined && Object.hasOwn(told, user)) return told[user] as number;
      const marks = followed.current.of(subject);
      if (marks.length === 0) return preference;
      const all = marks.map(likelihood);
      return meanWeight(prior.map((log, at) => all.reduce((sum, one) => sum + (one[at] as number), log)));
    };
    return {
      judge(features, context) {
        const weight = weightOf(feedback.subject(context), context.endUser ?? context.principal.user);
        return { quality: worthsOf(expectedOf(parts, features), weight) };
      },
      stop: () => followed.stop(),
    };
  };
