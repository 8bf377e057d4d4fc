import { describe, expect, it } from 'vitest';
import type { Deployment } from '../../contract/request.ts';
import type { WriteContext } from '../../contract/wire.ts';
import { openAiEmbeddingsDialect } from './dialects.ts';
import { openAiEmbeddingsCodec } from './embeddings.ts';

const deployment: Deployment = {
  id: 'd',
  group: 'g',
  model: 'text-embedding',
  provider: 'openai',
  tags: [],
  params: {},
  info: {},
};
const codec = openAiEmbeddingsCodec();
const context = (fields: Record<string, unknown>): WriteContext => ({
  requestId: 'r',
  model: 'my-group',
  created: 1,
  includeUsage: false,
  fields,
});
const read = (body: unknown) => codec.reply(body as never, deployment);

describe('embeddings', () => {
  it.each([
    ['x', ['x'], 'x'],
    [['a', 'b'], ['a', 'b'], 'a\nb'],
    [[1, 2], [[1, 2]], ''],
    [[[1], [2, 3]], [[1], [2, 3]], ''],
  ])('of %j are read one by one', (input, inputs, text) => {
    expect(openAiEmbeddingsDialect.embeddings!({ model: 'g', input }).input).toEqual(inputs);
    expect(openAiEmbeddingsDialect.text({ input })).toBe(text);
  });

  it('are asked for as numbers, with every other field kept', () => {
    const request = openAiEmbeddingsDialect.embeddings!({
      model: 'g',
      input: 'x',
      dimensions: 8,
      user: 'u',
      encoding_format: 'base64',
      input_type: 'query',
      metadata: {},
    });
    expect(codec.request({ ...request, deployment })).toEqual({
      path: '/embeddings',
      body: {
        model: 'text-embedding',
        input: ['x'],
        dimensions: 8,
        user: 'u',
        input_type: 'query',
        encoding_format: 'float',
      },
    });
  });

  it('pass with their model changed', () => {
    expect(codec.pass!({ deployment, stream: false, fields: {} })).toEqual({
      path: '/embeddings',
      set: { model: 'text-embedding' },
    });
  });

  it('are written as numbers, or as the base64 the SDKs ask for', () => {
    const vectors = [new Float32Array([0.5, -2]), [1, 3.25]];
    const reply = { vectors, usage: { input: 4, output: 0 } };
    expect(openAiEmbeddingsDialect.embeddingsReply!(reply, context({}))).toEqual({
      object: 'list',
      data: [
        { object: 'embedding', index: 0, embedding: [0.5, -2] },
        { object: 'embedding', index: 1, embedding: [1, 3.25] },
      ],
      model: 'my-group',
      usage: { prompt_tokens: 4, total_tokens: 4 },
    });
    const encoded = openAiEmbeddingsDialect.embeddingsReply!(reply, context({ encoding_format: 'base64' })) as {
      data: { embedding: string }[];
    };
    expect(encoded.data[0]!.embedding).toBe('AAAAPwAAAMA=');
    expect(read(encoded).vectors.map((vector) => [...vector])).toEqual([
      [0.5, -2],
      [1, 3.25],
    ]);
  });

  it('are read in the order of their indices', () => {
    const data = [
      { index: 1, embedding: [2] },
      { index: 0, embedding: [1] },
    ];
    expect(read({ object: 'list', data, model: 'm', usage: { prompt_tokens: 3, total_tokens: 3 } })).toEqual({
      vectors: [[1], [2]],
      model: 'm',
      usage: { input: 3, output: 0 },
    });
  });

  it.each([
    [{ data: [{ embedding: ['x'] }] }, 'ERR_PROVIDER_MALFORMED'],
    [{ data: {} }, 'ERR_PROVIDER_MALFORMED'],
    [{ error: { message: 'no', code: 404 } }, 'ERR_PROVIDER_NOT_FOUND'],
  ])('that are %j throw', (body, code) => {
    expect(() => read(body)).toThrow(expect.objectContaining({ code }));
  });
});
