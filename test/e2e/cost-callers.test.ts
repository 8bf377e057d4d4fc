/** What costs nothing, and what a key with few models is told. */
import { describe, expect, it } from 'vitest';
import { ledger } from '../contract/ledger.ts';
import { openAiDeployment, openAiVendor, startGateway, startVendor, until } from '../support/index.ts';
import { ask } from './router-support.ts';

const vendor = await startVendor(openAiVendor({ usage: { prompt_tokens: 1000, completion_tokens: 0 } }));

const cache = `
import { definePlugin } from '@rutter/plugin-sdk';
const kept = new Map();
export default definePlugin({
  kind: 'cache',
  setup: () => ({
    read: (context, call) => kept.get(call.text()),
    write: (context, call, reply) => void kept.set(call.text(), reply),
  }),
});`;

/** Everybody is a key that may call one model, unless they say that they are somebody. */
const guard = `
import { definePlugin } from '@rutter/plugin-sdk';
export default definePlugin({
  kind: 'guard',
  setup: () => ({
    identify: (credential, { headers }) => ({
      id: 'few', kind: 'key', permissions: ['model.*'], models: headers['x-all'] ? undefined : ['open'],
    }),
  }),
});`;

const gateway = await startGateway({
  files: { 'cache/index.js': cache, 'guard/index.js': guard },
  config: {
    plugins: ['cache', 'guard'].map((name) => ({ use: `./${name}`, trust: true })),
    model_list: [
      openAiDeployment('open', vendor, { model: 'openai/gpt-4o' }, { id: 'open-1' }),
      openAiDeployment('shut', vendor, { model: 'openai/gpt-4o' }, { id: 'shut-1' }),
    ],
    litellm_settings: { cost_margin_config: { global: { fixed_amount: 1 } } },
  },
});

describe('a reply from a cache', () => {
  it('costs nothing, not even the margin of a call', async () => {
    expect((await ask(gateway, 'open')).headers.get('x-litellm-response-cost')).toBe('1.0025');
    const hit = await until('a hit', async () => {
      const answer = await ask(gateway, 'open');
      return answer.headers.get('x-rutter-cache') === 'hit' ? answer : undefined;
    });
    expect(hit.headers.get('x-litellm-response-cost')).toBe('0');
    const row = await until('its row', () =>
      ledger(gateway).find((one) => one.request_id === hit.headers.get('x-litellm-call-id')),
    );
    expect(row).toMatchObject({ cost_nano_usd: 0, is_cache_hit: 1, margin_nano_usd: 0 });
  });
});

describe('supported_openai_params', async () => {
  const params = (model: string, more: object = {}) => ({
    model_name: model.split('/')[0],
    litellm_params: { model, api_key: 'k', api_base: vendor.url, ...more },
    model_info: { id: `${model.split('/')[0]}-1` },
  });
  const other = await startGateway({
    config: {
      model_list: [
        params('anthropic/claude-sonnet-4-5'),
        params('gemini/gemini-2.5-flash'),
        params('openai/gpt-4o'),
        params('deepseek/deepseek-chat', { drop_params: true }),
        { ...params('cohere/embed-v4.0'), model_info: { mode: 'embedding' } },
      ],
      // What callers must send says nothing of what a vendor takes.
      general_settings: { enforce_user_param: true },
    },
  });
  const of = async (path: string, name: string) => {
    const { data } = (await (await fetch(other.url + path)).json()) as { data: Record<string, unknown>[] };
    const row = data.find(({ model_name, model_group }) => (model_name ?? model_group) === name);
    return ((row?.model_info ?? row) as { supported_openai_params: string[] }).supported_openai_params;
  };

  it.each(['/model/info', '/model_group/info'])('are what each codec takes, at %s', async (path) => {
    const claude = await of(path, 'anthropic');
    expect(claude).toEqual(expect.arrayContaining(['temperature', 'stop', 'tools', 'response_format', 'max_tokens']));
    for (const none of ['n', 'seed', 'logit_bias', 'presence_penalty']) expect(claude).not.toContain(none);
    expect(await of(path, 'gemini')).toEqual(expect.arrayContaining(['n', 'seed', 'presence_penalty']));
    expect(await of(path, 'openai')).toEqual(
      expect.arrayContaining(['n', 'seed', 'logit_bias', 'parallel_tool_calls']),
    );
    // What would be dropped is not taken.
    expect(await of(path, 'deepseek')).not.toContain('logit_bias');
    expect(await of(path, 'cohere')).toContain('dimensions');
    expect(vendor.requests.filter(({ path: called }) => !called.startsWith('/v1/chat'))).toEqual([]);
  });

  it('leave out what a request with it would be refused for', async () => {
    const claude = await of('/model/info', 'anthropic');
    const refused = async (fields: object) =>
      (await ask(other, 'anthropic', { body: { user: 'somebody', ...fields } })).error?.param;
    expect(await refused({ seed: 1 })).toBe('seed');
    expect(claude).not.toContain('seed');
  });
});

describe('a key with few models', () => {
  const names = async (path: string, headers = {}) => {
    const reply = (await (await fetch(gateway.url + path, { headers })).json()) as {
      data: { [key: string]: string }[];
    };
    return reply.data.map((row) => row.model_name ?? row.model_group);
  };

  it.each(['/model/info', '/model_group/info'])('is told of those alone at %s', async (path) => {
    expect(await names(path)).toEqual(['open']);
    expect(await names(path, { 'x-all': '1' })).toEqual(['open', 'shut']);
  });

  it('learns neither where a deployment lives nor what others cost', async () => {
    const info = await (await fetch(`${gateway.url}/model/info`)).text();
    expect(info).not.toContain(vendor.url);
    expect((await fetch(`${gateway.url}/model/info?litellm_model_id=shut-1`)).status).toBe(404);
    for (const model of ['shut', 'shut-1']) {
      const response = await fetch(`${gateway.url}/cost/estimate`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model, input_tokens: 1 }),
      });
      expect([model, response.status]).toEqual([model, 400]);
    }
  });
});
