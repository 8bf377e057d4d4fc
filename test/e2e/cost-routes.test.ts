/** What is told of models and their costs: info, estimates, discounts and margins, and calls cut short. */
import { describe, expect, it } from 'vitest';
import { ledger, ledgerRow } from '../contract/ledger.ts';
import { openAiDeployment, openAiVendor, stallStream, startGateway, startVendor, until } from '../support/index.ts';
import { ask, chunk } from './router-support.ts';

const usage = { prompt_tokens: 1000, completion_tokens: 100 };
const vendor = await startVendor(openAiVendor({ usage }));
const slow = await startVendor(stallStream(chunk({ role: 'assistant', content: '' }) + chunk({ content: 'four' })));
const prices = { input_cost_per_token: 1e-6, output_cost_per_token: 2e-6 };
const master = 'sk-master-of-costs';

const gateway = await startGateway({
  config: {
    model_list: [
      openAiDeployment('chat', vendor, { model: 'openai/gpt-4o', rpm: 10 }, { id: 'chat-1' }),
      openAiDeployment('chat', vendor, { model: 'openai/gpt-4o-mini', rpm: 5 }, { id: 'chat-2' }),
      openAiDeployment(
        'own',
        vendor,
        { model: 'openai/x', ...prices },
        { id: 'own-1', max_input_tokens: 7, team: 'a' },
      ),
      openAiDeployment('mystery', vendor, { model: 'openai/nobody-knows' }, { id: 'mystery-1' }),
      openAiDeployment('slow', slow, { model: 'openai/y', ...prices }),
    ],
    litellm_settings: {
      cost_discount_config: { openai: 0.1 },
      cost_margin_config: { openai: { percentage: '0.5', fixed_amount: 0.001 }, global: 0.9 },
    },
    general_settings: { master_key: master },
  },
});
const headers = { authorization: `Bearer ${master}`, 'content-type': 'application/json' };

