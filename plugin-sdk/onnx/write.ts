/** Writes an ONNX model: IR version 9, operator set 17, which every onnxruntime since 1.17 reads. */
import {
  attributeTypes,
  elementTypes,
  type OnnxAttribute,
  type OnnxData,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValue,
} from './model.ts';
import { bytes, float, message, text, whole } from './protobuf.ts';

const irVersion = 9;
const operatorSet = 17;

export function writeOnnx(model: OnnxModel, name = 'model'): Buffer {
  const graph = [
    ...model.nodes.map((node) => message(1, nodeParts(node))),
    text(2, name),
    ...model.tensors.map((tensor) => message(5, tensorParts(tensor))),
    ...model.inputs.map((value) => message(11, valueParts(value))),
    ...model.outputs.map((value) => message(12, valueParts(value))),
  ];
  return Buffer.concat([
    whole(1, irVersion),
    text(2, 'rutter'),
    message(7, graph),
    message(8, [text(1, ''), whole(2, operatorSet)]),
    ...Object.entries(model.metadata ?? {}).map(([key, value]) => message(14, [text(1, key), text(2, value)])),
  ]);
}

const nodeParts = ({ op, inputs, outputs, attributes = {} }: OnnxNode) => [
  ...inputs.map((one) => text(1, one)),
  ...outputs.map((one) => text(2, one)),
  text(4, op),
  ...Object.entries(attributes).map(([name, value]) => message(5, [text(1, name), ...attributeParts(value)])),
];

function attributeParts(value: OnnxAttribute): Buffer[] {
  if ('int' in value) return [whole(3, value.int), whole(20, attributeTypes.int)];
  if ('ints' in value) return [...value.ints.map((one) => whole(8, one)), whole(20, attributeTypes.ints)];
  if ('float' in value) return [float(2, value.float), whole(20, attributeTypes.float)];
  return [text(4, value.text), whole(20, attributeTypes.text)];
}

function typeOf(data: OnnxData): number {
  if (data instanceof Float32Array) return elementTypes.float;
  if (data instanceof Int8Array) return elementTypes.int8;
  if (data instanceof Uint8Array) return elementTypes.uint8;
  return data instanceof Int32Array ? elementTypes.int32 : elementTypes.int64;
}

const tensorParts = ({ name, dims, data }: OnnxTensor) => [
  ...dims.map((dim) => whole(1, dim)),
  whole(2, typeOf(data)),
  text(8, name),
  bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
];

const valueParts = ({ name, type, dims }: OnnxValue) => [
  text(1, name),
  message(2, [
    message(1, [
      whole(1, elementTypes[type]),
      message(
        2,
        dims.map((dim) => message(1, [typeof dim === 'number' ? whole(1, dim) : text(2, dim)])),
      ),
    ]),
  ]),
];
