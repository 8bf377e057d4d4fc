/**
 * What a router sees of a question, as a text of some 200 bytes: the embedding
 * in steps of 1/127 of its largest number, and the traits as they are.
 */
import type { FeedbackMark } from '../contract/feedback.ts';

type Seen = Pick<NonNullable<FeedbackMark['features']>, 'embedding' | 'traits'>;

const headBytes = 8;

export function packFeatures({ embedding, traits }: Seen): string {
  let largest = 0;
  for (const value of embedding) largest = Math.max(largest, Math.abs(value));
  const step = largest === 0 ? 1 : largest / 127;
  const bytes = Buffer.alloc(headBytes + 4 * traits.length + embedding.length);
  bytes.writeFloatLE(step, 0);
  bytes.writeUInt32LE(traits.length, 4);
  traits.forEach((value, at) => void bytes.writeFloatLE(value, headBytes + 4 * at));
  const from = headBytes + 4 * traits.length;
  embedding.forEach((value, at) => void bytes.writeInt8(Math.round(value / step), from + at));
  return bytes.toString('base64');
}

/** Undefined for what another version wrote, or a hand has changed. */
export function unpackFeatures(text: string): Seen | undefined {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length < headBytes) return undefined;
  const step = bytes.readFloatLE(0);
  const count = bytes.readUInt32LE(4);
  const from = headBytes + 4 * count;
  if (from > bytes.length || !Number.isFinite(step)) return undefined;
  const traits = Float32Array.from({ length: count }, (_none, at) => bytes.readFloatLE(headBytes + 4 * at));
  const embedding = Float32Array.from({ length: bytes.length - from }, (_none, at) => step * bytes.readInt8(from + at));
  return { embedding, traits };
}
