import { describe, expect, it } from 'vitest';
import { type OnnxModel, readOnnx, writeOnnx } from './index.ts';

const model: OnnxModel = {
  nodes: [
    {
      op: 'Gemm',
      inputs: ['x', 'w'],
      outputs: ['y'],
      attributes: { alpha: { float: 0.5 }, transB: { int: 1 }, note: { text: 'é' }, perm: { ints: [1, -1] } },
    },
  ],
  tensors: [
    { name: 'w', dims: [2, 2], data: Float32Array.of(1, -2, 3.5, 1e-9) },
    { name: 'q', dims: [3], data: Int8Array.of(-128, 0, 127) },
    { name: 'u', dims: [1], data: Uint8Array.of(255) },
    { name: 'i', dims: [1], data: Int32Array.of(-7) },
    { name: 'l', dims: [], data: BigInt64Array.of(-(2n ** 40n)) },
  ],
  inputs: [{ name: 'x', type: 'float', dims: ['rows', 2] }],
  outputs: [{ name: 'y', type: 'float', dims: ['rows', 2] }],
  metadata: { models: '["a"]' },
};

describe('an ONNX file', () => {
  it('holds what was written to it', () => {
    expect(readOnnx(writeOnnx(model), 'model')).toEqual(model);
  });

  it('may hold its numbers in fields of their own instead of raw', () => {
    const raw = Buffer.from(writeOnnx({ ...model, tensors: [] }));
    const part = (number: number, wire: number, bytes: readonly number[]) =>
      wire === 2 ? [(number << 3) | 2, bytes.length, ...bytes] : [number << 3, ...bytes];
    const floats = [...new Uint8Array(Float32Array.of(1.5, 2).buffer)];
    const tensor = part(5, 2, [...part(1, 0, [2]), ...part(2, 0, [1]), ...part(4, 2, floats), ...part(8, 2, [119])]);
    const wholes = part(5, 2, [...part(1, 2, [2]), ...part(2, 0, [7]), ...part(7, 2, [3, 4]), ...part(8, 2, [118])]);
    const found = readOnnx(Buffer.concat([raw, Buffer.from(part(7, 2, [...tensor, ...wholes]))]), 'model');
    expect(found.tensors).toEqual([
      { name: 'w', dims: [2], data: Float32Array.of(1.5, 2) },
      { name: 'v', dims: [2], data: BigInt64Array.of(3n, 4n) },
    ]);
  });

  it('is refused wherever it ends too early, and never read beyond its end', () => {
    const whole = writeOnnx(model);
    for (let length = 0; length < whole.length; length++) {
      try {
        readOnnx(whole.subarray(0, length), 'cut.onnx');
      } catch (error) {
        expect(String(error)).toContain('cut.onnx is no ONNX model that can be read');
      }
    }
    expect(() => readOnnx(whole.subarray(0, 60), 'cut.onnx')).toThrow('goes beyond its end');
  });

  it.each([
    ['text', Buffer.from('hello, network'), 'is no ONNX model'],
    ['nothing', Buffer.alloc(0), 'no graph with nodes'],
    ['an endless number', Buffer.alloc(20, 255), 'more than 64 bits'],
    [
      'fewer weights than it says',
      writeOnnx({ ...model, tensors: [{ name: 'w', dims: [3], data: Float32Array.of(1) }] }),
      'w has 1 numbers; expected 3',
    ],
  ])('is refused where it is %s', (_what, bytes, message) => {
    expect(() => readOnnx(bytes, 'model')).toThrow(message);
  });
});
