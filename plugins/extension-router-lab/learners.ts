/** Learners by the name of the strategy that serves what they learn. */
import { RutterError } from '@rutter/plugin-sdk';
import {
  autoLearner,
  contrastLearner,
  difficultyLearner,
  eloLearner,
  factorsLearner,
  graphLearner,
  type Learner,
  ladderLearner,
  machinesLearner,
  neighboursLearner,
  networkLearner,
  pairFactorsLearner,
  pairRatingsLearner,
  preferencesLearner,
  tasksLearner,
  tastesLearner,
  valueLearner,
} from '@rutter/plugin-sdk/learning';

export const learners: ReadonlyMap<string, Learner> = new Map<string, Learner>([
  ['rutter-auto', autoLearner],
  ['llmrouter-knn', neighboursLearner],
  ['llmrouter-mlp', networkLearner],
  ['llmrouter-svm', machinesLearner],
  ['llmrouter-mf', factorsLearner],
  ['llmrouter-elo', eloLearner],
  ['llmrouter-routerdc', contrastLearner],
  ['llmrouter-graph', graphLearner],
  ['llmrouter-hybrid', ladderLearner],
  ['llmrouter-cost-aware', valueLearner],
  ['threshold', difficultyLearner],
  ['taskaware', tasksLearner],
  ['llmrouter-gmt', tastesLearner],
  ['personalizedrouter', preferencesLearner],
  ['routellm-mf', pairFactorsLearner],
  ['routellm-sw', pairRatingsLearner],
]);

export function learnerOf(strategy: string): Learner {
  const found = learners.get(strategy);
  if (found) return found;
  throw new RutterError(
    'ERR_CONFIG_INVALID',
    `There is no strategy ${JSON.stringify(strategy)} to train; expected one of ${[...learners.keys()].join(', ')}.`,
  );
}
