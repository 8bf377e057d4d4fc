import type { ChatRequest, Deployment } from '@rutter/plugin-sdk';
import {
  assertConforms,
  checkProvider,
  deployment,
  fakeHost,
  repliesByDialect,
  streamsByDialect,
} from '@rutter/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import { originOf } from './addresses.ts';
import definition from './index.ts';

const setUp = (options: object = {}) => definition.setup(fakeHost(), definition.config.parse(options));
const provider = await setUp();
const request: ChatRequest = { model: 'g', messages: [{ role: 'user', content: 'x' }], stream: false, extra: {} };
const written = (model: string, settings: Partial<Deployment> = {}, change: Partial<ChatRequest> = {}) =>
  provider.chat!.request({ ...request, ...change, deployment: deployment({ model, ...settings }) });
const params = { vertex_project: 'p', vertex_location: 'europe-west4' };
const own = '/v1/projects/p/locations/europe-west4';

it('passes the kit', async () => {
  const { gemini: streams = [] } = streamsByDialect;
  const { gemini: replies = [] } = repliesByDialect;
  assertConforms(await checkProvider(definition, { streams, replies }));
});

describe('a model', () => {
  it.each([
    ['gemini-2.5-flash', `${own}/publishers/google/models/gemini-2.5-flash:generateContent`],
    ['gemini/gemini-2.5-flash', `${own}/publishers/google/models/gemini-2.5-flash:generateContent`],
    ['google/gemini-2.5-flash', `${own}/publishers/google/models/gemini-2.5-flash:generateContent`],
    ['1234567890', `${own}/endpoints/1234567890:generateContent`],
    ['gemini/1234567890', `${own}/endpoints/1234567890:generateContent`],
    ['claude-sonnet-4-5@20250929', `${own}/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict`],
    ['anthropic/claude-opus-5', `${own}/publishers/anthropic/models/claude-opus-5:rawPredict`],
    ['mistral-large@2411', `${own}/publishers/mistralai/models/mistral-large@2411:rawPredict`],
    ['mistralai/codestral-2', `${own}/publishers/mistralai/models/codestral-2:rawPredict`],
    ['jamba-1.5-mini', `${own}/publishers/ai21/models/jamba-1.5-mini:rawPredict`],
    ['meta/llama-4-maverick-17b-128e-instruct-maas', `${own}/endpoints/openapi/chat/completions`],
    ['openai/gpt-oss-120b-maas', `${own}/endpoints/openapi/chat/completions`],
    ['openai/5464397967697903616', `${own}/endpoints/5464397967697903616/chat/completions`],
  ])('named %s is called at %s', (model, path) => {
    expect(written(model, { params }).path).toBe(path);
  });

  it.each([
    ['gemini-2.5-flash', 'streamGenerateContent', { alt: 'sse' }],
    ['claude-opus-5', 'streamRawPredict', undefined],
    ['mistral-large@2411', 'streamRawPredict', undefined],
  ])('named %s streams by %s', (model, method, query) => {
    const { path, query: found } = written(model, { params }, { stream: true });
    expect(path.split(':').at(-1)).toBe(method);
    expect(found).toEqual(query);
  });

  it('leads nowhere else by its name', () => {
    for (const model of ['..', '../x', 'a?b#c', 'gemini/../../x', 'anthropic/../x', '1/../2'])
      expect(new URL(written(model, { params }).path, 'https://h.example').pathname).toMatch(
        /^\/v1\/projects\/p\/locations\/europe-west4\/(publishers\/(google|anthropic)\/models\/[^/]+:\w+|endpoints\/openapi\/chat\/completions)$/,
      );
  });
});

describe('the place', () => {
  const defaults = { origin: undefined, project: undefined, location: undefined, apiVersion: 'v1' };
  it.each([
    [{ vertex_location: 'europe-west4' }, 'https://europe-west4-aiplatform.googleapis.com'],
    [{ vertex_ai_location: 'asia-east1' }, 'https://asia-east1-aiplatform.googleapis.com'],
    [{ vertex_location: 'global' }, 'https://aiplatform.googleapis.com'],
    [{ vertex_location: 'eu' }, 'https://aiplatform.eu.rep.googleapis.com'],
    [{ vertex_location: 'evil.example/' }, 'https://aiplatform.googleapis.com'],
    [{}, 'https://us-central1-aiplatform.googleapis.com'],
  ])('of a deployment with %j is %s', (settings, origin) => {
    expect(originOf(deployment({ model: 'gemini-2.5-pro', params: settings }), defaults)).toBe(origin);
  });

  it('follows the model where nobody says it', () => {
    const at = (model: string) => written(model).path.split('/').slice(1, 6).join('/');
    expect(at('gemini-3-pro-preview')).toBe('v1/projects/{project}/locations/global');
    expect(at('gemini-2.5-flash')).toBe('v1/projects/{project}/locations/us-central1');
    expect(at('claude-opus-5')).toBe('v1/projects/{project}/locations/us-east5');
  });

  it('is that of the plugin where deployments have none', async () => {
    const other = await setUp({ project: 'q', location: 'us-west1', apiVersion: 'v1beta1' });
    const target = deployment({ model: 'gemini-2.5-pro' });
    expect(other.chat!.request({ ...request, deployment: target }).path).toMatch(
      /^\/v1beta1\/projects\/q\/locations\/us-west1\//,
    );
    expect((other.origin as (target: Deployment) => string)(target)).toBe('https://us-west1-aiplatform.googleapis.com');
  });

  it('that is none is refused with the request', () => {
    expect(() => written('gemini-2.5-pro', { params: { vertex_location: 'a/b' } })).toThrow(
      /vertex_location: found "a\/b"/,
    );
  });

  it('keeps the version that the base address has', () => {
    const { path } = written('gemini-2.5-pro', { params, apiBase: 'https://proxy.example/v1beta1/' });
    expect(path).toBe('/projects/p/locations/europe-west4/publishers/google/models/gemini-2.5-pro:generateContent');
  });
});

