/** A small network with one sigmoid output a model, on embedding and traits (strategies such as RouterBench's MLP, arXiv:2403.12031). */
import { z } from 'zod';
import { forward, type Layer, type Network, trainMlp } from '../../numerics/mlp.ts';
import { sigmoid } from '../../numerics/vectors.ts';
import { denseRow, denseRows } from '../features.ts';
import { crossEntropy, EarlyStop, type Learner, type Scorer } from '../learner.ts';

const scale = { embedding: 8, traits: 1 };

const options = z.strictObject({
  hidden: z.array(z.int().min(1).max(4096)).max(4).default([64]).describe('Units of each hidden layer.'),
  epochs: z.int().min(1).max(1000).default(40).describe('Most passes over the questions.'),
  batch: z.int().min(1).max(4096).default(32).describe('Questions of one step.'),
  rate: z.number().positive().default(0.001).describe('Rate of Adam.'),
  decay: z.number().min(0).default(0.02).describe('Pull of the weights towards zero.'),
  dropout: z.number().min(0).max(0.9).default(0.2).describe('Share of hidden units left out of each step.'),
  patience: z.int().min(1).default(4).describe('Passes without gain on the questions kept aside before it stops.'),
});

function scorer(network: Network): Scorer {
  return (features) => {
    const out = forward(network, denseRow(features, scale));
    for (let to = 0; to < out.length; to++) out[to] = sigmoid(out[to] as number);
    return out;
  };
}

const copied = (network: Network): Network =>
  network.map((layer) => ({ ...layer, weights: layer.weights.slice(), bias: layer.bias.slice() }));

export const networkLearner: Learner<z.output<typeof options>> = {
  name: 'llmrouter-mlp',
  options,
  train({ train, validation, seed, onProgress }, { patience, ...settings }) {
    const { values, width } = denseRows(train.features, scale);
    const outputs = train.outcomes.models.length;
    const stop = new EarlyStop<Network>(patience);
    const last = trainMlp(values, width, train.outcomes.quality, outputs, {
      ...settings,
      seed,
      onEpoch(network, epoch) {
        const loss = crossEntropy(validation, scorer(network));
        onProgress?.({ step: `pass ${epoch + 1}`, share: (epoch + 1) / settings.epochs, loss });
        return stop.offer(loss, () => copied(network));
      },
    });
    const network = stop.best ?? last;
    const blocks: Record<string, Float32Array> = {};
    network.forEach(({ weights, bias }, index) => {
      blocks[`network.${index}.weights`] = weights;
      blocks[`network.${index}.bias`] = bias;
    });
    return {
      facts: {
        epochs: stop.best ? stop.at + 1 : settings.epochs,
        sizes: [width, ...network.map((layer) => layer.outputs)],
      },
      blocks,
    };
  },
  restore({ facts, blocks }) {
    const sizes = facts.sizes as readonly number[];
    const quality = scorer(
      sizes.slice(1).map(
        (outputs, index): Layer => ({
          inputs: sizes[index] as number,
          outputs,
          weights: blocks[`network.${index}.weights`] as Float32Array,
          bias: blocks[`network.${index}.bias`] as Float32Array,
        }),
      ),
    );
    return { quality };
  },
};
