/**
 * RouteLLM's similarity-weighted ranking: ratings of models from all
 * comparisons seen in training, the likest questions counting most, fitted
 * anew for each question.
 */
import { z } from 'zod';
import { fitRatings } from '../../numerics/bradley-terry.ts';
import { normalise, sigmoid } from '../../numerics/vectors.ts';
import { denseRow, type Features } from '../features.ts';
import { upstreamOption } from '../labels.ts';
import type { Learner, TrainingSet } from '../learner.ts';
import type { Outcomes } from '../outcomes.ts';
import { countWins } from './elo.ts';
import { keepingThreshold, leadsOf, type Pair, type PairFacts, pairOf, pairOptions, pairScorer } from './pair.ts';
import { tiersOf } from './tiers.ts';

const options = z.strictObject({
  ...pairOptions,
  num_tiers: z
    .int()
    .min(2)
    .max(64)
    .default(10)
    .describe('Models of like strength are counted as one, so many at most.'),
  sharpness: z
    .number()
    .min(0)
    .optional()
    .describe(
      'Powers of ten between a question of likeness 0 and one of likeness 1; chosen on questions kept aside where absent.',
    ),
  prior: z
    .number()
    .positive()
    .default(2)
    .describe('Strength of the pull of ratings towards those of all questions, in comparisons.'),
  upstream: upstreamOption,
});
type Options = z.output<typeof options>;

const sharpnesses = [1, 2, 4, 8, 12];
/** Comparisons that are kept: of more questions, evenly spread ones. */
const mostQuestions = 20_000;

interface Battles {
  /** Unit vectors of the questions, one after the other. */
  readonly rows: Float32Array;
  readonly width: number;
  /** By question, then by tier that won and tier that lost. */
  readonly wins: Float32Array;
  readonly tiers: number;
  /** Where each question stands among those of training. */
  readonly places: readonly number[];
}

const rowOf = (features: Features) => normalise(denseRow(features, { embedding: 1, traits: 0 }));

function battlesOf({ features, outcomes }: TrainingSet, tierOf: readonly number[]): Battles {
  const tiers = Math.max(...tierOf) + 1;
  const models = outcomes.models.length;
  const step = Math.max(1, features.length / mostQuestions);
  const chosen = Array.from({ length: Math.floor(features.length / step) }, (_none, at) => Math.floor(at * step));
  const width = features[0]?.embedding.length ? rowOf(features[0]).length : 0;
  const rows = new Float32Array(chosen.length * width);
  const wins = new Float32Array(chosen.length * tiers * tiers);
  chosen.forEach((place, row) => {
    rows.set(rowOf(features[place] as Features), row * width);
    const quality = outcomes.quality.subarray(place * models, (place + 1) * models);
    const won = countWins({ models: outcomes.models, quality } as Outcomes, false);
    for (let i = 0; i < models; i++)
      for (let j = 0; j < models; j++) {
        if (tierOf[i] === tierOf[j]) continue;
        const at = row * tiers * tiers + (tierOf[i] as number) * tiers + (tierOf[j] as number);
        wins[at] = (wins[at] as number) + (won[i * models + j] as number);
      }
  });
  return { rows, width, wins, tiers, places: chosen };
}

export interface RankingRule {
  readonly sharpness: number;
  readonly prior: number;
  readonly isFaithful: boolean;
}

/** RouteLLM: 10 · 10^(likeness / the highest likeness). Ours: 10^(sharpness · (likeness − the highest)). */
export const weightOf = (
  likeness: number,
  highest: number,
  { sharpness, isFaithful }: Pick<RankingRule, 'sharpness' | 'isFaithful'>,
) => (isFaithful ? 10 * 10 ** (likeness / Math.max(1e-9, highest)) : 10 ** (sharpness * (likeness - highest)));

/** Wins by tier, weighted by likeness to the question; `without` is left out. */
export function weightedWins(
  { rows, width, wins, tiers }: Omit<Battles, 'places'>,
  row: Float32Array,
  rule: RankingRule,
  without = -1,
): Float64Array {
  const count = width === 0 ? 0 : rows.length / width;
  const likeness = new Float64Array(count);
  let highest = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < count; at++) {
    let sum = 0;
    for (let i = 0; i < width; i++) sum += (rows[at * width + i] as number) * (row[i] as number);
    likeness[at] = sum;
    if (at !== without && sum > highest) highest = sum;
  }
  const cells = tiers * tiers;
  const table = new Float64Array(cells);
  for (let at = 0; at < count; at++) {
    if (at === without) continue;
    const weight = weightOf(likeness[at] as number, highest, rule);
    for (let cell = 0; cell < cells; cell++)
      table[cell] = (table[cell] as number) + weight * (wins[at * cells + cell] as number);
  }
  return table;
}

