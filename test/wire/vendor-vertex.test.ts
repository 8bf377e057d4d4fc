/** Vertex AI through a live gateway: tokens of a service account, and the APIs of several publishers behind them. */
import { createVerify, generateKeyPairSync } from 'node:crypto';
import type OpenAI from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type Gateway,
  openAiClient,
  sendEvents,
  sendJson,
  startGateway,
  startVendor,
  type Vendor,
  type VendorHandler,
} from '../support/index.ts';
import { anthropicEvents, anthropicWhole } from './anthropic-side.ts';
import { askStream, askWhole, user } from './client.ts';
import { calledBy, geminiSpeaker, googleError, spelled } from './gemini-side.ts';
import { openAiEvents, openAiWhole } from './openai-side.ts';
import { paris, tokens, weather } from './scenarios.ts';
import { type Fields, type Truth, toldBy } from './truth.ts';
import { once } from './vendors.ts';

const scope = 'https://www.googleapis.com/auth/cloud-platform';
const robots = {
  known: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  unknown: generateKeyPairSync('rsa', { modulusLength: 2048 }),
};
const email = 'robot@jwt-project.iam.example';
const truth: Truth = {
  reasoning: 'Hm…',
  text: 'Good day, 日本 🧭.',
  finish: 'stop',
  tokens: { ...tokens, reasoning: 4 },
};
const calling: Truth = { calls: [paris], finish: 'tool_calls', tokens };
const claude: Truth = { text: 'I am Claude.', finish: 'stop', tokens };

const issued = new Set<string>();

/** Verifies what RFC 7523 and Google ask of an assertion. */
const tokenServer: VendorHandler = ({ request, response }) => {
  const form = new URLSearchParams(request.body.toString());
  if (form.get('grant_type') === 'refresh_token') {
    const isKnown = form.get('refresh_token') === 'refresh-1' && form.get('client_secret') === 'client-s3cret';
    return isKnown ? issue(response) : sendJson(response, 400, { error: 'invalid_grant' });
  }
  const [head = '', claims = '', signature = ''] = (form.get('assertion') ?? '').split('.');
  const isSigned = createVerify('RSA-SHA256')
    .update(`${head}.${claims}`)
    .verify(robots.known.publicKey, signature, 'base64url');
  const { iss, aud, scope: asked, iat, exp } = JSON.parse(Buffer.from(claims, 'base64url').toString() || '{}');
  const now = Date.now() / 1000;
  const isSound =
    form.get('grant_type') === 'urn:ietf:params:oauth:grant-type:jwt-bearer' &&
    iss === email &&
    aud === `http://${request.headers.host}/token` &&
    asked === scope &&
    Math.abs(now - iat) < 60 &&
    exp === iat + 3600;
  return isSigned && isSound ? issue(response) : sendJson(response, 400, { error: 'invalid_grant' });
};

function issue(response: Parameters<typeof sendJson>[0]): void {
  const token = `ya29.token-${issued.size}`;
  issued.add(token);
  sendJson(response, 200, { access_token: token, token_type: 'Bearer', expires_in: 3599 });
}

const gemini = geminiSpeaker((model) =>
  model.startsWith('gemini') ? (model.includes('calls') ? calling : truth) : undefined,
);

const speaking: VendorHandler = (exchange) => {
  const { request, response } = exchange;
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
  if (!issued.has(token) && request.headers['x-goog-api-key'] !== 'express-key-1')
    return sendJson(
      response,
      401,
      googleError(401, 'UNAUTHENTICATED', 'Request had invalid authentication credentials.'),
    );
  const body: Fields = request.json ?? {};
  const { method } = calledBy(request.path);
  if (request.path.includes('/publishers/anthropic/')) {
    if (body.model !== undefined || body.anthropic_version !== 'vertex-2023-10-16')
      return sendJson(response, 400, {
        type: 'error',
        error: { type: 'invalid_request_error', message: 'model: Extra inputs are not permitted' },
      });
    if (method === 'rawPredict') return sendJson(response, 200, anthropicWhole(claude, body));
    return sendEvents(response, anthropicEvents(claude, body), {});
  }
  if (request.path.endsWith('/chat/completions') || /RawPredict|rawPredict/.test(request.path)) {
    if (body.stream !== true) return sendJson(response, 200, openAiWhole(truth, body.model));
    return sendEvents(response, openAiEvents(truth, body.model, true), {});
  }
  if (method === 'predict')
    return sendJson(response, 200, {
      predictions: (body.instances as object[]).map((_instance, index) => ({
        embeddings: { values: [index, 0.5], statistics: { token_count: 3, truncated: false } },
      })),
    });
  return gemini(exchange);
};

