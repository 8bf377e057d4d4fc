/**
 * Matrix factorisation from pairs of models (RouteLLM, arXiv:2406.18665;
 * LLMRouter's `mfrouter`): a model's vector times the projected question, so
 * that of two models the better one scores higher.
 */
import { z } from 'zod';
import { descend } from '../../numerics/adam.ts';
import { createRandom, normal } from '../../numerics/random.ts';
import { sigmoid } from '../../numerics/vectors.ts';
import type { Learnt } from '../artefact.ts';
import { denseRow, denseRows } from '../features.ts';
import { labelledSet, upstreamOption } from '../labels.ts';
import { crossEntropy, EarlyStop, type LayeredNetwork, type Learner, type Scorer } from '../learner.ts';
import { calibrate, calibrated } from './calibration.ts';

const scale = { embedding: 4, traits: 0.5 };

const options = z.strictObject({
  dim: z.int().min(1).max(1024).default(32).describe('Length of a model’s vector.'),
  num_epochs: z.int().min(1).max(1000).default(40).describe('Most passes over the questions.'),
  batch_size: z.int().min(1).max(4096).default(32).describe('Questions of one step.'),
  lr: z.number().positive().default(0.001).describe('Rate of Adam.'),
  weight_decay: z.number().min(0).default(0.05).describe('Pull of the weights towards zero.'),
  noise_alpha: z.number().min(0).default(0).describe('Normal noise on the question while it learns.'),
  patience: z.int().min(1).default(4).describe('Passes without gain on the questions kept aside before it stops.'),
  upstream: upstreamOption,
});

export interface FactorShape {
  readonly width: number;
  readonly dim: number;
  readonly models: number;
}

export const factorCount = ({ width, dim, models }: FactorShape) => dim * width + models * dim + models;

/** Scores of one question; `inner`, of length `dim`, receives its projection. */
function factorScores(
  { width, dim, models }: FactorShape,
  parameters: Float32Array,
  input: ArrayLike<number>,
  inner: Float64Array,
): Float64Array {
  for (let unit = 0, at = 0; unit < dim; unit++) {
    let sum = 0;
    for (let i = 0; i < width; i++) sum += (parameters[at++] as number) * (input[i] as number);
    inner[unit] = sum;
  }
  const out = new Float64Array(models);
  const vectors = dim * width;
  for (let model = 0; model < models; model++) {
    let sum = parameters[vectors + models * dim + model] as number;
    for (let unit = 0; unit < dim; unit++)
      sum += (parameters[vectors + model * dim + unit] as number) * (inner[unit] as number);
    out[model] = sum;
  }
  return out;
}

/**
 * Loss of one question over all pairs of models, each by the difference of its qualities: equals weigh nothing.
 * Adds `share` times its slope to `gradient`.
 */
export function factorSlope(
  shape: FactorShape,
  parameters: Float32Array,
  input: ArrayLike<number>,
  quality: ArrayLike<number>,
  { gradient, share }: { readonly gradient: Float64Array; readonly share: number },
): number {
  const { width, dim, models } = shape;
  const inner = new Float64Array(dim);
  const scores = factorScores(shape, parameters, input, inner);
  const slopes = new Float64Array(models);
  let loss = 0;
  for (let better = 0; better < models; better++)
    for (let worse = 0; worse < models; worse++) {
      const weight = (quality[better] as number) - (quality[worse] as number);
      if (!(weight > 0)) continue;
      const p = sigmoid((scores[better] as number) - (scores[worse] as number));
      loss -= weight * Math.log(Math.max(1e-12, p));
      slopes[better] = (slopes[better] as number) - weight * (1 - p);
      slopes[worse] = (slopes[worse] as number) + weight * (1 - p);
    }
  if (loss === 0) return 0;
  const vectors = dim * width;
  const back = new Float64Array(dim);
  for (let model = 0; model < models; model++) {
    const slope = share * (slopes[model] as number);
    if (slope === 0) continue;
    const bias = vectors + models * dim + model;
    gradient[bias] = (gradient[bias] as number) + slope;
    for (let unit = 0; unit < dim; unit++) {
      const at = vectors + model * dim + unit;
      gradient[at] = (gradient[at] as number) + slope * (inner[unit] as number);
      back[unit] = (back[unit] as number) + slope * (parameters[at] as number);
    }
  }
  for (let unit = 0, at = 0; unit < dim; unit++)
    for (let i = 0; i < width; i++, at++)
      gradient[at] = (gradient[at] as number) + (back[unit] as number) * (input[i] as number);
  return loss;
}

