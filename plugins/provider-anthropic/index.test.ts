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
    const { 'anthropic-messages': streams = [] } = streamsByDialect;
    const { 'anthropic-messages': replies = [] } = repliesByDialect;
    assertConforms(await checkProvider(definition, { streams, replies }));
  });

  it.each([
    [undefined, '/v1/messages'],
    ['https://proxy.example', '/v1/messages'],
    ['https://proxy.example/v1', '/messages'],
    ['https://proxy.example/v1/', '/messages'],
    ['https://proxy.example/v1/messages', ''],
  ])('adds to the base address %s the path %j', (apiBase, path) => {
    const target = deployment(apiBase === undefined ? {} : { apiBase });
    expect(provider.chat!.request({ ...request, deployment: target })).toMatchObject({
      path,
      headers: { 'anthropic-version': '2023-06-01' },
    });
  });

  it('has the key put into its own header by the kernel', () => {
    expect(provider.origin).toBe('https://api.anthropic.com');
    expect(provider.auth).toEqual({ scheme: 'header', header: 'x-api-key', variable: 'ANTHROPIC_API_KEY' });
  });

  it('limits replies as configured where nobody else does', async () => {
    const other = await definition.setup(fakeHost(), definition.config.parse({ defaultMaxTokens: 77 }));
    expect(other.chat!.request({ ...request, deployment: deployment() }).body).toMatchObject({ max_tokens: 77 });
  });

  it('reads Anthropic\u2019s errors', () => {
    expect(
      provider.failure!(529, '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', {}),
    ).toMatchObject({ code: 'ERR_PROVIDER_OVERLOADED', retry: 'next' });
  });
});
