import { once } from 'node:events';
import { request } from 'node:http';
import OpenAI from 'openai';
import { afterEach, expect, it } from 'vitest';
import {
  anthropicClient,
  anthropicVendor,
  cutStream,
  endlessHeaders,
  garbage,
  html,
  hugeBody,
  openAiVendor,
  readEvents,
  redirect,
  reset,
  stall,
  stallStream,
  startBrokenVendor,
  startVendor,
  streamedText,
  type Vendor,
  type VendorHandler,
  within,
} from './index.ts';

let vendor: Vendor;
afterEach(() => vendor?.close());

const messages = [{ role: 'user' as const, content: 'hello' }];
const sdk = () => new OpenAI({ apiKey: 'sk-x', baseURL: `${vendor.url}/v1`, maxRetries: 0, timeout: 2000 });
const post = (url: string, body: object, signal?: AbortSignal) =>
  fetch(url, { method: 'POST', body: JSON.stringify(body), redirect: 'manual', ...(signal ? { signal } : {}) });

it('answers the OpenAI SDK whole, streamed and with embeddings', async () => {
  vendor = await startVendor(openAiVendor({ reply: 'a fine day', usage: { prompt_tokens: 7, completion_tokens: 4 } }));
  const whole = await sdk().chat.completions.create({ model: 'm', messages });
  expect(whole.choices[0]?.message.content).toBe('a fine day');
  expect(whole.usage).toEqual({ prompt_tokens: 7, completion_tokens: 4, total_tokens: 11 });
  const stream = await sdk().chat.completions.create({ model: 'm', messages, stream: true });
  let text = '';
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
  expect(text).toBe('a fine day');
  const { data } = await sdk().embeddings.create({ model: 'm', input: ['one', 'two'] });
  expect(data.map(({ embedding }) => embedding.length)).toEqual([8, 8]);
  expect(vendor.requests.map(({ path }) => path)).toEqual([
    '/v1/chat/completions',
    '/v1/chat/completions',
    '/v1/embeddings',
  ]);
  expect(vendor.requests[0]?.headers.authorization).toBe('Bearer sk-x');
  expect(vendor.requests[0]?.json).toEqual({ model: 'm', messages });
});

it('answers the Anthropic SDK whole and streamed', async () => {
  vendor = await startVendor(anthropicVendor({ chunks: ['bon', 'jour'] }));
  const client = anthropicClient(vendor);
  const asked = { model: 'm', max_tokens: 8, messages };
  expect((await client.messages.create(asked)).content).toEqual([{ type: 'text', text: 'bonjour' }]);
  expect(await client.messages.stream(asked).finalText()).toBe('bonjour');
});

it('fails as often as it was told, then answers', async () => {
  vendor = await startVendor(openAiVendor({ failures: [500, { status: 429, headers: { 'retry-after': '3' } }] }));
  const statuses = [];
  for (let count = 0; count < 3; count++)
    statuses.push((await post(`${vendor.url}/v1/chat/completions`, { messages })).status);
  expect(statuses).toEqual([500, 429, 200]);
});

it('records when the caller left, and only then', async () => {
  vendor = await startVendor([
    openAiVendor(),
    openAiVendor({ chunks: Array(100).fill('x'), delays: { betweenMs: 20 } }),
  ]);
  await (await post(`${vendor.url}/v1/chat/completions`, { messages })).text();
  const leaving = new AbortController();
  const response = await post(`${vendor.url}/v1/chat/completions`, { messages, stream: true }, leaving.signal);
  await response.body?.getReader().read();
  leaving.abort();
  const [stayed, left] = await vendor.waitForRequests(2);
  await within('the connection to close', Promise.all([stayed?.closed, left?.closed]));
  expect(stayed?.abortedAt).toBeUndefined();
  expect(left?.abortedAt).toBeGreaterThan(left?.at ?? Number.POSITIVE_INFINITY);
});

/** What a plain Node client sees: the body's text and how it ended; `silence` after 300 ms without a byte. */
async function look(handler: VendorHandler) {
  vendor = await startVendor(handler);
  const asked = request(vendor.url, { method: 'POST', agent: false });
  let isSilent = false;
  let text = '';
  asked.setTimeout(300, () => {
    isSilent = true;
    asked.destroy();
  });
  asked.on('error', () => {}).end('{}');
  try {
    const [response] = await once(asked, 'response');
    for await (const chunk of response) text += chunk;
    return { status: response.statusCode, text, end: 'complete' };
  } catch (error) {
    return { text, end: isSilent ? 'silence' : (error as NodeJS.ErrnoException).code };
  } finally {
    await vendor.close();
  }
}

it('breaks its word in every way that is asked of it', async () => {
  expect(await look(reset())).toMatchObject({ end: 'ECONNRESET', text: '' });
  expect(await look(reset('body'))).toMatchObject({ end: 'ECONNRESET', text: '{"id":"chatcmpl-half","cho' });
  expect(await look(stall())).toMatchObject({ end: 'silence' });
  expect(await look(stall('body'))).toMatchObject({ end: 'silence', text: '{"id":"chatcmpl-half","cho' });
  expect(await look(stallStream('data: 1\n\n', 'data: 2\n\n'))).toMatchObject({
    end: 'silence',
    text: 'data: 1\n\ndata: 2\n\n',
  });
  expect(await look(cutStream('data: ü\n\n', 7))).toMatchObject({ end: 'ECONNRESET' });
  expect(await look(cutStream('data: 1\n\n', 6, 'end'))).toEqual({ status: 200, text: 'data: ', end: 'complete' });
  expect((await look(garbage())).end).toMatch(/^HPE_/);
  expect(await look(html())).toMatchObject({ status: 502, end: 'complete', text: expect.stringContaining('<html>') });
  expect((await look(redirect('http://127.0.0.1:1/'))).status).toBe(307);
  expect((await look(endlessHeaders())).end).toBe('HPE_HEADER_OVERFLOW');
  expect((await look(hugeBody(1_000_000))).text.length).toBeGreaterThanOrEqual(1_000_000);
});

it('can be out of reach in three ways', async () => {
  const [resetting, ignoring, closed] = await Promise.all([
    startBrokenVendor('reset'),
    startBrokenVendor('ignore'),
    startBrokenVendor('refuse'),
  ]);
  await expect(fetch(resetting.url)).rejects.toThrow();
  await expect(fetch(closed.url)).rejects.toThrow();
  await expect(fetch(ignoring.url, { signal: AbortSignal.timeout(200) })).rejects.toThrow('timeout');
  expect(ignoring.connections()).toBe(1);
});

it('reads a stream of chunks into its text', () => {
  const stream =
    'data: {"choices":[{"delta":{"content":"a"}}]}\n\n: ping\n\ndata: {"choices":[{"delta":{"content":"b"}}]}\n\ndata: [DONE]\n\n';
  expect(streamedText(stream)).toBe('ab');
  expect(readEvents('event: stop\r\ndata: 1\r\ndata: 2\r\n\r\n')).toEqual([{ event: 'stop', data: '1\n2' }]);
});
