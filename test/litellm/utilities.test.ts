/** Routes that look at calls without serving them. */
import { expect, it } from 'vitest';
import { openAiDeployment, openAiVendor, sendJson, startGateway, startVendor } from '../support/index.ts';

const openAi = await startVendor(openAiVendor());
const anthropic = await startVendor(({ request, response }) =>
  request.path === '/v1/messages/count_tokens'
    ? sendJson(response, 200, { input_tokens: 41 })
    : sendJson(response, 404, { type: 'error', error: { type: 'not_found_error', message: `no ${request.path}` } }),
);
const gemini = await startVendor(({ request, response }) =>
  request.path === '/v1beta/models/gemini-x:countTokens'
    ? sendJson(response, 200, { totalTokens: 17 })
    : sendJson(response, 404, { error: { message: `no ${request.path}` } }),
);
const guard = `
import { definePlugin } from '@rutter/plugin-sdk';
export default definePlugin({
  kind: 'guard',
  setup: () => ({
    identify: (credential) =>
      credential?.equals('sk-user') ? { id: 'user', kind: 'key', models: ['gpt'], permissions: ['model.call'] } : undefined,
  }),
});
`;
const keyed = (model: string, api_base: string, more: object = {}) => ({
  model,
  api_base,
  api_key: 'sk-canary-of-vendor',
  ...more,
});
const gateway = await startGateway({
  config: {
    plugins: [{ use: './guard', trust: true }],
    model_list: [
      openAiDeployment('gpt', openAi, {
        api_key: 'sk-canary-of-vendor',
        temperature: 0.3,
        extra_headers: { 'x-team': 'blue', 'x-secret-token': 'canary-in-a-header' },
        extra_body: { note: 'has sk-canary-of-vendor in it' },
      }),
      { model_name: 'claude', litellm_params: keyed('anthropic/claude-x', anthropic.url) },
      { model_name: 'broken', litellm_params: keyed('anthropic/claude-x', `${openAi.url}/nothing`) },
      { model_name: 'gemini', litellm_params: keyed('gemini/gemini-x', gemini.url) },
    ],
    general_settings: { master_key: 'sk-master' },
  },
  files: { 'guard/index.ts': guard },
});

async function post(path: string, body: unknown, key = 'sk-master') {
  const reply = await fetch(gateway.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify(body),
  });
  const text = await reply.text();
  return { status: reply.status, text, json: JSON.parse(text) as Record<string, unknown> };
}
const messages = [{ role: 'user', content: 'How many tokens is this?' }];
const transform = (model: string, more: object = {}) =>
  post('/utils/transform_request', { call_type: 'completion', request_body: { model, messages, ...more } });

it('shows the request that would be sent, and sends nothing', async () => {
  const { status, json } = await transform('gpt', { max_tokens: 5 });
  expect(status).toBe(200);
  expect(json).toMatchObject({
    provider: 'openai',
    method: 'POST',
    raw_request_api_base: `${openAi.url}/v1/chat/completions`,
    raw_request_body: { model: 'gpt-4o-mini', temperature: 0.3, messages },
    raw_request_headers: { authorization: 'Bearer [secret]', 'x-team': 'blue', 'x-secret-token': '[secret]' },
  });
  expect(openAi.requests).toHaveLength(0);
});

it("shows it in the vendor's own words", async () => {
  const { json } = await transform('claude', { messages: [{ role: 'system', content: 'Be brief.' }, ...messages] });
  expect(json.raw_request_api_base).toBe(`${anthropic.url}/v1/messages`);
  expect(json.raw_request_body).toMatchObject({ model: 'claude-x', max_tokens: 4096, system: [{ text: 'Be brief.' }] });
  expect(json.raw_request_headers).toMatchObject({ 'x-api-key': '[secret]', 'anthropic-version': '2023-06-01' });
});

it('shows no secret, wherever it stands', async () => {
  for (const model of ['gpt', 'claude', 'gemini']) expect((await transform(model)).text).not.toContain('canary');
});

it('is for operators alone', async () => {
  const body = { call_type: 'completion', request_body: { model: 'gpt', messages } };
  expect((await post('/utils/transform_request', body, 'sk-user')).status).toBe(403);
  expect((await post('/utils/transform_request', body, 'sk-nobody')).status).toBe(401);
});

it.each<[unknown, string]>([
  [{ call_type: 'dance', request_body: {} }, '"call_type" is "dance"'],
  [{ call_type: 'completion' }, 'request_body is nothing; expected an object'],
  [[], 'body is an array; expected an object'],
  [{ request_body: { model: 'unknown', messages } }, 'Invalid model name passed in model=unknown'],
  [{ request_body: { model: 'gpt', messages: 'no' } }, 'messages'],
])('says what is wrong with %j', async (body, message) => {
  const { status, text } = await post('/utils/transform_request', body);
  expect(status).toBe(400);
  expect(JSON.parse(text).error.message).toContain(message);
});

it('counts as Anthropic does, by what is sent there', async () => {
  const { json } = await post('/utils/token_counter', { model: 'claude', messages, max_tokens: 9, temperature: 1 });
  expect(json).toEqual({
    total_tokens: 41,
    request_model: 'claude',
    model_used: 'claude-x',
    tokenizer_type: 'anthropic_api',
    original_response: { input_tokens: 41 },
  });
  const { json: sent, headers } = anthropic.requests.at(-1) as { json: object; headers: Record<string, string> };
  expect(Object.keys(sent).toSorted()).toEqual(['messages', 'model']);
  expect(headers['x-api-key']).toBe('sk-canary-of-vendor');
});

it('counts as Gemini does, with instructions and all', async () => {
  const { json } = await post('/utils/token_counter', {
    model: 'gemini',
    messages: [{ role: 'system', content: 'Be brief.' }, ...messages],
  });
  expect(json).toMatchObject({ total_tokens: 17, tokenizer_type: 'gemini_api' });
  expect(gemini.requests.at(-1)?.json).toMatchObject({
    generateContentRequest: { model: 'models/gemini-x', contents: [{ role: 'user' }] },
  });
  expect(JSON.stringify(gemini.requests.at(-1)?.json)).toContain('Be brief.');
});

it('estimates where the vendor does not count, and says so', async () => {
  const { json } = await post('/utils/token_counter', { model: 'gpt', prompt: 'x'.repeat(40) });
  expect(json).toEqual({
    total_tokens: 10,
    request_model: 'gpt',
    model_used: 'gpt-4o-mini',
    tokenizer_type: 'estimate',
    estimated: true,
  });
  expect(openAi.requests).toHaveLength(0);
});

it('estimates where the vendor fails to count, and says why', async () => {
  const { status, json, text } = await post('/utils/token_counter', { model: 'broken', messages });
  expect(status).toBe(200);
  expect(json).toMatchObject({
    tokenizer_type: 'estimate',
    estimated: true,
    error: true,
    error_code: expect.stringMatching(/^ERR_PROVIDER_/),
    error_message: expect.any(String),
    status_code: expect.any(Number),
  });
  expect(text).not.toContain('canary');
});

it('counts for callers what they may call, and nothing else', async () => {
  expect((await post('/utils/token_counter', { model: 'gpt', messages }, 'sk-user')).status).toBe(200);
  expect((await post('/utils/token_counter', { model: 'claude', messages }, 'sk-user')).status).toBe(403);
  expect((await post('/utils/token_counter', { model: 'gpt' }, 'sk-user')).status).toBe(400);
});