const scorer =
  (shape: FactorShape, parameters: Float32Array): Scorer =>
  (features) =>
    factorScores(shape, parameters, denseRow(features, scale), new Float64Array(shape.dim));

export const factorsLearner: Learner<z.output<typeof options>> = {
  name: 'llmrouter-mf',
  options,
  isGuarded: ({ upstream }) => upstream !== 'faithful',
  train(run, { dim, num_epochs: epochs, batch_size, lr, weight_decay, noise_alpha, patience, upstream }) {
    const { seed, validation, onProgress } = run;
    const train = upstream === 'faithful' ? labelledSet(run.train) : run.train;
    const { values, width } = denseRows(train.features, scale);
    const models = train.outcomes.models.length;
    const shape = { width, dim, models };
    const random = createRandom(seed);
    const parameters = new Float32Array(factorCount(shape));
    for (let at = 0; at < dim * width; at++) parameters[at] = normal(random) / Math.sqrt(width);
    for (let at = dim * width; at < dim * (width + models); at++)
      parameters[at] = (0.1 * normal(random)) / Math.sqrt(dim);
    const stop = new EarlyStop<Float32Array>(patience);
    descend(parameters, {
      ...{ seed, examples: train.features.length, epochs, batch: batch_size, rate: lr, decay: weight_decay },
      slope(row, gradient, share, draw) {
        const input = values.slice(row * width, (row + 1) * width);
        if (noise_alpha > 0)
          for (let i = 0; i < width; i++) input[i] = (input[i] as number) + noise_alpha * normal(draw);
        const quality = train.outcomes.quality.subarray(row * models, (row + 1) * models);
        return factorSlope(shape, parameters, input, quality, { gradient, share });
      },
      onEpoch(epoch) {
        const score = scorer(shape, parameters);
        const loss = crossEntropy(validation, calibrated(score, calibrate(validation, score)));
        onProgress?.({ step: `pass ${epoch + 1}`, share: (epoch + 1) / epochs, loss });
        return stop.offer(loss, () => parameters.slice());
      },
    });
    const kept = stop.best ?? parameters;
    return {
      facts: { ...shape, ...calibrate(validation, scorer(shape, kept)), stoppedAt: stop.at + 1 },
      blocks: { 'factors.parameters': kept },
    };
  },
  restore({ facts, blocks }, models) {
    const { width, dim, slope, offset } = facts as unknown as FactorShape & { slope: number; offset: number };
    const score = scorer({ width, dim, models }, blocks['factors.parameters'] as Float32Array);
    return { quality: calibrated(score, { slope, offset }) };
  },
};

/** The product of both matrices as two layers without anything between; calibration is part of the second. */
export function factorsAsLayers({ facts, blocks }: Pick<Learnt, 'facts' | 'blocks'>): LayeredNetwork {
  const { width, dim, models, slope, offset } = facts as unknown as FactorShape & { slope: number; offset: number };
  const all = blocks['factors.parameters'] as Float32Array;
  const [vectors, biases] = [dim * width, dim * width + models * dim];
  const layers = [
    { inputs: width, outputs: dim, weights: all.subarray(0, vectors), bias: new Float32Array(dim) },
    {
      ...{ inputs: dim, outputs: models },
      weights: all.subarray(vectors, biases).map((value) => value * slope),
      bias: all.subarray(biases, biases + models).map((value) => value * slope + offset),
    },
  ];
  return { scale, layers, isRectified: false };
}