let vendor: Vendor;
let tokensVendor: Vendor;
let gateway: Gateway;
let client: OpenAI;

beforeAll(async () => {
  tokensVendor = await startVendor(tokenServer);
  vendor = await startVendor(speaking);
  const account = (pair: keyof typeof robots, change: object = {}) => ({
    type: 'service_account',
    project_id: 'jwt-project',
    client_email: email,
    private_key: robots[pair].privateKey.export({ type: 'pkcs8', format: 'pem' }),
    private_key_id: 'k1',
    token_uri: `${tokensVendor.url}/token`,
    ...change,
  });
  const entry = (group: string, model: string, params: object = {}) => ({
    model_name: group,
    litellm_params: { model: `vertex_ai/${model}`, api_base: vendor.url, vertex_location: 'us-central1', ...params },
  });
  const text = { vertex_credentials: JSON.stringify(account('known')) };
  const refreshing = {
    type: 'authorized_user',
    client_id: 'client-1',
    client_secret: 'client-s3cret',
    refresh_token: 'refresh-1',
    token_uri: `${tokensVendor.url}/token`,
  };
  gateway = await startGateway({
    config: {
      model_list: [
        entry('by-text', 'gemini-2.5-flash', text),
        entry('by-file', 'gemini-2.5-flash', { vertex_credentials: 'account.json', vertex_location: 'global' }),
        entry('by-environment', 'gemini-2.5-flash', { vertex_project: 'named-project' }),
        entry('by-user', 'gemini-2.5-flash', { vertex_credentials: refreshing, vertex_project: 'named-project' }),
        entry('by-key', 'gemini-2.5-flash', { api_key: 'express-key-1' }),
        entry('stranger', 'gemini-2.5-flash', { vertex_credentials: account('unknown') }),
        entry('calling', 'gemini-3-calls', text),
        entry('claude', 'claude-opus-5', { ...text, vertex_location: 'us-east5' }),
        entry('llama', 'meta/llama-4-maverick-17b-128e-instruct-maas', text),
        entry('mistral', 'mistral-large@2411', text),
        entry('embedding', 'text-embedding-005', text),
        {
          ...entry('beta', 'x'),
          litellm_params: { model: 'vertex_ai_beta/gemini-2.5-flash', api_base: vendor.url, ...text },
        },
      ],
      router_settings: once,
    },
    files: { 'account.json': JSON.stringify(account('known')) },
    env: {
      GOOGLE_APPLICATION_CREDENTIALS: 'account.json',
      VERTEXAI_LOCATION: 'europe-west1',
      NO_GCE_CHECK: 'true',
    },
  });
  client = openAiClient(gateway);
});
afterAll(() => gateway?.stop());
beforeEach(() => vendor.use(speaking));

const ask = (model: string, change: object = {}) =>
  client.chat.completions.create({ model, messages: [user('Hello.')], ...change });
const last = () => vendor.requests.at(-1)!;

describe('a credential', () => {
  it.each([
    ['by-text', '/v1/projects/jwt-project/locations/us-central1'],
    ['by-file', '/v1/projects/jwt-project/locations/global'],
    ['by-environment', '/v1/projects/named-project/locations/us-central1'],
    ['by-user', '/v1/projects/named-project/locations/us-central1'],
    ['beta', '/v1/projects/jwt-project/locations/europe-west1'],
  ])('given %s becomes a token, and leads to %s', async (model, path) => {
    expect((await ask(model)).choices[0]?.message.content).toBe(truth.text);
    expect(last().path).toBe(`${path}/publishers/google/models/gemini-2.5-flash:generateContent`);
    expect(last().headers.authorization).toMatch(/^Bearer ya29\.token-\d+$/);
  });

  it('is asked for one token, whoever comes', async () => {
    const before = tokensVendor.requests.length;
    await Promise.all(Array.from({ length: 20 }, () => ask('by-text')));
    expect(tokensVendor.requests.length).toBe(before);
  });

  it('that is an API key goes in its own header, without a project', async () => {
    await ask('by-key');
    expect(last().path).toBe('/v1/publishers/google/models/gemini-2.5-flash:generateContent');
    expect(last().headers).toMatchObject({ 'x-goog-api-key': 'express-key-1' });
    expect(last().headers.authorization).toBeUndefined();
  });

  it('that the token server refuses is told without the key', async () => {
    const error = await ask('stranger').catch((failure: unknown) => failure);
    expect(error).toMatchObject({ status: 401, message: expect.stringContaining('invalid_grant') });
    expect(String(error) + gateway.output()).not.toMatch(/PRIVATE KEY|client-s3cret|refresh-1|ya29\./);
  });
});

