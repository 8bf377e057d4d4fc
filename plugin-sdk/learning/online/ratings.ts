/** Ratings that move with feedback (Elo 1978): what was expected less, raises more. */
import type { Feedback, FeedbackMark } from '../../contract/feedback.ts';
import { sigmoid } from '../../numerics/vectors.ts';
import type { Artefact } from '../artefact.ts';
import type { JudgeOf } from '../judge.ts';
import { ratingChances } from '../learners/elo.ts';
import { modelOf } from './marks.ts';

/** Points of the scale of chess to its natural one: 400 points are odds of ten to one. */
const natural = Math.LN10 / 400;

interface MovingRatings {
  /** Natural units. */
  readonly ratings: Float64Array;
  /** Of all scores so far; two of one half stand before the first. */
  scores: number;
  count: number;
}

const startRatings = (ratings: ArrayLike<number>): MovingRatings => ({
  ratings: Float64Array.from(ratings),
  scores: 1,
  count: 2,
});

const logit = (chance: number) => Math.log(chance / (1 - chance));

/**
 * A preference is a game between two models. A score is one against the field: a model of middling rating is expected
 * to be given the mean of all scores, so that callers who praise everything move nothing.
 */
function moveRatings(state: MovingRatings, mark: FeedbackMark, artefact: Pick<Artefact, 'header'>, kFactor: number) {
  const { ratings } = state;
  const model = modelOf(artefact, mark);
  if (model === undefined) return;
  const step = kFactor * natural;
  const own = ratings[model] as number;
  const other = mark.over && modelOf(artefact, mark.over);
  if (mark.over && other !== undefined && other !== model) {
    const surprise = mark.over.strength - sigmoid(own - (ratings[other] as number));
    ratings[model] = own + step * surprise;
    ratings[other] = (ratings[other] as number) - step * surprise;
  }
  if (mark.score === undefined) return;
  const mean = ratings.reduce((sum, rating) => sum + rating, 0) / ratings.length;
  const expected = sigmoid((ratings[model] as number) - mean + logit(state.scores / state.count));
  ratings[model] = (ratings[model] as number) + step * (mark.score - expected);
  // One half more on each side keeps the mean from certainty.
  state.scores += Math.max(0.02, Math.min(0.98, mark.score));
  state.count += 1;
}

/** `kFactor` in points of the scale of chess; 0 for the ratings of the artefact alone. */
export const ratingsJudge =
  (kFactor: number): JudgeOf =>
  async ({ host, artefact, predictor }) => {
    if (kFactor === 0) return { judge: (features) => ({ quality: predictor.quality(features) }), stop: () => {} };
    const feedback: Feedback = host.use('feedback');
    const first = artefact.learnt.blocks['elo.ratings'] as Float32Array;
    const followed = await feedback.follow(
      () => startRatings(first),
      (state, mark) => moveRatings(state, mark, artefact, kFactor),
    );
    return { judge: () => ({ quality: ratingChances(followed.current.ratings) }), stop: () => followed.stop() };
  };
