/** What learners say of questions they have not seen, and what follows for trusting them. */
import { argmax } from '../numerics/vectors.ts';
import { foldsOf, joined, subset } from './folds.ts';
import type { Learner, Scorer, TrainingRun, TrainingSet } from './learner.ts';
import { meansByModel } from './outcomes.ts';

const folds = 3;

/** Scores of every question by learners of the others; the set in the order of the scores. */
export function unseenScores(
  run: TrainingRun,
  learn: (run: TrainingRun) => Scorer,
): { readonly set: TrainingSet; readonly scores: Float64Array[] } {
  const set = joined(run);
  const scores: Float64Array[] = [];
  const count = Math.min(folds, set.features.length);
  foldsOf(set.features.length, count, run.seed).forEach(({ places, rest }, fold) => {
    const kept = Math.max(1, Math.round(rest.length / 8));
    const score = learn({
      train: subset(set, rest.slice(kept)),
      validation: subset(set, rest.slice(0, kept)),
      seed: run.seed + fold,
    });
    for (const place of places) scores[place] = score(set.features[place] as TrainingSet['features'][number]);
  });
  return { set, scores };
}

/** A margin that keeps everybody with the best single model, unless cost weighs too. */
const never = 0.5;
const margins = [0, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.3];

/** Quality of staying with `best` unless another is better by the margin, question by question. */
function picks(set: TrainingSet, predicted: readonly Float64Array[], best: number, margin: number): Float64Array {
  const width = set.outcomes.models.length;
  return Float64Array.from(predicted, (scores, row) => {
    const loyal = scores.slice();
    loyal[best] = (loyal[best] as number) + margin;
    const quality = set.outcomes.quality[row * width + argmax(loyal)] as number;
    return Number.isNaN(quality) ? (set.outcomes.quality[row * width + best] as number) : quality;
  });
}

/** The margin that did best; the largest of those that hardly differ, and one nobody leaves for where none beat staying. */
export function marginFor(
  set: TrainingSet,
  predicted: readonly Float64Array[],
  best: number,
  tried: readonly number[] = margins,
): number {
  const stayed = picks(set, predicted, best, never);
  let chosen = never;
  let highest = 0;
  for (const margin of tried) {
    const lifts = picks(set, predicted, best, margin).map((value, row) => value - (stayed[row] as number));
    const known = lifts.filter((lift) => !Number.isNaN(lift));
    const mean = known.reduce((sum, lift) => sum + lift, 0) / Math.max(1, known.length);
    const spread = Math.sqrt(known.reduce((sum, lift) => sum + (lift - mean) ** 2, 0)) / Math.max(1, known.length);
    // Half a standard error is asked for before anything is risked.
    if (mean > 0.5 * spread && mean >= highest) {
      highest = mean;
      chosen = margin;
    }
  }
  return chosen;
}

/** The best single model, and what another has to be better by before a learner's word is taken against it. */
export function preferenceOf<O>(learner: Learner<O>, run: TrainingRun, options: O) {
  const models = run.train.outcomes.models.length;
  const { set, scores } = unseenScores(run, (part) => learner.restore(learner.train(part, options), models).quality);
  const model = argmax(meansByModel(set.outcomes.quality, models));
  return { model, margin: marginFor(set, scores, model) };
}
