/**
 * Tastes of users over what was learnt of everybody (after GMTRouter, arXiv:2511.08590):
 * s(u, q, m) = base(q, m) + a · taste(u, m) + b · taste(u, m, kind of q), where a
 * taste is the decayed and shrunk sum of what a user's ratings were above
 * expectation. a and b are learnt from simulated users.
 */
import { z } from 'zod';
import { createRandom, type Random } from '../../numerics/random.ts';
import { sigmoid } from '../../numerics/vectors.ts';
import type { Learnt } from '../artefact.ts';
import type { Features } from '../features.ts';
import { kindOf, kindsBlock } from '../kinds.ts';
import { labelledSet, upstreamOption } from '../labels.ts';
import type { Learner, Scorer, TrainingSet } from '../learner.ts';
import { meansByModel } from '../outcomes.ts';
import { neighboursLearner } from './neighbours.ts';

const options = z.strictObject({
  num_users: z.int().min(1).max(10_000).default(200).describe('Users that are simulated to learn what tastes weigh.'),
  upstream: upstreamOption,
});
type Options = z.output<typeof options>;

/** One rating of a user, in the terms of an artefact. */
export interface Rated {
  readonly model: number;
  readonly kind: number;
  /** How far above expectation it was, -1 to 1. */
  readonly surplus: number;
}

const decay = 0.98;
/** Ratings that are worth as much as knowing nothing. */
const doubt = 4;

/** Taste for each model on any question, and on questions of the kind; `rated` is the oldest first. */
export function tasteOf(rated: readonly Rated[], kind: number, models: number): readonly [Float64Array, Float64Array] {
  const sums = [new Float64Array(models), new Float64Array(models)] as const;
  const counts = [new Float64Array(models), new Float64Array(models)] as const;
  rated.forEach((one, at) => {
    const weight = decay ** (rated.length - 1 - at);
    for (const which of one.kind === kind ? ([0, 1] as const) : ([0] as const)) {
      sums[which][one.model] = (sums[which][one.model] as number) + weight * one.surplus;
      counts[which][one.model] = (counts[which][one.model] as number) + weight;
    }
  });
  return [
    sums[0].map((sum, model) => sum / (doubt + (counts[0][model] as number))),
    sums[1].map((sum, model) => sum / (doubt + (counts[1][model] as number))),
  ];
}

/** One comparison of two models for a user: what is said of them without his taste, and how his tastes differ. */
export interface Comparison {
  readonly base: number;
  readonly tastes: readonly [number, number];
  /** The first is better by this for the user, above 0. */
  readonly lead: number;
}

/** Steepness of the chance that the better one is chosen. */
const steepness = 10;
const ridge = 0.01;

/** Pairwise logistic loss of two gains, and its slope. */
export function gainLoss(comparisons: readonly Comparison[], [any, kind]: readonly [number, number]) {
  let loss = ridge * ((any - 1) ** 2 + (kind - 1) ** 2);
  const slope: [number, number] = [2 * ridge * (any - 1), 2 * ridge * (kind - 1)];
  for (const { base, tastes, lead } of comparisons) {
    const p = sigmoid(steepness * (base + any * tastes[0] + kind * tastes[1]));
    const share = lead / comparisons.length;
    loss -= share * Math.log(Math.max(1e-12, p));
    slope[0] -= share * steepness * (1 - p) * tastes[0];
    slope[1] -= share * steepness * (1 - p) * tastes[1];
  }
  return { loss, slope };
}

/** Descends the convex loss; gains stay between 0, no taste counts, and 10. */
export function learnGains(comparisons: readonly Comparison[]): [number, number] {
  let gains: [number, number] = [1, 1];
  let rate = 1;
  let { loss, slope } = gainLoss(comparisons, gains);
  for (let step = 0; step < 200 && rate > 1e-6; step++) {
    const bounded = (at: 0 | 1) => Math.max(0, Math.min(10, gains[at] - rate * slope[at]));
    const next: [number, number] = [bounded(0), bounded(1)];
    const found = gainLoss(comparisons, next);
    if (found.loss >= loss) rate /= 2;
    else [gains, loss, slope, rate] = [next, found.loss, found.slope, rate * 1.2];
  }
  return gains;
}

