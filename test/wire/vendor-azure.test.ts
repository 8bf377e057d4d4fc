/** Azure through a live gateway: both forms of its addresses, every way to authenticate, its filter and its errors. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  fail,
  type Gateway,
  openAiClient,
  openAiVendor,
  sendEvents,
  sendJson,
  startGateway,
  startVendor,
  type Vendor,
  type VendorHandler,
} from '../support/index.ts';
import { azureEvents, azureWhole, promptFilters } from './azure-side.ts';
import { askStream, askWhole, chunksOf, user } from './client.ts';
import { failures } from './failures.ts';
import { askedOfOpenAi } from './openai-side.ts';
import { scenarios } from './scenarios.ts';
import { fieldsOf, type Truth, toldBy } from './truth.ts';
import { includesUsage, once } from './vendors.ts';

const model = 'gpt-4o-2024-11-20';
const truths = new Map<string, Truth>(scenarios.map(({ truth }, index) => [`deployed-${index}`, truth]));
const plain: Truth = {
  text: 'Good day.',
  finish: 'stop',
  tokens: { prompt: 9, completion: 3, cached: 0, reasoning: 0 },
};
const failing = new Map(failures.map((one, index) => [`failing-${index}`, one]));

/** What the filter says of a prompt it refuses. */
const refusal = {
  error: {
    message: 'The response was filtered due to the prompt triggering Azure OpenAI’s content management policy.',
    type: null,
    param: 'prompt',
    code: 'content_filter',
    status: 400,
    innererror: {
      code: 'ResponsibleAIPolicyViolation',
      content_filter_result: { violence: { filtered: true, severity: 'medium' } },
    },
  },
};

const azure: VendorHandler = (exchange) => {
  const { request, response } = exchange;
  const body = request.json ?? {};
  const [path = ''] = request.path.split('?');
  const name = /\/deployments\/([^/]+)\//.exec(path)?.[1] ?? String(body.model);
  if (name === 'refused') return sendJson(response, 400, refusal);
  const failure = failing.get(name);
  if (failure) return fail(exchange, { status: failure.status, body: failure.openAi });
  if (!path.endsWith('/chat/completions')) return openAiVendor({ reply: 'Once more' })(exchange);
  const truth = truths.get(name) ?? plain;
  if (body.stream !== true) return sendJson(response, 200, azureWhole(truth, model));
  return sendEvents(response, azureEvents(truth, model, includesUsage(body)), {});
};

let issued = 0;
const entra: VendorHandler = ({ request, response }) => {
  const form = Object.fromEntries(new URLSearchParams(request.body.toString()));
  if (form.client_secret === 'wrong-secret') return sendJson(response, 401, { error: 'invalid_client' });
  sendJson(response, 200, { token_type: 'Bearer', expires_in: 3599, access_token: `entra-${++issued}` });
};

let vendor: Vendor;
let tokens: Vendor;
let gateway: Gateway;
let folder: string;

const entry = (name: string, deployed: string, params: object = {}, info: object = {}) => ({
  model_name: name,
  litellm_params: { model: `azure/${deployed}`, api_base: vendor.url, api_key: 'az-key-12345', ...params },
  model_info: info,
});
const client = { tenant_id: 'ten ant', client_id: 'app', client_secret: 's3cret-value', api_key: undefined };

