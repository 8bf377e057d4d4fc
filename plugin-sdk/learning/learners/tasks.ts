/**
 * A table of tasks and complexities, and how each model fared in each cell
 * (LLMRouter's `taskawarerouter`). Which cell a question is in is learnt from
 * outcomes that name tasks, where upstream asks a model.
 */
import { z } from 'zod';
import { fitRidge, predictRidge } from '../../numerics/ridge.ts';
import { argmax } from '../../numerics/vectors.ts';
import { denseRow, denseRows, type Features } from '../features.ts';
import { type Kinds, kindsOf } from '../kinds.ts';
import type { Learner, Scorer, TrainingSet } from '../learner.ts';
import { meansByModel } from '../outcomes.ts';
import { kindsLearner } from './kinds.ts';

const scale = { embedding: 2, traits: 1 };
const penalty = 20;

const options = z.strictObject({
  complexities: z.int().min(1).max(10).default(2).describe('Levels of complexity, each with as many questions.'),
  shrink: z
    .number()
    .positive()
    .default(20)
    .describe('Weight of the mean of the task in a cell, and of all questions in a task, in questions.'),
});

/** Whose outcome is its own kind: what a classifier of kinds learns from. */
function classified(set: TrainingSet, { count, of }: Kinds): TrainingSet {
  const quality = new Float32Array(set.features.length * count);
  of.forEach((kind, row) => {
    quality[row * count + kind] = 1;
  });
  const models = Array.from({ length: count }, (_none, kind) => String(kind));
  return { ...set, outcomes: { ...set.outcomes, models, quality } };
}

/** Mean outcome of all models, question by question. */
function easeOf({ outcomes }: TrainingSet): Float32Array {
  const width = outcomes.models.length;
  return Float32Array.from(outcomes.questions, (_none, row) => {
    const known = outcomes.quality.subarray(row * width, (row + 1) * width).filter((value) => !Number.isNaN(value));
    return known.length === 0 ? Number.NaN : known.reduce((sum, value) => sum + value, 0) / known.length;
  });
}

/** Level of a predicted ease: 0 the hardest. `bounds` rise. */
const levelOf = (ease: number, bounds: ArrayLike<number>) => {
  let level = 0;
  while (level < bounds.length && ease >= (bounds[level] as number)) level++;
  return level;
};

/** Means by group and model, shrunk to a prior by group and model. */
export function shrunkMeans(
  { outcomes }: Pick<TrainingSet, 'outcomes'>,
  { groups, of, shrink }: { readonly groups: number; readonly of: ArrayLike<number>; readonly shrink: number },
  prior: (group: number, model: number) => number,
): Float32Array {
  const width = outcomes.models.length;
  const sums = new Float64Array(groups * width);
  const seen = new Float64Array(groups * width);
  outcomes.quality.forEach((value, at) => {
    if (Number.isNaN(value)) return;
    const cell = (of[Math.floor(at / width)] as number) * width + (at % width);
    sums[cell] = (sums[cell] as number) + value;
    seen[cell] = (seen[cell] as number) + 1;
  });
  return Float32Array.from(
    sums,
    (sum, cell) => (sum + shrink * prior(Math.floor(cell / width), cell % width)) / ((seen[cell] as number) + shrink),
  );
}

interface Reader {
  readonly task: Scorer;
  readonly ease: (features: Features) => number;
  readonly bounds: ArrayLike<number>;
}

const cellOf = ({ task, ease, bounds }: Reader, features: Features) =>
  argmax(task(features)) * (bounds.length + 1) + levelOf(ease(features), bounds);

const easeReader = (weights: Float32Array) => {
  const width = weights.length - 1;
  return (features: Features) => predictRidge({ width, outputs: 1, weights }, denseRow(features, scale), 0);
};

export const tasksLearner: Learner<z.output<typeof options>> = {
  name: 'taskaware',
  options,
  isGuarded: () => true,
  train(run, { complexities, shrink }) {
    const { train } = run;
    const kinds = kindsOf(train, run.seed);
    const settings = kindsLearner.options.parse({ shrink: 0 }) as never;
    const learnt = kindsLearner.train({ ...run, train: classified(train, kinds) }, settings);
    const { values, width } = denseRows(train.features, scale);
    const { weights } = fitRidge(values, width, easeOf(train), 1, penalty);
    const ease = easeReader(weights);
    const sorted = train.features.map(ease).sort((a, b) => a - b);
    const bounds = Float32Array.from(
      { length: complexities - 1 },
      (_none, at) => sorted[Math.floor(((at + 1) / complexities) * sorted.length)] ?? 0,
    );
    const overall = meansByModel(train.outcomes.quality, train.outcomes.models.length);
    const byTask = shrunkMeans(
      train,
      { groups: kinds.count, of: kinds.of, shrink },
      (_kind, model) => overall[model] as number,
    );
    const models = train.outcomes.models.length;
    // Cells are filled by the task a question is taken for, which is what will be asked of the table.
    const reader = { task: kindsLearner.restore(learnt, kinds.count).quality, ease, bounds };
    const means = shrunkMeans(
      train,
      { groups: kinds.count * complexities, of: train.features.map((features) => cellOf(reader, features)), shrink },
      (cell, model) => byTask[Math.floor(cell / complexities) * models + model] as number,
    );
    return {
      facts: { ...learnt.facts, tasks: kinds.count },
      blocks: { ...learnt.blocks, 'tasks.ease': weights, 'tasks.bounds': bounds, 'tasks.means': means },
    };
  },
  restore(learnt, models) {
    const means = learnt.blocks['tasks.means'] as Float32Array;
    const reader = {
      task: kindsLearner.restore(learnt, learnt.facts.tasks as number).quality,
      ease: easeReader(learnt.blocks['tasks.ease'] as Float32Array),
      bounds: learnt.blocks['tasks.bounds'] as Float32Array,
    };
    return {
      quality(features) {
        const cell = cellOf(reader, features);
        return Float64Array.from(means.subarray(cell * models, (cell + 1) * models));
      },
    };
  },
};
