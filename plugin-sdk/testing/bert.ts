/**
 * BERT-like sentence networks for tests, as ONNX files with seeded weights:
 * the operators of an exported model (Devlin et al. 2019), in floats or with
 * the int8 operators that onnxruntime's dynamic quantisation writes.
 */
import { createRandom, normal, type Random } from '../numerics/random.ts';
import type { OnnxAttribute, OnnxData, OnnxNode, OnnxTensor } from '../onnx/model.ts';
import { writeOnnx } from '../onnx/write.ts';

export interface BertShape {
  /** Pieces of the vocabulary. */
  readonly pieces: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  /** Units of the wide layer; four times the width when absent. */
  readonly inner?: number;
  /** Most tokens. */
  readonly positions?: number;
  readonly isInt8?: boolean;
  readonly seed?: number;
}

/** Of all-MiniLM-L6-v2. */
export const miniLmShape: BertShape = { pieces: 30_522, width: 384, layers: 6, heads: 12, inner: 1536, positions: 512 };

class Graph {
  readonly nodes: OnnxNode[] = [];
  readonly tensors: OnnxTensor[] = [];
  readonly #quantised = new Map<string, { readonly values: string; readonly scale: string; readonly zero: string }>();
  readonly #random: Random;
  readonly #isInt8: boolean;

  constructor(seed: number, isInt8: boolean) {
    this.#random = createRandom(seed);
    this.#isInt8 = isInt8;
  }

  /** The name of what the node gives. */
  node(op: string, inputs: readonly string[], attributes: Readonly<Record<string, OnnxAttribute>> = {}): string {
    const name = `n${this.nodes.length}`;
    this.nodes.push({ op, inputs, outputs: [name], attributes });
    return name;
  }

  constant(dims: readonly number[], data: OnnxData): string {
    const name = `c${this.tensors.length}`;
    this.tensors.push({ name, dims, data });
    return name;
  }

