/** Routing of who asks: under what the request says itself, over what the configuration says. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openAiDeployment, root, stall, stallStream, startGateway, until } from '../support/index.ts';
import { type Asking, ask, chunk, fleet, latenessMs } from './router-support.ts';

const v = await fleet('bad', 'silent', 'begins', 'configured', 'team', 'own', 'wide', 'tame', 'deep', 'catch');
const failing = { error: { message: 'down' } };
const long = { error: { message: 'This is too long.', code: 'context_length_exceeded' } };
const refused = { error: { message: 'This is refused.', code: 'content_policy_violation' } };
const always = (status: number, body: object) => ({
  failures: Array.from({ length: 999 }, () => ({ status, body, headers: { 'retry-after': '0.01' } })),
});
const w = await fleet('long', 'rude');
v.bad.plays(always(500, failing));
w.long.plays(always(400, long));
w.rude.plays(always(400, refused));
v.silent.use(stall());
v.begins.use(stallStream(chunk({ role: 'assistant', content: '' })));

const key = (id: string, routing: object, more: object = {}) => ({ key: `sk-${id}`, id, routing, ...more });

const gateway = await startGateway({
  config: {
    plugins: [
      {
        use: join(root, 'test/contract/key-routing'),
        trust: true,
        config: {
          teams: {
            lab: { numRetries: 2, fallbacks: { main: ['team'] }, timeoutMs: 300 },
            partner: { fallbacks: { main: ['own'], other: ['catch'] } },
          },
          keys: [
            key('plain', {}),
            key('lab', {}, { team: 'lab' }),
            key('own', { numRetries: 1, fallbacks: { main: ['own'] } }, { team: 'lab' }),
            key('none', { fallbacks: {} }),
            key('star', { fallbacks: { '*': ['catch'] } }),
            key('off', { disableFallbacks: true }),
            key('policy', { retryPolicy: { InternalServerError: 3 }, numRetries: 1 }),
            key('slow', { timeoutMs: 300, streamTimeoutMs: 200 }),
            key('special', {
              contextWindowFallbacks: { long: ['wide'] },
              contentPolicyFallbacks: { other: ['wide'] },
            }),
            key('deep', { fallbacks: { main: ['worse'], worse: ['deep'] } }),
            key('partner', {}, { team: 'partner', models: ['main', 'own'] }),
            key('narrow', { fallbacks: { main: ['own'], own: ['deep'] } }, { models: ['main', 'own'] }),
            key('around', { contextWindowFallbacks: { configured: ['deep'] } }, { models: ['main', 'own'] }),
            key('wrong', { timeoutMs: '30' }),
            key('unknown', { routingStrategie: 'x' }),
          ],
        },
      },
    ],
    model_list: [
      openAiDeployment('main', v.bad, { cooldown_time: 0 }),
      openAiDeployment('worse', v.bad, { cooldown_time: 0 }),
      openAiDeployment('counted', v.bad, { cooldown_time: 0, num_retries: 0 }),
      openAiDeployment('ruled', v.bad, { cooldown_time: 0 }),
      openAiDeployment('silent', v.silent, { timeout: 5 }),
      openAiDeployment('begins', v.begins, { stream_timeout: 5 }),
      openAiDeployment('long', w.long),
      openAiDeployment('rude', w.rude),
      openAiDeployment('configured', v.configured),
      openAiDeployment('team', v.team),
      openAiDeployment('own', v.own),
      openAiDeployment('wide', v.wide),
      openAiDeployment('tame', v.tame),
      openAiDeployment('deep', v.deep),
      openAiDeployment('catch', v.catch),
    ],
    router_settings: {
      num_retries: 0,
      timeout: 20,
      fallbacks: [{ main: ['configured'] }],
      context_window_fallbacks: [{ long: ['configured'] }],
      content_policy_fallbacks: [{ rude: ['tame'] }],
      model_group_retry_policy: { ruled: { InternalServerErrorRetries: 0 } },
    },
    general_settings: { master_key: 'sk-admin', retry_budget: 100 },
  },
});

const as = (id: string, model: string, { body = {}, headers = {} }: Asking = {}) =>
  ask(gateway, model, { body, headers: { ...headers, authorization: `Bearer sk-${id}` } });

/** Tries of the vendor that always fails. */
async function tries(id: string, model: string, asking?: Asking): Promise<number> {
  const before = v.bad.calls();
  await as(id, model, asking);
  return v.bad.calls() - before;
}

const within = (ms: number) => ({ least: ms - 20, most: ms + latenessMs });

