/** Images of 20 MB, byte for byte, in the vendor's own dialect and in another, while others are served at once. */
import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { anthropicVendor, openAiVendor } from '../support/index.ts';
import { expectNoLag, lagDuring } from './edge-lag.ts';
import { type Model, models, startVendorEdge } from './edge-vendor.ts';

const edge = await startVendorEdge();
const { gateway, vendor, ask } = edge;
const mebibyte = 1024 * 1024;
const picture = randomBytes(15 * mebibyte).toString('base64');
const sha256 = (text: string | Buffer) => createHash('sha256').update(text).digest('hex');

afterAll(() => gateway.stop());
beforeEach(() =>
  vendor.use((exchange) =>
    exchange.request.path.endsWith('/messages') ? anthropicVendor()(exchange) : openAiVendor()(exchange),
  ),
);

const seen = (data: string) => ({
  messages: [
    {
      role: 'user',
      content: [
        { type: 'text', text: 'what is "this", and \\that\u2028?' },
        { type: 'image_url', image_url: { url: `data:image/png;base64,${data}` } },
      ],
    },
    { role: 'assistant', content: 'A ship.' },
    { role: 'user', content: 'sure? grüße 語🙂' },
  ],
});

/** What the vendor got of the picture, and of the words around it. */
function got(model: Model): { readonly picture: string; readonly words: readonly string[] } {
  const body = JSON.parse(vendor.requests.at(-1)?.body.toString() ?? '') as {
    messages: { content: string | { text?: string; image_url?: { url: string }; source?: { data: string } }[] }[];
  };
  const parts = body.messages.flatMap(({ content }) => (typeof content === 'string' ? [{ text: content }] : content));
  const found = parts.flatMap(({ image_url: image, source }) => image?.url.split(',')[1] ?? source?.data ?? []);
  expect(found).toHaveLength(1);
  expect(model === 'plain' ? 'image_url' : 'source').toBe(parts.some(({ source }) => source) ? 'source' : 'image_url');
  return { picture: found[0] ?? '', words: parts.flatMap(({ text }) => text ?? []) };
}

describe.each(models)('through the model %s', (model) => {
  it.each([
    ['a whole reply', {}],
    ['a stream', { stream: true }],
  ])('an image of 20 MB arrives exactly, for %s', async (_title, more) => {
    const exchange = await ask(model, { ...seen(picture), ...more }, { timeoutMs: 15_000 });
    expect(exchange.replies[0]?.status).toBe(200);
    const { picture: arrived, words } = got(model);
    expect(arrived.length).toBe(picture.length);
    expect(sha256(arrived)).toBe(sha256(picture));
    expect(words).toEqual(['what is "this", and \\that\u2028?', 'A ship.', 'sure? grüße 語🙂']);
  });

  it('six at a time do not hold the event loop', async () => {
    let statuses: (number | undefined)[] = [];
    const work = Promise.all(Array.from({ length: 6 }, () => ask(model, seen(picture), { timeoutMs: 20_000 }))).then(
      (all) => {
        statuses = all.map(({ replies }) => replies[0]?.status);
      },
    );
    const lag = await lagDuring(edge, work);
    expect(statuses).toEqual(Array(6).fill(200));
    expectNoLag(lag);
  });

  it('an image is not in the log', () => {
    expect(gateway.output().length).toBeLessThan(200_000);
    expect(gateway.output()).not.toContain(picture.slice(1000, 1040));
  });
});

it('in its own dialect the body is the caller’s, but for the name of the model', async () => {
  const body = seen(picture);
  await ask('plain', body, { timeoutMs: 15_000 });
  const sent = JSON.stringify({ model: 'plain', messages: body.messages }).replace(
    '"model":"plain"',
    '"model":"gpt-4o-mini"',
  );
  expect(vendor.requests.at(-1)?.bodyBytes).toBe(Buffer.byteLength(sent));
  expect(vendor.requests.at(-1)?.bodyDigest).toBe(sha256(sent));
});

it('memory comes back', async () => {
  expect(await gateway.memory()).toBeLessThan(900 * mebibyte);
});
