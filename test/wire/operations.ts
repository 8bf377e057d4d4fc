/** Operations beside chat; each throws where it does not do what it must. */
import type OpenAI from 'openai';
import { expect } from 'vitest';

export interface OperationCase {
  readonly title: string;
  run(client: OpenAI, model: string): Promise<void>;
}

const inputs = ['one text', 'another, with ünïcode'];
const tokenLists = [
  [1, 2, 3],
  [4, 5],
];

async function vectors(client: OpenAI, body: Omit<OpenAI.EmbeddingCreateParams, 'model'>, model: string) {
  const reply = await client.embeddings.create({ ...body, model });
  expect(reply).toMatchObject({ object: 'list', model });
  expect(reply.usage.prompt_tokens).toBeGreaterThan(0);
  expect(reply.usage.total_tokens).toBe(reply.usage.prompt_tokens);
  expect(reply.data.map(({ index }) => index)).toEqual(reply.data.map((_, index) => index));
  return reply.data.map(({ embedding }) => embedding);
}

const embeddings: readonly OperationCase[] = [
  {
    title: 'Embeddings, as base64 (the SDK’s default) and as numbers',
    async run(client, model) {
      const byDefault = await vectors(client, { input: inputs }, model);
      const asNumbers = await vectors(client, { input: inputs, encoding_format: 'float' }, model);
      expect(byDefault).toHaveLength(2);
      expect(byDefault[0]?.length).toBeGreaterThan(1);
      for (const [index, vector] of byDefault.entries())
        for (const [at, value] of vector.entries()) expect(value).toBeCloseTo(asNumbers[index]?.[at] as number, 5);
      const raw = (await vectors(client, { input: inputs, encoding_format: 'base64' }, model)) as unknown as string[];
      expect(Buffer.from(raw[0] as string, 'base64')).toHaveLength(4 * (asNumbers[0]?.length as number));
      // Asked for by name, base64 is left to the caller to read.
      expect(raw[0]).toBeTypeOf('string');
    },
  },
  {
    title: 'Embeddings of one text, a list, tokens and lists of tokens',
    async run(client, model) {
      expect(await vectors(client, { input: 'one text' }, model)).toHaveLength(1);
      expect(await vectors(client, { input: inputs }, model)).toHaveLength(2);
      expect(await vectors(client, { input: tokenLists[0] as number[] }, model)).toHaveLength(1);
      expect(await vectors(client, { input: tokenLists }, model)).toHaveLength(2);
    },
  },
  {
    title: 'Embeddings of chosen dimensions',
    async run(client, model) {
      const [vector] = await vectors(client, { input: 'one text', dimensions: 16 }, model);
      expect(vector).toHaveLength(16);
    },
  },
];

async function completed(client: OpenAI, model: string, prompt: string | string[]) {
  const reply = await client.completions.create({ model, prompt });
  expect(reply).toMatchObject({ object: 'text_completion', model });
  expect(reply.usage?.prompt_tokens).toBeGreaterThan(0);
  return reply.choices;
}

const others: readonly OperationCase[] = [
  {
    title: 'Text completions',
    async run(client, model) {
      const [choice] = await completed(client, model, 'Once upon');
      expect(choice).toMatchObject({ index: 0, finish_reason: 'stop', text: expect.stringMatching(/\w/) });
    },
  },
  {
    title: 'Text completions, streamed',
    async run(client, model) {
      const chunks: OpenAI.Completion[] = [];
      const options = { include_usage: true };
      const stream = await client.completions.create({ model, prompt: 'Once', stream: true, stream_options: options });
      for await (const chunk of stream) chunks.push(chunk);
      const choices = chunks.flatMap((chunk) => chunk.choices);
      expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
      expect(choices.map(({ text }) => text).join('')).toMatch(/\w/);
      expect(
        choices.filter(({ finish_reason: finish }) => finish !== null).map(({ finish_reason: finish }) => finish),
      ).toEqual(['stop']);
      expect(chunks.at(-1)?.usage?.prompt_tokens).toBeGreaterThan(0);
    },
  },
  {
    title: 'Text completions of several prompts',
    async run(client, model) {
      expect(await completed(client, model, ['Once', 'Twice'])).toHaveLength(2);
    },
  },
  {
    title: 'Models, listed and one by one',
    async run(client, model) {
      const listed = (await client.models.list()).data.map(({ id }) => id);
      expect(listed).toContain(model);
      expect(await client.models.retrieve(model)).toMatchObject({ id: model, object: 'model', owned_by: 'rutter' });
    },
  },
];

export const operations: readonly OperationCase[] = [...embeddings, ...others];