describe('an API key', () => {
  it('needs no project, and goes to the global address', () => {
    const target = deployment({ model: 'gemini-2.5-pro', hasApiKey: true });
    expect(provider.chat!.request({ ...request, deployment: target }).path).toBe(
      '/v1/publishers/google/models/gemini-2.5-pro:generateContent',
    );
    expect((provider.origin as (target: Deployment) => string)(target)).toBe('https://aiplatform.googleapis.com');
    expect((provider.auth as (target: Deployment) => unknown)(target)).toEqual({
      scheme: 'header',
      header: 'x-goog-api-key',
    });
  });

  it('is used for a project that is named', () => {
    expect(written('gemini-2.5-pro', { params, hasApiKey: true }).path).toMatch(/^\/v1\/projects\/p\//);
  });
});

it('puts the version of Claude’s API into the body, and the model into the address alone', () => {
  const { body, headers } = written('claude-opus-5', { params }, { maxOutputTokens: 9 });
  expect(body).toEqual({
    anthropic_version: 'vertex-2023-10-16',
    max_tokens: 9,
    messages: [{ role: 'user', content: [{ type: 'text', text: 'x' }] }],
  });
  expect(headers).toEqual({});
});

it.each([
  ['mistral-large@2411', 'mistral-large@2411'],
  ['meta/llama-3.3-70b-instruct-maas', 'meta/llama-3.3-70b-instruct-maas'],
])('names the model %s in the body as %s', (model, name) => {
  expect(written(model, { params }).body).toMatchObject({ model: name, messages: [{ role: 'user', content: 'x' }] });
});

it('labels requests with the user, where the name may be a label', () => {
  expect(written('gemini-2.5-pro', { params }, { user: 'team-7' }).body).toMatchObject({ labels: { user: 'team-7' } });
  const { body, dropped } = written('gemini-2.5-pro', { params }, { user: 'A@b.example' });
  expect(body).not.toHaveProperty('labels');
  expect(dropped).toEqual(['user']);
});

it.each([
  [429, '{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"m"}}', 'ERR_PROVIDER_RATE_LIMIT'],
  [529, '{"type":"error","error":{"type":"overloaded_error","message":"m"}}', 'ERR_PROVIDER_OVERLOADED'],
  [400, '{"error":{"message":"m","type":"t","code":"context_length_exceeded"}}', 'ERR_PROVIDER_CONTEXT_WINDOW'],
])('reads the error %i %s', (status, body, code) => {
  expect(provider.failure!(status, body, {})).toMatchObject({ code });
});

describe('embeddings', () => {
  const embed = (model: string, input: readonly string[], extra: object = {}) =>
    provider.embeddings!.request({
      model: 'g',
      input,
      dimensions: 3,
      extra: { ...extra },
      deployment: deployment({ model, params }),
    });

  it('of texts are predictions', () => {
    expect(embed('text-embedding-005', ['a', 'b'], { task_type: 'RETRIEVAL_QUERY', autoTruncate: false })).toEqual({
      path: `${own}/publishers/google/models/text-embedding-005:predict`,
      body: {
        instances: [
          { content: 'a', task_type: 'RETRIEVAL_QUERY' },
          { content: 'b', task_type: 'RETRIEVAL_QUERY' },
        ],
        parameters: { autoTruncate: false, outputDimensionality: 3 },
      },
    });
  });

  it('of the newer models take one text a request', () => {
    expect(embed('gemini-embedding-2-preview', ['a'])).toEqual({
      path: `${own}/publishers/google/models/gemini-embedding-2-preview:embedContent`,
      body: { content: { parts: [{ text: 'a' }] }, outputDimensionality: 3 },
    });
    expect(() => embed('gemini-embedding-2-preview', ['a', 'b'])).toThrow(/one text a request; 2 were found/);
  });
});
