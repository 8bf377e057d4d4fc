/** An ONNX model as plain data, and the numbers its file format (onnx.proto, https://github.com/onnx/onnx) names things by. */

export type OnnxData = Float32Array | Int8Array | Uint8Array | Int32Array | BigInt64Array;

export interface OnnxTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly data: OnnxData;
}

export type OnnxAttribute =
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly float: number }
  | { readonly text: string };

export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
}

/** An input or output; a dimension with a name may have any length. */
export interface OnnxValue {
  readonly name: string;
  readonly type: keyof typeof elementTypes;
  readonly dims: readonly (number | string)[];
}

export interface OnnxModel {
  readonly nodes: readonly OnnxNode[];
  readonly tensors: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /** Texts by name that say what the model is. */
  readonly metadata?: Readonly<Record<string, string>>;
}

export const elementTypes = { float: 1, uint8: 2, int8: 3, int32: 6, int64: 7 } as const;
export const attributeTypes = { float: 1, int: 2, text: 3, ints: 7 } as const;