beforeAll(async () => {
  [vendor, tokens] = await Promise.all([startVendor(azure), startVendor(entra)]);
  folder = await mkdtemp(join(tmpdir(), 'rutter-azure-'));
  await writeFile(join(folder, 'token'), 'signed.by.kubernetes\n');
  const authority = { azure_authority_host: tokens.url };
  gateway = await startGateway({
    env: { AZURE_API_BASE: vendor.url, AZURE_API_VERSION: '2024-10-21', AZURE_API_KEY: 'az-from-environment' },
    config: {
      model_list: [
        entry('az/*', '*'),
        entry('v1', 'my dep', { api_base: `${vendor.url}/openai/v1/` }),
        entry('v1-by-version', 'my dep', { api_version: 'v1' }),
        entry('preview', 'my dep', { api_version: 'preview' }),
        entry('dated', 'my dep/ä', { api_version: '2024-12-01-preview' }),
        entry('with-openai', 'dep', { api_base: `${vendor.url}/openai` }),
        entry('with-deployment', 'dep', { api_base: `${vendor.url}/openai/deployments/dep` }),
        entry('whole', 'dep', {
          api_base: `${vendor.url}/openai/deployments/dep/chat/completions?api-version=2024-06-01`,
        }),
        { model_name: 'bare', litellm_params: { model: 'azure/dep' } },
        entry('old', 'dep', { api_version: '2024-02-01' }),
        entry('reasoning', 'my-dep', {}, { base_model: 'azure/o3-mini' }),
        entry('series', 'o_series/my-dep'),
        entry('by-params', 'my-dep', { base_model: 'azure/o3-mini' }),
        entry('named-so', 'o3-mini', {}, { base_model: 'azure/gpt-4o' }),
        entry('client', 'dep', { ...client, ...authority }),
        entry('wrong-client', 'dep', { ...client, ...authority, client_secret: 'wrong-secret' }),
        entry('ad-token', 'dep', { azure_ad_token: 'token-of-mine', api_key: undefined }),
        entry('workload', 'dep', {
          ...{ ...client, client_secret: undefined, ...authority },
          azure_federated_token_file: join(folder, 'token'),
        }),
        {
          model_name: 'foundry',
          litellm_params: { model: 'azure_ai/DeepSeek-R1', api_base: vendor.url, api_key: 'ai-key-12345' },
        },
        { model_name: 'nowhere', litellm_params: { model: 'azure_ai/DeepSeek-R1', api_key: 'ai-key-12345' } },
      ],
      router_settings: once,
    },
  });
});
afterAll(async () => {
  await gateway?.stop();
  await rm(folder, { recursive: true, force: true });
});

const chat = { messages: [user('Hello.')] };
async function sentFor(name: string) {
  const told = await askWhole(openAiClient(gateway), name, chat);
  expect(told.text).toBe('Good day.');
  return vendor.requests.at(-1)!;
}

describe('a deployment is found', () => {
  it.each([
    ['v1', '/openai/v1/chat/completions'],
    ['v1-by-version', '/openai/v1/chat/completions'],
    ['preview', '/openai/v1/chat/completions?api-version=preview'],
    ['dated', '/openai/deployments/my%20dep%2F%C3%A4/chat/completions?api-version=2024-12-01-preview'],
    ['with-openai', '/openai/deployments/dep/chat/completions?api-version=2024-10-21'],
    ['with-deployment', '/openai/deployments/dep/chat/completions?api-version=2024-10-21'],
    ['whole', '/openai/deployments/dep/chat/completions?api-version=2024-06-01'],
    ['foundry', '/v1/chat/completions'],
  ])('by the address of %s', async (name, path) => {
    expect((await sentFor(name)).path).toBe(path);
  });

  it('under its own name in the body', async () => {
    expect((await sentFor('v1')).json).toMatchObject({ model: 'my dep' });
    expect((await sentFor('series')).json).toMatchObject({ model: 'my-dep' });
  });

  it('by address, version and key of the environment', async () => {
    const { path, headers } = await sentFor('bare');
    expect(path).toBe('/openai/deployments/dep/chat/completions?api-version=2024-10-21');
    expect(headers['api-key']).toBe('az-from-environment');
  });

  it('or else the error says what is missing', async () => {
    await expect(askWhole(openAiClient(gateway), 'nowhere', chat)).rejects.toMatchObject({
      status: 500,
      message: expect.stringMatching(
        /\(azure_ai\) has no address\. Expected api_base in its settings or the environment variable AZURE_AI_API_BASE\./,
      ),
    });
  });
});

