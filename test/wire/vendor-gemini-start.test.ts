/** The Gemini API where nothing is configured but a key, and what it offers beside chat. */
import { afterAll, expect, it } from 'vitest';
import { openAiClient, sendJson, startGateway, startVendor } from '../support/index.ts';
import { askStream, askWhole, user } from './client.ts';
import { calledBy, geminiSpeaker } from './gemini-side.ts';
import { tokens } from './scenarios.ts';
import { type Truth, toldBy } from './truth.ts';
import { once } from './vendors.ts';

const truths: Readonly<Record<string, Truth>> = {
  'gemini-3.6-flash': { text: 'Good day to you, 日本 🧭.', finish: 'stop', tokens },
  'gemini-2.5-flash': { text: 'Four.', finish: 'stop', tokens },
};
const vendor = await startVendor(geminiSpeaker((model) => truths[model]));
const params = { model: 'gemini/*', api_base: vendor.url, api_key: 'AIzaSyVendorKeyOfTheTests0123456789' };
const gateway = await startGateway({
  config: { model_list: [{ model_name: 'gemini/*', litellm_params: params }], router_settings: once },
});
afterAll(() => gateway.stop());
const client = openAiClient(gateway);
const last = () => vendor.requests.at(-1)!;

it('tells a prompt that was blocked as a filtered choice without content', async () => {
  const blocked = {
    promptFeedback: { blockReason: 'PROHIBITED_CONTENT' },
    usageMetadata: { promptTokenCount: 6, totalTokenCount: 6 },
    modelVersion: 'gemini-2.5-flash',
  };
  vendor.use(({ request, response }) => {
    if (calledBy(request.path).method === 'generateContent') return sendJson(response, 200, blocked);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    return response.end(`data: ${JSON.stringify(blocked)}\n\n`);
  });
  const whole = await client.chat.completions.create({
    model: 'gemini/gemini-2.5-flash',
    messages: [user('A')],
  });
  expect(whole.choices[0]).toMatchObject({ finish_reason: 'content_filter', message: { content: null } });
  expect(whole.usage).toMatchObject({ prompt_tokens: 6, completion_tokens: 0 });
  const told = await askStream(client, 'gemini/gemini-2.5-flash', { messages: [user('A')] });
  expect(told).toMatchObject({ text: '', finish: 'content_filter', tokens: { prompt: 6 } });
  vendor.use(geminiSpeaker((model) => truths[model]));
});

it('embeds texts in one batch', async () => {
  vendor.use(({ response }) => sendJson(response, 200, { embeddings: [{ values: [0.5, 0.25] }, { values: [1, 0] }] }));
  const reply = await client.embeddings.create({
    model: 'gemini/gemini-embedding-001',
    input: ['one', 'two'],
    dimensions: 2,
    encoding_format: 'float',
  });
  expect(last().path).toBe('/v1beta/models/gemini-embedding-001:batchEmbedContents');
  expect(last().json).toEqual({
    requests: ['one', 'two'].map((text) => ({
      model: 'models/gemini-embedding-001',
      content: { parts: [{ text }] },
      outputDimensionality: 2,
    })),
  });
  expect(reply.data.map(({ index, embedding }) => [index, embedding])).toEqual([
    [0, [0.5, 0.25]],
    [1, [1, 0]],
  ]);
  vendor.use(geminiSpeaker((model) => truths[model]));
});

it('needs no configuration but a key in the environment', async () => {
  const other = await startGateway({
    env: { GEMINI_API_KEY: 'AIza-of-the-shell', GEMINI_API_BASE: `${vendor.url}/v1` },
  });
  try {
    const { data } = await openAiClient(other).models.list();
    expect(data.map(({ id }) => id)).toContain('gemini-2.5-flash');
    for (const model of ['gemini-2.5-flash', 'gemini/gemini-3.6-flash'])
      expect(await askWhole(openAiClient(other), model, { messages: [user('Hello.')] })).toEqual(
        toldBy(truths[model.replace('gemini/', '')]!),
      );
    expect(last().path).toBe('/v1/models/gemini-3.6-flash:generateContent');
    expect(last().headers['x-goog-api-key']).toBe('AIza-of-the-shell');
  } finally {
    await other.stop();
  }
});
