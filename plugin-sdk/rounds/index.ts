/** For strategies that make calls of their own: the models they may ask, the bounds of their calls, words and values. */

export { inParts, type PartsOptions, type Plan, partsOptions } from './in-parts.ts';
export { labelInstructions, labelQuestion } from './labels-prompt.ts';
export type { Part } from './parts.ts';
export {
  byStrength,
  describePool,
  modelMentioned,
  modelNamed,
  type PoolModel,
  poolOf,
  tiersByStrength,
} from './pool.ts';
export {
  type Asked,
  nameOfAsked,
  ownOrGroup,
  type Question,
  Rounds,
  type RoundsOptions,
  resultOf,
  roundsOptions,
  type Told,
  upstreamOption,
} from './rounds.ts';
export { information, turnsPrompt, withoutTags } from './turns-prompt.ts';
export { jsonIn, questionOf, transcriptOf, whyPlain } from './words.ts';