describe('Azure is told who calls', () => {
  it('by a key of the deployment, in a header of its own', async () => {
    const { headers } = await sentFor('v1');
    expect(headers).toMatchObject({ 'api-key': 'az-key-12345' });
    expect(headers.authorization).toBeUndefined();
  });

  it('by a token of the deployment', async () => {
    const { headers } = await sentFor('ad-token');
    expect(headers.authorization).toBe('Bearer token-of-mine');
    expect(headers['api-key']).toBeUndefined();
  });

  it('by a token fetched once for a client, whatever key the environment has', async () => {
    const before = tokens.requests.length;
    const first = await sentFor('client');
    const second = await sentFor('client');
    expect(first.headers.authorization).toMatch(/^Bearer entra-\d+$/);
    expect(second.headers.authorization).toBe(first.headers.authorization);
    expect(first.headers['api-key']).toBeUndefined();
    const asked = tokens.requests.slice(before);
    expect(asked.map(({ path }) => path)).toEqual(['/ten%20ant/oauth2/v2.0/token']);
    expect(Object.fromEntries(new URLSearchParams(asked[0]!.body.toString()))).toEqual({
      grant_type: 'client_credentials',
      client_id: 'app',
      client_secret: 's3cret-value',
      scope: 'https://cognitiveservices.azure.com/.default',
    });
  });

  it('by a token that a file vouches for', async () => {
    const { headers } = await sentFor('workload');
    expect(headers.authorization).toMatch(/^Bearer entra-\d+$/);
    const form = new URLSearchParams(tokens.requests.at(-1)!.body.toString());
    expect(form.get('client_assertion')).toBe('signed.by.kubernetes');
  });

  it('by the identity of the machine, asked for where the platform says, and renewed before it ends', async () => {
    // A token that is young but nearly over: it serves the request and is replaced behind it.
    const platform = await startVendor(({ response }) =>
      sendJson(response, 200, { access_token: `machine-${++issued}`, expires_on: String(Date.now() / 1000 + 3) }),
    );
    const machine = await startGateway({
      env: {
        IDENTITY_ENDPOINT: `${platform.url}/msi/token`,
        IDENTITY_HEADER: 'platform-secret',
        AZURE_API_BASE: vendor.url,
      },
      config: { model_list: [{ model_name: 'mine', litellm_params: { model: 'azure/dep' } }], router_settings: once },
    });
    try {
      const used = async () => {
        await askWhole(openAiClient(machine), 'mine', chat);
        return vendor.requests.at(-1)!.headers.authorization;
      };
      const first = await used();
      expect(first).toMatch(/^Bearer machine-\d+$/);
      expect(platform.requests[0]).toMatchObject({
        path: '/msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fcognitiveservices.azure.com',
        headers: { 'x-identity-header': 'platform-secret' },
      });
      await expect.poll(used, { timeout: 10_000, interval: 200 }).not.toBe(first);
      expect(machine.output()).not.toContain('platform-secret');
    } finally {
      await machine.stop();
    }
  });

  it('in vain with a wrong secret, which no message repeats', async () => {
    const error = await askWhole(openAiClient(gateway), 'wrong-client', chat).catch((found: unknown) => found);
    expect(error).toBeInstanceOf(OpenAI.AuthenticationError);
    expect((error as Error).message).toMatch(/the token endpoint answered 401 \(invalid_client\)/);
    expect(`${(error as Error).message} ${gateway.output()}`).not.toMatch(/wrong-secret|s3cret-value|az-key-12345/);
  });
});

describe('what Azure takes', () => {
  const asked = async (name: string, fields: object) => {
    await askWhole(openAiClient(gateway), name, { ...chat, ...fields });
    return vendor.requests.at(-1)!.json!;
  };

  it.each(['reasoning', 'series', 'by-params'])('follows the model behind the name: %s', async (name) => {
    expect(await asked(name, { max_tokens: 5 })).toMatchObject({ max_completion_tokens: 5 });
    for (const field of ['max_tokens', 'base_model']) expect(vendor.requests.at(-1)!.json).not.toHaveProperty(field);
    await expect(asked(name, { temperature: 0.5 })).rejects.toMatchObject({ status: 400, param: 'temperature' });
  });

  it('follows it also where the name would say otherwise', async () => {
    expect(await asked('named-so', { max_tokens: 5, temperature: 0.5 })).toMatchObject({
      max_tokens: 5,
      temperature: 0.5,
    });
  });

  it('is not asked for usage by a version that does not know how to', async () => {
    const told = await askStream(openAiClient(gateway), 'old', chat);
    expect(told.text).toBe('Good day.');
    expect(vendor.requests.at(-1)!.json).not.toHaveProperty('stream_options');
    await askStream(openAiClient(gateway), 'az/dep', chat);
    expect(vendor.requests.at(-1)!.json).toMatchObject({ stream_options: { include_usage: true } });
  });

  it('is no reasoning of another vendor’s', async () => {
    const messages = [user('A'), { role: 'assistant' as const, content: 'B', reasoning_content: 'r' }, user('C')];
    expect(await asked('az/dep', { messages })).toMatchObject({ messages: [{}, { content: 'B' }, {}] });
    expect(JSON.stringify(vendor.requests.at(-1)!.json)).not.toContain('reasoning_content');
  });

  it('is told to be handed on by Foundry, which else refuses what it does not know', async () => {
    await asked('foundry', { top_k: 5 });
    const { headers, json } = vendor.requests.at(-1)!;
    expect(headers).toMatchObject({ 'extra-parameters': 'pass-through', authorization: 'Bearer ai-key-12345' });
    expect(json).toMatchObject({ model: 'DeepSeek-R1', top_k: 5 });
  });
});

