/** A small network with one sigmoid output a model, on embedding and traits (strategies such as RouterBench's MLP, arXiv:2403.12031). */
import { z } from 'zod';
import { forward, type Layer, type Network, softmax, trainMlp } from '../../numerics/mlp.ts';
import { sigmoid } from '../../numerics/vectors.ts';
import type { Learnt } from '../artefact.ts';
import { denseRow, denseRows } from '../features.ts';
import { namedKinds } from '../kinds.ts';
import { labelled, upstreamOption } from '../labels.ts';
import {
  crossEntropy,
  EarlyStop,
  type LayeredNetwork,
  type Learner,
  type Scorer,
  type TrainingSet,
} from '../learner.ts';
import { traitNames } from '../traits.ts';

const scale = { embedding: 8, traits: 1 };

const options = z.strictObject({
  hidden: z.array(z.int().min(1).max(4096)).max(4).default([64]).describe('Units of each hidden layer.'),
  epochs: z.int().min(1).max(1000).default(40).describe('Most passes over the questions.'),
  batch: z.int().min(1).max(4096).default(32).describe('Questions of one step.'),
  rate: z.number().positive().default(0.001).describe('Rate of Adam.'),
  decay: z.number().min(0).default(0.02).describe('Pull of the weights towards zero.'),
  dropout: z.number().min(0).max(0.9).default(0.2).describe('Share of hidden units left out of each step.'),
  patience: z.int().min(1).default(4).describe('Passes without gain on the questions kept aside before it stops.'),
  upstream: upstreamOption,
});

function scorer(network: Network, isOneOf = false): Scorer {
  return (features) => {
    const out = forward(network, denseRow(features, scale));
    return isOneOf ? softmax(out) : out.map(sigmoid);
  };
}

const copied = (network: Network): Network =>
  network.map((layer) => ({ ...layer, weights: layer.weights.slice(), bias: layer.bias.slice() }));

/** Where outcomes name tasks, the network learns those beside: what tells tasks apart tells models apart as well. */
function withKinds(train: TrainingSet): { readonly targets: Float32Array; readonly outputs: number } {
  const { quality, models } = train.outcomes;
  const kinds = namedKinds(train);
  if (!kinds) return { targets: quality, outputs: models.length };
  const outputs = models.length + kinds.count;
  const targets = new Float32Array(train.features.length * outputs);
  kinds.of.forEach((kind, row) => {
    targets.set(quality.subarray(row * models.length, (row + 1) * models.length), row * outputs);
    targets[row * outputs + models.length + kind] = 1;
  });
  return { targets, outputs };
}

/** Without the outputs for kinds, which only teach. */
const ofModels = (network: Network, models: number): Network => {
  const last = network.at(-1) as Layer;
  return [
    ...network.slice(0, -1),
    {
      ...last,
      outputs: models,
      weights: last.weights.subarray(0, models * last.inputs),
      bias: last.bias.subarray(0, models),
    },
  ];
};

export const networkLearner: Learner<z.output<typeof options>> = {
  name: 'llmrouter-mlp',
  options,
  isGuarded: ({ upstream }) => upstream !== 'faithful',
  train({ train, validation, seed, onProgress }, { patience, upstream, ...given }) {
    const isOneOf = upstream === 'faithful';
    // scikit-learn's MLPClassifier as LLMRouter sets it up: no units left out, α 1e-4.
    const settings = isOneOf ? { ...given, batch: 200, decay: 1e-4, dropout: 0, isOneOf } : given;
    const judged = isOneOf ? { ...validation, outcomes: labelled(validation.outcomes) } : validation;
    const { values, width } = denseRows(train.features, scale);
    const models = train.outcomes.models.length;
    const { targets, outputs } = isOneOf
      ? { targets: labelled(train.outcomes).quality, outputs: models }
      : withKinds(train);
    const stop = new EarlyStop<Network>(patience);
    const last = trainMlp(values, width, targets, outputs, {
      ...settings,
      seed,
      onEpoch(whole, epoch) {
        const network = ofModels(whole, models);
        const loss = crossEntropy(judged, scorer(network, isOneOf));
        onProgress?.({ step: `pass ${epoch + 1}`, share: (epoch + 1) / settings.epochs, loss });
        return stop.offer(loss, () => copied(network));
      },
    });
    const network = stop.best ?? ofModels(last, models);
    const blocks: Record<string, Float32Array> = {};
    network.forEach(({ weights, bias }, index) => {
      blocks[`network.${index}.weights`] = weights;
      blocks[`network.${index}.bias`] = bias;
    });
    return {
      facts: {
        isOneOf,
        stoppedAt: stop.best ? stop.at + 1 : settings.epochs,
        sizes: [width, ...network.map((layer) => layer.outputs)],
      },
      blocks,
    };
  },
  restore(learnt) {
    return { quality: scorer(storedNetwork(learnt), learnt.facts.isOneOf as boolean | undefined) };
  },
};

/** Layers as the artefact holds them. */
function storedNetwork({ facts, blocks }: Pick<Learnt, 'facts' | 'blocks'>): Network {
  const sizes = facts.sizes as readonly number[];
  return sizes.slice(1).map(
    (outputs, index): Layer => ({
      inputs: sizes[index] as number,
      outputs,
      weights: blocks[`network.${index}.weights`] as Float32Array,
      bias: blocks[`network.${index}.bias`] as Float32Array,
    }),
  );
}

/** The network as it reads embedding and standardised traits; hidden layers are rectified, outputs are logits. */
export const networkAsLayers = (learnt: Pick<Learnt, 'facts' | 'blocks'>): LayeredNetwork => ({
  scale,
  layers: storedNetwork(learnt),
  isRectified: true,
});

/** What such a network is stored as, from layers whose inputs are embedding and standardised traits as they are. */
export function storeNetwork(layers: Network): Learnt {
  const [first, ...rest] = layers as [Layer, ...Network];
  const traitsFrom = first.inputs - traitNames.length;
  const weights = first.weights.map(
    (value, at) => value / (at % first.inputs < traitsFrom ? scale.embedding : scale.traits),
  );
  const blocks = Object.fromEntries(
    [{ ...first, weights }, ...rest].flatMap((layer, index) => [
      [`network.${index}.weights`, layer.weights],
      [`network.${index}.bias`, layer.bias],
    ]),
  );
  return { facts: { sizes: [first.inputs, ...layers.map(({ outputs }) => outputs)] }, blocks };
}
