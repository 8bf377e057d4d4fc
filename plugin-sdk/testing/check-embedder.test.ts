import { expect, test } from 'vitest';
import type { Embedder } from '../index.ts';
import { checkEmbedder } from './index.ts';

const dimensions = 8;

function vectorOf(text: string): Float32Array {
  const vector = new Float32Array(dimensions);
  for (let index = 0; index < text.length; index++)
    vector[index % dimensions] = (vector[index % dimensions] ?? 0) + Math.sin(text.charCodeAt(index) + index);
  return vector;
}

const sound: Embedder = { dimensions, version: 'letters-1', embed: async (texts) => texts.map(vectorOf) };

async function failures(change: Partial<Embedder> | (() => Partial<Embedder>)): Promise<string[]> {
  const report = await checkEmbedder(() => ({ ...sound, ...(typeof change === 'function' ? change() : change) }));
  return report.failed.map(({ title }) => title);
}

test('an embedder that does all it should conforms', async () => {
  expect(await failures({})).toEqual([]);
});

const shape = 'gives one vector a text, of its dimensions, all finite';
const steady = 'gives a text the same vector alone, among others, in any order, and again';

test.each<[string, string, Partial<Embedder>]>([
  ['names no version', 'tells its dimensions and its version', { version: '' }],
  ['leaves empty texts out', shape, { embed: async (texts) => texts.filter(Boolean).map(vectorOf) }],
  ['gives plain lists', shape, { embed: async (texts) => texts.map((text) => [...vectorOf(text)]) as never }],
  [
    'gives shorter vectors than it says',
    shape,
    { embed: async (texts) => texts.map((text) => vectorOf(text).slice(1)) },
  ],
  [
    'divides an empty text by its length',
    shape,
    { embed: async (texts) => texts.map((text) => vectorOf(text).map((value) => value / text.length)) },
  ],
  ['fails on no text', shape, { embed: async ([first = '', ...rest]) => [first, ...rest].map(vectorOf) }],
  ['answers in another order', steady, { embed: async (texts) => [...texts].sort().map(vectorOf) }],
  [
    'scales by what stands beside it',
    steady,
    { embed: async (texts) => texts.map((text) => vectorOf(text).map((value) => value / texts.length)) },
  ],
  [
    'draws at random',
    steady,
    { embed: async (texts) => texts.map((text) => vectorOf(text).map((value) => value + Math.random())) },
  ],
  [
    'gives every text one vector',
    'gives texts that differ vectors that differ',
    { embed: async (texts) => texts.map(() => vectorOf('x')) },
  ],
])('catches an embedder that %s', async (_fault, title, change) => {
  expect(await failures(change)).toContain(title);
});

test('catches an embedder that hands out its own memory', async () => {
  const known = new Map<string, Float32Array>();
  const embed = async (texts: readonly string[]) =>
    texts.map((text) => {
      const vector = known.get(text) ?? vectorOf(text);
      known.set(text, vector);
      return vector;
    });
  expect(await failures({ embed })).toContain('hands out vectors that are the caller’s own');
});

test('catches an embedder that mixes callers who come together', async () => {
  let pending: readonly string[] = [];
  const embed = async (texts: readonly string[]) => {
    pending = texts;
    await new Promise((resolve) => setImmediate(resolve));
    return pending.map(vectorOf);
  };
  expect(await failures({ embed })).toContain('answers callers that come together');
});

test('catches an embedder whose version changes with every start', async () => {
  let starts = 0;
  expect(await failures(() => ({ version: `v${++starts}` }))).toContain('keeps dimensions and version over a restart');
});

test('accepts small differences where it is told to', async () => {
  const wobbling: Embedder = {
    ...sound,
    embed: async (texts) => texts.map((text) => vectorOf(text).map((value) => value + texts.length * 1e-7)),
  };
  const strict = await checkEmbedder(() => wobbling);
  expect(strict.failed.map(({ title }) => title)).toContain(steady);
  expect((await checkEmbedder(() => wobbling, { tolerance: 1e-4 })).failed).toEqual([]);
});
