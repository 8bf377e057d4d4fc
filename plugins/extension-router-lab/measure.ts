/** What is measured of an artefact on outcomes. */
import { RutterError } from '@rutter/plugin-sdk';
import {
  averageGapRecovered,
  averageImprovement,
  callShareFor,
  type FeatureSpace,
  type Features,
  type Interval,
  inSpace,
  type Judged,
  meansByModel,
  type Outcomes,
  type Point,
  type Predictor,
  pairedInterval,
  rankModels,
  readArtefact,
  restorePredictor,
  type Scorer,
} from '@rutter/plugin-sdk/learning';
import type { LabData } from './data.ts';
import { learnerOf } from './learners.ts';

/** Weights whose points make the curve of cost and quality. */
const weights = [0, ...Array.from({ length: 36 }, (_none, step) => 10 ** (step / 5 - 4))];

export interface Loaded {
  readonly strategy: string;
  readonly predictor: Predictor;
  /** Index in the outcomes of each model the artefact knows; -1 where the outcomes do not have it. */
  readonly places: readonly number[];
  readonly allowed: readonly number[];
  readonly costUnit: number;
  readonly features: readonly Features[];
  readonly space: FeatureSpace;
}

interface Given {
  readonly path: string;
  /** Version of the embedder that made the data's features. */
  readonly embedder: string;
  readonly strategy?: string | undefined;
}

/** An artefact ready to be measured on outcomes. Throws ERR_CONFIG_INVALID where the two do not fit. */
export function prepared(bytes: Uint8Array, data: LabData, { path, embedder, strategy: given }: Given): Loaded {
  const artefact = readArtefact(bytes, path);
  const { header, space } = artefact;
  const strategy = given ?? header.strategy;
  const learner = learnerOf(strategy);
  if (learner.name !== header.strategy && strategy !== header.strategy)
    throw new RutterError(
      'ERR_CONFIG_INVALID',
      `${path} was trained for ${header.strategy}; found --strategy ${given}.`,
    );
  if (header.embedder !== embedder)
    throw new RutterError(
      'ERR_CONFIG_INVALID',
      `${path} was trained with embedder ${header.embedder}; found ${embedder}.`,
    );
  const restored = restorePredictor(learner, artefact);
  const places = header.models.map((model) => data.outcomes.models.indexOf(model));
  const allowed = places.flatMap((place, model) => (place >= 0 ? [model] : []));
  if (allowed.length === 0)
    throw new RutterError(
      'ERR_CONFIG_INVALID',
      `${path} knows ${header.models.join(', ')}; the outcomes have ${data.outcomes.models.join(', ')}: none in common.`,
    );
  return {
    strategy,
    predictor: remembered(restored.predictor),
    places,
    allowed,
    costUnit: restored.costUnit,
    features: data.raw.map((raw) => inSpace(space, raw)),
    space,
  };
}

/** Judges each question once, however many weights of cost are tried. */
function remembered(predictor: Predictor): Predictor {
  const once = (scorer: Scorer): Scorer => {
    const seen = new WeakMap<Features, Float64Array>();
    return (features) => {
      const found = seen.get(features) ?? scorer(features);
      seen.set(features, found);
      return found;
    };
  };
  return { ...predictor, quality: once(predictor.quality), ...(predictor.cost ? { cost: once(predictor.cost) } : {}) };
}

export interface Run {
  readonly picks: readonly Judged[];
  readonly quality: Float64Array;
  readonly meanCost: number;
  /** Choices whose outcome nobody noted: each counts as its model usually does. */
  readonly unknown: number;
}

/** What nobody noted, as it usually is for the model. */
function filled(values: Float32Array, width: number): Float32Array {
  const usual = meansByModel(values, width);
  return values.map((value, at) => (Number.isNaN(value) ? (usual[at % width] as number) : value));
}

const known = new WeakMap<Outcomes, { readonly quality: Float32Array; readonly cost: Float32Array }>();

