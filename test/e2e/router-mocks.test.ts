/** Replies and failures on purpose, and copies of requests that nobody waits for. */

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { openAiDeployment, startGateway, until } from '../support/index.ts';
import { ask, fleet } from './router-support.ts';

const v = await fleet('main', 'spare', 'window', 'policy', 'silent', 'front', 'never');
const deployment = (group: string, seat: typeof v.main, params: Readonly<Record<string, unknown>> = {}) =>
  openAiDeployment(group, seat, params, { id: `${group}-${seat.name}` });
const model_list = [
  deployment('main', v.main),
  deployment('spare', v.spare),
  deployment('window', v.window),
  deployment('policy', v.policy),
  deployment('written', v.never, { mock_response: 'as written down' }),
  deployment('copied', v.front, { silent_model: 'quiet' }),
  deployment('quiet', v.silent, { input_cost_per_token: 0.001, output_cost_per_token: 0.001 }),
];
const router_settings = {
  num_retries: 0,
  fallbacks: [{ main: ['spare'] }],
  context_window_fallbacks: [{ main: ['window'] }],
  content_policy_fallbacks: [{ main: ['policy'] }],
};
const [plain, testing] = await Promise.all([
  startGateway({ config: { model_list, router_settings } }),
  startGateway({
    config: {
      model_list,
      router_settings,
      general_settings: { dangerously_allow_mock_testing_request_params: true },
    },
  }),
]);
const mock = (name: string, more: object = {}) => ({ body: { [name]: true, ...more } });

describe('mock_testing', () => {
  it('is refused with 400 unless the configuration allows it', async () => {
    for (const name of [
      'mock_testing_fallbacks',
      'mock_testing_context_fallbacks',
      'mock_testing_content_policy_fallbacks',
      'mock_testing_rate_limit_error',
      'mock_timeout',
    ]) {
      const answer = await ask(plain, 'main', mock(name));
      expect([name, answer.status, answer.error?.param]).toEqual([name, 400, name]);
      expect(answer.error?.message).toContain('dangerously_allow_mock_testing_request_params');
      expect((await ask(plain, 'main', { body: { [name]: false } })).said).toBe('main');
    }
  });

  it('fails the group that was asked, so that its fallbacks answer', async () => {
    const before = v.main.calls();
    expect((await ask(testing, 'main', mock('mock_testing_fallbacks'))).said).toBe('spare');
    expect((await ask(testing, 'main', mock('mock_testing_context_fallbacks'))).said).toBe('window');
    expect((await ask(testing, 'main', mock('mock_testing_content_policy_fallbacks'))).said).toBe('policy');
    expect(v.main.calls()).toBe(before);
  });

  it('tells the failure where there is no fallback', async () => {
    const answer = await ask(testing, 'spare', mock('mock_testing_fallbacks'));
    expect([answer.status, answer.error?.message.includes('on purpose')]).toEqual([500, true]);
    expect((await ask(testing, 'main', mock('mock_testing_fallbacks', { disable_fallbacks: true }))).status).toBe(500);
  });

  it('fails the first try with a rate limit, and lets the next one answer', async () => {
    const answer = await ask(testing, 'spare', mock('mock_testing_rate_limit_error', { num_retries: 1 }));
    expect([answer.said, answer.headers.get('x-litellm-attempted-retries')]).toEqual(['spare', '1']);
    expect((await ask(testing, 'spare', mock('mock_testing_rate_limit_error', { num_retries: 0 }))).status).toBe(429);
  });

  it('waits for the timeout and fails by it, without harm to the deployment', async () => {
    const before = v.spare.calls();
    const answer = await ask(testing, 'spare', mock('mock_timeout', { timeout: 0.3 }));
    expect(answer.status).toBe(408);
    expect(answer.ms).toBeGreaterThan(290);
    expect(v.spare.calls()).toBe(before);
    expect((await ask(testing, 'spare')).said).toBe('spare');
  });

  it('never reaches a vendor', async () => {
    await ask(plain, 'main', { body: { mock_testing_fallbacks: false, mock_timeout: null } });
    expect(Object.keys(v.main.requests.at(-1)?.json ?? {}).filter((name) => name.startsWith('mock'))).toEqual([]);
  });
});

