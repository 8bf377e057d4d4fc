/**
 * Dual contrastive learning (RouterDC, Chen et al. 2024, arXiv:2409.19886) over
 * a frozen embedder: a projection of the question and a vector a model, whose
 * cosine is high where the model does well. Questions of one kind are drawn
 * together beside.
 *
 * The encoder itself is not trained, as upstream's is: what is learnt is the
 * projection. Scores are made chances of being right on questions kept aside.
 */
import { z } from 'zod';
import { descend } from '../../numerics/adam.ts';
import { kMeans, nearestCentre } from '../../numerics/k-means.ts';
import { createRandom, normal, type Random } from '../../numerics/random.ts';
import { denseRow, denseRows } from '../features.ts';
import { type Kinds, kindsOf } from '../kinds.ts';
import { upstreamOption } from '../labels.ts';
import { crossEntropy, EarlyStop, type Learner, type Scorer, type TrainingSet } from '../learner.ts';
import { calibrate, calibrated } from './calibration.ts';

const scale = { embedding: 4, traits: 0.5 };

const options = z.strictObject({
  dim: z.int().min(1).max(1024).default(32).describe('Length of a projected question and of a model’s vector.'),
  num_epochs: z.int().min(1).max(1000).default(30).describe('Most passes over the questions.'),
  batch_size: z.int().min(1).max(4096).default(32).describe('Questions of one step.'),
  learning_rate: z.number().positive().default(0.001).describe('Rate of Adam.'),
  weight_decay: z.number().min(0).default(0.02).describe('Pull of the weights towards zero.'),
  temperature: z.number().positive().optional().describe('What cosines are divided by; 0.2, or 1 as upstream.'),
  top_k: z.int().min(1).default(3).describe('Models that are drawn to a question, the best first.'),
  last_k: z.int().min(1).default(3).describe('upstream: faithful. Worst models that are pushed away.'),
  cluster_loss_weight: z.number().min(0).default(0.1).describe('Weight of drawing questions of a kind together.'),
  H: z.int().min(1).max(64).default(3).describe('Questions of other kinds that are pushed away.'),
  n_clusters: z.int().min(2).max(1000).default(3).describe('upstream: faithful. Clusters of the scores of models.'),
  patience: z.int().min(1).default(4).describe('Passes without gain on the questions kept aside before it stops.'),
  upstream: upstreamOption,
});
type Options = z.output<typeof options>;

export interface ContrastShape {
  readonly width: number;
  readonly dim: number;
  readonly models: number;
  readonly temperature: number;
}

/** Projection, vectors of the models, and a bias a model. */
export const contrastCount = ({ width, dim, models }: ContrastShape) => dim * width + models * dim + models;

function project({ width, dim }: ContrastShape, parameters: Float32Array, input: ArrayLike<number>): Float64Array {
  const out = new Float64Array(dim);
  for (let unit = 0, at = 0; unit < dim; unit++) {
    let sum = 0;
    for (let i = 0; i < width; i++) sum += (parameters[at++] as number) * (input[i] as number);
    out[unit] = sum;
  }
  return out;
}

const lengthOf = (vector: ArrayLike<number>) => {
  let sum = 1e-12;
  for (let at = 0; at < vector.length; at++) sum += (vector[at] as number) ** 2;
  return Math.sqrt(sum);
};

interface Cosine {
  readonly value: number;
  readonly left: number;
  readonly right: number;
}

function cosineOf(left: ArrayLike<number>, right: ArrayLike<number>): Cosine {
  let sum = 0;
  for (let at = 0; at < left.length; at++) sum += (left[at] as number) * (right[at] as number);
  const [a, b] = [lengthOf(left), lengthOf(right)];
  return { value: sum / (a * b), left: a, right: b };
}

/** Adds `slope` times what the cosine changes by with `own` to `to`. */
function addCosineSlope(
  to: Float64Array,
  from: number,
  { own, other, cosine, slope }: { own: ArrayLike<number>; other: ArrayLike<number>; cosine: Cosine; slope: number },
): void {
  for (let at = 0; at < own.length; at++) {
    const change = (other[at] as number) / cosine.right - (cosine.value * (own[at] as number)) / cosine.left;
    to[from + at] = (to[from + at] as number) + (slope * change) / cosine.left;
  }
}

