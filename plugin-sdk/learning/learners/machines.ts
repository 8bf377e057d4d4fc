/**
 * Support vector machines on embedding and traits: one a model for whether it
 * will be right, its margin turned into a chance (LLMRouter's `svmrouter`
 * trains one a pair of labels and lets them vote: `upstream: faithful`).
 */
import { z } from 'zod';
import { fitPlatt } from '../../numerics/platt.ts';
import { createRandom, shuffle } from '../../numerics/random.ts';
import { trainSvm } from '../../numerics/svm.ts';
import { sigmoid } from '../../numerics/vectors.ts';
import { denseRow, denseRows, type Features } from '../features.ts';
import { labelled, upstreamOption } from '../labels.ts';
import type { Learner, Scorer, TrainingRun } from '../learner.ts';
import { type Outcomes, pick } from '../outcomes.ts';

const scale = { embedding: 8, traits: 1 };

const options = z.strictObject({
  C: z.number().positive().default(1).describe('What an example on the wrong side may weigh.'),
  kernel: z.enum(['rbf', 'linear']).default('rbf').describe('Likeness of two questions.'),
  gamma: z
    .union([z.enum(['scale', 'auto']), z.number().positive()])
    .default('scale')
    .describe('How fast likeness falls with distance; scale: 1 / (columns × variance), auto: 1 / columns.'),
  tol: z.number().positive().default(1e-3).describe('How far the optimality conditions may be missed.'),
  max_iter: z.int().min(1).default(100_000).describe('Most steps of one machine.'),
  max_rows: z.int().min(2).max(10_000).default(2500).describe('Most questions that machines keep, drawn at random.'),
  upstream: upstreamOption,
});
type Options = z.output<typeof options>;

interface Kernel {
  readonly kind: Options['kernel'];
  readonly gamma: number;
}

function likeness({ kind, gamma }: Kernel, rows: Float32Array, width: number, query: Float32Array): Float64Array {
  const out = new Float64Array(rows.length / width);
  for (let row = 0, at = 0; row < out.length; row++) {
    let sum = 0;
    if (kind === 'linear') for (let i = 0; i < width; i++) sum += (rows[at++] as number) * (query[i] as number);
    else for (let i = 0; i < width; i++) sum += ((rows[at++] as number) - (query[i] as number)) ** 2;
    out[row] = kind === 'linear' ? sum : Math.exp(-gamma * sum);
  }
  return out;
}

function gammaOf(gamma: Options['gamma'], rows: Float32Array, width: number): number {
  if (typeof gamma === 'number') return gamma;
  if (gamma === 'auto') return 1 / width;
  let [sum, squares] = [0, 0];
  for (const value of rows) {
    sum += value;
    squares += value * value;
  }
  const variance = squares / rows.length - (sum / rows.length) ** 2;
  return 1 / (width * Math.max(1e-12, variance));
}

interface Machine {
  /** Example by example; 0 stands for neither side. */
  readonly labels: Int8Array;
  readonly limits: Float64Array;
}

/** Right or wrong, each model by itself; what lies between counts less. */
function machinesOfModels({ quality, models, questions }: Outcomes, c: number): Machine[] {
  return models.map((_model, model) => {
    const target = (row: number) => quality[row * models.length + model] as number;
    const labels = Int8Array.from(questions, (_none, row) => (target(row) >= 0.5 ? 1 : -1));
    const limits = Float64Array.from(questions, (_none, row) => {
      const sure = Math.abs(2 * target(row) - 1);
      return Number.isNaN(sure) ? 0 : c * sure;
    });
    return { labels, limits };
  });
}

const pairsOf = (models: number) =>
  Array.from({ length: models }, (_none, i) => i).flatMap((i) =>
    Array.from({ length: models - i - 1 }, (_none, j) => [i, i + 1 + j] as const),
  );

/** One label against another, on the questions that have either. */
function machinesOfPairs(outcomes: Outcomes, c: number): Machine[] {
  const { quality, models, questions } = labelled(outcomes);
  return pairsOf(models.length).map(([one, other]) => {
    const has = (row: number, model: number) => quality[row * models.length + model] === 1;
    return {
      labels: Int8Array.from(questions, (_none, row) => (has(row, one) ? 1 : -1)),
      limits: Float64Array.from(questions, (_none, row) => (has(row, one) || has(row, other) ? c : 0)),
    };
  });
}

