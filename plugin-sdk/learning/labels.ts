/** LLMRouter's reading of outcomes: one label a question. */
import { z } from 'zod';
import { argmax } from '../numerics/vectors.ts';
import type { TrainingSet } from './learner.ts';
import type { Outcomes } from './outcomes.ts';

export const upstreamOption = z
  .enum(['rutter', 'faithful'])
  .default('rutter')
  .describe('faithful: learn as LLMRouter does, from the first best model of each question alone.');

/** 1 for the first best model of each question, 0 for every other, as LLMRouter labels; equals lose by the order of models. */
export function labelled(outcomes: Outcomes): Outcomes {
  const width = outcomes.models.length;
  const quality = new Float32Array(outcomes.quality.length);
  for (let row = 0; row < outcomes.questions.length; row++) {
    const best = argmax(outcomes.quality.subarray(row * width, (row + 1) * width));
    if (best < 0) quality.fill(Number.NaN, row * width, (row + 1) * width);
    else quality[row * width + best] = 1;
  }
  return { ...outcomes, quality };
}

export const labelledSet = (set: TrainingSet): TrainingSet => ({ ...set, outcomes: labelled(set.outcomes) });
