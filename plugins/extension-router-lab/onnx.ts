/** Networks as ONNX files: learnt ones for use elsewhere, and those learnt elsewhere for use here. */
import { createHash } from 'node:crypto';
import { RutterError } from '@rutter/plugin-sdk';
import {
  type Artefact,
  factorsAsLayers,
  type LayeredNetwork,
  networkAsLayers,
  storeNetwork,
  traitNames,
  wordBits,
  writeArtefact,
} from '@rutter/plugin-sdk/learning';
import { type OnnxModel, type OnnxNode, type OnnxTensor, readOnnx, writeOnnx } from '@rutter/plugin-sdk/onnx';

type Layer = LayeredNetwork['layers'][number];

const exporters: Readonly<Record<string, (learnt: Artefact['learnt']) => LayeredNetwork>> = {
  'llmrouter-mlp': networkAsLayers,
  'llmrouter-mf': factorsAsLayers,
};

const refuse = (message: string) => new RutterError('ERR_CONFIG_INVALID', message);

/** ERR_CONFIG_INVALID for a strategy that is no network. */
export function checkExportable(strategy: string): void {
  if (exporters[strategy]) return;
  throw refuse(`${strategy} is no network; --onnx expects one of ${Object.keys(exporters).join(', ')}.`);
}

/**
 * Inputs `embedding` (questions × dimensions) and `traits` (questions × traits, as they are measured, in the order of
 * the metadata); output `quality` (questions × models, the models in the metadata).
 */
export function exportOnnx({ header, space, learnt }: Artefact): Buffer {
  checkExportable(header.strategy);
  const { scale, layers, isRectified } = (exporters[header.strategy] as (typeof exporters)[string])(learnt);
  const nodes: OnnxNode[] = [];
  const tensors: OnnxTensor[] = [];
  const tensor = (name: string, dims: readonly number[], data: Float32Array) => {
    tensors.push({ name, dims, data });
    return name;
  };
  const node = (op: string, inputs: readonly string[], output: string, attributes: OnnxNode['attributes'] = {}) => {
    nodes.push({ op, inputs, outputs: [output], attributes });
    return output;
  };
  const one = (name: string, value: number) => tensor(name, [], Float32Array.of(value));
  const centred = node('Sub', ['traits', tensor('trait_mean', [traitNames.length], space.traitMean)], 'centred');
  const standard = node('Mul', [centred, tensor('trait_scale', [traitNames.length], space.traitScale)], 'standard');
  const bounded = node('Clip', [standard, one('least', -3), one('most', 3)], 'bounded');
  const shape = node('Mul', [bounded, one('traits_weight', scale.traits)], 'shape');
  const meaning = node('Mul', ['embedding', one('embedding_weight', scale.embedding)], 'meaning');
  let state = node('Concat', [meaning, shape], 'features', { axis: { int: 1 } });
  layers.forEach(({ inputs, outputs, weights, bias }, at) => {
    const isLast = at === layers.length - 1;
    const own = [state, tensor(`weights_${at}`, [outputs, inputs], weights), tensor(`bias_${at}`, [outputs], bias)];
    state = node('Gemm', own, `layer_${at}`, { transB: { int: 1 } });
    if (isRectified && !isLast) state = node('Relu', [state], `hidden_${at}`);
  });
  node('Sigmoid', [state], 'quality');
  const value = (name: string, width: number) => ({ name, type: 'float' as const, dims: ['questions', width] });
  return writeOnnx({
    ...{ nodes, tensors },
    inputs: [value('embedding', header.dimensions), value('traits', traitNames.length)],
    outputs: [value('quality', header.models.length)],
    metadata: {
      ...{ strategy: header.strategy, embedder: header.embedder, data_sha256: header.dataHash },
      ...{ models: JSON.stringify(header.models), traits: JSON.stringify(traitNames) },
    },
  });
}

interface Chain {
  readonly layers: Layer[];
  /** What the graph calls what has been read so far. */
  at: string;
  isRectified: boolean;
}

const transparent = new Set(['Identity', 'Dropout', 'Flatten']);
const endings = new Set(['Sigmoid', 'Softmax', 'LogSoftmax']);
const understood = 'Gemm, MatMul, Add, Relu, and Sigmoid or Softmax at the end';

/** Rows of outputs, whichever way round the file has them. */
function layerOf(
  { op, inputs, attributes = {} }: OnnxNode,
  tensors: ReadonlyMap<string, OnnxTensor>,
  name: string,
): Layer {
  const { dims = [], data } = tensors.get(inputs[1] as string) ?? {};
  if (!(data instanceof Float32Array) || dims.length !== 2)
    throw refuse(`${name}: the weights ${inputs[1]} of a ${op} are no matrix of floats within the file.`);
  for (const [attribute, usual] of Object.entries({ alpha: 1, beta: 1, transA: 0 })) {
    const found = attributes[attribute];
    const told = found && ('float' in found ? found.float : 'int' in found ? found.int : usual);
    if (told !== undefined && told !== usual)
      throw refuse(`${name}: a Gemm has ${attribute} ${told}; expected ${usual}.`);
  }
  const isTurned = 'transB' in attributes && (attributes.transB as { int?: number }).int === 1;
  const [inputCount, outputs] = (isTurned ? [dims[1], dims[0]] : dims) as [number, number];
  const weights = new Float32Array(inputCount * outputs);
  for (let to = 0; to < outputs; to++)
    for (let from = 0; from < inputCount; from++)
      weights[to * inputCount + from] = data[isTurned ? to * inputCount + from : from * outputs + to] as number;
  return {
    inputs: inputCount,
    outputs,
    weights,
    bias: biasOf(op === 'Gemm' ? inputs[2] : undefined, outputs, { tensors, name }),
  };
}