/** Quality and cost without gaps. */
export function withoutGaps(outcomes: Outcomes): { readonly quality: Float32Array; readonly cost: Float32Array } {
  const width = outcomes.models.length;
  const found = known.get(outcomes) ?? { quality: filled(outcomes.quality, width), cost: filled(outcomes.cost, width) };
  known.set(outcomes, found);
  return found;
}

function run(loaded: Loaded, outcomes: Outcomes, costWeight: number): Run {
  const { predictor, features, allowed, costUnit, places } = loaded;
  const width = outcomes.models.length;
  const whole = withoutGaps(outcomes);
  let cost = 0;
  let unknown = 0;
  const quality = new Float64Array(features.length);
  const picks = features.map((one, row) => {
    const best = rankModels(predictor, one, { costWeight, costUnit, allowed })[0] as Judged;
    const at = row * width + (places[best.model] as number);
    quality[row] = whole.quality[at] as number;
    if (Number.isNaN(outcomes.quality[at] as number)) unknown++;
    cost += whole.cost[at] as number;
    return best;
  });
  return { picks, quality, meanCost: cost / features.length, unknown };
}

const meanOf = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Column of the model one would stay with: the one the artefact prefers, else the best of these outcomes. */
export const bestOf = ({ places, predictor }: Loaded, means: ArrayLike<number>): number =>
  places[predictor.preferred?.model ?? -1] ?? Array.from(means).indexOf(Math.max(...Array.from(means)));

/** Quality of one model, of the best answer of each question, and of a model by chance. */
function references(outcomes: Outcomes) {
  const width = outcomes.models.length;
  const { quality } = withoutGaps(outcomes);
  const means = meansByModel(quality, width);
  let oracle = 0;
  for (let row = 0; row < outcomes.questions.length; row++)
    oracle += Math.max(...quality.subarray(row * width, (row + 1) * width));
  return {
    means,
    oracle: oracle / outcomes.questions.length,
    random: means.reduce((sum, mean) => sum + mean, 0) / width,
  };
}

interface Bin {
  /** Means of what was expected and what came, of `count` answers. */
  readonly expected: number;
  readonly found: number;
  readonly count: number;
}

export interface Figures {
  readonly strategy: string;
  readonly questions: number;
  readonly quality: number;
  readonly bestSingle: { readonly model: string | undefined; readonly quality: number | undefined };
  readonly gain: Interval;
  readonly oracle: number;
  /** What the best answer to each question has over those chosen. */
  readonly gapToOracle: number;
  readonly random: number;
  /** Share of the questions that go to another than the best single model. */
  readonly moved: number;
  readonly meanCostUsd: number | undefined;
  /** Share of choices whose outcome nobody noted. */
  readonly unknown: number;
  readonly calibration: { readonly bins: readonly Bin[]; readonly error: number };
  readonly aiq?: number;
  readonly aiqOfSingles?: number;
  readonly curve?: readonly Point[];
  readonly apgr?: number;
  readonly apgrByTask?: Readonly<Record<string, number>>;
  readonly cpt50?: number;
  readonly cpt80?: number;
}

const binCount = 10;

/** Expected and real quality of every model's answers, by tenths of what was expected; the error is their mean distance. */
function calibrationOf({ predictor, features, places, allowed }: Loaded, outcomes: Outcomes): Figures['calibration'] {
  const width = outcomes.models.length;
  const bins = Array.from({ length: binCount }, () => ({ expected: 0, found: 0, count: 0 }));
  features.forEach((one, row) => {
    const quality = predictor.quality(one);
    for (const model of allowed) {
      const found = outcomes.quality[row * width + (places[model] as number)] as number;
      if (Number.isNaN(found)) continue;
      const expected = Math.min(1, Math.max(0, quality[model] as number));
      const bin = bins[Math.min(binCount - 1, Math.floor(expected * binCount))] as (typeof bins)[number];
      bin.expected += expected;
      bin.found += found;
      bin.count++;
    }
  });
  const filled = bins.filter(({ count }) => count > 0);
  const all = filled.reduce((sum, { count }) => sum + count, 0);
  const error = filled.reduce((sum, { expected, found }) => sum + Math.abs(expected - found), 0) / Math.max(1, all);
  return {
    bins: filled.map(({ expected, found, count }) => ({ expected: expected / count, found: found / count, count })),
    error,
  };
}

