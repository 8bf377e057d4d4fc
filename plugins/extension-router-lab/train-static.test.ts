import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Embedder } from '@rutter/plugin-sdk';
import { afterAll, describe, expect, it } from 'vitest';
import { firstIdOf, piecesOf } from './pieces.ts';
import { type StaticOptions, trainStatic } from './train-static.ts';

const folder = await mkdtemp(join(tmpdir(), 'table-'));
afterAll(() => rm(folder, { recursive: true }));
const at = (name: string) => join(folder, name);
await writeFile(at('few.txt'), 'one\ntwo\n');
await writeFile(at('none.jsonl'), '{"answer": "no"}\n');
await writeFile(at('many.txt'), Array.from({ length: 30 }, (_none, index) => `text number ${index}`).join('\n'));
await writeFile(at('vocab.txt'), 'a\nb\n');

const teacher = (version: string): Embedder => ({
  ...{ version, dimensions: 4 },
  embed: async (texts) => texts.map((text) => Float32Array.of(text.length, 1, 0, 0)),
});
const usual: StaticOptions = {
  ...{ from: 'onnx', data: at('many.txt'), out: at('out'), vocab: undefined, seed: 1, settings: { dims: 2 } },
};

describe('a table of token vectors', () => {
  it.each<[string, string, Partial<StaticOptions>, string]>([
    ['without a teacher', 'onnx-1', { from: undefined }, '--from is missing; expected onnx or http'],
    ['from another teacher than is configured', 'minilm-static-128-v1', {}, 'List embedder-onnx under plugins'],
    ['from HTTP where a network is configured', 'onnx-1', { from: 'http' }, 'learns from embedder-http'],
    ['wider than the teacher', 'onnx-1', { settings: { dims: 5 } }, '--set dims is 5; the teacher has 4'],
    ['with an option nobody knows', 'onnx-1', { settings: { size: 5 } }, 'expected one of dims, pieces, epochs'],
    ['with half an epoch', 'onnx-1', { settings: { epochs: 0.5 } }, 'epochs is 0.5; expected a whole number'],
    ['from too few texts', 'onnx-1', { data: at('few.txt') }, 'holds 2 texts; expected at least 20'],
    ['from lines without a text', 'onnx-1', { data: at('none.jsonl') }, 'line 1: found no text'],
    ['with pieces that are none', 'onnx-1', { vocab: at('vocab.txt') }, 'has no [UNK]'],
  ])('is not learnt %s', async (_what, version, change, message) => {
    await expect(trainStatic(teacher(version), { ...usual, ...change }, { write: () => {} })).rejects.toThrow(message);
  });
});

describe('pieces of texts', () => {
  const texts = ['navigare necesse est', 'navigare est', 'navigamus ū', 'ū'];

  it('are the special ones, letters, endings and words, what comes once left out', () => {
    const pieces = piecesOf(texts, 1_000);
    expect(pieces.slice(0, 5)).toEqual(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']);
    for (const piece of ['n', '##n', 'u', '##re', '##gare', 'navigare', 'est']) expect(pieces).toContain(piece);
    for (const piece of ['necesse', 'navigamus', '##est']) expect(pieces).not.toContain(piece);
    expect(new Set(pieces).size).toBe(pieces.length);
    expect(piecesOf(texts, 10)).not.toContain('navigare');
  });

  it('that stand for text begin behind those in brackets', () => {
    expect(firstIdOf(['[PAD]', '[unused1]', '[UNK]', '[', 'a'])).toBe(3);
    expect(firstIdOf(['a', 'b'])).toBe(0);
  });
});
