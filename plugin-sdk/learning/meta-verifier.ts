/**
 * When a small model's answer is kept, and when a larger one is asked: a table
 * of actions by how often the small one held its own answer to be right, after
 * AutoMix (https://arxiv.org/abs/2310.12963).
 *
 * Rules of four families propose tables; the one with the greatest lift of
 * incremental benefit per cost is taken. There are no gradients in it.
 */
import { foldsOf } from './folds.ts';

/** One question: the share of checks that said "correct", and how well each model did, 0 to 1. */
export interface VerifiedRow {
  readonly verified: number;
  readonly small: number;
  readonly large: number;
}

/** In any one unit. */
export interface CascadeCosts {
  readonly small: number;
  readonly large: number;
  /** All checks of one answer together. */
  readonly verifier: number;
}

/** By bin of the share of "correct", from 0 to 1: whether the larger model is asked. */
export type Actions = readonly boolean[];

export const families = ['pomdp', 'greedy', 'double', 'threshold'] as const;
export type Family = (typeof families)[number];

/** The nearest of `bins + 1` marks from 0 to 1; halves go up. */
export const binOf = (verified: number, bins: number): number =>
  Math.min(bins, Math.max(0, Math.floor(verified * bins + 0.5)));

const mean = (values: readonly number[]) =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * How much more a cascade wins for each unit of cost, over the small model alone, than always asking the large one:
 * 0 is no better, 1 is twice as good. A cascade that never asks the large one has won nothing.
 */
export function liftOf(rows: readonly VerifiedRow[], actions: Actions, costs: CascadeCosts): number {
  const bins = actions.length - 1;
  const asks = rows.map(({ verified }) => actions[binOf(verified, bins)] === true);
  const share = mean(asks.map(Number));
  const small = mean(rows.map((row) => row.small));
  const large = mean(rows.map((row) => row.large));
  const mixed = mean(rows.map((row, index) => (asks[index] ? row.large : row.small)));
  const always = (large - small) / (costs.large - costs.small);
  const spent = costs.verifier + share * costs.large;
  // Where the large model is no better, whatever is won is beyond compare: the plain difference says which table loses least.
  if (always <= 0 || spent <= 0) return mixed - small;
  return (mixed - small) / spent / always - 1;
}

type State = 'needy' | 'good' | 'hopeless';

/** The value below which a tenth of them lies. */
const lowestDecile = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 10)] ?? 0;

/** Needy: the large model does better. Hopeless: both do as badly as they ever do. Good: all else. */
export function statesOf(rows: readonly VerifiedRow[]): readonly State[] {
  const [small, large] = [lowestDecile(rows.map((row) => row.small)), lowestDecile(rows.map((row) => row.large))];
  return rows.map((row) => {
    if (row.large > row.small) return 'needy';
    return row.small <= small && row.large <= large ? 'hopeless' : 'good';
  });
}

const mostReward = 5000;

/**
 * Single-step POMDP: in each bin the share of each state is the belief, and what is done is what loses least by it.
 * Keeping loses `reward` where the large model was needed, one more where both fail; asking loses a hundred, and the
 * reward too where both fail. Every reward up to 4,999 gives a table; different ones are proposed.
 */
function pomdpTables(rows: readonly VerifiedRow[], bins: number): readonly Actions[] {
  const states = statesOf(rows);
  const beliefs = Array.from({ length: bins + 1 }, (_none, bin) => {
    const own = states.filter((_state, index) => binOf((rows[index] as VerifiedRow).verified, bins) === bin);
    const share = (state: State) => (own.length === 0 ? 0 : own.filter((one) => one === state).length / own.length);
    return { needy: share('needy'), good: share('good'), hopeless: share('hopeless') };
  });
  const tables = new Map<string, Actions>();
  for (let reward = 0; reward < mostReward; reward++) {
    const actions = beliefs.map(({ needy, good, hopeless }) => {
      const keep = -reward * needy - (reward + 1) * hopeless;
      const ask = -100 * needy - 100 * good - (reward + 100) * hopeless;
      return ask > keep;
    });
    tables.set(actions.map(Number).join(''), actions);
  }
  return [...tables.values()];
}