function biasOf(
  from: string | undefined,
  outputs: number,
  { tensors, name }: { readonly tensors: ReadonlyMap<string, OnnxTensor>; readonly name: string },
): Float32Array {
  if (from === undefined) return new Float32Array(outputs);
  const data = tensors.get(from)?.data;
  if (data instanceof Float32Array && data.length === outputs) return data;
  throw refuse(`${name}: ${from} is no list of ${outputs} floats within the file.`);
}

function step(
  chain: Chain,
  node: OnnxNode,
  { tensors, name }: { readonly tensors: ReadonlyMap<string, OnnxTensor>; readonly name: string },
): void {
  const { layers } = chain;
  const last = layers.at(-1);
  if (node.op === 'Gemm' || node.op === 'MatMul') {
    if (last && !chain.isRectified) throw refuse(`${name}: two layers have no Relu between them; expected one.`);
    const layer = layerOf(node, tensors, name);
    if (last && last.outputs !== layer.inputs)
      throw refuse(`${name}: a layer of ${layer.inputs} inputs follows one of ${last.outputs} outputs.`);
    layers.push(layer);
    chain.isRectified = false;
  } else if (node.op === 'Add' && last && !chain.isRectified) {
    const other = node.inputs.find((input) => input !== chain.at);
    const bias = biasOf(other ?? '', last.outputs, { tensors, name });
    layers[layers.length - 1] = { ...last, bias: last.bias.map((value, at) => value + (bias[at] as number)) };
  } else if (node.op === 'Relu' && last) chain.isRectified = true;
  else if (!transparent.has(node.op) && !(endings.has(node.op) && last))
    throw refuse(`${name}: found the operator ${node.op}; expected a chain of ${understood}.`);
  chain.at = node.outputs[0] as string;
}

/** The layers of a plain network. Throws ERR_CONFIG_INVALID with what was found and expected. */
function layersOf(model: OnnxModel, name: string): Layer[] {
  const tensors = new Map(model.tensors.map((tensor) => [tensor.name, tensor]));
  const inputs = model.inputs.filter((input) => !tensors.has(input.name));
  if (inputs.length !== 1)
    throw refuse(
      `${name} has the inputs ${inputs.map((input) => input.name).join(', ')}; expected the embedding alone.`,
    );
  const chain: Chain = { layers: [], at: inputs[0]?.name as string, isRectified: false };
  for (const node of model.nodes) {
    if (!node.inputs.includes(chain.at))
      throw refuse(`${name}: ${node.op} does not follow what stands before it; expected one chain.`);
    step(chain, node, { tensors, name });
  }
  if (chain.layers.length === 0 || chain.isRectified)
    throw refuse(`${name} ends without a layer of outputs; expected a chain of ${understood}.`);
  return chain.layers;
}

export interface ImportOptions {
  readonly name: string;
  /** In the order of the outputs; the file's own metadata when absent. */
  readonly models: readonly string[] | undefined;
  readonly embedder: { readonly version: string; readonly dimensions: number };
}

function modelsOf(metadata: OnnxModel['metadata'], given: readonly string[] | undefined): readonly string[] {
  if (given) return given;
  try {
    const told: unknown = JSON.parse(metadata?.models ?? '');
    if (Array.isArray(told) && told.every((one) => typeof one === 'string')) return told;
  } catch {
    // Told by nobody.
  }
  throw refuse('The file does not say which models its outputs are; expected --models A,B in their order.');
}

/** An artefact of llmrouter-mlp from a network that maps the embedding of a question to one output a model. */
export function importOnnx(file: Uint8Array, { name, models: given, embedder }: ImportOptions): Buffer {
  const model = readOnnx(file, name);
  const [first, ...rest] = layersOf(model, name) as [Layer, ...Layer[]];
  const models = modelsOf(model.metadata, given);
  const outputs = (rest.at(-1) ?? first).outputs;
  if (outputs !== models.length)
    throw refuse(`${name} has ${outputs} outputs; expected one for each of ${models.join(', ')}.`);
  if (first.inputs !== embedder.dimensions)
    throw refuse(
      `${name} reads ${first.inputs} numbers; the embedder ${embedder.version} makes ${embedder.dimensions}.`,
    );
  const width = first.inputs + traitNames.length;
  const weights = new Float32Array(width * first.outputs);
  for (let unit = 0; unit < first.outputs; unit++)
    weights.set(first.weights.subarray(unit * first.inputs, (unit + 1) * first.inputs), unit * width);
  const none = () => new Float32Array(traitNames.length);
  return writeArtefact(
    { strategy: 'llmrouter-mlp', models, metrics: {}, dataHash: createHash('sha256').update(file).digest('hex') },
    // Such a network knows nothing of the shape or the words of a text.
    {
      embedder: embedder.version,
      dimensions: embedder.dimensions,
      traitMean: none(),
      traitScale: none(),
      rarity: new Float32Array(1 << wordBits),
    },
    storeNetwork([{ ...first, inputs: width, weights }, ...rest]),
  );
}
