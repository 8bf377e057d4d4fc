/** Providers of the sandbox in a live gateway: they translate, and the kernel keeps socket, address and key. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startGateway, startVendor, type Vendor } from '../support/index.ts';
import { type AcmeParts, acmeProvider, acmeVendor } from './acme.ts';
import { canaries, canariesIn, writeFolders } from './arena.ts';

interface Bench {
  readonly ask: (path: string, body: object) => Promise<{ status: number; text: string }>;
  readonly open: (path: string, body: object, signal?: AbortSignal) => Promise<Response>;
  readonly output: () => string;
  readonly row: (name: string) => Promise<Row | undefined>;
}

interface Row {
  readonly name: string;
}

async function bench(vendor: Vendor, parts: AcmeParts = {}, entry: object = {}): Promise<Bench> {
  const root = await writeFolders([acmeProvider('acme', parts)]);
  const params = { model: 'acme/large', api_base: vendor.url, api_key: canaries.vendorKey };
  const gateway = await startGateway({
    config: {
      model_list: [{ model_name: 'house', litellm_params: params }],
      router_settings: { num_retries: 0 },
      plugins: [{ use: join(root, 'acme'), grants: { text: true }, ...entry }],
    },
    env: { CANARY: canaries.environment, OPENAI_API_KEY: canaries.environment },
    startMs: 60_000,
  });
  const headers = { 'content-type': 'application/json' };
  const open: Bench['open'] = (path, body, signal = AbortSignal.timeout(60_000)) =>
    fetch(gateway.url + path, { method: 'POST', headers, signal, body: JSON.stringify({ model: 'house', ...body }) });
  return {
    output: () => gateway.output(),
    row: async (name) => {
      const { plugins } = (await (await fetch(`${gateway.url}/admin/plugins`)).json()) as { plugins: Row[] };
      return plugins.find((one) => one.name === name);
    },
    open,
    ask: async (path, body) => {
      const response = await open(path, body);
      return { status: response.status, text: await response.text() };
    },
  };
}

const chat = '/v1/chat/completions';
const hello = { messages: [{ role: 'user', content: 'hello' }] };

it('a provider nobody vouches for writes requests and reads replies; the kernel keeps key and address', async () => {
  const vendor = await startVendor(acmeVendor());
  const { ask, output, row } = await bench(vendor, {
    reply: `if (JSON.stringify([body, context]).includes('canary')) return { text: 'saw a key', end: 'stop' };
      return { text: body.text, end: 'stop', usage: { input: 10, cachedInput: 2, output: 5 } };`,
  });
  const whole = await ask(chat, hello);
  expect(whole.status, whole.text).toBe(200);
  const reply = JSON.parse(whole.text);
  // The vendor repeats the key it was sent; the plugin was shown it redacted.
  expect(reply.choices[0].message.content).toBe('acme says hello to you ([redacted])');
  expect(reply.usage).toMatchObject({ prompt_tokens: 12, completion_tokens: 5 });
  const [sent] = vendor.requests;
  expect(sent?.headers['x-acme-key']).toBe(canaries.vendorKey);
  expect(sent?.headers['x-acme-version']).toBe('2');
  expect(sent?.json).toMatchObject({ model: 'large', reply_limit: 100 });
  expect(await row('acme')).toMatchObject({ place: 'sandbox', state: 'running', sandbox: { falls: 0 } });
  expect(canariesIn(output())).toEqual([]);
});

it('its readers follow streams of their own, piece by piece, and its failures are told from the status', async () => {
  const gate = Promise.withResolvers<void>();
  const vendor = await startVendor(acmeVendor({ between: (index) => (index < 2 ? Promise.resolve() : gate.promise) }));
  const { ask, row } = await bench(vendor);
  const streams = [1, 2].map(() => ask(chat, { ...hello, stream: true }));
  await vendor.waitForRequests(2);
  gate.resolve();
  for (const stream of streams) {
    const { text } = await stream;
    expect(text).toContain('[6]');
    expect(text).not.toContain('saw a key');
    expect(text.trimEnd().endsWith('data: [DONE]'), text).toBe(true);
  }
  const quota = await ask(chat, { messages: [{ role: 'user', content: 'quota' }] });
  expect(quota.status).toBe(429);
  expect(quota.text).not.toContain('canary');
  const vectors = JSON.parse((await ask('/v1/embeddings', { input: ['a', 'bcd'] })).text);
  expect(vectors.data.map(({ embedding }: { embedding: number[] }) => embedding)).toEqual([
    [1, 1],
    [3, 1],
  ]);
  expect(await row('acme')).toMatchObject({ sandbox: { falls: 0 } });
});

it('a stream reaches the client while the vendor still writes it, and a client that leaves ends both', async () => {
  const gate = Promise.withResolvers<void>();
  const vendor = await startVendor(acmeVendor({ between: (index) => (index < 2 ? Promise.resolve() : gate.promise) }));
  const { open, row } = await bench(vendor);
  const leaving = new AbortController();
  const response = await open(chat, { ...hello, stream: true }, leaving.signal);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  let text = '';
  while (!text.includes('says')) text += new TextDecoder().decode((await reader.read()).value);
  leaving.abort();
  await vendor.requests[0]?.closed;
  expect(vendor.requests[0]?.abortedAt).toBeGreaterThan(0);
  gate.resolve();
  expect(await row('acme')).toMatchObject({ sandbox: { falls: 0 } });
});
