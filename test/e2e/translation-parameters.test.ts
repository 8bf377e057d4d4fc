/** What becomes of parameters that a vendor does not take: refused by name, dropped and told, or passed on after all. */
import { describe, expect, it } from 'vitest';
import {
  anthropicVendor,
  openAiDeployment,
  openAiVendor,
  sendJson,
  startGateway,
  startVendor,
  type Vendor,
} from '../support/index.ts';
import { ask } from './router-support.ts';

type Fields = Readonly<Record<string, unknown>>;

const openAi = await startVendor(openAiVendor());
const claude = await startVendor(anthropicVendor());
/** Speaks no dialect: what it was asked is all that matters. */
const silent = await startVendor(({ response }) => sendJson(response, 400, { error: { message: 'no' } }));

/** Each provider with a parameter that it does not take. */
const providers: readonly { model: string; params: Fields; vendor: Vendor | undefined; body: Fields; name: string }[] =
  [
    { model: 'openai/o3', params: { api_base: openAi.url }, vendor: openAi, body: { top_p: 0.5 }, name: 'top_p' },
    { model: 'anthropic/claude-x', params: { api_base: claude.url }, vendor: claude, body: { seed: 1 }, name: 'seed' },
    { model: 'simulated/o3', params: {}, vendor: undefined, body: { temperature: 0.1 }, name: 'temperature' },
    {
      model: 'mistral/m',
      params: { api_base: openAi.url },
      vendor: openAi,
      body: { logit_bias: { 1: 1 } },
      name: 'logit_bias',
    },
    {
      model: 'groq/m',
      params: { api_base: openAi.url },
      vendor: openAi,
      body: { logit_bias: { 1: 1 } },
      name: 'logit_bias',
    },
    { model: 'deepseek/m', params: { api_base: openAi.url }, vendor: openAi, body: { n: 2 }, name: 'n' },
    { model: 'cohere/m', params: { api_base: silent.url }, vendor: silent, body: { n: 2 }, name: 'n' },
    { model: 'ollama_chat/m', params: { api_base: silent.url }, vendor: silent, body: { n: 2 }, name: 'n' },
    {
      model: 'azure/o3',
      params: { api_base: openAi.url, api_version: '2025-01-01', base_model: 'azure/o3' },
      vendor: openAi,
      body: { top_p: 0.5 },
      name: 'top_p',
    },
    {
      model: 'gemini/gemini-2.5-pro',
      params: { api_base: silent.url },
      vendor: silent,
      body: { logit_bias: { 1: 1 } },
      name: 'logit_bias',
    },
    {
      model: 'bedrock/amazon.nova-pro-v1:0',
      params: {
        aws_bedrock_runtime_endpoint: silent.url,
        aws_access_key_id: 'AKIA',
        aws_secret_access_key: 'secret-key-1',
        aws_region_name: 'eu-west-1',
      },
      vendor: silent,
      body: { seed: 1 },
      name: 'seed',
    },
  ];

const groupOf = (model: string) => model.split('/')[0] as string;
const entry = (group: string, model: string, params: Fields) => ({
  model_name: group,
  litellm_params: { model, api_key: 'sk-vendor', ...params },
});
const gateway = await startGateway({
  config: {
    model_list: [
      ...providers.flatMap(({ model, params, name }) => [
        entry(groupOf(model), model, params),
        entry(`${groupOf(model)}-drops`, model, { ...params, drop_params: true }),
        entry(`${groupOf(model)}-additional`, model, { ...params, additional_drop_params: [name] }),
      ]),
      openAiDeployment('deep', openAi, {
        additional_drop_params: ['tools[*].function.strict', 'metadata_of_mine.secret', 'stop[1]', 'model', 'messages'],
      }),
      openAiDeployment('plain', openAi),
      openAiDeployment('limited', openAi, { model: 'openai/o3', allowed_openai_params: ['top_p'] }),
      entry('claude-deep', 'anthropic/claude-x', {
        api_base: claude.url,
        additional_drop_params: ['tools[*].function.description', 'top_p'],
      }),
      entry('history', 'anthropic/claude-x', { api_base: claude.url }),
      entry('history-mended', 'anthropic/claude-x', { api_base: claude.url, modify_params: true }),
    ],
    router_settings: { num_retries: 0, disable_cooldowns: true },
  },
});

const told = ({ headers }: { readonly headers: Headers }) => headers.get('x-rutter-translation');
const bodyOf = (vendor: Vendor) => vendor.requests.at(-1)!.json as Fields;

