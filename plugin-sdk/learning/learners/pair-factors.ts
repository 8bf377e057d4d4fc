/**
 * RouteLLM's matrix factorisation: δ(m, q) = wᵀ(p̂ₘ ⊙ Wq), the chance that one
 * model does better than another is σ of the difference of their δ.
 */
import { z } from 'zod';
import { descend } from '../../numerics/adam.ts';
import { fitPlatt, type Platt } from '../../numerics/platt.ts';
import { createRandom, normal } from '../../numerics/random.ts';
import { sigmoid } from '../../numerics/vectors.ts';
import { denseRow, denseRows, type Features } from '../features.ts';
import { foldsOf, joined, subset } from '../folds.ts';
import { upstreamOption } from '../labels.ts';
import { EarlyStop, type Learner, type TrainingRun } from '../learner.ts';
import { keepingThreshold, leadsOf, type Pair, type PairFacts, pairOf, pairOptions, pairScorer } from './pair.ts';

const options = z.strictObject({
  ...pairOptions,
  dim: z.int().min(1).max(1024).optional().describe('Length of a model’s vector; 32, or 128 where faithful.'),
  num_epochs: z
    .int()
    .min(1)
    .max(1000)
    .optional()
    .describe('Most passes over the questions; 40, or 100 where faithful.'),
  batch_size: z.int().min(1).max(4096).default(64).describe('Questions of one step.'),
  lr: z.number().positive().optional().describe('Rate of Adam; 0.001, or 0.0003 where faithful.'),
  weight_decay: z
    .number()
    .min(0)
    .optional()
    .describe('Pull of the weights towards zero; 0.05, or 0.00001 where faithful.'),
  alpha: z
    .number()
    .min(0)
    .optional()
    .describe('Normal noise on the question while it learns; 0, or 0.1 where faithful.'),
  patience: z.int().min(1).default(4).describe('Passes without gain on the questions kept aside before it stops.'),
  upstream: upstreamOption,
});
type Options = z.output<typeof options>;

export interface BilinearShape {
  readonly width: number;
  readonly dim: number;
  readonly models: number;
}

/** W, then the models' vectors, then w, then one constant a model. */
export const bilinearCount = ({ width, dim, models }: BilinearShape) => dim * width + models * dim + dim + models;

interface Forward {
  readonly inner: Float64Array;
  /** Models' vectors at unit length. */
  readonly units: Float64Array;
  readonly lengths: Float64Array;
  readonly scores: Float64Array;
}

function forward({ width, dim, models }: BilinearShape, parameters: Float32Array, input: ArrayLike<number>): Forward {
  const inner = new Float64Array(dim);
  for (let unit = 0, at = 0; unit < dim; unit++)
    for (let i = 0; i < width; i++, at++)
      inner[unit] = (inner[unit] as number) + (parameters[at] as number) * (input[i] as number);
  const [vectors, last] = [dim * width, dim * (width + models)];
  const units = new Float64Array(models * dim);
  const lengths = new Float64Array(models);
  const scores = new Float64Array(models);
  for (let model = 0; model < models; model++) {
    let squares = 1e-12;
    for (let unit = 0; unit < dim; unit++) squares += (parameters[vectors + model * dim + unit] as number) ** 2;
    lengths[model] = Math.sqrt(squares);
    scores[model] = parameters[last + dim + model] as number;
    for (let unit = 0; unit < dim; unit++) {
      const own = (parameters[vectors + model * dim + unit] as number) / (lengths[model] as number);
      units[model * dim + unit] = own;
      scores[model] = (scores[model] as number) + (parameters[last + unit] as number) * own * (inner[unit] as number);
    }
  }
  return { inner, units, lengths, scores };
}

export const bilinearScores = (shape: BilinearShape, parameters: Float32Array, input: ArrayLike<number>) =>
  forward(shape, parameters, input).scores;