async function get(path: string): Promise<{ status: number; data: Record<string, never>[]; text: string }> {
  const response = await fetch(gateway.url + path, { headers });
  const text = await response.text();
  return { status: response.status, text, data: (JSON.parse(text) as { data: Record<string, never>[] }).data };
}
async function post(path: string, body: unknown): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(gateway.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe('model info', () => {
  it.each(['/model/info', '/v1/model/info'])('at %s has a row for each deployment', async (path) => {
    const { data } = await get(path);
    expect(
      data.map(({ model_name, model_info }) => [model_name, (model_info as unknown as { id: string }).id]),
    ).toEqual(
      expect.arrayContaining([
        ['chat', 'chat-1'],
        ['chat', 'chat-2'],
        ['own', 'own-1'],
        ['mystery', 'mystery-1'],
      ]),
    );
    expect(data[0]).toMatchObject({
      model_name: 'chat',
      litellm_params: { model: 'openai/gpt-4o', api_base: `${vendor.url}/v1`, rpm: 10 },
      model_info: {
        id: 'chat-1',
        db_model: false,
        mode: 'chat',
        max_input_tokens: 128_000,
        max_output_tokens: 16_384,
        supports_vision: true,
        input_cost_per_token: 2.5e-6,
        output_cost_per_token_priority: 1.7e-5,
      },
    });
  });

  it('lets what the deployment says stand over what is known', async () => {
    const { data } = await get('/model/info?litellm_model_id=own-1');
    expect(data).toHaveLength(1);
    expect(data[0]?.model_info).toMatchObject({ max_input_tokens: 7, team: 'a', input_cost_per_token: 1e-6 });
  });

  it('tells no key, and no price where none is known', async () => {
    const { text } = await get('/model/info');
    expect(text).not.toContain('sk-vendor');
    const { data } = await get('/model/info?litellm_model_id=mystery-1');
    expect(Object.keys(data[0]?.model_info ?? {}).filter((key) => key.includes('cost'))).toEqual([]);
  });

  it('of an unknown deployment is 404', async () => {
    expect((await get('/model/info?litellm_model_id=nobody')).status).toBe(404);
  });

  it('asks for a key', async () => {
    expect((await fetch(`${gateway.url}/model/info`)).status).toBe(401);
  });
});

describe('model group info', () => {
  it('merges the deployments of a name', async () => {
    const { data } = await get('/model_group/info?model_group=chat');
    expect(data).toHaveLength(1);
    expect(data[0]).toMatchObject({
      model_group: 'chat',
      providers: ['openai'],
      mode: 'chat',
      max_input_tokens: 128_000,
      input_cost_per_token: 2.5e-6,
      output_cost_per_token: 1e-5,
      rpm: 15,
      supports_vision: true,
    });
  });
});

describe('discount and margin', () => {
  it('are in the headers and the ledger, the margin put on what is left', async () => {
    const answer = await ask(gateway, 'own', { headers });
    // 1.2e-3 dollars; a tenth off is 1.08e-3; half of that and a thousandth on.
    const expected = {
      'x-litellm-response-cost': '0.00262',
      'x-rutter-cost': '0.00262',
      'x-litellm-response-cost-original': '0.0012',
      'x-litellm-response-cost-discount-amount': '0.00012',
      'x-litellm-response-cost-margin-amount': '0.00154',
      'x-litellm-response-cost-margin-percent': '0.5',
    };
    for (const [name, value] of Object.entries(expected))
      expect([name, answer.headers.get(name)]).toEqual([name, value]);
    expect(await ledgerRow(gateway, answer.headers.get('x-litellm-call-id') as string)).toMatchObject({
      cost_nano_usd: 2_620_000,
      original_nano_usd: 1_200_000,
      discount_nano_usd: 120_000,
      margin_nano_usd: 1_540_000,
    });
  });
});

describe('an estimate', () => {
  it('is what the call then costs', async () => {
    const { status, body } = await post('/cost/estimate', {
      model: 'own',
      input_tokens: 1000,
      output_tokens: 100,
      num_requests_per_day: 10,
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      cost_per_request: 0.00262,
      input_cost_per_request: 0.001,
      output_cost_per_request: 0.0002,
      margin_cost_per_request: 0.00154,
      daily_cost: 0.0262,
      monthly_cost: null,
      input_cost_per_token: 1e-6,
      provider: 'openai',
    });
    const answer = await ask(gateway, 'own', { headers });
    expect(Number(answer.headers.get('x-litellm-response-cost'))).toBe(body.cost_per_request);
  });

  it.each([
    ['an unknown model', { model: 'nobody' }, 400, 'There is no model \\"nobody\\"'],
    ['a model without a price', { model: 'mystery', input_tokens: 1 }, 404, 'No price is known for'],
    ['no model', {}, 400, 'Found nothing as \\"model\\"'],
    ['a fraction of a token', { model: 'own', input_tokens: 1.5 }, 400, 'Found 1.5 as \\"input_tokens\\"'],
  ])('of %s is refused', async (_what, body, status, message) => {
    const answer = await post('/cost/estimate', body);
    expect(answer.status).toBe(status);
    expect(JSON.stringify(answer.body)).toContain(message);
  });

  it('of a reply goes by its usage, of messages by their length', async () => {
    const reply = await post('/spend/calculate', { model: 'own', completion_response: { model: 'x', usage } });
    expect(reply.body).toEqual({ cost: 0.00262 });
    const messages = [{ role: 'user', content: 'x'.repeat(4000) }];
    const asked = await post('/spend/calculate', { model: 'own', messages });
    // A thousand tokens at 1e-6: 0.9e-3 and its half and the thousandth.
    expect(asked.body).toEqual({ cost: 0.00235 });
    expect((await post('/spend/calculate', { model: 'own' })).status).toBe(400);
  });
});

describe('a client that leaves in the midst of a stream', () => {
  it('is charged for what had come, as an estimate', async () => {
    const leaving = new AbortController();
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ model: 'slow', stream: true, messages: [{ role: 'user', content: 'h'.repeat(400) }] }),
      signal: leaving.signal,
    });
    const reader = response.body?.getReader();
    let text = '';
    while (!text.includes('four')) text += Buffer.from((await reader?.read())?.value ?? []).toString();
    leaving.abort();
    const row = await until('the row of the call', () => ledger(gateway).find((one) => one.model_group === 'slow'));
    expect(row).toMatchObject({ ending: 'client', is_estimated: 1, input_tokens: 100, output_tokens: 1 });
    // 100 and 1 tokens: 102 micro-dollars, a tenth off, half and a thousandth on.
    expect(row.cost_nano_usd).toBe(1_000_000 + 137_700);
  });
});