describe.each(scenarios.map((scenario, index) => ({ ...scenario, index })))(
  '$title',
  ({ chat: given, truth, asked, index }) => {
    it.each([
      ['whole', askWhole],
      ['streamed', askStream],
    ] as const)('comes the same from Azure, %s', async (_mode, ask) => {
      const name = `az/deployed-${index}`;
      expect(await ask(openAiClient(gateway), name, given)).toEqual(toldBy(truth));
      const { limit, ...found } = askedOfOpenAi(vendor.requests.at(-1)!.json!);
      expect({ ...found, limit }).toMatchObject(asked ?? {});
    });
  },
);

describe('what the filter found', () => {
  it('stands in a whole reply and in the first chunk of a stream, which has its id', async () => {
    const reply = await openAiClient(gateway).chat.completions.create({ ...chat, model: 'az/dep' });
    expect(fieldsOf(reply).prompt_filter_results).toEqual(promptFilters);
    expect(fieldsOf(reply.choices[0]).content_filter_results).toMatchObject({ hate: { filtered: false } });
    const chunks = await chunksOf(openAiClient(gateway), 'az/dep', chat);
    expect(fieldsOf(chunks[0]).prompt_filter_results).toEqual(promptFilters);
    expect(chunks[0]).toMatchObject({
      id: chunks[1]!.id,
      model: 'az/dep',
      choices: [{ delta: { role: 'assistant' } }],
    });
    expect(fieldsOf(chunks[1]).prompt_filter_results).toBeUndefined();
  });

  it('in a prompt it refuses is of the class that content policy fallbacks are for', async () => {
    const error = await openAiClient(gateway)
      .chat.completions.create({ ...chat, model: 'az/refused' })
      .catch((found: unknown) => found);
    expect(error).toMatchObject({ status: 400, code: '400', param: 'prompt' });
    expect(fieldsOf(error).error).toMatchObject({
      rutter_code: 'ERR_PROVIDER_CONTENT_POLICY',
      provider_specific_fields: { code: 'content_filter', innererror: refusal.error.innererror },
    });
  });
});

describe('an error of Azure', () => {
  it.each([...failing])('%s is told as its class', async (name, { kind, told }) => {
    for (const stream of [false, true]) {
      const error = await openAiClient(gateway)
        .chat.completions.create({ ...chat, model: `az/${name}`, stream })
        .catch((found: unknown) => found);
      expect(error).toBeInstanceOf(kind);
      expect(error).toMatchObject({ status: told });
    }
  });
});

describe('beside chat', () => {
  it('embeddings and text completions go to the deployment', async () => {
    const sdk = openAiClient(gateway);
    const vectors = await sdk.embeddings.create({ model: 'az/embedder', input: ['a', 'b'] });
    expect(vectors.data).toHaveLength(2);
    expect(vendor.requests.at(-1)!.path).toBe('/openai/deployments/embedder/embeddings?api-version=2024-10-21');
    const text = await sdk.completions.create({ model: 'az/instruct', prompt: 'Once' });
    expect(text.choices[0]!.text).toBe('Once more');
    expect(vendor.requests.at(-1)!.path).toBe('/openai/deployments/instruct/completions?api-version=2024-10-21');
  });
});