/** Adds the slope of the parameters, given that of the scores. */
export function bilinearSlope(
  shape: BilinearShape,
  parameters: Float32Array,
  input: ArrayLike<number>,
  slopes: ArrayLike<number>,
  gradient: Float64Array,
): void {
  const { width, dim, models } = shape;
  const { inner, units, lengths } = forward(shape, parameters, input);
  const [vectors, last] = [dim * width, dim * (width + models)];
  const back = new Float64Array(dim);
  const add = (at: number, value: number) => {
    gradient[at] = (gradient[at] as number) + value;
  };
  for (let model = 0; model < models; model++) {
    const slope = slopes[model] as number;
    if (slope === 0) continue;
    add(last + dim + model, slope);
    let along = 0;
    for (let unit = 0; unit < dim; unit++) {
      const [w, own, hidden] = [
        parameters[last + unit] as number,
        units[model * dim + unit] as number,
        inner[unit] as number,
      ];
      add(last + unit, slope * own * hidden);
      back[unit] = (back[unit] as number) + slope * own * w;
      along += own * slope * w * hidden;
    }
    // Of a vector that is brought to unit length only what is across it counts.
    for (let unit = 0; unit < dim; unit++) {
      const across =
        slope * (parameters[last + unit] as number) * (inner[unit] as number) -
        along * (units[model * dim + unit] as number);
      add(vectors + model * dim + unit, across / (lengths[model] as number));
    }
  }
  for (let unit = 0, at = 0; unit < dim; unit++)
    for (let i = 0; i < width; i++, at++) add(at, (back[unit] as number) * (input[i] as number));
}

/**
 * Cross entropy of σ(δ − δ′) over all pairs of models, and its slopes. Equals are half a win for each, so that a
 * question which both get right speaks for neither; `skipsEquals` leaves them out, as RouteLLM does.
 */
export function pairLoss(
  scores: ArrayLike<number>,
  quality: ArrayLike<number>,
  skipsEquals: boolean,
): { readonly slopes: Float64Array; readonly loss: number } {
  const slopes = new Float64Array(scores.length);
  let loss = 0;
  for (let one = 0; one < slopes.length; one++)
    for (let other = 0; other < one; other++) {
      const lead = (quality[one] as number) - (quality[other] as number);
      if (Number.isNaN(lead) || (skipsEquals && lead === 0)) continue;
      const target = skipsEquals ? Number(lead > 0) : (1 + lead) / 2;
      const p = sigmoid((scores[one] as number) - (scores[other] as number));
      loss -= target * Math.log(Math.max(1e-12, p)) + (1 - target) * Math.log(Math.max(1e-12, 1 - p));
      slopes[one] = (slopes[one] as number) + p - target;
      slopes[other] = (slopes[other] as number) - p + target;
    }
  return { slopes, loss };
}

/** RouteLLM sees the embedding alone, and has no constant for a model: its slope is struck out. */
const views = { rutter: { embedding: 4, traits: 0.5 }, faithful: { embedding: 1, traits: 0 } };

function settingsOf({ upstream, dim, num_epochs, lr, weight_decay, alpha, batch_size, patience }: Options) {
  const isFaithful = upstream === 'faithful';
  const either = (given: number | undefined, own: number, theirs: number) => given ?? (isFaithful ? theirs : own);
  return {
    isFaithful,
    view: views[upstream],
    dim: either(dim, 32, 128),
    epochs: either(num_epochs, 40, 100),
    rate: either(lr, 0.001, 0.0003),
    decay: either(weight_decay, 0.05, 0.00001),
    noise: either(alpha, 0, 0.1),
    batch: batch_size,
    patience: isFaithful ? Number.POSITIVE_INFINITY : patience,
  };
}

