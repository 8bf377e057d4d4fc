/** Whether choices stand when the same is asked in other letters, and how long they take. */
import { performance } from 'node:perf_hooks';
import type { Embedder } from '@rutter/plugin-sdk';
import { inSpace, type Judged, type RawFeatures, rankModels, rawFeatures } from '@rutter/plugin-sdk/learning';
import { type LabData, rawOf } from './data.ts';
import { type Loaded, type Run, withoutGaps } from './measure.ts';
import { inOtherWords, withTypos } from './noise.ts';

interface Steadiness {
  /** Share of the questions whose choice stands. */
  readonly same: number;
  /** Mean quality of the choices, beside that of the same questions as they were. */
  readonly quality: number;
  readonly before: number;
}

export interface Robustness {
  readonly questions: number;
  readonly typos: Steadiness;
  readonly wording: Steadiness;
}

/** Questions that are asked again; spread over all of them. */
const mostAsked = 400;

function spread(count: number): number[] {
  const size = Math.min(mostAsked, count);
  return Array.from({ length: size }, (_none, at) => Math.floor((at * count) / size));
}

export async function robustnessOf(
  embedder: Embedder,
  {
    loaded,
    data,
    own,
    costWeight,
  }: { readonly loaded: Loaded; readonly data: LabData; readonly own: Run; readonly costWeight: number },
): Promise<Robustness | undefined> {
  const { questions } = data.outcomes;
  // Of questions known by their embedding alone there are no words to change.
  const asked = spread(questions.length).filter((row) => questions[row]?.text !== '');
  if (asked.length === 0) return undefined;
  const width = data.outcomes.models.length;
  const { quality } = withoutGaps(data.outcomes);
  const steadiness = async (change: (text: string, seed: number) => string): Promise<Steadiness> => {
    const raw = await rawOf(
      embedder,
      asked.map((row) => change(questions[row]?.text as string, row)),
    );
    const { predictor, space, costUnit, allowed } = loaded;
    let [same, after, before] = [0, 0, 0];
    asked.forEach((row, at) => {
      const features = inSpace(space, raw[at] as RawFeatures);
      const { model } = rankModels(predictor, features, { costWeight, costUnit, allowed })[0] as Judged;
      if (own.picks[row]?.model === model) same++;
      after += quality[row * width + (loaded.places[model] as number)] as number;
      before += own.quality[row] as number;
    });
    return { same: same / asked.length, quality: after / asked.length, before: before / asked.length };
  };
  return { questions: asked.length, typos: await steadiness(withTypos), wording: await steadiness(inOtherWords) };
}

export interface DecisionTime {
  readonly p50: number;
  readonly p99: number;
}

const decisions = 300;

/** Microseconds from the words and their vector to the order of models; making the vector is the embedder's. */
export function decisionUs(
  { predictor, space, costUnit, allowed }: Loaded,
  data: LabData,
  costWeight: number,
): DecisionTime {
  const rows = Array.from({ length: decisions }, (_none, at) => at % data.raw.length);
  const times = rows.map((row) => {
    const text = data.outcomes.questions[row]?.text as string;
    const embedding = (data.raw[row] as LabData['raw'][number]).embedding;
    const begun = performance.now();
    rankModels(predictor, inSpace(space, rawFeatures(text, embedding)), { costWeight, costUnit, allowed });
    return (performance.now() - begun) * 1_000;
  });
  // The first third is what the compiler learns from.
  const sorted = times.slice(decisions / 3).sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] as number;
  return { p50: at(0.5), p99: at(0.99) };
}
