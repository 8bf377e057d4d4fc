/** Bags of words as vectors, and a count of how often one was asked for. */
import { definePlugin } from '@rutter/plugin-sdk';

const dimensions = 256;

export default definePlugin({
  kind: 'embedder',
  setup() {
    let calls = 0;
    return {
      dimensions,
      version: '1',
      async embed(texts) {
        calls++;
        if (texts.some((text) => text.includes('unspeakable'))) throw new Error('no vector for this');
        return texts.map(vectorOf);
      },
      routes: [
        {
          method: 'GET',
          mode: 'json',
          path: '/embedder/calls',
          permission: 'public',
          handler: () => ({ body: { calls } }),
        },
      ],
    };
  },
});

function vectorOf(text: string): Float32Array {
  const vector = new Float32Array(dimensions);
  for (const word of text.toLowerCase().match(/[a-z]+/g) ?? []) {
    let place = 7;
    for (const letter of word) place = (place * 31 + letter.charCodeAt(0)) % dimensions;
    vector[place] = 1;
  }
  return vector;
}
