/** Quality for users whose preferences are found while serving: what everybody's outcomes tell, and what calls cost. */
import type { Learner } from '../learner.ts';
import { neighboursLearner } from './neighbours.ts';

export const preferencesLearner: Learner = { ...(neighboursLearner as unknown as Learner), name: 'personalizedrouter' };
