/** The wire format of Protocol Buffers (https://protobuf.dev/programming-guides/encoding/), as far as ONNX files need it. */

export type Field = { readonly number: number } & (
  | { readonly wire: 'varint'; readonly value: bigint }
  | { readonly wire: 'bytes'; readonly value: Uint8Array }
  | { readonly wire: 'fixed32' | 'fixed64'; readonly value: Uint8Array }
);

function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  // Negative numbers are written as 64 bits of two's complement.
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

const tag = (number: number, wire: number) => varint((number << 3) | wire);

export const whole = (number: number, value: number | bigint): Buffer => Buffer.concat([tag(number, 0), varint(value)]);

export const bytes = (number: number, value: Uint8Array): Buffer =>
  Buffer.concat([tag(number, 2), varint(value.length), value]);

export const text = (number: number, value: string): Buffer => bytes(number, Buffer.from(value));

export function float(number: number, value: number): Buffer {
  const fixed = Buffer.alloc(4);
  fixed.writeFloatLE(value);
  return Buffer.concat([tag(number, 5), fixed]);
}

export const message = (number: number, parts: readonly Uint8Array[]): Buffer => bytes(number, Buffer.concat(parts));

const wires: Readonly<Record<number, Field['wire']>> = { 0: 'varint', 1: 'fixed64', 2: 'bytes', 5: 'fixed32' };

/** Numbers of a packed field, or of one that is not packed. */
export function* varints(from: Uint8Array): Generator<bigint> {
  for (let at = 0; at < from.length; ) {
    const [value, next] = readVarint(from, at);
    yield value;
    at = next;
  }
}

function readVarint(from: Uint8Array, start: number): [bigint, number] {
  let value = 0n;
  for (let at = start, shift = 0n; shift < 70n; at++, shift += 7n) {
    const byte = from[at];
    if (byte === undefined) throw new RangeError('it ends in the middle of a number');
    value |= BigInt(byte & 127) << shift;
    if (byte < 128) return [BigInt.asIntN(64, value), at + 1];
  }
  throw new RangeError('it holds a number of more than 64 bits');
}

/** The fields of one message, in order. Throws RangeError with what is wrong. */
export function* fieldsOf(from: Uint8Array): Generator<Field> {
  for (let at = 0; at < from.length; ) {
    const [head, start] = readVarint(from, at);
    const number = Number(head >> 3n);
    const wire = wires[Number(head & 7n)];
    if (wire === undefined || number === 0) throw new RangeError(`it holds no field at byte ${at}`);
    if (wire === 'varint') {
      const [value, next] = readVarint(from, start);
      yield { number, wire, value };
      at = next;
      continue;
    }
    let [length, begin] = [wire === 'fixed32' ? 4 : 8, start];
    if (wire === 'bytes') {
      const [said, next] = readVarint(from, start);
      length = Number(said);
      begin = next;
    }
    if (length < 0 || begin + length > from.length) throw new RangeError(`a field at byte ${at} goes beyond its end`);
    yield { number, wire, value: from.subarray(begin, begin + length) };
    at = begin + length;
  }
}