async function expectWithin(id: string, model: string, ms: number, asking?: Asking): Promise<void> {
  const answer = await as(id, model, asking);
  expect(answer.status).toBe(408);
  expect(answer.ms).toBeGreaterThan(within(ms).least);
  expect(answer.ms).toBeLessThan(within(ms).most);
}

describe("a principal's routing", () => {
  it("has two keys of one model fall back to different groups, a key's over its team's", async () => {
    expect((await as('plain', 'main')).said).toBe('configured');
    expect((await as('lab', 'main')).said).toBe('team');
    expect((await as('own', 'main')).said).toBe('own');
  });

  it('gives way to the fallbacks of the request', async () => {
    expect((await as('own', 'main', { body: { fallbacks: ['catch'] } })).said).toBe('catch');
    expect((await as('special', 'long', { body: { context_window_fallbacks: ['catch'] } })).said).toBe('catch');
  });

  it('replaces the configured fallbacks, also with none and with one for every group', async () => {
    expect((await as('none', 'main')).status).toBe(500);
    expect((await as('star', 'main')).said).toBe('catch');
  });

  it('replaces each special list on its own', async () => {
    expect((await as('plain', 'long')).said).toBe('configured');
    expect((await as('special', 'long')).said).toBe('wide');
    expect((await as('plain', 'rude')).said).toBe('tame');
    const answer = await as('special', 'rude');
    expect([answer.status, answer.error?.message]).toEqual([400, expect.stringContaining('refused')]);
  });

  it('is followed from group to group', async () => {
    const answer = await as('deep', 'main');
    expect(answer.said).toBe('deep');
    expect(answer.headers.get('x-litellm-attempted-fallbacks')).toBe('2');
  });

  it('turns fallbacks off, which the request may turn on again', async () => {
    expect((await as('off', 'main')).status).toBe(500);
    expect((await as('off', 'main', { body: { disable_fallbacks: false } })).said).toBe('configured');
    expect((await as('own', 'main', { body: { disable_fallbacks: true } })).status).toBe(500);
  });

  it("has its own number of tries, under the request's and the deployment's", async () => {
    expect(await tries('plain', 'main')).toBe(1);
    expect(await tries('lab', 'main')).toBe(3);
    expect(await tries('own', 'main')).toBe(2);
    expect(await tries('lab', 'main', { body: { num_retries: 0 } })).toBe(1);
    expect(await tries('lab', 'main', { headers: { 'x-litellm-num-retries': '1' } })).toBe(2);
    expect(await tries('lab', 'counted')).toBe(1);
  });

  it("has its own policy of retries, under a group's", async () => {
    expect(await tries('policy', 'worse')).toBe(4);
    expect(await tries('policy', 'ruled')).toBe(1);
  });

  it("has its own timeout, over the deployment's and under the request's", async () => {
    await expectWithin('slow', 'silent', 300);
    await expectWithin('slow', 'silent', 600, { body: { timeout: 0.6 } });
    expect((await as('slow', 'own')).headers.get('x-litellm-timeout')).toBe('0.3');
  });

  it("has its own time to the first content of a stream, over the deployment's and under the request's", async () => {
    await expectWithin('slow', 'begins', 200, { body: { stream: true } });
    const headers = { 'x-litellm-stream-timeout': '0.1' };
    await expectWithin('slow', 'begins', 100, { body: { stream: true }, headers });
  });

  it('may name only what the key may call, at any depth, and names for other groups do no harm', async () => {
    const before = v.bad.calls();
    for (const id of ['narrow', 'around']) {
      const answer = await as(id, 'main');
      expect([id, answer.status]).toEqual([id, 403]);
      expect(answer.error?.message).toContain('model deep');
    }
    expect(v.bad.calls()).toBe(before);
    expect((await as('partner', 'main')).said).toBe('own');
    expect((await as('narrow', 'main', { body: { disable_fallbacks: true } })).status).toBe(500);
  });

  it('is refused, and told in the log, where it cannot be meant', async () => {
    const before = v.own.calls();
    for (const id of ['wrong', 'unknown']) {
      const answer = await as(id, 'own');
      expect(answer.status).toBe(500);
      expect(answer.text).toContain('ERR_PLUGIN_INVALID');
      expect(answer.text).not.toContain('routing.');
    }
    expect(v.own.calls()).toBe(before);
    const words = 'found routing.timeoutMs \\"30\\", expected a number of milliseconds above 0';
    await until(`the log to say ${words}`, () => gateway.output().includes(words));
  });
});
