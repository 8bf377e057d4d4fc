/**
 * Turns a text into the numbers of its words: every word counts in the place that its hash gives it.
 *
 * It knows no meaning, but texts that share words come out alike, it needs no
 * model, and it answers at once.
 */
import { definePlugin, z } from '@rutter/plugin-sdk';

const config = z.strictObject({
  dimensions: z.int().min(8).max(8_192).default(256).describe('Length of a vector; more of them mix up fewer words.'),
});

export default definePlugin({
  kind: 'embedder',
  config,
  setup(_host, { dimensions }) {
    return {
      dimensions,
      // Vectors are kept by whoever asked for them: it has to change when the same text would give others.
      version: `words-1-${dimensions}`,
      embed: async (texts) => texts.map((text) => embed(text, dimensions)),
    };
  },
});

/** Of length 1, unless the text holds no word. */
function embed(text: string, dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions);
  for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []) {
    const place = hashOf(word) % dimensions;
    vector[place] = (vector[place] ?? 0) + 1;
  }
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((value) => value / length);
}

/** FNV-1a, 32 bits. */
function hashOf(word: string): number {
  let hash = 0x811c9dc5;
  for (const character of word) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return hash;
}
