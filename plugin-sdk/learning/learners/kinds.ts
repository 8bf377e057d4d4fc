/**
 * Which kind of question a text is, and how each model fared on each kind:
 * few numbers from many outcomes, so that models are ordered by more than
 * chance. The kinds are the tasks of the outcomes, or clusters.
 */
import { z } from 'zod';
import { type LogisticWeights, logits, trainLogistic } from '../../numerics/logistic.ts';
import { sigmoid } from '../../numerics/vectors.ts';
import { denseRow, denseRows, type Features } from '../features.ts';
import { type Kinds, kindsOf } from '../kinds.ts';
import type { Learner, TrainingSet } from '../learner.ts';
import { meansByModel } from '../outcomes.ts';
import { wordBits } from '../words.ts';

const scale = { embedding: 2, traits: 0.2 };

const options = z.strictObject({
  epochs: z.int().min(1).max(1000).default(12).describe('Passes over the questions.'),
  rate: z.number().positive().default(0.1).describe('Rate of the first step.'),
  shrink: z.number().min(0).default(5).describe('Weight of the mean of all questions, in questions of a kind.'),
  sharpness: z.number().positive().default(2).describe('Power of the chance of each kind.'),
});

/** Mean quality by kind and model, shrunk towards the model's mean. */
function meansByKind({ outcomes }: TrainingSet, { count, of }: Kinds, shrink: number): Float32Array {
  const width = outcomes.models.length;
  const overall = meansByModel(outcomes.quality, width);
  const sums = new Float64Array(count * width);
  const seen = new Float64Array(count * width);
  of.forEach((kind, row) => {
    for (let model = 0; model < width; model++) {
      const value = outcomes.quality[row * width + model] as number;
      if (Number.isNaN(value)) continue;
      sums[kind * width + model] = (sums[kind * width + model] as number) + value;
      seen[kind * width + model] = (seen[kind * width + model] as number) + 1;
    }
  });
  return Float32Array.from(sums, (sum, at) => {
    const prior = overall[at % width] as number;
    return (sum + Math.max(shrink, 1e-6) * prior) / ((seen[at] as number) + Math.max(shrink, 1e-6));
  });
}

export const kindsLearner: Learner<z.output<typeof options>> = {
  name: 'kinds',
  options,
  train({ train, seed, onProgress }, { epochs, rate, shrink, sharpness }) {
    const kinds = kindsOf(train, seed);
    const { values, width } = denseRows(train.features, scale);
    const targets = new Float32Array(train.features.length * kinds.count);
    kinds.of.forEach((kind, row) => {
      targets[row * kinds.count + kind] = 1;
    });
    const inputs = { dense: values, width, sparse: train.features.map(({ words }) => words), places: 1 << wordBits };
    const { dense, sparse, bias } = trainLogistic(inputs, targets, kinds.count, {
      ...{ seed, epochs, rate, decay: 0 },
      onEpoch(_weights, epoch) {
        onProgress?.({ step: `pass ${epoch + 1}`, share: (epoch + 1) / epochs });
        return false;
      },
    });
    return {
      facts: { width, kinds: kinds.count, sharpness },
      blocks: {
        'kinds.dense': dense,
        'kinds.sparse': sparse,
        'kinds.bias': bias,
        'kinds.means': meansByKind(train, kinds, shrink),
      },
    };
  },
  restore({ facts, blocks }, models) {
    const { kinds, sharpness } = facts as { kinds: number; sharpness: number };
    const weights: LogisticWeights = {
      outputs: kinds,
      width: facts.width as number,
      dense: blocks['kinds.dense'] as Float32Array,
      sparse: blocks['kinds.sparse'] as Float32Array,
      bias: blocks['kinds.bias'] as Float32Array,
    };
    const means = blocks['kinds.means'] as Float32Array;
    const quality = (features: Features) => {
      const chances = logits(weights, denseRow(features, scale), features.words, new Float64Array(kinds));
      const out = new Float64Array(models);
      let sum = 0;
      for (let kind = 0; kind < kinds; kind++) {
        const chance = sigmoid(chances[kind] as number) ** sharpness;
        sum += chance;
        for (let model = 0; model < models; model++)
          out[model] = (out[model] as number) + chance * (means[kind * models + model] as number);
      }
      return out.map((value) => value / Math.max(sum, Number.MIN_VALUE));
    };
    return { quality };
  },
};
