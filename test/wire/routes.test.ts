/** Every route a client of OpenAI, LiteLLM or Azure OpenAI may use, with a key and without. */
import OpenAI, { AzureOpenAI } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, openAiClient, startGateway, startVendor, type Vendor } from '../support/index.ts';
import { chunksOf, toldIn, user } from './client.ts';
import { tokens } from './scenarios.ts';
import { type Fields, listOf, type Truth } from './truth.ts';
import { anthropicDeployment, anthropicSpeaker, once, openAiEntry, openAiSpeaker } from './vendors.ts';

const masterKey = 'sk-master-of-the-routes';
const truth: Truth = { text: 'Aye.', finish: 'stop', tokens };
const messages = [user('Hello.')];

let openAi: Vendor;
let gateway: Gateway;

beforeAll(async () => {
  openAi = await startVendor(openAiSpeaker(() => truth));
  const anthropic = await startVendor(anthropicSpeaker(() => truth));
  gateway = await startGateway({
    config: {
      model_list: [
        openAiEntry('house', openAi, 'gpt-4o-mini', { extra_headers: { 'x-own': 'yes' } }),
        openAiEntry('team/house', openAi, 'gpt-4o'),
        anthropicDeployment('claude', anthropic, 'claude-x'),
      ],
      general_settings: { master_key: masterKey },
      router_settings: once,
    },
  });
});
afterAll(() => gateway?.stop());

async function post(path: string, body: object, headers: Fields = { authorization: `Bearer ${masterKey}` }) {
  const response = await fetch(gateway.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(headers as Record<string, string>) },
    body: JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, json: (await response.json()) as Fields };
}

const operations = [
  { path: 'chat/completions', body: { messages }, object: 'chat.completion' },
  { path: 'completions', body: { prompt: 'Hello.' }, object: 'text_completion' },
  { path: 'embeddings', body: { input: 'Hello.' }, object: 'list' },
];

describe.each(operations)('$path', ({ path, body, object }) => {
  it.each(['', '/v1'])('is served under %s/', async (prefix) => {
    const { status, json } = await post(`${prefix}/${path}`, { ...body, model: 'house' });
    expect([status, json.object, json.model]).toEqual([200, object, 'house']);
  });

  it.each(['/engines', '/openai/deployments'])('is served under %s/MODEL/, whatever the body names', async (prefix) => {
    for (const more of [{}, { model: 'claude' }]) {
      const { status, json } = await post(`${prefix}/house/${path}`, { ...body, ...more });
      expect([status, json.object, json.model]).toEqual([200, object, 'house']);
      expect(openAi.requests.at(-1)?.json?.model).toBe('gpt-4o-mini');
    }
    const escaped = await post(`${prefix}/${encodeURIComponent('team/house')}/${path}?api-version=2024-10-21`, body);
    expect([escaped.status, escaped.json.model]).toEqual([200, 'team/house']);
  });

  it('asks for a key', async () => {
    const { status, json } = await post(`/v1/${path}`, { ...body, model: 'house' }, {});
    expect(status).toBe(401);
    expect(json).toMatchObject({ error: { type: 'auth_error', code: '401' } });
  });
});

describe('a client of Azure OpenAI', () => {
  const azure = () =>
    new AzureOpenAI({ endpoint: gateway.url, apiKey: masterKey, apiVersion: '2024-10-21', maxRetries: 0 });

  it.each(['house', 'claude', 'team/house'])('reaches %s by its deployment path and api-key', async (model) => {
    const reply = await azure().chat.completions.create({ model, messages });
    expect(reply).toMatchObject({ model, choices: [{ message: { content: 'Aye.' }, finish_reason: 'stop' }] });
    const chunks = await chunksOf(azure(), model, { messages });
    expect(toldIn(chunks)).toMatchObject({ text: 'Aye.', finish: 'stop' });
  });

  it('embeds and completes', async () => {
    const embedded = await azure().embeddings.create({ model: 'house', input: 'Hello.' });
    expect(embedded.data[0]?.embedding.length).toBeGreaterThan(1);
    const completed = await azure().completions.create({ model: 'house', prompt: 'Hello.' });
    expect(completed.choices[0]?.text).toMatch(/\w/);
  });

  it('is refused with a wrong key', async () => {
    const stranger = new AzureOpenAI({
      endpoint: gateway.url,
      apiKey: 'sk-wrong',
      apiVersion: '2024-10-21',
      maxRetries: 0,
    });
    await expect(stranger.chat.completions.create({ model: 'house', messages })).rejects.toThrow(
      OpenAI.AuthenticationError,
    );
  });
});