function addProjectionSlope(gradient: Float64Array, back: Float64Array, input: ArrayLike<number>, width: number): void {
  for (let unit = 0, at = 0; unit < back.length; unit++)
    for (let i = 0; i < width; i++, at++)
      gradient[at] = (gradient[at] as number) + (back[unit] as number) * (input[i] as number);
}

const vectorOf = ({ width, dim }: ContrastShape, parameters: Float32Array, model: number) =>
  parameters.subarray(dim * width + model * dim, dim * width + (model + 1) * dim);

function scoresOf(shape: ContrastShape, parameters: Float32Array, projected: Float64Array) {
  const { width, dim, models, temperature } = shape;
  const cosines = Array.from({ length: models }, (_none, model) =>
    cosineOf(projected, vectorOf(shape, parameters, model)),
  );
  const bias = dim * width + models * dim;
  const scores = Float64Array.from(
    cosines,
    ({ value }, model) => value / temperature + (parameters[bias + model] as number),
  );
  return { cosines, scores };
}

/** Who is drawn to a question, by how much, and whom it is to leave behind. */
export interface Contrast {
  readonly drawn: number;
  readonly weight: number;
  readonly pushed: readonly number[];
}

/** The best against all that did worse, by how much worse those did: equals are no contrast. */
export function contrastsOf(quality: ArrayLike<number>, top: number): Contrast[] {
  const order = ordered(quality);
  return order.slice(0, top).flatMap((drawn) => {
    const own = quality[drawn] as number;
    const pushed = order.filter((other) => (quality[other] as number) < own);
    if (pushed.length === 0) return [];
    const weight = pushed.reduce((sum, other) => sum + own - (quality[other] as number), 0) / pushed.length;
    return [{ drawn, weight, pushed }];
  });
}

/** RouterDC's: the i-th best against the worst few, of which those above 0.5 are struck out; wrong ones draw nobody. */
export function upstreamContrastsOf(quality: ArrayLike<number>, top: number, last: number): Contrast[] {
  const order = ordered(quality);
  const worst = order.slice(-last).filter((model) => (quality[model] as number) <= 0.5);
  return order
    .slice(0, top)
    .filter((drawn) => (quality[drawn] as number) > 0)
    .map((drawn) => ({ drawn, weight: 1, pushed: worst.filter((model) => model !== drawn) }));
}

const ordered = (quality: ArrayLike<number>) =>
  Array.from(quality, (_value, model) => model)
    .filter((model) => !Number.isNaN(quality[model] as number))
    .sort((a, b) => (quality[b] as number) - (quality[a] as number) || a - b);

interface Slope {
  readonly gradient: Float64Array;
  readonly share: number;
}

/** Sample–model loss of one question; adds `share` times its slope to `gradient`. */
export function contrastSlope(
  shape: ContrastShape,
  parameters: Float32Array,
  input: ArrayLike<number>,
  contrasts: readonly Contrast[],
  { gradient, share }: Slope,
): number {
  const { width, dim, models, temperature } = shape;
  const projected = project(shape, parameters, input);
  const { cosines, scores } = scoresOf(shape, parameters, projected);
  const slopes = new Float64Array(models);
  let loss = 0;
  for (const { drawn, weight, pushed } of contrasts) {
    const all = [drawn, ...pushed];
    const highest = Math.max(...all.map((model) => scores[model] as number));
    const powers = all.map((model) => Math.exp((scores[model] as number) - highest));
    const sum = powers.reduce((total, power) => total + power, 0);
    loss -= weight * Math.log((powers[0] as number) / sum);
    all.forEach((model, at) => {
      const wanted = at === 0 ? 1 : 0;
      slopes[model] = (slopes[model] as number) + share * weight * ((powers[at] as number) / sum - wanted);
    });
  }
  if (loss === 0) return 0;
  const back = new Float64Array(dim);
  slopes.forEach((slope, model) => {
    if (slope === 0) return;
    const own = vectorOf(shape, parameters, model);
    const { value, left, right } = cosines[model] as Cosine;
    const scaled = slope / temperature;
    addCosineSlope(back, 0, { own: projected, other: own, cosine: { value, left, right }, slope: scaled });
    const flipped = { value, left: right, right: left };
    addCosineSlope(gradient, dim * width + model * dim, {
      ...{ own, other: projected, cosine: flipped, slope: scaled },
    });
    const bias = dim * width + models * dim + model;
    gradient[bias] = (gradient[bias] as number) + slope;
  });
  addProjectionSlope(gradient, back, input, width);
  return loss;
}

