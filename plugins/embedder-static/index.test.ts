import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WordPiece } from '@rutter/plugin-sdk/embedding';
import { assertConforms, checkEmbedder, fakeHost } from '@rutter/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import plugin from './index.ts';
import { pool, readTable } from './static-table.ts';

interface Reference {
  readonly sentences: readonly {
    readonly text: string;
    readonly ids: readonly number[];
    readonly vector: readonly number[];
  }[];
  /** Places among the sentences, and the cosine of their vectors. */
  readonly pairs: readonly { readonly a: number; readonly b: number; readonly static: number }[];
}

const file = (name: string) => join(import.meta.dirname, name);
const reference = JSON.parse(await readFile(file('reference.json'), 'utf8')) as Reference;
const bytes = await readFile(file('static.bin'));
const table = readTable(bytes, 'static.bin');
const words = new WordPiece((await readFile(file('vocab.txt'), 'utf8')).split('\n').slice(0, -1));
const embedder = await plugin.setup(fakeHost(), plugin.config.parse({}));

it('conforms to what every embedder must hold to', async () => {
  assertConforms(await checkEmbedder(plugin));
});

describe('against the reference', () => {
  it.each(reference.sentences)('cuts $text into the same pieces', ({ text, ids }) => {
    expect(words.ids(text)).toEqual(ids);
  });

  it('gives the same vectors to five digits', async () => {
    const vectors = await embedder.embed(reference.sentences.map(({ text }) => text));
    reference.sentences.forEach(({ vector }, index) => {
      vector.forEach((value, at) => {
        expect(Math.abs(value - (vectors[index]?.[at] as number))).toBeLessThan(1e-5);
      });
    });
  });

  it('finds the same likeness of pairs', async () => {
    for (const { a, b, static: wanted } of reference.pairs) {
      const texts = [a, b].map((place) => reference.sentences[place]?.text as string);
      const [left, right] = (await embedder.embed(texts)) as [Float32Array, Float32Array];
      expect(left.reduce((sum, value, at) => sum + value * (right[at] as number), 0)).toBeCloseTo(wanted, 3);
    }
  });
});

describe('texts of an unusual kind', () => {
  it('gives the zero vector where it knows no piece', async () => {
    const [empty, unknown] = await embedder.embed(['', '\u{1F9ED}']);
    expect(empty?.every((value) => value === 0)).toBe(true);
    expect(unknown?.every((value) => value === 0)).toBe(true);
  });

  it('reads no more than the first 512 known pieces', async () => {
    const [short, long] = await embedder.embed(['ship '.repeat(512), `${'ship '.repeat(512)}${'storm '.repeat(500)}`]);
    expect(long).toEqual(short);
  });

  it('takes a word of a million letters without delay', async () => {
    const begun = process.cpuUsage();
    await embedder.embed(['x'.repeat(1_000_000), 'ü'.repeat(200_000)]);
    expect(process.cpuUsage(begun).user / 1000).toBeLessThan(5000);
  });

  it('cuts the same whether a word was seen before or not', () => {
    const fresh = new WordPiece(['[UNK]', 'a', '##b', 'ab', '##c']);
    expect([fresh.ids('abc'), fresh.ids('abc'), fresh.ids('xyz')]).toEqual([[3, 4], [3, 4], [0]]);
  });
});

describe('a table that is none', () => {
  const broken: readonly (readonly [string, Buffer, string])[] = [
    ['is too short', Buffer.alloc(8), 'found 8 bytes, expected at least 32'],
    ['has another magic', Buffer.concat([Buffer.from('RSE2'), bytes.subarray(4)]), 'found "RSE2", expected "RSE1"'],
    [
      'has another version',
      Buffer.concat([bytes.subarray(0, 4), Buffer.from([9, 0, 0, 0]), bytes.subarray(8)]),
      'found version 9',
    ],
    ['lacks its end', bytes.subarray(0, -1), `found ${bytes.length - 1} bytes, expected ${bytes.length}`],
  ];
  it.each(broken)('is refused where it %s', (_what, content, message) => {
    expect(() => readTable(content, 'static.bin')).toThrow(message);
  });

  it('does not take the place of the one that a folder should have', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'table-'));
    await writeFile(join(folder, 'manifest.json'), JSON.stringify({ id: 'mine', dims: 128 }));
    const other = await plugin.setup(fakeHost(), { path: folder });
    await expect(other.embed(['x'])).rejects.toThrow('static.bin');
    await writeFile(join(folder, 'manifest.json'), JSON.stringify({ id: 7 }));
    await expect(plugin.setup(fakeHost(), { path: folder })).rejects.toThrow('has id 7 and dims undefined');
  });

  it('pools nothing for ids it has no row for', () => {
    expect(pool(table, [0, 1, 998, 10_000_000]).every((value) => value === 0)).toBe(true);
  });
});
