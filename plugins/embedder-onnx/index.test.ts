import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readOnnx } from '@rutter/plugin-sdk/onnx';
import { assertConforms, bertNetwork, bertVocabulary, checkEmbedder, fakeHost } from '@rutter/plugin-sdk/testing';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import plugin from './index.ts';
import { NetworkThread } from './thread.ts';

const folder = await mkdtemp(join(tmpdir(), 'onnx-'));
afterAll(() => rm(folder, { recursive: true }));

const pieces = bertVocabulary(['sky', 'blue', 'why', 'sea']);
const shape = { pieces: pieces.length, width: 16, layers: 2, heads: 4 };
const flat = bertNetwork({ ...shape, layers: 0 });

async function place(name: string, network: Uint8Array, files: Readonly<Record<string, string>> = {}): Promise<string> {
  const path = join(folder, name);
  await mkdir(path, { recursive: true });
  await writeFile(join(path, 'model.onnx'), network);
  for (const [file, text] of Object.entries({ 'vocab.txt': `${pieces.join('\n')}\n`, ...files }))
    await writeFile(join(path, file), text);
  return path;
}

const paths = {
  floats: await place('floats', bertNetwork(shape)),
  int8: await place('int8', bertNetwork({ ...shape, isInt8: true })),
  flat: await place('flat', flat),
};

async function start(path: string, options: Readonly<Record<string, unknown>> = {}) {
  const embedder = await plugin.setup(fakeHost(), plugin.config.parse({ path, ...options }));
  onTestFinished(() => embedder.dispose?.());
  return embedder;
}

describe.each(['floats', 'int8'] as const)('a network in %s', (kind) => {
  it('conforms to what every embedder must hold to', async () => {
    assertConforms(await checkEmbedder(plugin, { config: { path: paths[kind] } }));
  });

  it('hears the order of words', async () => {
    const { embed } = await start(paths[kind]);
    const [one, other] = await embed(['sky sea', 'sea sky']);
    expect(one).not.toEqual(other);
    expect(one?.reduce((sum, value) => sum + value * value, 0)).toBeCloseTo(1, 5);
  });
});

describe('against the arithmetic', () => {
  const { tensors } = readOnnx(flat, 'flat');
  const [words, types, , positions] = tensors
    .filter(({ dims }) => dims.length > 0 && dims[0] !== undefined)
    .map(({ data }) => data);
  const expected = (ids: readonly number[], isFirstAlone: boolean) => {
    const width = shape.width;
    const rows = ids.map((id, at) => {
      const row = Array.from(
        { length: width },
        (_none, to) => Number(words?.[id * width + to]) + Number(types?.[to]) + Number(positions?.[at * width + to]),
      );
      const mean = row.reduce((sum, one) => sum + one, 0) / width;
      const deviation = Math.sqrt(row.reduce((sum, one) => sum + (one - mean) ** 2, 0) / width);
      return row.map((one) => (one - mean) / deviation);
    });
    const kept = isFirstAlone ? rows.slice(0, 1) : rows;
    const sum = rows[0]?.map((_none, to) => kept.reduce((total, row) => total + (row[to] as number), 0)) ?? [];
    const norm = Math.hypot(...sum);
    return sum.map((one) => one / norm);
  };
  const idsOf = (...wanted: string[]) => wanted.map((piece) => pieces.indexOf(piece));

  it.each([
    ['mean', {}, 'Why, sky?', idsOf('[CLS]', 'why', ',', 'sky', '?', '[SEP]'), false],
    ['cls', { pooling: 'cls' }, 'Why, sky?', idsOf('[CLS]', 'why', ',', 'sky', '?', '[SEP]'), true],
    ['words in pieces', {}, 'seas', idsOf('[CLS]', 'sea', '##s', '[SEP]'), false],
    [
      'the first pieces',
      { max_tokens: 8 },
      'sea '.repeat(50),
      idsOf('[CLS]', ...Array<string>(6).fill('sea'), '[SEP]'),
      false,
    ],
    ['letters as they are', { uncased: false }, 'Sky sky', idsOf('[CLS]', '[UNK]', 'sky', '[SEP]'), false],
  ])('pools %s', async (_what, options, text, ids, isFirstAlone) => {
    const { embed } = await start(paths.flat, options);
    const [vector] = await embed([text]);
    expected(ids, isFirstAlone).forEach((value, at) => {
      expect(vector?.[at]).toBeCloseTo(value, 5);
    });
  });
});