/** Weights of neighbours at a distance in bins, as a Gaussian of two bins has them. */
const sigma = 2;
const reach = 8;

function smoothed(values: readonly number[]): readonly number[] {
  // What lies beyond an end is its mirror image.
  const at = (index: number) => {
    const period = 2 * values.length;
    const place = ((index % period) + period) % period;
    return values[place < values.length ? place : period - 1 - place] as number;
  };
  return values.map((_value, index) => {
    let sum = 0;
    let weights = 0;
    for (let step = -reach; step <= reach; step++) {
      const weight = Math.exp(-(step * step) / (2 * sigma * sigma));
      sum += weight * at(index + step);
      weights += weight;
    }
    return sum / weights;
  });
}

/** The bins by what asking wins in them, smoothed; the best of them, the two best, and so on. */
function greedyTables(rows: readonly VerifiedRow[], bins: number): readonly Actions[] {
  const gains = Array.from({ length: bins + 1 }, (_none, bin) =>
    mean(rows.filter(({ verified }) => binOf(verified, bins) === bin).map(({ small, large }) => large - small)),
  );
  const smooth = smoothed(gains);
  const order = smooth.map((_gain, bin) => bin).sort((a, b) => (smooth[b] as number) - (smooth[a] as number) || a - b);
  return order.map((_bin, count) => {
    const asked = new Set(order.slice(0, count + 1));
    return gains.map((_gain, bin) => asked.has(bin));
  });
}

const between = (bins: number, from: number, to: number): Actions =>
  Array.from({ length: bins + 1 }, (_none, bin) => bin >= from && bin <= to);

export function tablesOf(family: Family, rows: readonly VerifiedRow[], bins: number): readonly Actions[] {
  const marks = Array.from({ length: bins + 1 }, (_none, bin) => bin);
  if (family === 'pomdp') return pomdpTables(rows, bins);
  if (family === 'greedy') return greedyTables(rows, bins);
  if (family === 'threshold') return marks.map((to) => between(bins, 0, to));
  return marks.slice(0, -1).flatMap((from) => marks.slice(from + 1, -1).map((to) => between(bins, from, to)));
}

export interface MetaVerifier {
  readonly family: Family;
  readonly actions: Actions;
  /** On the rows it was learnt from; held out ones where folds were made. */
  readonly lift: number;
}

export interface MetaOptions {
  readonly bins: number;
  readonly costs: CascadeCosts;
  readonly families: readonly Family[];
  /** Folds by which a family is chosen on rows its table has not seen; 1 for AutoMix's way, all on all rows. */
  readonly folds: number;
  readonly seed: number;
}

function bestTable(
  rows: readonly VerifiedRow[],
  family: Family,
  { bins, costs }: MetaOptions,
): MetaVerifier | undefined {
  let best: MetaVerifier | undefined;
  for (const actions of tablesOf(family, rows, bins)) {
    const lift = liftOf(rows, actions, costs);
    if (best === undefined || lift > best.lift) best = { family, actions, lift };
  }
  return best;
}

/** The table with the greatest lift; of equals the first family's. Undefined without rows. */
export function learnMetaVerifier(rows: readonly VerifiedRow[], options: MetaOptions): MetaVerifier | undefined {
  if (rows.length === 0) return undefined;
  const folds =
    options.folds > 1 && rows.length >= 2 * options.folds ? foldsOf(rows.length, options.folds, options.seed) : [];
  const found = options.families.flatMap((family) => {
    const best = bestTable(rows, family, options);
    if (best === undefined) return [];
    if (folds.length === 0) return [best];
    const at = (places: ArrayLike<number>) => Array.from(places, (place) => rows[place] as VerifiedRow);
    const lifts = folds.map(({ places, rest }) => {
      const learnt = bestTable(at(rest), family, options);
      return learnt === undefined ? 0 : liftOf(at(places), learnt.actions, options.costs);
    });
    return [{ ...best, lift: mean(lifts) }];
  });
  return found.reduce<MetaVerifier | undefined>((best, one) => (best && best.lift >= one.lift ? best : one), undefined);
}
