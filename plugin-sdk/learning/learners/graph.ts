/**
 * A graph of questions and models, an edge for each outcome (GraphRouter, Feng
 * et al. 2025, arXiv:2410.03834). Two layers gather at each model what its
 * edges say; a question receives no message, so that for serving the whole
 * net folds into one linear map of the question and one vector a model.
 *
 * A message is the question weighed by how much better than its fellows the
 * model did there; upstream adds the outcome to the message instead, which
 * then says nothing of which questions a model is good at.
 */
import { z } from 'zod';
import { adam, moments } from '../../numerics/adam.ts';
import { createRandom, normal, shuffle } from '../../numerics/random.ts';
import { sigmoid } from '../../numerics/vectors.ts';
import { denseRow, denseRows } from '../features.ts';
import { kindsOf } from '../kinds.ts';
import { labelled, upstreamOption } from '../labels.ts';
import { crossEntropy, EarlyStop, type Learner, type Scorer, type TrainingSet } from '../learner.ts';
import type { Outcomes } from '../outcomes.ts';

const scale = { embedding: 4, traits: 0.5 };
const leak = 0.01;

const options = z.strictObject({
  embedding_dim: z.int().min(1).max(1024).default(32).describe('Length of the nodes.'),
  train_epoch: z.int().min(1).max(1000).default(40).describe('Most passes over the questions.'),
  batch_size: z.int().min(1).max(4096).default(32).describe('Questions of one step.'),
  learning_rate: z.number().positive().default(0.002).describe('Rate of Adam.'),
  weight_decay: z.number().min(0).default(0.05).describe('Pull of the weights towards zero.'),
  train_mask_rate: z.number().gt(0).lt(1).default(0.3).describe('Share of the edges that a step may see.'),
  patience: z.int().min(1).default(5).describe('Passes without gain on the questions kept aside before it stops.'),
  upstream: upstreamOption,
});
type Options = z.output<typeof options>;

export interface GraphShape {
  readonly width: number;
  readonly dim: number;
  readonly models: number;
}

/** What the visible edges of each model bring: a mean question, and a mean outcome. */
export interface Gathered {
  /** Models × width. */
  readonly questions: Float32Array;
  readonly outcomes: Float32Array;
}

/** Where each block of parameters begins: map, nodes, four squares, the edge's vector, bias, and the end. */
function placesOf({ width, dim, models }: GraphShape) {
  const nodes = dim * width;
  const square = dim * dim;
  const first = nodes + models * dim;
  const edge = first + 4 * square;
  return {
    nodes,
    self1: first,
    gather1: first + square,
    self2: first + 2 * square,
    gather2: first + 3 * square,
    edge,
    bias: edge + dim,
    end: edge + dim + models,
  };
}

export const graphCount = (shape: GraphShape) => placesOf(shape).end;

type Vector = Float64Array;

/** `to += block × from`, the block `rows × from.length` from `at`. */
function addProduct(to: Vector, block: Float32Array, at: number, from: ArrayLike<number>): void {
  for (let row = 0, place = at; row < to.length; row++) {
    let sum = 0;
    for (let i = 0; i < from.length; i++) sum += (block[place++] as number) * (from[i] as number);
    to[row] = (to[row] as number) + sum;
  }
}

/** Slopes of that product: of the block into `gradient`, of `from` into `back`. */
function addProductSlope(
  { parameters, gradient, at }: { parameters: Float32Array; gradient: Float64Array; at: number },
  slope: Vector,
  from: ArrayLike<number>,
  back?: Vector,
): void {
  for (let row = 0, place = at; row < slope.length; row++)
    for (let i = 0; i < from.length; i++, place++) {
      gradient[place] = (gradient[place] as number) + (slope[row] as number) * (from[i] as number);
      if (back) back[i] = (back[i] as number) + (slope[row] as number) * (parameters[place] as number);
    }
}