  whole = (...values: readonly number[]) => this.constant([values.length], BigInt64Array.from(values, BigInt));
  number = (value: number) => this.constant([], Float32Array.of(value));
  random = (dims: readonly number[], deviation: number) => {
    const data = new Float32Array(dims.reduce((product, dim) => product * dim, 1));
    for (let at = 0; at < data.length; at++) data[at] = normal(this.#random) * deviation;
    return this.constant(dims, data);
  };

  /** A linear layer. */
  dense(input: string, inputs: number, outputs: number): string {
    const deviation = 1 / Math.sqrt(inputs);
    const bias = this.random([outputs], 0.02);
    if (!this.#isInt8)
      return this.node('Add', [this.node('MatMul', [input, this.random([inputs, outputs], deviation)]), bias]);
    const weights = Int8Array.from({ length: inputs * outputs }, () =>
      Math.max(-127, Math.min(127, Math.round(40 * normal(this.#random)))),
    );
    const { values, scale, zero } = this.#quantise(input);
    const products = this.node('MatMulInteger', [
      values,
      this.constant([inputs, outputs], weights),
      zero,
      this.constant([], Int8Array.of(0)),
    ]);
    const scales = this.node('Mul', [scale, this.number(deviation / 40)]);
    return this.node('Add', [this.node('Mul', [this.node('Cast', [products], { to: { int: 1 } }), scales]), bias]);
  }

  #quantise(input: string) {
    const known = this.#quantised.get(input);
    if (known) return known;
    const names = { values: `${input}.q`, scale: `${input}.s`, zero: `${input}.z` };
    this.nodes.push({ op: 'DynamicQuantizeLinear', inputs: [input], outputs: Object.values(names) });
    this.#quantised.set(input, names);
    return names;
  }

  normalised(input: string, width: number): string {
    const scale = this.constant([width], new Float32Array(width).fill(1));
    const offset = this.constant([width], new Float32Array(width));
    return this.node('LayerNormalization', [input, scale, offset], { axis: { int: -1 }, epsilon: { float: 1e-12 } });
  }
}

function embeddings(graph: Graph, { pieces, width, positions = 512 }: BertShape): string {
  const words = graph.node('Gather', [graph.random([pieces, width], 1), 'input_ids']);
  const types = graph.node('Gather', [graph.random([2, width], 0.1), 'token_type_ids']);
  const length = graph.node('Gather', [graph.node('Shape', ['input_ids']), graph.whole(1)]);
  const all = graph.random([positions, width], 0.3);
  const places = graph.node('Slice', [all, graph.whole(0), length, graph.whole(0)]);
  return graph.normalised(graph.node('Add', [graph.node('Add', [words, types]), places]), width);
}

function attention(graph: Graph, input: string, bias: string, { width, heads }: BertShape): string {
  const shape = graph.whole(0, 0, heads, width / heads);
  const split = (order: readonly number[]) =>
    graph.node('Transpose', [graph.node('Reshape', [graph.dense(input, width, width), shape])], {
      perm: { ints: order },
    });
  const [query, key, value] = [split([0, 2, 1, 3]), split([0, 2, 3, 1]), split([0, 2, 1, 3])];
  const likeness = graph.node('Div', [graph.node('MatMul', [query, key]), graph.number(Math.sqrt(width / heads))]);
  const weights = graph.node('Softmax', [graph.node('Add', [likeness, bias])], { axis: { int: -1 } });
  const context = graph.node('Transpose', [graph.node('MatMul', [weights, value])], { perm: { ints: [0, 2, 1, 3] } });
  return graph.dense(graph.node('Reshape', [context, graph.whole(0, 0, width)]), width, width);
}

/** x · Φ(x). */
function gelu(graph: Graph, input: string): string {
  const erf = graph.node('Erf', [graph.node('Div', [input, graph.number(Math.SQRT2)])]);
  return graph.node('Mul', [graph.node('Mul', [input, graph.node('Add', [erf, graph.number(1)])]), graph.number(0.5)]);
}

/** An ONNX file with the inputs and the output `last_hidden_state` of a BERT encoder; the same shape gives the same bytes. */
export function bertNetwork(shape: BertShape): Buffer {
  const { width, layers, inner = 4 * width } = shape;
  const graph = new Graph(shape.seed ?? 1, shape.isInt8 ?? false);
  let state = embeddings(graph, shape);
  const mask = graph.node('Cast', [graph.node('Unsqueeze', ['attention_mask', graph.whole(1, 2)])], { to: { int: 1 } });
  const bias = graph.node('Mul', [graph.node('Sub', [graph.number(1), mask]), graph.number(-10_000)]);
  for (let layer = 0; layer < layers; layer++) {
    state = graph.normalised(graph.node('Add', [state, attention(graph, state, bias, shape)]), width);
    const wide = gelu(graph, graph.dense(state, width, inner));
    state = graph.normalised(graph.node('Add', [state, graph.dense(wide, inner, width)]), width);
  }
  graph.nodes.push({ op: 'Identity', inputs: [state], outputs: ['last_hidden_state'] });
  const ids = (name: string) => ({ name, type: 'int64' as const, dims: ['batch', 'tokens'] });
  return writeOnnx(
    {
      nodes: graph.nodes,
      tensors: graph.tensors,
      inputs: ['input_ids', 'attention_mask', 'token_type_ids'].map(ids),
      outputs: [{ name: 'last_hidden_state', type: 'float', dims: ['batch', 'tokens', width] }],
    },
    'bert',
  );
}

/** `vocab.txt` for such a network: the special pieces, ASCII letters, digits and marks, each also within a word, and these words. */
export function bertVocabulary(words: readonly string[] = []): string[] {
  const letters = Array.from({ length: 94 }, (_none, at) => String.fromCharCode(33 + at)).filter(
    (one) => !/[A-Z]/.test(one),
  );
  return ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...letters, ...letters.map((one) => `##${one}`), ...words];
}