const mostRated = 20;
const targets = 10;

/** Half want quality for its price, each to another degree; the others favour one model. */
function rewardOf(set: TrainingSet, user: number, random: Random): (row: number, model: number) => number {
  const { models, quality, cost } = set.outcomes;
  const usual = meansByModel(cost, models.length).map((one) => (Number.isNaN(one) ? 0 : one));
  const dearest = Math.max(1e-12, ...usual);
  const weight = 0.2 + 0.1 * Math.floor(random() * 9);
  const favourite = Math.floor(random() * models.length);
  return (row, model) => {
    const own = quality[row * models.length + model] as number;
    if (user % 2 === 0) return weight * own + (1 - weight) * (1 - (usual[model] as number) / dearest);
    return 0.5 * own + (model === favourite ? 0.5 : 0);
  };
}

function simulated(set: TrainingSet, base: Scorer, learnt: Learnt, { num_users }: Options, seed: number): Comparison[] {
  const random = createRandom(seed);
  const models = set.outcomes.models.length;
  const count = set.features.length;
  const scores = set.features.map(base);
  const kinds = set.features.map((features) => kindOf(learnt, features));
  const draw = (below: number) => Math.floor(random() * below);
  const comparisons: Comparison[] = [];
  for (let user = 0; user < num_users; user++) {
    const reward = rewardOf(set, user, random);
    const rated = Array.from({ length: 1 + draw(mostRated) }, (): Rated => {
      const [row, model] = [draw(count), draw(models)];
      const surplus = reward(row, model) - (scores[row]?.[model] as number);
      return { model, kind: kinds[row] as number, surplus: Number.isNaN(surplus) ? 0 : surplus };
    });
    for (let target = 0; target < targets; target++) {
      const [row, one, other] = [draw(count), draw(models), draw(models)];
      const lead = reward(row, one) - reward(row, other);
      if (!(Math.abs(lead) > 0)) continue;
      const [better, worse] = lead > 0 ? [one, other] : [other, one];
      const taste = tasteOf(rated, kinds[row] as number, models);
      const apart = (values: Float64Array) => (values[better] as number) - (values[worse] as number);
      comparisons.push({
        base: apart(scores[row] as Float64Array),
        tastes: [apart(taste[0]), apart(taste[1])],
        lead: Math.abs(lead),
      });
    }
  }
  return comparisons;
}

export interface TasteFacts {
  readonly gains: readonly [number, number];
  /** Ratings of a user that count: the latest. */
  readonly visible: number;
  readonly upstream: Options['upstream'];
}

export const tastesLearner: Learner<Options> = {
  name: 'llmrouter-gmt',
  options,
  train(run, settings) {
    const isFaithful = settings.upstream === 'faithful';
    const seen = isFaithful ? labelledSet(run.train) : run.train;
    const base = neighboursLearner.train({ ...run, train: seen }, neighboursLearner.options.parse({}) as never);
    const kinds = kindsBlock(run.train, run.seed);
    const learnt = { facts: { ...base.facts, ...kinds.facts }, blocks: { ...base.blocks, ...kinds.blocks } };
    const { quality } = neighboursLearner.restore(base, run.train.outcomes.models.length);
    const gains = learnGains(simulated(run.validation, quality, learnt, settings, run.seed));
    const facts: TasteFacts = { gains, visible: isFaithful ? 10 : 50, upstream: settings.upstream };
    return { facts: { ...learnt.facts, ...facts }, blocks: learnt.blocks };
  },
  restore: (learnt, models) => neighboursLearner.restore(learnt, models),
};

/** What a user of these ratings is expected to think of each model's answer. */
export function tasted(base: Float64Array, rated: readonly Rated[], learnt: Learnt, features: Features): Float64Array {
  const [any, kind] = (learnt.facts as unknown as TasteFacts).gains;
  const [all, own] = tasteOf(rated, kindOf(learnt, features), base.length);
  return base.map((quality, model) => quality + any * (all[model] as number) + kind * (own[model] as number));
}