describe('what it is told apart by', () => {
  it('is the network, the pieces and how texts are cut and pooled', async () => {
    const versions = await Promise.all([
      start(paths.floats),
      start(paths.int8),
      start(paths.floats, { pooling: 'cls' }),
      start(paths.floats, { max_tokens: 64 }),
      start(await place('other', bertNetwork(shape), { 'vocab.txt': `${pieces.toReversed().join('\n')}\n` })),
    ]);
    expect(new Set(versions.map(({ version }) => version)).size).toBe(5);
    const [first] = versions;
    expect((await start(paths.floats, { threads: 2, cache_entries: 0 })).version).toBe(first?.version);
  });

  it('is the same from tokenizer.json as from vocab.txt, as far as vectors go', async () => {
    const vocab = Object.fromEntries(pieces.map((piece, id) => [piece, id]));
    const tokenizer = {
      model: { type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', vocab },
      normalizer: { type: 'BertNormalizer', lowercase: true },
    };
    const path = await place('json', bertNetwork(shape), { 'tokenizer.json': JSON.stringify(tokenizer) });
    const [one, other] = await Promise.all([start(path), start(paths.floats)]);
    expect(await one.embed(['Why is the sky blue?'])).toEqual(await other.embed(['Why is the sky blue?']));
  });
});

describe('is refused', () => {
  it.each([
    ['a path that is not there', join(folder, 'nowhere'), {}, 'nowhere is not there'],
    ['a folder without a network', tmpdir(), {}, 'holds no model.onnx'],
    ['an output it does not have', paths.floats, { output: 'pooler' }, 'no output pooler; found last_hidden_state'],
  ])('%s', async (_what, path, options, message) => {
    await expect(start(path, options)).rejects.toThrow(message);
  });

  it('what is no network', async () => {
    await expect(start(await place('broken', Buffer.from('not protobuf')))).rejects.toThrow(
      'cannot be run as a network',
    );
  });

  it('a network that wants something else than texts', async () => {
    const image = Buffer.from(flat.toString('latin1').replaceAll('input_ids', 'pixel_val'), 'latin1');
    await expect(start(await place('image', image))).rejects.toThrow('wants an input pixel_val');
  });

  it.each([
    [
      'another tokeniser',
      { 'tokenizer.json': '{"model":{"type":"BPE","vocab":{}}}' },
      'type "BPE", expected WordPiece',
    ],
    ['a vocabulary without [CLS]', { 'vocab.txt': '[UNK]\na\n' }, 'has no [CLS]'],
    ['a list that is no vocabulary', { 'vocab.txt': 'a\nb\n' }, 'without [UNK]'],
  ])('%s', async (what, files, message) => {
    await expect(start(await place(what, bertNetwork(shape), files))).rejects.toThrow(message);
  });
});

describe('the thread', () => {
  const options = {
    network: {
      ...{ from: join(import.meta.dirname, 'package.json'), model: join(paths.floats, 'model.onnx'), probe: [2, 5, 3] },
      ...{ threads: 1, pooling: 'mean' as const, output: undefined },
    },
    ...{ mostWaiting: 2, timeoutMs: 5_000 },
  };
  const threadOf = (change: Partial<typeof options> = {}) => {
    const host = fakeHost();
    const thread = new NetworkThread({ ...options, ...change, clock: host.clock });
    onTestFinished(() => thread.close());
    return { thread, host };
  };
  const ids = Int32Array.of(2, 7, 3);

  it('refuses more texts than may wait, and goes on with the others', async () => {
    const { thread } = threadOf();
    const [one, two, three] = await Promise.allSettled([thread.vector(ids), thread.vector(ids), thread.vector(ids)]);
    expect([one.status, two.status]).toEqual(['fulfilled', 'fulfilled']);
    expect(three).toMatchObject({ status: 'rejected', reason: { code: 'ERR_LIMIT_OVERLOADED' } });
    expect(await thread.vector(ids)).toHaveLength(16);
  });

  it('is replaced after it died, and says so to the text it was busy with', async () => {
    const { thread, host } = threadOf();
    await thread.open();
    const lost = thread.vector(ids);
    await thread.kill();
    await expect(lost).rejects.toMatchObject({ code: 'ERR_PLUGIN_DOWN' });
    // Not at once: a network that kills its thread would otherwise start one after the other.
    await expect(thread.vector(ids)).rejects.toMatchObject({ code: 'ERR_PLUGIN_DOWN' });
    await host.advance(1_000);
    expect(await thread.vector(ids)).toHaveLength(16);
    expect(thread.starts).toBe(2);
  });

  it('is replaced when one text takes it longer than it may', async () => {
    const { thread, host } = threadOf({ timeoutMs: 200 });
    // The clock moves before the thread can answer: it has not even started.
    const late = thread.vector(ids);
    late.catch(() => {});
    await host.advance(200);
    await expect(late).rejects.toMatchObject({ code: 'ERR_PLUGIN_TIMEOUT' });
    await host.advance(1_000);
    expect(await thread.vector(ids)).toHaveLength(16);
    expect(thread.starts).toBe(2);
  });

  it('ends what waits when it is closed', async () => {
    const { thread } = threadOf();
    const waiting = [thread.vector(ids), thread.vector(ids)].map((one) =>
      expect(one).rejects.toMatchObject({ code: 'ERR_PLUGIN_DOWN' }),
    );
    await thread.close();
    await Promise.all(waiting);
    await expect(thread.vector(ids)).rejects.toMatchObject({ code: 'ERR_PLUGIN_DOWN' });
  });
});