function learn({ train, validation, seed, onProgress }: TrainingRun, given: Options, pair: Pair) {
  const { isFaithful, view, dim, epochs, rate, decay, noise, batch, patience } = settingsOf(given);
  const { values, width } = denseRows(train.features, view);
  const models = train.outcomes.models.length;
  const shape = { width, dim, models };
  const random = createRandom(seed);
  const parameters = new Float32Array(bilinearCount(shape));
  const last = dim * (width + models);
  for (let at = 0; at < last + dim; at++)
    parameters[at] = normal(random) / Math.sqrt(at < dim * width ? width : at < last ? dim : 1);
  const leads = leadsOf(validation.outcomes, pair);
  const rows = validation.features.map((features) => denseRow(features, view));
  const scoresOf = (row: Float32Array) => {
    const scores = bilinearScores(shape, parameters, row);
    return (scores[pair.strong] as number) - (scores[pair.weak] as number);
  };
  const stop = new EarlyStop<Float32Array>(patience);
  descend(parameters, {
    ...{ seed, examples: train.features.length, epochs, batch, rate, decay },
    slope(row, gradient, share, draw) {
      const input = values.slice(row * width, (row + 1) * width);
      if (noise > 0) for (let i = 0; i < width; i++) input[i] = (input[i] as number) + noise * normal(draw);
      const quality = train.outcomes.quality.subarray(row * models, (row + 1) * models);
      const { slopes, loss } = pairLoss(bilinearScores(shape, parameters, input), quality, isFaithful);
      bilinearSlope(
        shape,
        parameters,
        input,
        slopes.map((slope) => slope * share),
        gradient,
      );
      if (isFaithful) gradient.fill(0, last + dim);
      return loss;
    },
    onEpoch(epoch) {
      let loss = 0;
      rows.forEach((row, at) => {
        loss += pairLoss([scoresOf(row), 0], [leads[at] as number, 0], isFaithful).loss;
      });
      loss /= Math.max(1, rows.length);
      onProgress?.({ step: `pass ${epoch + 1}`, share: (epoch + 1) / epochs, loss });
      return stop.offer(loss, () => parameters.slice()) && !isFaithful;
    },
  });
  const learnt = (isFaithful ? undefined : stop.best) ?? parameters;
  const margin = marginOf(shape, learnt, pair, view);
  const wins = leadsOf(validation.outcomes, pair).map((lead) => (1 + lead) / 2);
  const line = isFaithful ? asItIs : calibrationOf(validation.features.map(margin), wins);
  return { shape, parameters: learnt, line, chance: chanceOf(margin, line) };
}

const asItIs = { slope: 1, offset: 0 };
const leastSlope = 1e-3;

/** In units of their own spread: Newton's steps are made for numbers of about 1. */
function calibrationOf(margins: readonly number[], wins: ArrayLike<number>): Platt {
  const spread =
    Math.sqrt(margins.reduce((sum, margin) => sum + margin * margin, 0) / Math.max(1, margins.length)) || 1;
  const { slope, offset } = fitPlatt(
    margins.map((margin) => margin / spread),
    wins,
  );
  if (slope >= leastSlope) return { slope: slope / spread, offset };
  // They say nothing of questions kept aside: every question has the usual chance, in the order they tell.
  return { slope: leastSlope / spread, offset: fitPlatt(new Float64Array(margins.length), wins).offset };
}

const chanceOf =
  (margin: (features: Features) => number, { slope, offset }: Platt) =>
  (features: Features): number =>
    sigmoid(slope * margin(features) + offset);

const folds = 4;

/** From all questions, each judged by what was learnt without it: few questions kept aside would be too lucky a sample. */
function thresholdFor(run: TrainingRun, settings: Options, pair: Pair): number {
  const set = joined(run);
  const chances = new Float64Array(set.features.length);
  foldsOf(set.features.length, folds, run.seed).forEach(({ places, rest }, fold) => {
    const kept = Math.max(1, Math.round(rest.length / 8));
    const part = { train: subset(set, rest.slice(kept)), validation: subset(set, rest.slice(0, kept)) };
    const { chance } = learn({ ...part, seed: run.seed + 1 + fold }, settings, pair);
    for (const place of places) chances[place] = chance(set.features[place] as Features);
    run.onProgress?.({ step: `threshold, part ${fold + 1} of ${folds}`, share: (fold + 1) / folds });
  });
  return keepingThreshold(chances, leadsOf(set.outcomes, pair));
}

export const pairFactorsLearner: Learner<Options> = {
  name: 'routellm-mf',
  options,
  train(run, settings) {
    const pair = pairOf(run.train.outcomes, settings);
    const { shape, parameters, line } = learn(run, settings, pair);
    const threshold = settings.threshold ?? thresholdFor(run, settings, pair);
    return {
      facts: { ...shape, ...line, ...pair, threshold, view: settingsOf(settings).view },
      blocks: { 'pair.parameters': parameters },
    };
  },
  restore({ facts, blocks }, models) {
    const known = facts as unknown as BilinearShape &
      PairFacts & { slope: number; offset: number; view: typeof views.rutter };
    const margin = marginOf({ ...known, models }, blocks['pair.parameters'] as Float32Array, known, known.view);
    return { quality: pairScorer(known, models, chanceOf(margin, known)) };
  },
};

const marginOf =
  (shape: BilinearShape, parameters: Float32Array, { strong, weak }: Pair, view: typeof views.rutter) =>
  (features: Features): number => {
    const scores = bilinearScores(shape, parameters, denseRow(features, view));
    return (scores[strong] as number) - (scores[weak] as number);
  };
