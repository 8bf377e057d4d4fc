import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import {
  type Gateway,
  openAiClient,
  openAiDeployment,
  openAiVendor,
  sendJson,
  startGateway,
  startVendor,
  until,
  type Vendor,
} from '../../support/index.ts';

const plugin = (name: string, config: object = {}) => ({ use: join(import.meta.dirname, name), trust: true, config });

let harbour: Vendor;
let kitchen: Vendor;
let gateway: Gateway;

const sea = openAiVendor({ reply: 'from the harbour' });
const food = openAiVendor({ reply: 'from the kitchen' });

beforeAll(async () => {
  [harbour, kitchen] = await Promise.all([startVendor(sea), startVendor(food)]);
  gateway = await startGateway({
    config: {
      plugins: [
        plugin('counting-embedder'),
        plugin('semantic-cache', { threshold: 0.9 }),
        plugin('nearest-deployment', { topics: { harbour: 'ship tide anchor sail', kitchen: 'bread oven soup salt' } }),
        plugin('two-tenants'),
      ],
      model_list: [
        openAiDeployment('house', kitchen, {}, { id: 'kitchen' }),
        openAiDeployment('house', harbour, { model: 'openai/gpt-4.1' }, { id: 'harbour' }),
      ],
      router_settings: { num_retries: 2, retry_after: 0, disable_cooldowns: true },
    },
  });
});

afterAll(() => gateway?.stop());
beforeEach(() => {
  harbour.use(sea);
  kitchen.use(food);
});

const embedderCalls = async () =>
  ((await (await fetch(`${gateway.url}/embedder/calls`)).json()) as { calls: number }).calls;
const vendorCalls = () => harbour.requests.length + kitchen.requests.length;

/** What one question cost: calls of the embedder and of the vendors, and the answer. */
async function ask(content: string, key = 'sk-north') {
  const before = { embedder: await embedderCalls(), vendor: vendorCalls() };
  const { choices } = await openAiClient(gateway, key).chat.completions.create({
    model: 'house',
    messages: [{ role: 'user', content }],
  });
  // The cache is written once the reply is out.
  await sleep(20);
  return {
    text: choices[0]?.message.content,
    embedder: (await embedderCalls()) - before.embedder,
    vendor: vendorCalls() - before.vendor,
  };
}

it('computes one embedding for the cache and the strategy, which sends each question to its topic', async () => {
  expect(await ask('will the ship sail at high tide')).toEqual({ text: 'from the harbour', embedder: 1, vendor: 1 });
  expect(await ask('how much salt for the soup')).toEqual({ text: 'from the kitchen', embedder: 1, vendor: 1 });
});

it('answers nearly the same words from the cache, for one embedding more and no call', async () => {
  await ask('where shall the ship drop anchor tonight near us');
  expect(await ask('Where shall the ship drop anchor tonight, near us?!')).toEqual({
    text: 'from the harbour',
    embedder: 1,
    vendor: 0,
  });
  expect(await ask('where shall the baker sleep')).toMatchObject({ embedder: 1, vendor: 1 });
  await gateway.waitForLog(({ cacheHit, inputTokens }) => cacheHit === true && inputTokens === undefined);
});

it('shares no reply between tenants, whoever asked first', async () => {
  const question = 'what did the captain write about the oven';
  expect((await ask(question, 'sk-north')).vendor).toBe(1);
  expect((await ask(question, 'sk-south')).vendor).toBe(1);
  expect((await ask(question, 'sk-north')).vendor).toBe(0);
  expect((await ask(question, 'sk-south')).vendor).toBe(0);
  await expect(ask(question, 'sk-nobody')).rejects.toMatchObject({ status: 401 });
});

it('streams a reply into the cache and out of it', async () => {
  const read = async () => {
    const stream = await openAiClient(gateway, 'sk-north').chat.completions.create({
      model: 'house',
      stream: true,
      messages: [{ role: 'user', content: 'tell of sail and anchor' }],
    });
    let text = '';
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    return text;
  };
  const before = { embedder: await embedderCalls(), vendor: vendorCalls() };
  expect(await read()).toBe('from the harbour');
  await sleep(20);
  expect(await read()).toBe('from the harbour');
  expect(await ask('tell of sail and anchor')).toEqual({ text: 'from the harbour', embedder: 1, vendor: 0 });
  expect({ embedder: await embedderCalls(), vendor: vendorCalls() }).toEqual({
    embedder: before.embedder + 3,
    vendor: before.vendor + 1,
  });
});

it('keeps no reply that was not complete', async () => {
  harbour.use(({ response }) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(
      'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"half a"},"finish_reason":null}]}\n\n',
    );
    setTimeout(() => response.destroy(), 50);
  });
  const stream = await openAiClient(gateway, 'sk-north').chat.completions.create({
    model: 'house',
    stream: true,
    messages: [{ role: 'user', content: 'a ship at anchor with torn sail' }],
  });
  const reading = (async () => {
    for await (const _chunk of stream);
  })();
  await expect(reading).rejects.toThrow();
  harbour.use(sea);
  expect(await ask('a ship at anchor with torn sail')).toMatchObject({ text: 'from the harbour', vendor: 1 });
});

it('computes no second embedding when a deployment fails and another is chosen', async () => {
  harbour.use(({ response }) => sendJson(response, 503, { error: { message: 'low tide' } }));
  expect(await ask('the tide took the anchor and the ship')).toEqual({
    text: 'from the kitchen',
    embedder: 1,
    vendor: 2,
  });
});

it('computes one for each of forty who ask at once', async () => {
  const before = await embedderCalls();
  // Words of which no two questions share enough to be taken for each other.
  const question = (index: number) => Array.from('abcd', (letter) => letter.repeat(index + 2)).join(' ');
  await Promise.all(
    Array.from({ length: 40 }, (_none, index) =>
      openAiClient(gateway, 'sk-south').chat.completions.create({
        model: 'house',
        messages: [{ role: 'user', content: question(index) }],
      }),
    ),
  );
  expect((await embedderCalls()) - before).toBe(40);
});

it('serves without cache and topic when there is no embedding, asks for it once, and tells the operator', async () => {
  for (let count = 0; count < 2; count++) {
    const { embedder, vendor } = await ask('an unspeakable ship');
    expect({ embedder, vendor }).toEqual({ embedder: 1, vendor: 1 });
  }
  const line = await gateway.waitForLog(
    (one) => Number(one.level) >= 40 && JSON.stringify(one).includes('no vector for this'),
  );
  expect(JSON.stringify(line)).toContain('counting-embedder');
});

it('keeps what the cache and the embedder hold when something else of the composition changes', async () => {
  const question = 'does the soup survive a reload';
  await ask(question);
  const config = JSON.parse(
    await import('node:fs/promises').then(({ readFile }) => readFile(join(gateway.folder, 'config.yaml'), 'utf8')),
  ) as { router_settings: object };
  await gateway.writeConfig({ ...config, router_settings: { ...config.router_settings, num_retries: 1 } });
  await gateway.waitForLog(({ generation, name }) => name === 'reload' && generation === 2);
  await until('the new generation', async () => (await fetch(`${gateway.url}/embedder/calls`)).ok);
  expect(await ask(question)).toMatchObject({ embedder: 1, vendor: 0 });
});
