/**
 * Kinds of questions: those the outcomes name as tasks or, where they name
 * none, clusters of like questions. A label to learn from, never to decide by:
 * a request carries none.
 */
import { kMeans, nearestCentre } from '../numerics/k-means.ts';
import type { Learnt } from './artefact.ts';
import { denseRow, denseRows, type Features } from './features.ts';
import type { TrainingSet } from './learner.ts';

export interface Kinds {
  readonly count: number;
  /** Of each question, from 0. */
  readonly of: Int32Array;
}

const scale = { embedding: 1, traits: 0.2 };
const mostTasks = 100;
const clusters = 16;

/** At most 100 tasks, rarer ones together as one more; undefined where outcomes do not tell tasks apart. */
export function namedKinds({ outcomes }: TrainingSet): Kinds | undefined {
  const counts = new Map<string, number>();
  for (const { task } of outcomes.questions) counts.set(task, (counts.get(task) ?? 0) + 1);
  if (counts.size < 2) return undefined;
  const tasks = [...counts].sort(([, a], [, b]) => b - a).map(([task]) => task);
  const places = new Map(tasks.map((task, place) => [task, Math.min(place, mostTasks)]));
  return {
    count: Math.min(tasks.length, mostTasks + 1),
    of: Int32Array.from(outcomes.questions, ({ task }) => places.get(task) as number),
  };
}

/** Tasks where they are named, else clusters; the same seed gives the same. */
export const kindsOf = (set: TrainingSet, seed: number): Kinds => namedKinds(set) ?? clustered(set, seed);

/** Centres of clusters of like questions, one after the other. */
function centresOf({ features }: TrainingSet, seed: number, count = clusters): Float32Array {
  const { values, width } = denseRows(features, scale);
  return kMeans(values, width, { seed, clusters: Math.min(count, features.length), passes: 30 });
}

/** Feedback on a kind of question tells nothing of others: few kinds are soon known, many only to those asked often. */
const leastOfKind = 50;

/** The centres as a part of an artefact, for {@link kindOf}. */
export function kindsBlock(set: TrainingSet, seed: number): Learnt {
  const count = Math.max(1, Math.min(clusters, Math.round(set.features.length / leastOfKind)));
  const centres = centresOf(set, seed, count);
  const kinds = centres.length / (denseRows(set.features.slice(0, 1), scale).width || 1);
  return { facts: { kinds }, blocks: { 'kinds.centres': centres } };
}

/** Which cluster a question is of; 0 where an artefact knows none. */
export function kindOf({ facts, blocks }: Learnt, features: Features): number {
  const centres = blocks['kinds.centres'];
  if (centres === undefined) return 0;
  return nearestCentre(centres, centres.length / (facts.kinds as number), denseRow(features, scale));
}

function clustered(set: TrainingSet, seed: number): Kinds {
  const { features } = set;
  const { values, width } = denseRows(features, scale);
  const centres = centresOf(set, seed);
  const of = Int32Array.from(features, (_none, row) =>
    nearestCentre(centres, width, values.subarray(row * width, (row + 1) * width)),
  );
  return { count: centres.length / width, of };
}
