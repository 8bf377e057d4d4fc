/**
 * Reads an ONNX model whose weights are floats or whole numbers in the file
 * itself. Nothing in such a file can run; what it says is checked for length.
 */
import { RutterError } from '../contract/errors.ts';
import {
  elementTypes,
  type OnnxAttribute,
  type OnnxData,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValue,
} from './model.ts';
import { type Field, fieldsOf, varints } from './protobuf.ts';

const said = (field: Field) => Buffer.from(field.value as Uint8Array).toString('utf8');
const parts = (field: Field) => {
  if (field.wire !== 'bytes') throw new RangeError(`field ${field.number} is no message`);
  return fieldsOf(field.value);
};
const numbers = (field: Field) =>
  field.wire === 'varint' ? [Number(field.value)] : Array.from(varints(field.value as Uint8Array), Number);

/** Throws ERR_CONFIG_INVALID with what was found and expected. */
export function readOnnx(file: Uint8Array, name: string): OnnxModel {
  try {
    const nodes: OnnxNode[] = [];
    const tensors: OnnxTensor[] = [];
    const inputs: OnnxValue[] = [];
    const outputs: OnnxValue[] = [];
    const metadata: Record<string, string> = {};
    for (const field of fieldsOf(file)) {
      if (field.number === 14) Object.assign(metadata, entryOf(field));
      if (field.number !== 7) continue;
      for (const part of parts(field)) {
        if (part.number === 1) nodes.push(nodeOf(part));
        if (part.number === 5) tensors.push(tensorOf(part));
        if (part.number === 11) inputs.push(valueNamed(part));
        if (part.number === 12) outputs.push(valueNamed(part));
      }
    }
    if (nodes.length === 0) throw new RangeError('it has no graph with nodes');
    return { nodes, tensors, inputs, outputs, metadata };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new RutterError('ERR_CONFIG_INVALID', `${name} is no ONNX model that can be read: ${error.message}.`);
  }
}

function entryOf(field: Field): Record<string, string> {
  const [key, value] = [...parts(field)].map(said);
  return { [key ?? '']: value ?? '' };
}

function nodeOf(field: Field): OnnxNode {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes: Record<string, OnnxAttribute> = {};
  let op = '';
  for (const part of parts(field)) {
    if (part.number === 1) inputs.push(said(part));
    if (part.number === 2) outputs.push(said(part));
    if (part.number === 4) op = said(part);
    if (part.number === 5) Object.assign(attributes, attributeOf(part));
  }
  return { op, inputs, outputs, attributes };
}

function attributeOf(field: Field): Record<string, OnnxAttribute> {
  let name = '';
  let value: OnnxAttribute | undefined;
  const ints: number[] = [];
  for (const part of parts(field)) {
    if (part.number === 1) name = said(part);
    if (part.number === 2) value = { float: Buffer.from(part.value as Uint8Array).readFloatLE() };
    if (part.number === 3) value = { int: Number(part.value as bigint) };
    if (part.number === 4) value = { text: said(part) };
    if (part.number === 8) for (const one of numbers(part)) ints.push(one);
  }
  return { [name]: value ?? { ints } };
}

function valueNamed(field: Field): OnnxValue {
  let name = '';
  let type: OnnxValue['type'] = 'float';
  const dims: (number | string)[] = [];
  for (const part of parts(field)) {
    if (part.number === 1) name = said(part);
    if (part.number !== 2) continue;
    for (const tensor of parts(part)) {
      if (tensor.number !== 1) continue;
      for (const about of parts(tensor)) {
        if (about.number === 1) type = typeNamed(Number(about.value as bigint), name);
        if (about.number === 2) for (const dim of parts(about)) dims.push(dimOf(dim));
      }
    }
  }
  return { name, type, dims };
}

function dimOf(field: Field): number | string {
  for (const part of parts(field)) {
    if (part.number === 1) return Number(part.value as bigint);
    if (part.number === 2) return said(part);
  }
  return '';
}

function typeNamed(code: number, name: string): OnnxValue['type'] {
  const found = (Object.keys(elementTypes) as OnnxValue['type'][]).find((type) => elementTypes[type] === code);
  if (found === undefined)
    throw new RangeError(`${name} has numbers of type ${code}; expected ${Object.keys(elementTypes).join(', ')}`);
  return found;
}

const makers: Readonly<Record<OnnxValue['type'], new (buffer: ArrayBuffer) => OnnxData>> = {
  ...{ float: Float32Array, uint8: Uint8Array, int8: Int8Array, int32: Int32Array, int64: BigInt64Array },
};

function tensorOf(field: Field): OnnxTensor {
  const dims: number[] = [];
  const plain: number[] = [];
  let name = '';
  let type = 0;
  let raw: Uint8Array | undefined;
  for (const part of parts(field)) {
    if (part.number === 1) for (const one of numbers(part)) dims.push(one);
    if (part.number === 2) type = Number(part.value as bigint);
    if (part.number === 4) for (const one of floatsOf(part)) plain.push(one);
    if (part.number === 5 || part.number === 7) for (const one of numbers(part)) plain.push(one);
    if (part.number === 8) name = said(part);
    if (part.number === 9) raw = part.value as Uint8Array;
    if (part.number === 13) throw new RangeError('it keeps its weights in another file; expected all in one');
  }
  const make = makers[typeNamed(type, name)];
  // A copy: the place within the file may not be aligned.
  const data = raw ? new make(new Uint8Array(raw).buffer) : fromPlain(type, plain);
  const count = dims.reduce((product, dim) => product * dim, 1);
  if (data.length !== count) throw new RangeError(`${name} has ${data.length} numbers; expected ${count}`);
  return { name, dims, data };
}

function floatsOf({ value }: Field): number[] {
  const view = Buffer.from(value as Uint8Array);
  return Array.from({ length: Math.floor(view.length / 4) }, (_none, at) => view.readFloatLE(4 * at));
}

function fromPlain(type: number, plain: readonly number[]): OnnxData {
  if (type === elementTypes.int64) return BigInt64Array.from(plain, BigInt);
  if (type === elementTypes.float) return Float32Array.from(plain);
  if (type === elementTypes.int32) return Int32Array.from(plain);
  return type === elementTypes.int8 ? Int8Array.from(plain) : Uint8Array.from(plain);
}
