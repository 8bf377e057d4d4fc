/**
 * Outcomes of the most similar questions, weighted by likeness and shrunk to
 * each model's mean (k nearest neighbours on whole outcome rows).
 */
import { z } from 'zod';
import { nearest } from '../../numerics/neighbours.ts';
import { matrix, normalise } from '../../numerics/vectors.ts';
import { denseRow, type Features } from '../features.ts';
import type { Learner, Scorer, TrainingSet } from '../learner.ts';
import { meansByModel } from '../outcomes.ts';

const options = z.strictObject({
  k: z.int().min(1).max(1000).default(80).describe('Neighbours that are asked.'),
  sharpness: z.number().min(0).default(8).describe('How much more the nearest count.'),
  shrink: z.number().min(0).default(8).describe('Weight of the mean of all questions, in neighbours.'),
  traits: z.number().min(0).default(0.2).describe('Weight of the shape of a text beside its embedding.'),
});

const rowOf = (features: Features, traits: number) => normalise(denseRow(features, { embedding: 1, traits }));

function stored({ features }: TrainingSet, traits: number): Float32Array {
  const rows = features.map((one) => rowOf(one, traits));
  const width = rows[0]?.length ?? 0;
  const values = new Float32Array(rows.length * width);
  rows.forEach((row, index) => {
    values.set(row, index * width);
  });
  return values;
}

export const neighboursLearner: Learner<z.output<typeof options>> = {
  name: 'llmrouter-knn',
  options,
  train({ train }, settings) {
    const { quality, models } = train.outcomes;
    return {
      facts: { ...settings, rows: train.features.length },
      blocks: {
        'neighbours.rows': stored(train, settings.traits),
        'neighbours.quality': quality,
        'neighbours.means': Float32Array.from(meansByModel(quality, models.length)),
      },
    };
  },
  restore({ facts, blocks }, models) {
    const { k, sharpness, shrink, traits, rows } = facts as z.output<typeof options> & { rows: number };
    const values = blocks['neighbours.rows'] as Float32Array;
    const seen = blocks['neighbours.quality'] as Float32Array;
    const means = blocks['neighbours.means'] as Float32Array;
    const block = matrix(rows, values.length / rows, values);
    const quality: Scorer = (features) => {
      const { places, likeness } = nearest(block, rowOf(features, traits), k);
      const out = new Float64Array(models);
      for (let model = 0; model < models; model++) {
        let sum = shrink * (means[model] as number);
        let weight = shrink;
        for (let at = 0; at < places.length; at++) {
          const value = seen[(places[at] as number) * models + model] as number;
          if (Number.isNaN(value)) continue;
          const own = Math.exp(((likeness[at] as number) - (likeness[0] as number)) * sharpness);
          sum += own * value;
          weight += own;
        }
        out[model] = sum / weight;
      }
      return out;
    };
    return { quality };
  },
};
