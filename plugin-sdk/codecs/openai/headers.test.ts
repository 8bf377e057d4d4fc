import { describe, expect, it } from 'vitest';
import type { RequestContext } from '../../contract/request.ts';
import type { ReplySummary } from '../../contract/wire.ts';
import { decimalUsd, writeHeaders as writeList } from './headers.ts';

function writeHeaders(of: ReplySummary): Record<string, string> {
  const list = writeList(of);
  return Object.fromEntries(list.flatMap((text, at) => (at % 2 === 0 ? [[text, list[at + 1] as string]] : [])));
}

const summary: ReplySummary = {
  context: { id: 'req-1' } as RequestContext,
  requestedModel: 'auto',
  group: 'gpt',
  deployment: {
    id: 'dep-1',
    group: 'gpt',
    model: 'gpt-4o',
    provider: 'openai',
    apiBase: 'https://user:pass@api.example/v1?key=1',
    tags: [],
    params: {},
    info: {},
  },
  route: 'dep-1: fastest',
  attempts: [],
  retries: 1,
  maxRetries: 2,
  fallbacks: 0,
  maxFallbacks: 5,
  timeoutMs: 1500,
  costNanoUsd: 123_000,
  cacheHit: false,
  durationMs: 12.34567,
  overheadMs: 0.5,
  vendorHeaders: { 'x-ratelimit-remaining-tokens': '99', 'x-request-id': 'up-1', 'openai-version': '' },
  version: '0.1.0',
};

describe('response headers', () => {
  const headers = writeHeaders(summary);

  it('have the names LiteLLM\u2019s clients read', () => {
    expect(headers).toMatchObject({
      'x-litellm-call-id': 'req-1',
      'x-litellm-model-id': 'dep-1',
      'x-litellm-model-group': 'gpt',
      'x-litellm-model-api-base': 'https://api.example/v1',
      'x-litellm-version': '0.1.0',
      'x-litellm-response-cost': '0.000123',
      'x-litellm-response-duration-ms': '12.346',
      'x-litellm-overhead-duration-ms': '0.5',
      'x-litellm-attempted-retries': '1',
      'x-litellm-max-retries': '2',
      'x-litellm-attempted-fallbacks': '0',
      'x-litellm-max-fallbacks': '5',
      'x-litellm-timeout': '1.5',
      'x-rutter-cost': '0.000123',
      'x-rutter-deployment': 'dep-1',
    });
  });

  it('hand on the vendor\u2019s with a prefix, and its limits without', () => {
    expect(headers).toMatchObject({
      'llm_provider-x-request-id': 'up-1',
      'llm_provider-x-ratelimit-remaining-tokens': '99',
      'x-ratelimit-remaining-tokens': '99',
    });
    expect(headers).not.toHaveProperty('x-request-id');
  });

  it('are no longer than a header may be', () => {
    expect(writeHeaders({ ...summary, route: 'x'.repeat(9999) })['x-rutter-route']!.length).toBe(1024);
  });

  it('leave out what is unknown or empty', () => {
    const bare = writeHeaders({ ...summary, deployment: undefined, costNanoUsd: undefined, timeoutMs: undefined });
    for (const name of [
      'x-litellm-model-id',
      'x-litellm-model-api-base',
      'x-litellm-response-cost',
      'x-rutter-cost',
      'x-litellm-timeout',
      'x-rutter-cache',
      'llm_provider-openai-version',
    ]) {
      expect(bare).not.toHaveProperty(name);
    }
  });

  it('say that a cached reply cost nothing', () => {
    expect(writeHeaders({ ...summary, cacheHit: true })).toMatchObject({
      'x-litellm-response-cost': '0',
      'x-rutter-cache': 'hit',
    });
  });
});

describe('a decimal of nano-dollars', () => {
  it.each([
    [0, '0'],
    [1, '0.000000001'],
    [1_500_000_000, '1.5'],
    [9_007_199_254_740_991, '9007199.254740991'],
    [-2_000_000, '-0.002'],
  ])('of %i is %s', (nano, text) => {
    expect(decimalUsd(nano)).toBe(text);
  });
});