describe('a key', () => {
  it.each([
    ['x-litellm-api-key', masterKey],
    ['x-litellm-api-key', `Bearer ${masterKey}`],
    ['authorization', `Bearer ${masterKey}`],
    ['authorization', `bearer ${masterKey}`],
    ['api-key', masterKey],
    ['x-api-key', masterKey],
    ['x-goog-api-key', masterKey],
    ['ocp-apim-subscription-key', masterKey],
  ])('is taken from %s: %s', async (name, value) => {
    const { status } = await post('/v1/chat/completions', { model: 'house', messages }, { [name]: value });
    expect(status).toBe(200);
  });

  it('of the gateway never reaches a vendor', async () => {
    const names = ['x-litellm-api-key', 'api-key', 'x-api-key', 'cookie'];
    const headers = Object.fromEntries(names.map((name) => [name, masterKey]));
    await post('/v1/chat/completions', { model: 'house', messages }, headers);
    const request = openAi.requests.at(-1);
    expect(request?.rawHeaders.join('\n')).not.toContain(masterKey);
    expect(request?.headers).toMatchObject({ authorization: 'Bearer sk-vendor', 'x-own': 'yes' });
  });

  it('that is wrong is an AuthenticationError of the SDK, which does not tell it', async () => {
    const asking = openAiClient(gateway, 'sk-wrong-1234567').chat.completions.create({ model: 'house', messages });
    await expect(asking).rejects.toThrow(OpenAI.AuthenticationError);
    await expect(asking).rejects.toMatchObject({ message: expect.not.stringContaining('sk-wrong-1234567') });
  });
});

describe('models', () => {
  it('are listed and told one by one under both paths', async () => {
    const client = openAiClient(gateway, masterKey);
    const ids = ['house', 'team/house', 'claude'];
    expect((await client.models.list()).data.map(({ id }) => id).sort()).toEqual(ids.sort());
    for (const id of ids) expect(await client.models.retrieve(id)).toMatchObject({ id, object: 'model' });
    const bare = new OpenAI({ apiKey: masterKey, baseURL: gateway.url, maxRetries: 0 });
    expect(listOf((await bare.models.list()).data).length).toBe(ids.length);
    expect(await bare.models.retrieve('team/house')).toMatchObject({ id: 'team/house' });
  });

  it('that are not there are a NotFoundError when told of and a BadRequestError when asked', async () => {
    const client = openAiClient(gateway, masterKey);
    await expect(client.models.retrieve('nobody')).rejects.toThrow(OpenAI.NotFoundError);
    const asking = client.chat.completions.create({ model: 'nobody', messages });
    await expect(asking).rejects.toThrow(OpenAI.BadRequestError);
    await expect(asking).rejects.toMatchObject({
      param: 'model',
      message: expect.stringContaining('Invalid model name passed in model=nobody'),
    });
  });
});

it('names a path or a method that is not there', async () => {
  const missing = await post('/v1/nothing', {});
  expect([missing.status, (missing.json.error as Fields).code]).toEqual([404, '404']);
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    headers: { authorization: `Bearer ${masterKey}` },
  });
  expect(response.status).toBe(405);
  expect(response.headers.get('allow')).toContain('POST');
});
