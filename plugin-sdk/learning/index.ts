/** Learnt routing: outcomes, features, learners, artefacts, measures, and the strategy that serves them. */
export { type Artefact, type ArtefactHeader, type Learnt, readArtefact, writeArtefact } from './artefact.ts';
export { type Cascade, cascadeName, readCascade, writeCascade } from './cascade.ts';
export { type DecideOptions, type Judged, rankModels } from './decide.ts';
export { type FeatureSpace, type Features, inSpace, learnSpace, type RawFeatures, rawFeatures } from './features.ts';
export { type Fold, foldsOf } from './folds.ts';
export { type FollowedFile, followFile } from './follow-file.ts';
export type { Judge, JudgeOf, JudgeParts } from './judge.ts';
export type { LayeredNetwork, Learner, Predictor, Scorer, TrainingRun, TrainingSet } from './learner.ts';
export { autoLearner } from './learners/auto.ts';
export { contrastLearner } from './learners/contrast.ts';
export { difficultyLearner } from './learners/difficulty.ts';
export { eloLearner } from './learners/elo.ts';
export { factorsAsLayers, factorsLearner } from './learners/factors.ts';
export { graphLearner } from './learners/graph.ts';
export { kindsLearner } from './learners/kinds.ts';
export { ladderLearner } from './learners/ladder.ts';
export { linearLearner } from './learners/linear.ts';
export { machinesLearner } from './learners/machines.ts';
export { neighboursLearner } from './learners/neighbours.ts';
export { networkAsLayers, networkLearner, storeNetwork } from './learners/network.ts';
export { pairFactorsLearner } from './learners/pair-factors.ts';
export { pairRatingsLearner } from './learners/pair-ratings.ts';
export { preferencesLearner } from './learners/preferences.ts';
export { tasksLearner } from './learners/tasks.ts';
export { tastesLearner } from './learners/tastes.ts';
export { isOnFront, type Valued, valueLearner, worthOf } from './learners/value.ts';
export {
  type Actions,
  binOf,
  type CascadeCosts,
  type Family,
  families,
  learnMetaVerifier,
  type VerifiedRow,
} from './meta-verifier.ts';
export {
  averageGapRecovered,
  averageImprovement,
  callShareFor,
  hullOf,
  type Interval,
  type Point,
  pairedInterval,
} from './metrics.ts';
export { posteriorJudge } from './online/posterior.ts';
export { preferencesJudge } from './online/preferences.ts';
export { ratingsJudge } from './online/ratings.ts';
export { tastesJudge } from './online/tastes.ts';
export { meansByModel, type OutcomeRow, type Outcomes, OutcomeTable, pick, type Question } from './outcomes.ts';
export { packFeatures, unpackFeatures } from './packed-features.ts';
export { type PairStrategyOptions, pairStrategy, pairStrategyConfig } from './pair-strategy.ts';
export { readJsonLines, readOutcomeRow, readOutcomes } from './read.ts';
export {
  type LearnedStrategyOptions,
  learnedRouter,
  learnedStrategy,
  learnedStrategyConfig,
  learnedStrategyOptions,
} from './strategy.ts';
export { learnTokenTable, type TokenTable, type TokenTableInput } from './token-table.ts';
export { restorePredictor, type TrainOptions, trainArtefact } from './train.ts';
export { traitNames } from './traits.ts';
export { noWords, wordBits } from './words.ts';