function drawn({ train, seed }: TrainingRun, most: number) {
  const order = shuffle(
    Int32Array.from(train.features, (_none, index) => index),
    createRandom(seed),
  ).subarray(0, most);
  return {
    features: Array.from(order, (place) => train.features[place] as Features),
    outcomes: pick(train.outcomes, order),
  };
}

type Margins = (features: Features) => Float64Array;

function marginsOf(
  kernel: Kernel,
  rows: Float32Array,
  width: number,
  weights: Float32Array,
  bias: Float32Array,
): Margins {
  return (features) => {
    const near = likeness(kernel, rows, width, denseRow(features, scale));
    const out = Float64Array.from(bias);
    for (let row = 0, at = 0; row < near.length; row++)
      for (let to = 0; to < out.length; to++)
        out[to] = (out[to] as number) + (near[row] as number) * (weights[at++] as number);
    return out;
  };
}

function votes(margins: Margins, models: number): Scorer {
  const pairs = pairsOf(models);
  return (features) => {
    const out = new Float64Array(models);
    const found = margins(features);
    pairs.forEach(([one, other], at) => {
      const winner = (found[at] as number) > 0 ? one : other;
      out[winner] = (out[winner] as number) + 1 / pairs.length;
    });
    return out;
  };
}

const chances =
  (margins: Margins, slopes: Float32Array, offsets: Float32Array): Scorer =>
  (features) =>
    margins(features).map((margin, model) => sigmoid((slopes[model] as number) * margin + (offsets[model] as number)));

export const machinesLearner: Learner<Options> = {
  name: 'llmrouter-svm',
  options,
  isGuarded: ({ upstream }) => upstream !== 'faithful',
  train(run, { C, kernel: kind, gamma, tol, max_iter, max_rows, upstream }) {
    const isFaithful = upstream === 'faithful';
    const set = drawn(run, max_rows);
    const { values: rows, width } = denseRows(set.features, scale);
    const size = set.features.length;
    const kernel = { kind, gamma: gammaOf(gamma, rows, width) };
    const block = new Float32Array(size * size);
    for (let row = 0; row < size; row++)
      block.set(likeness(kernel, rows, width, rows.subarray(row * width, (row + 1) * width)), row * size);
    const machines = isFaithful ? machinesOfPairs(set.outcomes, C) : machinesOfModels(set.outcomes, C);
    const weights = new Float32Array(size * machines.length);
    const bias = new Float32Array(machines.length);
    machines.forEach(({ labels, limits }, to) => {
      const machine = trainSvm(block, labels, { limits, tolerance: tol, mostSteps: max_iter });
      machine.weights.forEach((weight, row) => {
        weights[row * machines.length + to] = weight;
      });
      bias[to] = machine.bias;
      run.onProgress?.({ step: `machine ${to + 1} of ${machines.length}`, share: (to + 1) / machines.length });
    });
    const blocks: Record<string, Float32Array> = { 'svm.rows': rows, 'svm.weights': weights, 'svm.bias': bias };
    if (!isFaithful) {
      const margins = run.validation.features.map(marginsOf(kernel, rows, width, weights, bias));
      const models = set.outcomes.models.length;
      const lines = machines.map((_machine, model) =>
        fitPlatt(
          margins.map((own) => own[model] as number),
          margins.map((_own, row) => run.validation.outcomes.quality[row * models + model] as number),
        ),
      );
      blocks['svm.slopes'] = Float32Array.from(lines, ({ slope }) => slope);
      blocks['svm.offsets'] = Float32Array.from(lines, ({ offset }) => offset);
    }
    return { facts: { ...kernel, width }, blocks };
  },
  restore({ facts, blocks }, models) {
    const rows = blocks['svm.rows'] as Float32Array;
    const [weights, bias] = [blocks['svm.weights'] as Float32Array, blocks['svm.bias'] as Float32Array];
    const margins = marginsOf(facts as unknown as Kernel, rows, facts.width as number, weights, bias);
    const [slopes, offsets] = [blocks['svm.slopes'], blocks['svm.offsets']];
    return {
      quality: slopes && offsets ? chances(margins, slopes, offsets) : votes(margins, models),
    };
  },
};
