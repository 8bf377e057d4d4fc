import {
  assertConforms,
  checkProvider,
  deployment,
  fakeHost,
  repliesByDialect,
  streamsByDialect,
} from '@rutter/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import definition from './index.ts';

const provider = await definition.setup(fakeHost(), definition.config.parse({}));
const request = { model: 'g', messages: [{ role: 'user' as const, content: 'x' }], stream: false, extra: {} };

describe('the provider', () => {
  it('passes the kit', async () => {
    const { gemini: streams = [] } = streamsByDialect;
    const { gemini: replies = [] } = repliesByDialect;
    expect([streams.length, replies.length]).not.toContain(0);
    assertConforms(await checkProvider(definition, { streams, replies }));
  });

  it.each([
    [{}, '/v1beta/models/m:generateContent'],
    [{ apiVersion: 'v1' }, '/v1/models/m:generateContent'],
    [{ apiBase: 'https://proxy.example/' }, '/v1beta/models/m:generateContent'],
    [{ apiBase: 'https://proxy.example/gemini/v1alpha' }, '/models/m:generateContent'],
    [{ model: 'models/m' }, '/v1beta/models/m:generateContent'],
    [{ model: 'tunedModels/m' }, '/v1beta/tunedModels/m:generateContent'],
    [{ model: '../m?a=b#c' }, '/v1beta/models/..%2Fm%3Fa%3Db%23c:generateContent'],
  ])('calls a deployment of %j at %s', (settings, path) => {
    const target = deployment({ model: 'm', ...settings });
    expect(provider.chat!.request({ ...request, deployment: target }).path).toBe(path);
  });

  it('asks for server-sent events where the reply is streamed', () => {
    expect(provider.chat!.request({ ...request, stream: true, deployment: deployment({ model: 'm' }) })).toMatchObject({
      path: '/v1beta/models/m:streamGenerateContent',
      query: { alt: 'sse' },
    });
  });

  it('has the key put into its own header by the kernel', () => {
    expect(provider.origin).toBe('https://generativelanguage.googleapis.com');
    expect(provider.auth).toEqual({
      scheme: 'header',
      header: 'x-goog-api-key',
      variable: ['GEMINI_API_KEY', 'GOOGLE_API_KEY'],
    });
  });

  it('reads Google’s errors', () => {
    const body = '{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"API key not valid."}}';
    expect(provider.failure!(400, body, {})).toMatchObject({ code: 'ERR_PROVIDER_AUTHENTICATION', retry: 'next' });
  });
});