it('tells Gemini’s replies whole and streamed, labels and calls', async () => {
  for (const told of [askWhole, askStream])
    expect(await told(client, 'by-text', { messages: [user('Hello.')], user: 'team-7' })).toEqual(toldBy(truth));
  expect(last().path).toMatch(/:streamGenerateContent\?alt=sse$/);
  expect(spelled(last().json).labels).toEqual({ user: 'team-7' });
  const { calls, finish } = await askStream(client, 'calling', { messages: [user('Weather?')], tools: [weather] });
  expect([finish, calls.map(({ name, input }) => [name, input])]).toEqual([
    'tool_calls',
    [['get_weather', paris.input]],
  ]);
});

it('calls Claude by Anthropic’s API', async () => {
  expect(await askWhole(client, 'claude', { messages: [user('Hello.')] })).toEqual(toldBy(claude));
  expect(last().path).toBe(
    '/v1/projects/jwt-project/locations/us-east5/publishers/anthropic/models/claude-opus-5:rawPredict',
  );
  expect(last().headers['anthropic-version']).toBeUndefined();
  expect(await askStream(client, 'claude', { messages: [user('Hello.')] })).toEqual(toldBy(claude));
  expect(last().path).toMatch(/claude-opus-5:streamRawPredict$/);
  expect(last().json).toMatchObject({ stream: true, anthropic_version: 'vertex-2023-10-16' });
});

it.each([
  ['llama', 'endpoints/openapi/chat/completions', 'meta/llama-4-maverick-17b-128e-instruct-maas'],
  ['mistral', 'publishers/mistralai/models/mistral-large@2411:streamRawPredict', 'mistral-large@2411'],
])('calls %s by OpenAI’s API at %s', async (model, resource, name) => {
  expect((await ask(model)).choices[0]?.message.content).toBe(truth.text);
  expect(await askStream(client, model, { messages: [user('Hello.')] })).toEqual(toldBy(truth));
  expect(last().path).toBe(`/v1/projects/jwt-project/locations/us-central1/${resource}`);
  expect(last().json).toMatchObject({ model: name, messages: [{ role: 'user', content: 'Hello.' }] });
});

it('embeds texts as predictions, and counts their tokens', async () => {
  const reply = await client.embeddings.create({ model: 'embedding', input: ['a', 'b'], encoding_format: 'float' });
  expect(last().path).toMatch(/us-central1\/publishers\/google\/models\/text-embedding-005:predict$/);
  expect(reply.data.map(({ embedding }) => embedding)).toEqual([
    [0, 0.5],
    [1, 0.5],
  ]);
  expect(reply.usage.prompt_tokens).toBe(6);
});

describe('an error', () => {
  const answering = (status: number, body: object) => vendor.use(({ response }) => sendJson(response, status, body));

  it.each([
    [429, 'RESOURCE_EXHAUSTED', 'Resource exhausted. Please try again later.', 'ERR_PROVIDER_RATE_LIMIT'],
    [403, 'PERMISSION_DENIED', 'Vertex AI API has not been used in project 1 before.', 'ERR_PROVIDER_PERMISSION'],
    [404, 'NOT_FOUND', 'Publisher Model was not found.', 'ERR_PROVIDER_NOT_FOUND'],
    [
      400,
      'INVALID_ARGUMENT',
      'The input token count exceeds the maximum number of tokens.',
      'ERR_PROVIDER_CONTEXT_WINDOW',
    ],
    [503, 'UNAVAILABLE', 'The service is currently unavailable.', 'ERR_PROVIDER_UNAVAILABLE'],
  ])('%i %s (%s) of Google’s is %s', async (status, name, message, code) => {
    answering(status, googleError(status, name, message));
    await expect(ask('by-text')).rejects.toMatchObject({ status, error: { rutter_code: code } });
  });

  it('of Anthropic’s shape is Anthropic’s', async () => {
    answering(529, { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } });
    await expect(ask('claude')).rejects.toMatchObject({ error: { rutter_code: 'ERR_PROVIDER_OVERLOADED' } });
  });
});
