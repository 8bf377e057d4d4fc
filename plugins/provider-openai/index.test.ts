import { assertConforms, checkProvider, deployment, fakeHost } from '@rutter/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import definition from './index.ts';

const provider = await definition.setup(fakeHost(), definition.config.parse({}));

describe('the provider', () => {
  it('passes the kit', async () => {
    assertConforms(await checkProvider(definition));
  });

  it('calls OpenAI, or the base address that a deployment names', () => {
    expect(provider.origin).toBe('https://api.openai.com/v1');
    const { path, headers } = provider.chat!.pass!({
      deployment: deployment({ params: { organization: 'org-1' } }),
      stream: false,
      fields: {},
    });
    expect({ path, headers }).toEqual({ path: '/chat/completions', headers: { 'openai-organization': 'org-1' } });
  });

  it('has the key put into the authorization header by the kernel', () => {
    expect(provider.auth).toEqual({
      scheme: 'header',
      header: 'authorization',
      prefix: 'Bearer ',
      variable: 'OPENAI_API_KEY',
    });
  });

  it('keeps reasoning of the history from OpenAI alone', () => {
    const fields = { model: 'm', messages: [{ role: 'assistant', content: 'a', reasoning_content: 'r' }] };
    const set = (apiBase?: string) =>
      provider.chat!.pass!({
        deployment: deployment({ model: 'm', ...(apiBase !== undefined && { apiBase }) }),
        stream: false,
        fields,
      }).set;
    expect(set()).toEqual({ messages: [{ role: 'assistant', content: 'a' }] });
    expect(set('https://api.openai.com/v1')).toEqual({ messages: [{ role: 'assistant', content: 'a' }] });
    expect(set('http://127.0.0.1:8000/v1')).toBeUndefined();
  });

  it('reads OpenAI\u2019s errors', () => {
    expect(provider.failure!(429, '{"error":{"message":"x","code":"insufficient_quota"}}', {})).toMatchObject({
      code: 'ERR_PROVIDER_QUOTA',
    });
  });
});