/** Sample–sample loss: the first question near the second, which is of its kind, and far from the rest. */
export function likenessSlope(
  shape: ContrastShape,
  parameters: Float32Array,
  inputs: readonly ArrayLike<number>[],
  { gradient, share }: Slope,
): number {
  const projected = inputs.map((input) => project(shape, parameters, input));
  const [own, ...others] = projected as [Float64Array, ...Float64Array[]];
  const cosines = others.map((other) => cosineOf(own, other));
  const powers = cosines.map(({ value }) => Math.exp(value));
  const sum = powers.reduce((total, power) => total + power, 0);
  const backs = projected.map(() => new Float64Array(shape.dim));
  others.forEach((other, at) => {
    const { value, left, right } = cosines[at] as Cosine;
    const slope = share * ((powers[at] as number) / sum - (at === 0 ? 1 : 0));
    addCosineSlope(backs[0] as Float64Array, 0, { own, other, cosine: { value, left, right }, slope });
    const flipped = { value, left: right, right: left };
    addCosineSlope(backs[at + 1] as Float64Array, 0, { own: other, other: own, cosine: flipped, slope });
  });
  backs.forEach((back, at) => {
    addProjectionSlope(gradient, back, inputs[at] as ArrayLike<number>, shape.width);
  });
  return -Math.log((powers[0] as number) / sum);
}

/** Kinds by how models fared, as LLMRouter clusters them. */
function kindsByScores({ outcomes }: TrainingSet, clusters: number, seed: number): Kinds {
  const width = outcomes.models.length;
  const values = outcomes.quality.map((value) => (Number.isNaN(value) ? 0 : value));
  const count = Math.min(clusters, outcomes.questions.length);
  const centres = kMeans(values, width, { seed, clusters: count, passes: 30 });
  const of = Int32Array.from(outcomes.questions, (_none, row) =>
    nearestCentre(centres, width, values.subarray(row * width, (row + 1) * width)),
  );
  return { count, of };
}

/** Rows of one kind and rows of others, drawn for a question; undefined where there is no other of its kind, or no other kind. */
function companions({ of }: Kinds, count: number, seed: number) {
  const rows = Array.from({ length: Math.max(0, ...of) + 1 }, (): number[] => []);
  of.forEach((kind, row) => {
    rows[kind]?.push(row);
  });
  const draws = 20;
  const start = createRandom(seed);
  return (row: number, random: Random = start): number[] | undefined => {
    const own = rows[of[row] as number] as number[];
    if (own.length < 2 || own.length === of.length) return undefined;
    const other = own[Math.floor(random() * own.length)] as number;
    const found = [row, other];
    for (let draw = 0; draw < draws * count && found.length < count + 2; draw++) {
      const place = Math.floor(random() * of.length);
      if (of[place] !== of[row]) found.push(place);
    }
    return other !== row && found.length === count + 2 ? found : undefined;
  };
}

/** The vector of a question's kind, which is learnt as a model's is, against those of all other kinds. */
function contrastOfKind({ count }: Kinds, kind: number, models: number): Contrast[] {
  const others = Array.from({ length: count }, (_none, other) => models + other).filter((at) => at !== models + kind);
  return others.length === 0 ? [] : [{ drawn: models + kind, weight: 1, pushed: others }];
}