/** Everything that is measured. */
export function figures(
  loaded: Loaded,
  data: Pick<LabData, 'outcomes'>,
  costWeight: number,
): { readonly result: Figures; readonly own: Run } {
  const { outcomes } = data;
  const width = outcomes.models.length;
  const own = run(loaded, outcomes, costWeight);
  const { means, oracle, random } = references(outcomes);
  const best = bestOf(loaded, means);
  const whole = withoutGaps(outcomes).quality;
  const single = Float64Array.from(own.quality, (_none, row) => whole[row * width + best] as number);
  const hasCost = outcomes.cost.some((cost) => cost > 0);
  const result: Figures = {
    strategy: loaded.strategy,
    questions: own.quality.length,
    quality: meanOf(own.quality),
    bestSingle: { model: outcomes.models[best], quality: means[best] },
    gain: pairedInterval(own.quality, single),
    oracle,
    gapToOracle: oracle - meanOf(own.quality),
    random,
    moved: own.picks.filter(({ model }) => loaded.places[model] !== best).length / own.picks.length,
    meanCostUsd: hasCost ? own.meanCost : undefined,
    unknown: own.unknown / own.picks.length,
    calibration: calibrationOf(loaded, outcomes),
    ...(hasCost ? costFigures(loaded, outcomes) : {}),
    ...(width === 2 ? pairFigures(loaded, outcomes, means) : {}),
  };
  return { result, own };
}

function costFigures(loaded: Loaded, outcomes: Outcomes) {
  const costs = meansByModel(outcomes.cost, outcomes.models.length);
  const means = meansByModel(outcomes.quality, outcomes.models.length);
  const [from, to] = [Math.min(...costs), Math.max(...costs)];
  const curve = weights.map((weight): Point => {
    const { quality, meanCost } = run(loaded, outcomes, weight);
    return { cost: meanCost, quality: quality.reduce((sum, value) => sum + value, 0) / quality.length };
  });
  const singles = Array.from(costs, (cost, model): Point => ({ cost, quality: means[model] as number }));
  // Whoever routes may also always ask the cheapest: the curve begins there.
  const cheapest = singles.reduce((least, point) => (point.cost < least.cost ? point : least));
  return {
    aiq: averageImprovement([...curve, cheapest], from, to),
    aiqOfSingles: averageImprovement(singles, from, to),
    curve,
  };
}

/** Scores are the strong model's expected lead. */
function pairFigures(loaded: Loaded, outcomes: Outcomes, means: Float64Array) {
  const strong = (means[0] as number) >= (means[1] as number) ? 0 : 1;
  const weak = 1 - strong;
  const scores = loaded.features.map((features) => {
    const quality = loaded.predictor.quality(features);
    const of = (place: number) => quality[loaded.places.indexOf(place)] as number;
    return of(strong) - of(weak);
  });
  const column = (model: number) =>
    Float64Array.from(scores, (_none, row) => withoutGaps(outcomes).quality[row * 2 + model] as number);
  const groups = Map.groupBy(scores.keys(), (row) => outcomes.questions[row]?.task.split('/')[0] ?? '');
  const apgrByTask = [...groups].map(([task, rows]) => {
    const of = (values: ArrayLike<number>) => rows.map((row) => values[row] as number);
    return [task, averageGapRecovered(of(scores), of(column(weak)), of(column(strong)))] as const;
  });
  return {
    apgr: averageGapRecovered(scores, column(weak), column(strong)),
    ...(groups.size > 1 ? { apgrByTask: Object.fromEntries(apgrByTask) } : {}),
    cpt50: callShareFor(scores, column(weak), column(strong), 0.5),
    cpt80: callShareFor(scores, column(weak), column(strong), 0.8),
  };
}