/** Chance that the tier of the strong model beats that of the weak one. */
function chanceOf(
  table: Float64Array,
  usual: Float64Array,
  tiers: number,
  [strong, weak]: readonly [number, number],
  { prior, isFaithful }: RankingRule,
): number {
  const wins = isFaithful ? table : table.map((own, cell) => own + prior * (usual[cell] as number));
  const ratings = fitRatings(wins, tiers, isFaithful ? 1e-6 : 1e-3);
  return sigmoid((ratings[strong] as number) - (ratings[weak] as number));
}

/** Shares of all wins, so that together they weigh one comparison. */
function usualWins({ wins, tiers }: Pick<Battles, 'wins' | 'tiers'>): Float64Array {
  const cells = tiers * tiers;
  const table = new Float64Array(cells);
  for (let at = 0; at < wins.length; at++) table[at % cells] = (table[at % cells] as number) + (wins[at] as number);
  const all = table.reduce((sum, own) => sum + own, 0);
  return table.map((own) => own / Math.max(1, all));
}

const mostMeasured = 500;
const mostJudged = 2_000;

export const pairRatingsLearner: Learner<Options> = {
  name: 'routellm-sw',
  options,
  train(run, { num_tiers, sharpness: given, prior, upstream, ...settings }) {
    const { train, validation } = run;
    const pair = pairOf(train.outcomes, settings);
    const isFaithful = upstream === 'faithful';
    const models = train.outcomes.models.length;
    const ratings = fitRatings(countWins(train.outcomes, false), models, 1);
    const tierOf = apart([...ratings], num_tiers, pair);
    const ends = [tierOf[pair.strong] as number, tierOf[pair.weak] as number] as const;
    const battles = battlesOf(train, tierOf);
    const usual = usualWins(battles);
    const chance = (row: Float32Array, rule: RankingRule, without?: number) =>
      chanceOf(weightedWins(battles, row, rule, without), usual, battles.tiers, ends, rule);
    const kept = validation.features.slice(0, mostMeasured).map(rowOf);
    const leads = leadsOf(validation.outcomes, pair);
    const measured = (given !== undefined || isFaithful ? [given ?? 1] : sharpnesses).map((sharpness) => {
      const rule = { sharpness, prior, isFaithful };
      const loss = lossOf(
        kept.map((row) => chance(row, rule)),
        leads,
      );
      const share = (sharpnesses.indexOf(sharpness) + 1) / sharpnesses.length;
      run.onProgress?.({ step: `sharpness ${sharpness}`, share, loss });
      return { rule, loss };
    });
    const best = measured.reduce((least, one) => (one.loss < least.loss ? one : least));
    const threshold = settings.threshold ?? thresholdFor(train, battles, (row, at) => chance(row, best.rule, at), pair);
    return {
      facts: { ...pair, threshold, ends, width: battles.width, tiers: battles.tiers, ...best.rule },
      blocks: { 'pair.rows': battles.rows, 'pair.wins': battles.wins },
    };
  },
  restore({ facts, blocks }, models) {
    const known = facts as unknown as PairFacts &
      RankingRule &
      Pick<Battles, 'width' | 'tiers'> & { ends: readonly [number, number] };
    const battles = {
      ...{ rows: blocks['pair.rows'] as Float32Array, wins: blocks['pair.wins'] as Float32Array },
      ...{ width: known.width, tiers: known.tiers },
    };
    const usual = usualWins(battles);
    return {
      quality: pairScorer(known, models, (features) =>
        chanceOf(weightedWins(battles, rowOf(features), known), usual, known.tiers, known.ends, known),
      ),
    };
  },
};

/** As few tiers as were asked for that tell the two apart. */
function apart(ratings: readonly number[], most: number, { strong, weak }: Pair): number[] {
  for (let tiers = Math.min(most, ratings.length); tiers < ratings.length; tiers++) {
    const found = tiersOf(ratings, tiers);
    if (found[strong] !== found[weak]) return found;
  }
  return tiersOf(ratings, ratings.length);
}

/** From questions of training, evenly taken, each judged without itself. */
function thresholdFor(
  train: TrainingSet,
  { rows, width, places }: Battles,
  chance: (row: Float32Array, without: number) => number,
  pair: Pair,
): number {
  const leads = leadsOf(train.outcomes, pair);
  const step = Math.max(1, places.length / mostJudged);
  const taken = Array.from({ length: Math.floor(places.length / step) }, (_none, at) => Math.floor(at * step));
  const chances = taken.map((at) => chance(rows.subarray(at * width, (at + 1) * width), at));
  return keepingThreshold(
    chances,
    taken.map((at) => leads[places[at] as number] as number),
  );
}

/** Cross entropy with equals as half a win for each. */
function lossOf(chances: readonly number[], leads: ArrayLike<number>): number {
  let sum = 0;
  chances.forEach((chance, at) => {
    const target = (1 + (leads[at] as number)) / 2;
    const p = Math.max(1e-6, Math.min(1 - 1e-6, chance));
    if (!Number.isNaN(target)) sum -= target * Math.log(p) + (1 - target) * Math.log(1 - p);
  });
  return sum;
}
