/** Vectors from the reply of an embeddings endpoint (https://platform.openai.com/docs/api-reference/embeddings). */
import { RutterError } from '@rutter/plugin-sdk';

const refuse = (found: string, expected: string) =>
  new RutterError('ERR_PROVIDER_MALFORMED', `The embeddings endpoint answered with ${found}; expected ${expected}.`);

function numbersOf(embedding: unknown): Float32Array {
  if (Array.isArray(embedding)) return Float32Array.from(embedding as number[]);
  // Asked for as numbers; some servers send little-endian floats in base64 whatever is asked for.
  if (typeof embedding === 'string') {
    const bytes = Buffer.from(embedding, 'base64');
    return Float32Array.from({ length: Math.floor(bytes.length / 4) }, (_none, at) => bytes.readFloatLE(at * 4));
  }
  throw refuse(`an embedding of type ${typeof embedding}`, 'a list of numbers');
}

/** To unit length; a zero vector stays what it is. */
function unit(vector: Float32Array): Float32Array {
  const norm = Math.hypot(...vector);
  return norm === 0 ? vector : vector.map((value) => value / norm);
}

/** One vector a text, in the order of the texts, of unit length. */
export function readVectors(body: unknown, count: number, dimensions: number): Float32Array[] {
  const data = (body as { readonly data?: unknown } | null)?.data;
  if (!Array.isArray(data) || data.length !== count)
    throw refuse(Array.isArray(data) ? `${data.length} vectors` : 'no list "data"', `${count} vectors`);
  const vectors: Float32Array[] = [];
  data.forEach((entry: { readonly index?: unknown; readonly embedding?: unknown } | null, place) => {
    const index = entry?.index ?? place;
    if (!Number.isInteger(index) || (index as number) < 0 || (index as number) >= count || vectors[index as number])
      throw refuse(`index ${JSON.stringify(index)}`, `each of 0 to ${count - 1} once`);
    const vector = numbersOf(entry?.embedding);
    if (vector.length !== dimensions) throw refuse(`${vector.length} dimensions`, `${dimensions}, as configured`);
    if (!vector.every(Number.isFinite)) throw refuse('a number that is not finite', 'numbers');
    vectors[index as number] = unit(vector);
  });
  return vectors;
}
