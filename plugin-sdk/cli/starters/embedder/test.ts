import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertConforms, checkEmbedder, fakeHost } from '@rutter/plugin-sdk/testing';
import plugin from './index.ts';

const embedder = await plugin.setup(fakeHost(), plugin.config.parse({ dimensions: 512 }));
const likeness = async (one: string, other: string) => {
  const [a, b] = await embedder.embed([one, other]);
  return a?.reduce((sum, value, index) => sum + value * (b?.[index] ?? 0), 0) ?? 0;
};

test('conforms to what every embedder must hold to', async () => {
  assertConforms(await checkEmbedder(plugin));
});

test('gives one vector a text, each of the promised length and of size 1', async () => {
  const vectors = await embedder.embed(['Why is the sky blue?', 'Because.']);
  assert.deepEqual(
    vectors.map((vector) => vector.length),
    [512, 512],
  );
  for (const vector of vectors) assert.ok(Math.abs(Math.hypot(...vector) - 1) < 1e-6);
});

test('finds texts alike that share words, and no others', async () => {
  assert.ok((await likeness('Why is the sky blue?', 'Is the sky blue today?')) > 0.7);
  assert.equal(await likeness('Why is the sky blue?', 'Bake bread slowly.'), 0);
});

test('gives a text without words a vector of zeros', async () => {
  const [vector] = await embedder.embed(['?!']);
  assert.ok(vector?.every((value) => value === 0));
});
