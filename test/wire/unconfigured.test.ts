/** The gateway that `rutter serve` gives with no configuration: every name is answered, and failures can be had on purpose. */
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, openAiClient, startGateway } from '../support/index.ts';
import { type Chat, chunksOf, expectWellFormed, toldIn, user } from './client.ts';
import { clock, weather } from './scenarios.ts';

let gateway: Gateway;
let client: OpenAI;

beforeAll(async () => {
  gateway = await startGateway({});
  client = openAiClient(gateway);
});
afterAll(() => gateway?.stop());

const ask = (simulate: object, more: object = {}) =>
  client.chat.completions.create({ model: 'anything', messages: [user('Hello.')], ...more, simulate } as Chat & {
    model: string;
  });

it('says how to try it, and that no key is wanted', () => {
  expect(gateway.output()).toContain(`curl ${gateway.url}/v1/chat/completions`);
  expect(gateway.output()).toMatch(/No vendor's key was found/);
});

it.each(['simulated', 'gpt-4o', 'team/anything:latest', 'ünïcode'])('answers as %s', async (model) => {
  const reply = await client.chat.completions.create({ model, messages: [user('Hello.')] });
  expect(reply).toMatchObject({ model, choices: [{ finish_reason: 'stop', message: { role: 'assistant' } }] });
  expect(reply.choices[0]?.message.content).toContain('Hello.');
  expect(reply.usage?.total_tokens).toBeGreaterThan(2);
  const chunks = await chunksOf(client, model, { messages: [user('Hello.')] });
  expectWellFormed(chunks, model);
  expect(toldIn(chunks).text).toBe(reply.choices[0]?.message.content);
});

it('keeps to a limit and gives several choices', async () => {
  const { choices } = await client.chat.completions.create({
    model: 'm',
    messages: [user('One two three four five six.')],
    max_completion_tokens: 3,
    n: 3,
  });
  expect(choices.map(({ index, finish_reason: finish }) => [index, finish])).toEqual([
    [0, 'length'],
    [1, 'length'],
    [2, 'length'],
  ]);
});

it('calls the tool that is meant, and ends the loop when it is answered', async () => {
  const runner = client.chat.completions.runTools({
    model: 'm',
    messages: [user('What is the get_time now?')],
    tools: [weather, clock].map(({ function: { name, parameters } }) => ({
      type: 'function' as const,
      function: { name, parameters, description: name, parse: JSON.parse, function: () => `${name} says noon` },
    })),
  });
  expect(await runner.finalContent()).toContain('get_time says noon');
});

describe('a failure on purpose', () => {
  it.each([
    [400, OpenAI.BadRequestError],
    [403, OpenAI.PermissionDeniedError],
    [422, OpenAI.UnprocessableEntityError],
  ])('of %i is the error of the SDK', async (errorStatus, kind) => {
    await expect(ask({ errorStatus, errorMessage: 'As you wish.' })).rejects.toThrow(kind);
    await expect(ask({ errorStatus }, { stream: true })).rejects.toThrow(kind);
  });

  it('is tried again before anyone hears of it', async () => {
    const body = { model: 'stumbles', messages: [user('Hello.')], simulate: { failFirst: 1, errorStatus: 503 } };
    const { data, response } = await client.chat.completions.create(body).withResponse();
    expect(data.choices[0]?.finish_reason).toBe('stop');
    expect(response.headers.get('x-litellm-attempted-retries')).toBe('1');
  });

  it.each([
    ['cutAfterTokens', 'ERR_PROVIDER_STREAM'],
    ['garbageAfterTokens', 'ERR_PROVIDER_MALFORMED'],
    ['errorAfterTokens', 'ERR_PROVIDER_INTERNAL'],
  ])('%s inside a stream ends it in one error', async (fault, code) => {
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    const reading = (async () => {
      const stream = await ask({ tokens: 20, [fault]: 5 }, { stream: true });
      for await (const chunk of stream as unknown as AsyncIterable<OpenAI.ChatCompletionChunk>) chunks.push(chunk);
    })();
    await expect(reading).rejects.toMatchObject({ error: { rutter_code: code } });
    expect(toldIn(chunks).text.trim().split(/\s+/)).toHaveLength(5);
    expect(toldIn(chunks).finish).toBeNull();
  });
});

it('is well, and says so to who watches over it', async () => {
  for (const path of ['/health/liveliness', '/health/readiness']) {
    const response = await fetch(gateway.url + path);
    expect([path, response.status]).toEqual([path, 200]);
  }
});
