import { assertConforms, checkProvider, deployment, fakeHost } from '@rutter/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import definition from './index.ts';

const provider = await definition.setup(fakeHost(), definition.config.parse({}));
const context = { deployment: deployment(), stream: false, request: {} as never };

describe('the provider', () => {
  it('passes the kit', async () => {
    assertConforms(await checkProvider(definition));
  });

  it('calls Together AI with its key', () => {
    expect(provider.origin).toBe('https://api.together.xyz/v1');
    expect(provider.variables).toEqual({ api_base: ['TOGETHER_AI_API_BASE'] });
    expect(provider.auth).toMatchObject({ header: 'authorization', prefix: 'Bearer ' });
    expect(provider.auth).toMatchObject({
      variable: expect.arrayContaining(['TOGETHERAI_API_KEY', 'TOGETHER_API_KEY']),
    });
  });

  it('has one name for the limit, and takes reasoning back as it tells it', () => {
    const messages = [{ role: 'assistant', content: 'a', reasoning_content: 'r' }];
    const fields = { model: 'g', messages, max_completion_tokens: 5 };
    expect(provider.chat!.pass!({ deployment: deployment({ model: 'm' }), stream: false, fields })).toEqual({
      path: '/chat/completions',
      set: { model: 'm', max_tokens: 5, messages: [{ role: 'assistant', content: 'a', reasoning: 'r' }] },
      remove: ['max_completion_tokens'],
    });
  });

  it('reads `eos` as a stop, and its errors', () => {
    const body = { choices: [{ message: { content: 'a', reasoning: 'r' }, finish_reason: 'eos' }] } as never;
    expect(provider.chat!.reply(body, context)).toMatchObject({ text: 'a', end: 'stop', reasoning: [{ text: 'r' }] });
    const message = 'Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097. Given: 5000 and 20';
    const error = JSON.stringify({
      id: 'x',
      error: { message, type: 'invalid_request_error', param: null, code: null },
    });
    expect(provider.failure!(422, error, {})).toMatchObject({ code: 'ERR_PROVIDER_CONTEXT_WINDOW' });
  });
});
