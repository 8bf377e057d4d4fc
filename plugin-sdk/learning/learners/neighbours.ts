/**
 * Outcomes of the most similar questions, weighted by likeness and shrunk to
 * each model's mean (k nearest neighbours on whole outcome rows).
 */
import { z } from 'zod';
import { nearest } from '../../numerics/neighbours.ts';
import { type Matrix, matrix, normalise } from '../../numerics/vectors.ts';
import { denseRow, type Features } from '../features.ts';
import { labelled, upstreamOption } from '../labels.ts';
import type { Learner, Scorer, TrainingSet } from '../learner.ts';
import { meansByModel } from '../outcomes.ts';

const options = z.strictObject({
  k: z.int().min(1).max(1000).default(80).describe('Neighbours that are asked.'),
  sharpness: z.number().min(0).default(8).describe('How much more the nearest count.'),
  shrink: z.number().min(0).default(8).describe('Weight of the mean of all questions, in neighbours.'),
  traits: z.number().min(0).default(0.2).describe('Weight of the shape of a text beside its embedding.'),
  n_neighbors: z.int().min(1).max(1000).default(5).describe('upstream: faithful. Neighbours that vote.'),
  upstream: upstreamOption,
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

interface Voters {
  readonly k: number;
  /** One label a row. */
  readonly seen: Float32Array;
  readonly names: readonly string[];
}

/** LLMRouter's rule: the label most of the nearest have; of equals the first by name, as scikit-learn sorts its classes. */
function votes(block: Matrix, { k, seen, names }: Voters): Scorer {
  const order = [...names].sort((a, b) => (a < b ? -1 : 1));
  return (features) => {
    const out = Float64Array.from(names, (name) => -1e-6 * order.indexOf(name));
    for (const place of nearest(block, rowOf(features, 0), k).places)
      for (let model = 0; model < names.length; model++)
        out[model] = (out[model] as number) + ((seen[place * names.length + model] as number) || 0) / k;
    return out;
  };
}

export const neighboursLearner: Learner<z.output<typeof options>> = {
  name: 'llmrouter-knn',
  options,
  isGuarded: ({ upstream }) => upstream !== 'faithful',
  train({ train }, settings) {
    const isFaithful = settings.upstream === 'faithful';
    const { quality, models } = isFaithful ? labelled(train.outcomes) : train.outcomes;
    return {
      facts: {
        ...settings,
        rows: train.features.length,
        ...(isFaithful ? { votes: true, names: models, traits: 0, k: settings.n_neighbors } : {}),
      },
      blocks: {
        'neighbours.rows': stored(train, isFaithful ? 0 : settings.traits),
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
    if (facts.votes === true) return { quality: votes(block, { k, seen, names: facts.names as readonly string[] }) };
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