describe.each(providers)('$model', ({ model, vendor, body, name }) => {
  const group = groupOf(model);

  it('refuses what it does not take by name, says the remedy, and asks nobody', async () => {
    const before = vendor?.requests.length;
    const answer = await ask(gateway, group, { body });
    expect(answer).toMatchObject({ status: 400, error: { param: name } });
    expect(answer.error?.message).toContain('drop_params: true');
    expect(vendor?.requests.length).toBe(before);
  });

  it.each([
    ['the deployment says so', `${group}-drops`, {}],
    ['the request says so', group, { drop_params: true }],
    ['the deployment names it', `${group}-additional`, {}],
    ['the request names it', group, { additional_drop_params: [name] }],
  ])('drops and tells it where %s', async (_, named, more) => {
    const before = vendor?.requests.length ?? 0;
    const answer = await ask(gateway, named, { body: { ...body, ...more } });
    expect(told(answer)).toBe(`dropped ${name}`);
    if (!vendor) return expect(answer.status).toBe(200);
    expect(vendor.requests.length).toBe(before + 1);
    const sent = JSON.stringify(bodyOf(vendor));
    for (const field of [name, 'drop_params', 'additional_drop_params']) expect(sent).not.toContain(`"${field}"`);
  });

  it('refuses it where the request takes back what the deployment says', async () => {
    expect(await ask(gateway, `${group}-drops`, { body: { ...body, drop_params: false } })).toMatchObject({
      status: 400,
      error: { param: name },
    });
  });
});

describe('allowed_openai_params', () => {
  it('of the deployment and of the request lets pass what would be refused', async () => {
    expect(await ask(gateway, 'limited', { body: { top_p: 0.5 } })).toMatchObject({ status: 200 });
    expect(bodyOf(openAi).top_p).toBe(0.5);
    expect(await ask(gateway, 'limited', { body: { stop: 'x' } })).toMatchObject({ status: 400 });
    const both = { top_p: 0.5, stop: 'x', allowed_openai_params: ['stop'] };
    expect(await ask(gateway, 'limited', { body: both })).toMatchObject({ status: 200 });
    expect(bodyOf(openAi)).toMatchObject({ top_p: 0.5, stop: 'x' });
    expect(bodyOf(openAi)).not.toHaveProperty('allowed_openai_params');
    const logit_bias = { 1: 2 };
    await ask(gateway, 'anthropic', { body: { logit_bias, allowed_openai_params: ['logit_bias'] } });
    expect(bodyOf(claude).logit_bias).toEqual(logit_bias);
  });
});

describe('a path', () => {
  const tools = ['a', 'b'].map((name) => ({
    type: 'function',
    function: { name, description: `does ${name}`, strict: true, parameters: { type: 'object', properties: {} } },
  }));

  it('reaches into bytes that otherwise pass, and leaves the rest of them', async () => {
    const answer = await ask(gateway, 'deep', {
      body: { tools, metadata_of_mine: { secret: 1, kept: 2 }, stop: ['x', 'y'], seed: 3 },
    });
    expect(answer.status).toBe(200);
    expect(told(answer)).toBe('dropped tools[*].function.strict, metadata_of_mine.secret, stop[1]');
    expect(bodyOf(openAi)).toMatchObject({ metadata_of_mine: { kept: 2 }, stop: ['x'], seed: 3 });
    expect(bodyOf(openAi).messages).toHaveLength(1);
    expect(JSON.stringify(bodyOf(openAi).tools)).not.toContain('strict');
    expect(JSON.stringify(bodyOf(openAi).tools)).toContain('does a');
  });

  it('reaches into what is translated', async () => {
    const answer = await ask(gateway, 'claude-deep', { body: { tools, top_p: 0.5 } });
    expect(told(answer)).toContain('tools[*].function.description, top_p');
    expect(bodyOf(claude)).not.toHaveProperty('top_p');
    expect(bodyOf(claude).tools).toMatchObject([{ name: 'a' }, { name: 'b' }]);
    expect(JSON.stringify(bodyOf(claude).tools)).not.toContain('does');
  });

  it.each([
    [{ additional_drop_params: 'seed' }, 'additional_drop_params'],
    [{ additional_drop_params: ['tools[x]'] }, 'additional_drop_params'],
    [{ drop_params: 'yes' }, 'drop_params'],
    [{ allowed_openai_params: [1] }, 'allowed_openai_params'],
  ])('or a flag that is none is a 400: %j', async (body, param) => {
    expect(await ask(gateway, 'plain', { body })).toMatchObject({ status: 400, error: { param } });
  });
});

describe('a history with tool calls and no tools', () => {
  const messages = [
    { role: 'user', content: 'Weather?' },
    { role: 'assistant', tool_calls: [{ id: 'c', type: 'function', function: { name: 'look', arguments: '{}' } }] },
    { role: 'tool', tool_call_id: 'c', content: 'mild' },
  ];

  it('is refused by the name of what is missing, or mended where the deployment says so', async () => {
    const answer = await ask(gateway, 'history', { body: { messages } });
    expect(answer).toMatchObject({ status: 400, error: { param: 'tools' } });
    expect(answer.error?.message).toContain('modify_params');
    expect(await ask(gateway, 'history-mended', { body: { messages } })).toMatchObject({ status: 200 });
    expect(bodyOf(claude).tools).toMatchObject([{ name: 'dummy_tool' }]);
  });
});
