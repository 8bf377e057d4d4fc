/** Marks of feedback in the terms of an artefact. */
import type { FeedbackMark, RatedAnswer } from '../../contract/feedback.ts';
import type { Artefact } from '../artefact.ts';
import { type Features, inSpace } from '../features.ts';
import { noWords } from '../words.ts';

/** Place of the model that gave an answer; undefined for one the artefact does not know. */
export function modelOf(
  { header }: Pick<Artefact, 'header'>,
  { names }: Pick<RatedAnswer, 'names'>,
): number | undefined {
  const place = names.map((name) => header.models.indexOf(name)).find((found) => found >= 0);
  return place;
}

/** The question as the artefact's learner sees it, without its words; undefined where another embedder saw it. */
export function featuresOf({ space }: Pick<Artefact, 'space'>, { features }: FeedbackMark): Features | undefined {
  if (features === undefined || features.embedder !== space.embedder) return undefined;
  const { embedding, traits } = features;
  if (embedding.length !== space.dimensions || traits.length !== space.traitMean.length) return undefined;
  return inSpace(space, { embedding, traits, counts: noWords });
}
