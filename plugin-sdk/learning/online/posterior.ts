/**
 * Quality by kind of question and model, as feedback corrects it: a Beta
 * posterior whose prior is what was learnt before.
 */
import type { Feedback, FeedbackMark } from '../../contract/feedback.ts';
import { beta } from '../../numerics/random.ts';
import type { Artefact } from '../artefact.ts';
import type { JudgeOf } from '../judge.ts';
import { kindOf } from '../kinds.ts';
import { featuresOf, modelOf } from './marks.ts';

interface PosteriorOptions {
  /** `thompson` draws a quality from the posterior, so that models of whom little is known are tried; `mean` takes its mean. */
  readonly mode: 'mean' | 'thompson' | 'off';
  /** How many marks the learnt prior is worth. */
  readonly prior: number;
}

/** Sums of scores and their number, by kind and model. */
interface Tally {
  readonly scores: Float64Array;
  readonly counts: Float64Array;
}

const emptyTally = (size: number): Tally => ({ scores: new Float64Array(size), counts: new Float64Array(size) });

/** Adds a mark to its kind and model. A preference counts as a score for each of the two: its strength, and what is left. */
function addMark(tally: Tally, mark: FeedbackMark, artefact: Artefact): void {
  const features = featuresOf(artefact, mark);
  if (features === undefined) return;
  const row = kindOf(artefact.learnt, features) * artefact.header.models.length;
  const add = (model: number | undefined, score: number | undefined) => {
    if (model === undefined || score === undefined) return;
    tally.scores[row + model] = (tally.scores[row + model] as number) + score;
    tally.counts[row + model] = (tally.counts[row + model] as number) + 1;
  };
  const model = modelOf(artefact, mark);
  add(model, mark.score);
  if (!mark.over) return;
  const other = modelOf(artefact, mark.over);
  if (other === model) return;
  add(model, mark.over.strength);
  add(other, 1 - mark.over.strength);
}

const leastChance = 0.01;

export const posteriorJudge =
  ({ mode, prior }: PosteriorOptions): JudgeOf =>
  async ({ host, artefact, predictor }) => {
    if (mode === 'off') return { judge: (features) => ({ quality: predictor.quality(features) }), stop: () => {} };
    const feedback: Feedback = host.use('feedback');
    const models = artefact.header.models.length;
    const kinds = (artefact.learnt.facts.kinds as number | undefined) ?? 1;
    const followed = await feedback.follow(
      () => emptyTally(kinds * models),
      (tally, mark) => addMark(tally, mark, artefact),
    );
    return {
      judge(features) {
        const { scores, counts } = followed.current;
        const row = kindOf(artefact.learnt, features) * models;
        let marks = 0;
        const quality = predictor.quality(features).map((learnt, model) => {
          const chance = Math.max(leastChance, Math.min(1 - leastChance, learnt));
          const good = prior * chance + (scores[row + model] as number);
          const all = prior + (counts[row + model] as number);
          marks += counts[row + model] as number;
          return mode === 'thompson' ? beta(good, all - good, () => host.random()) : good / all;
        });
        // The margin guards against what was learnt being wrong; what callers say themselves needs less of it.
        return { quality, caution: prior / (prior + marks) };
      },
      stop: () => followed.stop(),
    };
  };
