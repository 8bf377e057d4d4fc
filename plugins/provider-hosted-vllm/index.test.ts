import { assertConforms, checkProvider, deployment, fakeHost } from '@rutter/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import definition from './index.ts';

const provider = await definition.setup(fakeHost(), definition.config.parse({}));

describe('the provider', () => {
  it('passes the kit', async () => {
    assertConforms(await checkProvider(definition));
  });

  it('has no address of its own, and a key where there is one', () => {
    expect(provider).toMatchObject({
      origin: '',
      variables: { api_base: ['HOSTED_VLLM_API_BASE'] },
      auth: { header: 'authorization', prefix: 'Bearer ', variable: 'HOSTED_VLLM_API_KEY', optional: true },
    });
  });

  it('lets what vLLM adds pass, and draws nothing from the name of a model', () => {
    const fields = { model: 'g', messages: [], guided_json: { type: 'object' }, max_tokens: 5, temperature: 0 };
    expect(provider.chat!.pass!({ deployment: deployment({ model: 'o3' }), stream: false, fields })).toEqual({
      path: '/chat/completions',
      set: { model: 'o3' },
    });
  });

  it('reads vLLM’s errors, old and new', () => {
    const message = "This model's maximum context length is 4096 tokens.";
    const old = { object: 'error', message, type: 'BadRequestError', param: null, code: 400 };
    for (const body of [old, { error: { message, type: 'BadRequestError', param: null, code: 400 } }])
      expect(provider.failure!(400, JSON.stringify(body), {})).toMatchObject({ code: 'ERR_PROVIDER_CONTEXT_WINDOW' });
  });
});
