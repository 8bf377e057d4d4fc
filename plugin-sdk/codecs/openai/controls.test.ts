import { describe, expect, it } from 'vitest';
import { readControls } from './controls.ts';

const read = (fields: Record<string, unknown>, headers: Record<string, string> = {}) =>
  readControls({ fields, params: {}, headers });

describe('controls', () => {
  it('are empty where nothing steers', () => {
    expect(read({ model: 'm', user: 'u', messages: [] })).toEqual({ controls: {}, strip: [] });
  });

  it('come from the body, and what held them is stripped', () => {
    const fields = {
      user: 'u',
      num_retries: 2,
      timeout: 1.5,
      fallbacks: ['b', { model: 'c', temperature: 0 }],
      context_window_fallbacks: [{ a: ['b'] }],
      disable_fallbacks: true,
      cache: { 'no-cache': true },
      metadata: { trace: 'x', tags: ['one'] },
      tags: ['two', 'one'],
      guardrails: ['pii'],
      mock_response: 'hello',
      mock_testing_rate_limit_error: true,
    };
    const { controls, strip } = read(fields);
    expect(controls).toEqual({
      numRetries: 2,
      timeoutMs: 1500,
      fallbacks: ['b', { model: 'c', temperature: 0 }],
      contextWindowFallbacks: [{ a: ['b'] }],
      disableFallbacks: true,
      cache: { 'no-cache': true },
      metadata: { trace: 'x', tags: ['one'] },
      tags: ['two', 'one'],
      rest: { guardrails: ['pii'], mock_response: 'hello', mock_testing_rate_limit_error: true },
    });
    expect(new Set(strip)).toEqual(new Set(Object.keys(fields).filter((name) => name !== 'user')));
  });

  it('come from headers, which win, and tags add up', () => {
    const headers = {
      'x-litellm-timeout': '2',
      'x-litellm-stream-timeout': '0.5',
      'x-litellm-num-retries': '0',
      'x-litellm-tags': 'h1, h2',
    };
    expect(read({ timeout: 9, num_retries: 5, tags: ['b'] }, headers).controls).toEqual({
      timeoutMs: 2000,
      streamTimeoutMs: 500,
      numRetries: 0,
      tags: ['b', 'h1', 'h2'],
    });
  });

  it.each([
    ['num_retries', { num_retries: -1 }],
    ['num_retries', { num_retries: 'many' }],
    ['timeout', { timeout: 0 }],
    ['tags', { tags: 'a' }],
    ['metadata.tags', { metadata: { tags: [1] } }],
    ['metadata', { metadata: 'x' }],
    ['fallbacks[1]', { fallbacks: ['a', 3] }],
    ['cache', { cache: true }],
    ['disable_fallbacks', { disable_fallbacks: 'yes' }],
  ])('are refused for a wrong %s', (param, fields) => {
    expect(() => read(fields)).toThrow(expect.objectContaining({ code: 'ERR_REQUEST_INVALID', param }));
  });

  it('are refused for a wrong header, by its name', () => {
    expect(() => read({}, { 'x-litellm-timeout': 'soon' })).toThrow(
      expect.objectContaining({ param: 'x-litellm-timeout' }),
    );
  });
});