describe('mock_response', () => {
  it('is answered in place of a call, whole and streamed, at no cost', async () => {
    const before = v.main.calls();
    for (const stream of [false, true]) {
      const answer = await ask(plain, 'main', { body: { mock_response: 'said on purpose', stream } });
      expect([answer.status, answer.said]).toEqual([200, 'said on purpose']);
    }
    const { headers } = await ask(plain, 'main', { body: { mock_response: 'free' } });
    expect(Number(headers.get('x-litellm-response-cost') ?? 0)).toBe(0);
    expect(v.main.calls()).toBe(before);
  });

  it('may stand on a deployment', async () => {
    expect((await ask(plain, 'written')).said).toBe('as written down');
    expect(v.never.calls()).toBe(0);
  });

  it('may name an error, which is retried and fallen back as any other', async () => {
    const failing = (name: string) => ({ body: { mock_response: `litellm.${name}` } });
    expect((await ask(plain, 'spare', failing('RateLimitError'))).status).toBe(429);
    expect((await ask(plain, 'spare', failing('InternalServerError'))).status).toBe(500);
    expect((await ask(plain, 'spare', failing('ContextWindowExceededError'))).status).toBe(400);
    expect((await ask(plain, 'spare')).said).toBe('spare');
  });
});

describe('silent_model', () => {
  const rows = (id: string) => {
    const database = new DatabaseSync(join(plain.folder, 'data', 'instances', 'store-sqlite', 'rutter.db'), {
      readOnly: true,
    });
    try {
      const sql = 'SELECT model_group, status, cost_nano_usd FROM ledger WHERE parent_id = ?';
      return database.prepare(sql).all(id) as { model_group: string; status: number; cost_nano_usd: number }[];
    } finally {
      database.close();
    }
  };

  it('gets a copy of each request, whole or streamed, that the caller does not wait for', async () => {
    v.silent.plays({ delays: { headMs: 1200 } });
    for (const stream of [false, true]) {
      const before = v.silent.calls();
      const answer = await ask(plain, 'copied', { body: { stream, temperature: 0.3 } });
      expect(answer.said).toBe('front');
      expect(answer.ms).toBeLessThan(1000);
      await v.silent.waitForRequests(before + 1);
      expect(v.silent.requests.at(-1)?.json).toMatchObject({ temperature: 0.3, messages: [{ content: 'hello' }] });
    }
  });

  it('has its cost written down, beside the request it belongs to', async () => {
    v.silent.plays({ usage: { prompt_tokens: 4, completion_tokens: 6 } });
    await ask(plain, 'copied', { headers: { 'x-request-id': 'copied-once' } });
    await until('its row', () => rows('copied-once').length === 1);
    expect(rows('copied-once')).toEqual([{ model_group: 'quiet', status: 200, cost_nano_usd: 10_000_000 }]);
  });

  it('never harms the caller by failing', async () => {
    v.silent.plays({ status: 500 });
    const answer = await ask(plain, 'copied', { headers: { 'x-request-id': 'copied-in-vain' } });
    expect([answer.status, answer.said]).toEqual([200, 'front']);
    await until('its row', () => rows('copied-in-vain').length === 1);
    expect(rows('copied-in-vain')[0]?.status).toBe(500);
  });

  it('is not called twice for one request, whatever is retried', async () => {
    v.silent.plays({});
    v.front.plays({ failures: [500, 500] });
    const before = v.silent.calls();
    expect((await ask(plain, 'copied', { body: { num_retries: 2 } })).said).toBe('front');
    expect(v.silent.calls() - before).toBe(1);
  });
});