/** Without the vectors of kinds. */
function ofModels(whole: ContrastShape, served: ContrastShape, parameters: Float32Array): Float32Array {
  const vectors = served.dim * (served.width + served.models);
  const bias = whole.dim * (whole.width + whole.models);
  const out = new Float32Array(contrastCount(served));
  out.set(parameters.subarray(0, vectors));
  out.set(parameters.subarray(bias, bias + served.models), vectors);
  return out;
}

const scorer =
  (shape: ContrastShape, parameters: Float32Array): Scorer =>
  (features) =>
    scoresOf(shape, parameters, project(shape, parameters, denseRow(features, scale))).scores;

function started(shape: ContrastShape, seed: number): Float32Array {
  const random = createRandom(seed);
  const parameters = new Float32Array(contrastCount(shape));
  const [projection, vectors] = [shape.dim * shape.width, shape.dim * (shape.width + shape.models)];
  for (let at = 0; at < projection; at++) parameters[at] = normal(random) / Math.sqrt(shape.width);
  // RouterDC's spread of the models' vectors.
  for (let at = projection; at < vectors; at++) parameters[at] = 0.78 * normal(random);
  return parameters;
}

export const contrastLearner: Learner<Options> = {
  name: 'llmrouter-routerdc',
  options,
  isGuarded: ({ upstream }) => upstream !== 'faithful',
  train({ train, validation, seed, onProgress }, settings) {
    const { dim, num_epochs: epochs, batch_size: batch, learning_rate: rate, weight_decay: decay } = settings;
    const isFaithful = settings.upstream === 'faithful';
    const { values, width } = denseRows(train.features, scale);
    const models = train.outcomes.models.length;
    const served = { width, dim, models, temperature: settings.temperature ?? (isFaithful ? 1 : 0.2) };
    const kinds = isFaithful ? kindsByScores(train, settings.n_clusters, seed) : kindsOf(train, seed);
    // Kinds have vectors beside those of the models, which only teach: what tells kinds apart tells models apart as well.
    const taught = isFaithful ? 0 : kinds.count;
    const shape = { ...served, models: models + taught };
    const parameters = started(shape, seed);
    const choose = companions(kinds, settings.H, seed);
    const inputOf = (row: number) => values.subarray(row * width, (row + 1) * width);
    const contrasts = train.features.map((_features, row) => {
      const quality = train.outcomes.quality.subarray(row * models, (row + 1) * models);
      if (isFaithful) return upstreamContrastsOf(quality, settings.top_k, settings.last_k);
      return [...contrastsOf(quality, settings.top_k), ...contrastOfKind(kinds, kinds.of[row] as number, models)];
    });
    const weight = isFaithful ? Math.max(1, settings.cluster_loss_weight) : settings.cluster_loss_weight;
    const stop = new EarlyStop<Float32Array>(settings.patience);
    descend(parameters, {
      ...{ seed, examples: train.features.length, epochs, batch, rate, decay },
      slope(row, gradient, share, random) {
        const own = contrasts[row] as readonly Contrast[];
        const loss = contrastSlope(shape, parameters, inputOf(row), own, { gradient, share });
        const near = weight > 0 ? choose(row, random) : undefined;
        if (!near) return loss;
        const inputs = near.map(inputOf);
        return loss + weight * likenessSlope(shape, parameters, inputs, { gradient, share: share * weight });
      },
      onEpoch(epoch) {
        const now = ofModels(shape, served, parameters);
        const score = scorer(served, now);
        const loss = crossEntropy(validation, calibrated(score, calibrate(validation, score)));
        onProgress?.({ step: `pass ${epoch + 1}`, share: (epoch + 1) / epochs, loss });
        return stop.offer(loss, () => now);
      },
    });
    const kept = stop.best ?? ofModels(shape, served, parameters);
    return {
      facts: { ...served, ...calibrate(validation, scorer(served, kept)), stoppedAt: stop.at + 1 },
      blocks: { 'contrast.parameters': kept },
    };
  },
  restore({ facts, blocks }) {
    const { slope, offset, ...shape } = facts as unknown as ContrastShape & { slope: number; offset: number };
    return {
      quality: calibrated(scorer(shape, blocks['contrast.parameters'] as Float32Array), { slope, offset }),
    };
  },
};