interface Node {
  readonly own: Float32Array;
  readonly message: Vector;
  readonly sum: Vector;
  readonly hidden: Vector;
  readonly out: Vector;
}

/** One model after both layers, and what it passed through. */
function nodeOf(shape: GraphShape, parameters: Float32Array, gathered: Gathered, model: number): Node {
  const { width, dim } = shape;
  const { nodes, self1, gather1, self2, gather2, edge } = placesOf(shape);
  const own = parameters.subarray(nodes + model * dim, nodes + (model + 1) * dim);
  const message = new Float64Array(dim);
  addProduct(message, parameters, 0, gathered.questions.subarray(model * width, (model + 1) * width));
  for (let i = 0; i < dim; i++)
    message[i] = (message[i] as number) + (parameters[edge + i] as number) * (gathered.outcomes[model] as number);
  const sum = new Float64Array(dim);
  addProduct(sum, parameters, self1, own);
  addProduct(sum, parameters, gather1, message);
  const hidden = sum.map((value) => (value > 0 ? value : leak * value));
  const out = new Float64Array(dim);
  addProduct(out, parameters, self2, hidden);
  addProduct(out, parameters, gather2, message);
  return { own, message, sum, hidden, out };
}

/** Logits of one question: the mean product with each model's node, times √dim so that it does not shrink with it. */
function logitsOf(question: Vector, nodes: readonly ArrayLike<number>[], bias: ArrayLike<number>): Float64Array {
  const scaled = 1 / Math.sqrt(question.length);
  return Float64Array.from(nodes, (node, model) => {
    let sum = 0;
    for (let i = 0; i < question.length; i++) sum += (question[i] as number) * (node[i] as number);
    return sum * scaled + (bias[model] as number);
  });
}

/**
 * Mean cross entropy of some questions, given what visible edges bring; adds its slope to `gradient`. NaN targets
 * count for nothing.
 */
export function graphSlope(
  shape: GraphShape,
  parameters: Float32Array,
  gathered: Gathered,
  batch: { readonly inputs: readonly Float32Array[]; readonly targets: readonly ArrayLike<number>[] },
  gradient: Float64Array,
): number {
  const { width, dim, models } = shape;
  const at = placesOf(shape);
  const nodes = Array.from({ length: models }, (_none, model) => nodeOf(shape, parameters, gathered, model));
  const outs = nodes.map(({ out }) => out);
  const bias = parameters.subarray(at.bias, at.end);
  const backs = nodes.map(() => new Float64Array(dim));
  const share = 1 / batch.inputs.length;
  let loss = 0;
  batch.inputs.forEach((input, row) => {
    const question = new Float64Array(dim);
    addProduct(question, parameters, 0, input);
    const back = new Float64Array(dim);
    logitsOf(question, outs, bias).forEach((logit, model) => {
      const target = (batch.targets[row] as ArrayLike<number>)[model] as number;
      if (Number.isNaN(target)) return;
      loss += share * (Math.log1p(Math.exp(-Math.abs(logit))) + Math.max(0, logit) - target * logit);
      const slope = share * (sigmoid(logit) - target);
      gradient[at.bias + model] = (gradient[at.bias + model] as number) + slope;
      const scaled = slope / Math.sqrt(dim);
      const [out, own] = [outs[model] as Vector, backs[model] as Vector];
      for (let i = 0; i < dim; i++) {
        back[i] = (back[i] as number) + scaled * (out[i] as number);
        own[i] = (own[i] as number) + scaled * (question[i] as number);
      }
    });
    addProductSlope({ parameters, gradient, at: 0 }, back, input);
  });
  nodes.forEach((node, model) => {
    const slope = backs[model] as Vector;
    const [hidden, message] = [new Float64Array(dim), new Float64Array(dim)];
    addProductSlope({ parameters, gradient, at: at.self2 }, slope, node.hidden, hidden);
    addProductSlope({ parameters, gradient, at: at.gather2 }, slope, node.message, message);
    const inner = hidden.map((value, i) => ((node.sum[i] as number) > 0 ? value : leak * value));
    const own = new Float64Array(dim);
    addProductSlope({ parameters, gradient, at: at.self1 }, inner, node.own, own);
    addProductSlope({ parameters, gradient, at: at.gather1 }, inner, node.message, message);
    for (let i = 0; i < dim; i++) {
      const place = at.nodes + model * dim + i;
      gradient[place] = (gradient[place] as number) + (own[i] as number);
      gradient[at.edge + i] =
        (gradient[at.edge + i] as number) + (message[i] as number) * (gathered.outcomes[model] as number);
    }
    addProductSlope(
      { parameters, gradient, at: 0 },
      message,
      gathered.questions.subarray(model * width, (model + 1) * width),
    );
  });
  return loss;
}

