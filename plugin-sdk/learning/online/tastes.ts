/** Users' ratings, the latest of each, and what follows from them for the models. */
import type { Feedback, FeedbackMark } from '../../contract/feedback.ts';
import type { JudgeOf, JudgeParts } from '../judge.ts';
import { kindOf } from '../kinds.ts';
import { type Rated, type TasteFacts, tasted } from '../learners/tastes.ts';
import { LatestMarks, onceForEach } from './latest.ts';
import { featuresOf, modelOf } from './marks.ts';

/** GMTRouter takes 4 and 5 stars for liked, 0 to 2 for disliked, and nothing else. */
const liking = (score: number) => (score >= 0.8 ? 1 : score <= 0.4 ? 0 : undefined);

/** The ratings that a mark holds; none where its question or its model is not known. */
function ratedOf(mark: FeedbackMark, { artefact, predictor }: Pick<JudgeParts, 'artefact' | 'predictor'>): Rated[] {
  const features = featuresOf(artefact, mark);
  const model = modelOf(artefact, mark);
  if (features === undefined || model === undefined) return [];
  const kind = kindOf(artefact.learnt, features);
  const isFaithful = (artefact.learnt.facts as unknown as TasteFacts).upstream === 'faithful';
  const found: Rated[] = [];
  const score = mark.score === undefined || !isFaithful ? mark.score : liking(mark.score);
  if (score !== undefined)
    found.push({
      model,
      kind,
      surplus: score - Math.max(0, Math.min(1, predictor.quality(features)[model] as number)),
    });
  const other = mark.over && modelOf(artefact, mark.over);
  if (mark.over && other !== undefined && other !== model) {
    const lead = mark.over.strength - 0.5;
    found.push({ model, kind, surplus: lead }, { model: other, kind, surplus: -lead });
  }
  return found;
}

/** LLMRouter answers a user it does not know by the first model; ours is answered as everybody is. */
const firstFirst = (quality: Float64Array) => quality.map((_none, model) => (model === 0 ? 1 : 0));

export const tastesJudge: JudgeOf = async (parts) => {
  const { host, artefact, predictor } = parts;
  const feedback: Feedback = host.use('feedback');
  const { visible, upstream } = artefact.learnt.facts as unknown as TasteFacts;
  const followed = await feedback.follow(
    () => new LatestMarks(visible),
    (users, mark) => users.add(mark),
  );
  const rated = onceForEach((mark) => ratedOf(mark, parts));
  return {
    judge(features, context) {
      const subject = feedback.subject(context);
      const known = followed.current.of(subject).flatMap(rated);
      const quality = predictor.quality(features);
      if (known.length > 0) return { quality: tasted(quality, known, artefact.learnt, features) };
      return { quality: upstream === 'faithful' ? firstFirst(quality) : quality };
    },
    stop: () => followed.stop(),
  };
};
