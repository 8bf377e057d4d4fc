/** One logistic regression a model on words, embedding and traits: the linear outcome predictor. */
import { z } from 'zod';
import { type LogisticWeights, logits, trainLogistic } from '../../numerics/logistic.ts';
import { sigmoid } from '../../numerics/vectors.ts';
import { denseRow, denseRows } from '../features.ts';
import { crossEntropy, EarlyStop, type Learner, type Scorer } from '../learner.ts';
import { wordBits } from '../words.ts';

const scale = { embedding: 2, traits: 0.2 };

const options = z.strictObject({
  epochs: z.int().min(1).max(1000).default(20).describe('Most passes over the questions.'),
  rate: z.number().positive().default(0.05).describe('Rate of the first step.'),
  decay: z.number().min(0).default(5e-4).describe('Pull of the weights towards zero.'),
  patience: z.int().min(1).default(3).describe('Passes without gain on the questions kept aside before it stops.'),
});

function scorer(weights: LogisticWeights): Scorer {
  return (features) => {
    const out = logits(weights, denseRow(features, scale), features.words, new Float64Array(weights.outputs));
    for (let to = 0; to < out.length; to++) out[to] = sigmoid(out[to] as number);
    return out;
  };
}

export const linearLearner: Learner<z.output<typeof options>> = {
  name: 'linear',
  options,
  train({ train, validation, seed, onProgress }, { epochs, rate, decay, patience }) {
    const { values, width } = denseRows(train.features, scale);
    const outputs = train.outcomes.models.length;
    const stop = new EarlyStop<LogisticWeights>(patience);
    const inputs = { dense: values, width, sparse: train.features.map(({ words }) => words), places: 1 << wordBits };
    const last = trainLogistic(inputs, train.outcomes.quality, outputs, {
      ...{ seed, epochs, rate, decay },
      onEpoch(weights, epoch) {
        const loss = crossEntropy(validation, scorer(weights));
        onProgress?.({ step: `pass ${epoch + 1}`, share: (epoch + 1) / epochs, loss });
        return stop.offer(loss, () => ({
          ...weights,
          dense: weights.dense.slice(),
          sparse: weights.sparse.slice(),
          bias: weights.bias.slice(),
        }));
      },
    });
    const { dense, sparse, bias } = stop.best ?? last;
    return {
      facts: { width, stoppedAt: stop.best ? stop.at + 1 : epochs },
      blocks: { 'linear.dense': dense, 'linear.sparse': sparse, 'linear.bias': bias },
    };
  },
  restore({ facts, blocks }, outputs) {
    const quality = scorer({
      outputs,
      width: facts.width as number,
      dense: blocks['linear.dense'] as Float32Array,
      sparse: blocks['linear.sparse'] as Float32Array,
      bias: blocks['linear.bias'] as Float32Array,
    });
    return { quality };
  },
};