/** What the edges of these questions bring to each model. */
export function gather(
  values: Float32Array,
  width: number,
  { quality, models }: Pick<Outcomes, 'quality' | 'models'>,
  { rows, isFaithful }: { readonly rows: readonly number[]; readonly isFaithful: boolean },
): Gathered {
  const count = models.length;
  const questions = new Float32Array(count * width);
  const outcomes = new Float32Array(count);
  const seen = new Float64Array(count);
  for (const row of rows) {
    const own = quality.subarray(row * count, (row + 1) * count);
    const known = own.filter((value) => !Number.isNaN(value));
    const mean = known.reduce((sum, value) => sum + value, 0) / Math.max(1, known.length);
    own.forEach((value, model) => {
      if (Number.isNaN(value)) return;
      seen[model] = (seen[model] as number) + 1;
      outcomes[model] = (outcomes[model] as number) + (isFaithful ? value : 0);
      const weight = isFaithful ? 1 : value - mean;
      if (weight === 0) return;
      for (let i = 0, from = row * width, to = model * width; i < width; i++, from++, to++)
        questions[to] = (questions[to] as number) + weight * (values[from] as number);
    });
  }
  for (let model = 0; model < count; model++) {
    const own = Math.max(1, seen[model] as number);
    outcomes[model] = (outcomes[model] as number) / own;
    for (let i = model * width; i < (model + 1) * width; i++) questions[i] = (questions[i] as number) / own;
  }
  return { questions, outcomes };
}

/** One outcome a kind: whether the question is of it. */
function outcomesOfKinds(train: TrainingSet, seed: number): Pick<Outcomes, 'quality' | 'models'> {
  const { count, of } = kindsOf(train, seed);
  const quality = new Float32Array(of.length * count);
  of.forEach((kind, row) => {
    quality[row * count + kind] = 1;
  });
  return { quality, models: Array.from({ length: count }, (_none, kind) => String(kind)) };
}

const together = (left: Gathered, right: Gathered): Gathered => ({
  questions: Float32Array.from([...left.questions, ...right.questions]),
  outcomes: Float32Array.from([...left.outcomes, ...right.outcomes]),
});

interface Folded {
  readonly map: Float32Array;
  readonly nodes: Float32Array;
  readonly bias: Float32Array;
}

/** The first `models` nodes. */
function folded(shape: GraphShape, parameters: Float32Array, gathered: Gathered, models: number): Folded {
  const { nodes: end, bias } = placesOf(shape);
  const nodes = new Float32Array(models * shape.dim);
  for (let model = 0; model < models; model++)
    nodes.set(nodeOf(shape, parameters, gathered, model).out, model * shape.dim);
  return { map: parameters.slice(0, end), nodes, bias: parameters.slice(bias, bias + models) };
}

function scorer({ map, nodes, bias }: Folded): Scorer {
  const dim = nodes.length / bias.length;
  const rows = Array.from(bias, (_none, model) => nodes.subarray(model * dim, (model + 1) * dim));
  return (features) => {
    const question = new Float64Array(dim);
    addProduct(question, map, 0, denseRow(features, scale));
    return logitsOf(question, rows, bias).map(sigmoid);
  };
}

