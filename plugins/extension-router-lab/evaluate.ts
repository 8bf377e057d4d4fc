/** `rutter eval --strategy S --artefact A --data D`. */
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type Embedder, RutterError } from '@rutter/plugin-sdk';
import {
  averageGapRecovered,
  averageImprovement,
  callShareFor,
  type Features,
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
import { type LabData, readData } from './data.ts';
import { learnerOf } from './learners.ts';
import type { Output } from './output.ts';

const usage = `rutter eval --artefact ARTEFACT --data OUTCOMES

  --strategy S       what the artefact was trained for; told by the artefact when absent
  --cost-weight W    what the price of the dearest model weighs against quality 1; 0 when absent
  --json FILE        all figures
  --decisions FILE   one {"query_id", "model"} a line
`;

/** Weights whose points make the curve of cost and quality. */
const weights = [0, ...Array.from({ length: 36 }, (_none, step) => 10 ** (step / 5 - 4))];

interface Loaded {
  readonly strategy: string;
  readonly predictor: Predictor;
  /** Index in the outcomes of each model the artefact knows; -1 where the outcomes do not have it. */
  readonly places: readonly number[];
  readonly allowed: readonly number[];
  readonly costUnit: number;
  readonly features: readonly Features[];
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

interface Run {
  readonly picks: readonly Judged[];
  readonly quality: Float64Array;
  readonly meanCost: number;
}

function run(loaded: Loaded, outcomes: Outcomes, costWeight: number): Run {
  const { predictor, features, allowed, costUnit, places } = loaded;
  const width = outcomes.models.length;
  const usual = meansByModel(outcomes.cost, width);
  let cost = 0;
  const quality = new Float64Array(features.length);
  const picks = features.map((one, row) => {
    const best = rankModels(predictor, one, { costWeight, costUnit, allowed })[0] as Judged;
    const at = row * width + (places[best.model] as number);
    quality[row] = outcomes.quality[at] as number;
    const paid = outcomes.cost[at] as number;
    // A call whose cost nobody noted counts as one of its model usually does.
    cost += Number.isNaN(paid) ? (usual[at % width] as number) : paid;
    return best;
  });
  return { picks, quality, meanCost: cost / features.length };
}

/** Quality of one model, of the best answer of each question, and of a model by chance. */
function references(outcomes: Outcomes) {
  const width = outcomes.models.length;
  const means = meansByModel(outcomes.quality, width);
  let oracle = 0;
  for (let row = 0; row < outcomes.questions.length; row++)
    oracle += Math.max(...outcomes.quality.subarray(row * width, (row + 1) * width));
  return {
    means,
    oracle: oracle / outcomes.questions.length,
    random: means.reduce((sum, mean) => sum + mean, 0) / width,
  };
}

/** Everything that is measured. */
export function figures(loaded: Loaded, data: LabData, costWeight: number) {
  const { outcomes } = data;
  const width = outcomes.models.length;
  const own = run(loaded, outcomes, costWeight);
  const { means, oracle, random } = references(outcomes);
  const best = loaded.places[loaded.predictor.preferred?.model ?? -1] ?? [...means].indexOf(Math.max(...means));
  const single = Float64Array.from(own.quality, (_none, row) => outcomes.quality[row * width + best] as number);
  const hasCost = outcomes.cost.some((cost) => cost > 0);
  const result: Record<string, unknown> = {
    strategy: loaded.strategy,
    questions: own.quality.length,
    quality: own.quality.reduce((sum, value) => sum + value, 0) / own.quality.length,
    bestSingle: { model: outcomes.models[best], quality: means[best] },
    gain: pairedInterval(own.quality, single),
    oracle,
    random,
    moved: own.picks.filter(({ model }) => loaded.places[model] !== best).length / own.picks.length,
    meanCostUsd: hasCost ? own.meanCost : undefined,
  };
  if (hasCost) Object.assign(result, costFigures(loaded, outcomes));
  if (width === 2) Object.assign(result, pairFigures(loaded, outcomes, means));
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
    Float64Array.from(scores, (_none, row) => outcomes.quality[row * 2 + model] as number);
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

const percent = (value: number) => (100 * value).toFixed(2);

function table(result: Record<string, unknown>): string {
  const { bestSingle, gain, quality, oracle, random, moved, aiq, aiqOfSingles, apgr } = result as {
    bestSingle: { model: string; quality: number };
    gain: { mean: number; low: number; high: number };
  } & Record<string, number>;
  const rows = [
    ['questions', String(result.questions)],
    ['quality', percent(quality as number)],
    [`best single (${bestSingle.model})`, percent(bestSingle.quality)],
    ['gain', `${percent(gain.mean)}  [${percent(gain.low)}, ${percent(gain.high)}]`],
    ['oracle', percent(oracle as number)],
    ['random', percent(random as number)],
    ['share of questions moved', percent(moved as number)],
    ...(aiq === undefined
      ? []
      : [
          ['AIQ', aiq.toFixed(4)],
          ['AIQ of single models', (aiqOfSingles as number).toFixed(4)],
        ]),
    ...(apgr === undefined ? [] : [['APGR', apgr.toFixed(3)]]),
  ];
  const wide = Math.max(...rows.map(([name]) => (name as string).length));
  return rows.map(([name, value]) => `${(name as string).padEnd(wide)}  ${value}\n`).join('');
}

/** The exit code. */
export async function evaluate(embedder: Embedder, args: readonly string[], output: Output): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      strategy: { type: 'string' },
      artefact: { type: 'string' },
      data: { type: 'string' },
      'cost-weight': { type: 'string', default: '0' },
      json: { type: 'string' },
      decisions: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const { artefact, data } = values;
  if (values.help || artefact === undefined || data === undefined) {
    output.write(usage);
    return values.help ? 0 : 1;
  }
  const costWeight = Number(values['cost-weight']);
  if (!(costWeight >= 0))
    throw new RutterError(
      'ERR_CONFIG_INVALID',
      `--cost-weight is ${values['cost-weight']}; expected a number of at least 0.`,
    );
  const read = await readData(embedder, data);
  const loaded = prepared(await readFile(artefact), read, {
    ...{ path: artefact, embedder: embedder.version, strategy: values.strategy },
  });
  const { result, own } = figures(loaded, read, costWeight);
  output.write(table(result));
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(result, undefined, 2)}\n`);
  if (values.decisions !== undefined) {
    const lines = own.picks.map(({ model }, row) =>
      JSON.stringify({
        query_id: read.outcomes.questions[row]?.id,
        model: read.outcomes.models[loaded.places[model] as number],
      }),
    );
    await writeFile(values.decisions, `${lines.join('\n')}\n`);
  }
  return 0;
}