function started(shape: GraphShape, seed: number): Float32Array {
  const random = createRandom(seed);
  const parameters = new Float32Array(graphCount(shape));
  const { nodes, self1, edge, bias } = placesOf(shape);
  for (let at = 0; at < nodes; at++) parameters[at] = normal(random) / Math.sqrt(shape.width);
  for (let at = nodes; at < self1; at++) parameters[at] = 0.1 * normal(random);
  for (let at = self1; at < bias; at++)
    parameters[at] = (at < edge ? 1 : 0.1) * (normal(random) / Math.sqrt(shape.dim));
  return parameters;
}

export const graphLearner: Learner<Options> = {
  name: 'llmrouter-graph',
  options,
  isGuarded: ({ upstream }) => upstream !== 'faithful',
  train({ train, validation, seed, onProgress }, settings) {
    const isFaithful = settings.upstream === 'faithful';
    const { values, width } = denseRows(train.features, scale);
    const models = train.outcomes.models.length;
    // Kinds have nodes beside those of the models, which only teach: what tells kinds apart tells models apart as well.
    const kinds = isFaithful ? { quality: new Float32Array(0), models: [] } : outcomesOfKinds(train, seed);
    const nodes = models + kinds.models.length;
    const shape = { width, dim: settings.embedding_dim, models: nodes };
    const parameters = started(shape, seed);
    const told = isFaithful ? labelled(train.outcomes).quality : train.outcomes.quality;
    const targets = train.features.map((_features, row) => [
      ...told.subarray(row * models, (row + 1) * models),
      ...kinds.quality.subarray(row * kinds.models.length, (row + 1) * kinds.models.length),
    ]);
    const random = createRandom(seed + 1);
    const state = moments(parameters.length);
    const stop = new EarlyStop<Float32Array>(settings.patience);
    const all = train.features.map((_features, row) => row);
    const edges = (rows: readonly number[]) =>
      together(
        gather(values, width, train.outcomes, { rows, isFaithful }),
        gather(values, width, kinds, { rows, isFaithful }),
      );
    const everything = edges(all);
    for (let epoch = 0, step = 0; epoch < settings.train_epoch; epoch++) {
      // What is visible is not asked for: a model must not read an answer off its own edge.
      const order = shuffle([...all], random);
      const visible = Math.max(1, Math.round(order.length * settings.train_mask_rate));
      const gathered = edges(order.slice(0, visible));
      for (let begin = visible; begin < order.length; begin += settings.batch_size) {
        const rows = order.slice(begin, begin + settings.batch_size);
        const batch = {
          inputs: rows.map((row) => values.subarray(row * width, (row + 1) * width)),
          targets: rows.map((row) => targets[row] as number[]),
        };
        graphSlope(shape, parameters, gathered, batch, state.gradient);
        adam(parameters, state, ++step, settings.learning_rate, settings.weight_decay);
      }
      const loss = crossEntropy(validation, scorer(folded(shape, parameters, everything, models)));
      onProgress?.({ step: `pass ${epoch + 1}`, share: (epoch + 1) / settings.train_epoch, loss });
      if (stop.offer(loss, () => parameters.slice())) break;
    }
    const kept = folded(shape, stop.best ?? parameters, everything, models);
    return {
      facts: { stoppedAt: stop.at + 1 },
      blocks: { 'graph.map': kept.map, 'graph.nodes': kept.nodes, 'graph.bias': kept.bias },
    };
  },
  restore: ({ blocks }) => ({
    quality: scorer({
      map: blocks['graph.map'] as Float32Array,
      nodes: blocks['graph.nodes'] as Float32Array,
      bias: blocks['graph.bias'] as Float32Array,
    }),
  }),
};
