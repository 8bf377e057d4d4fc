/** Vendors whose answers are wrong as HTTP, or as what was asked for, ahead of any content. */
import { afterAll, describe, expect, it } from 'vitest';
import { garbage, html, redirect, reset, startVendor, type VendorHandler } from '../support/index.ts';
import { canaries, envelope, expectRefusal, type Refusal } from './edge-bench.ts';
import { answers, expectRecovered, expectWhole, models, raw, startVendorEdge, streams, wholes } from './edge-vendor.ts';

const edge = await startVendorEdge();
const { gateway, vendor, ask } = edge;
const tempted = await startVendor(() => {});

afterAll(() => gateway.stop());

interface Fault extends Refusal {
  readonly title: string;
  readonly plays: VendorHandler;
}

const malformed = (title: string, plays: VendorHandler, says: string | RegExp): Fault => ({
  title,
  plays,
  says,
  status: 502,
  code: 'ERR_PROVIDER_MALFORMED',
});
const lost = (title: string, plays: VendorHandler, says: string | RegExp): Fault => ({
  title,
  plays,
  says,
  status: 500,
  code: 'ERR_PROVIDER_CONNECTION',
});
const failed = (title: string, plays: VendorHandler, status: number, code: string, says: string | RegExp): Fault => ({
  title,
  plays,
  says,
  status,
  code,
});

const head = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n';
const page = '<html><head><title>Bad</title></head><body>nginx</body></html>';
const deep = `${'[['.repeat(100_000)}1${']]'.repeat(100_000)}`;
const key = `Incorrect API key provided: ${canaries.vendor}. You sent ${canaries.vendor} again.`;
const json = (value: unknown) => answers(200, 'application/json', JSON.stringify(value));

const replies: readonly Fault[] = [
  malformed('an HTML page with 200', html(200), /<html>.*expected/),
  malformed('an HTML page that says it is JSON', answers(200, 'application/json', page), /<html>.*expected/),
  failed('an HTML page with 500', html(500), 500, 'ERR_PROVIDER_INTERNAL', 'an HTML page instead of JSON'),
  failed('an HTML page with 502', html(502), 502, 'ERR_PROVIDER_BAD_GATEWAY', 'an HTML page instead of JSON'),
  failed('an HTML page with 403', html(403), 403, 'ERR_PROVIDER_PERMISSION', 'an HTML page instead of JSON'),
  failed('an empty 500', answers(500, undefined, ''), 500, 'ERR_PROVIDER_INTERNAL', 'answered 500: no message'),
  failed('an empty 503', answers(503, 'application/json', ''), 503, 'ERR_PROVIDER_UNAVAILABLE', 'no message'),
  failed(
    'a status beyond all',
    raw('HTTP/1.1 999 Odd\r\ncontent-length: 2\r\n\r\nno'),
    500,
    'ERR_PROVIDER_INTERNAL',
    '999: no',
  ),
  malformed('an empty 200', answers(200, 'application/json', ''), /nothing|before the reply/),
  malformed('null', json(null), /null|read/),
  malformed('an array', json([1]), /\[1\]|read/),
  malformed('a number', json(7), /7|read/),
  malformed('half of a JSON', answers(200, 'application/json', '{"id":"c","choices":[{"ind'), /expected/),
  malformed(
    'JSON and more behind it',
    answers(200, 'application/json', `${JSON.stringify(wholes.plain)}garbage`),
    /expected/,
  ),
  malformed('JSON in UTF-16', answers(200, 'application/json', Buffer.from('{"choices":[]}', 'utf16le')), /expected/),
  malformed(
    'gzip nobody asked for',
    answers(200, 'application/json', Buffer.from('1f8b0800000000000003', 'hex'), { 'content-encoding': 'gzip' }),
    /expected/,
  ),
  malformed('another object', json({ hello: 'world' }), /expected/),
  malformed('choices that are none', json({ choices: 'two words', content: 'two words' }), /expected|read/),
];

const transport: readonly Fault[] = [
  lost('a reset ahead of the head', reset('before-head'), /was closed by the other side|ended before/),
  lost('a reset inside the head', reset('head'), /was closed by the other side|ended before/),
  lost('a reset inside the body', reset('body'), /was closed by the other side|ended before/),
  lost('an end ahead of the head', raw(), /was closed by the other side|ended before/),
  lost('an end inside the head', raw('HTTP/1.1 200 O'), /was closed by the other side|ended before/),
  lost(
    'a body shorter than its length',
    raw(`${head}content-length: 500\r\n\r\n{"id":`),
    /was closed by the other side|ended before/,
  ),
  lost(
    'chunks without an end',
    raw(`${head}transfer-encoding: chunked\r\n\r\n5\r\n{"id"\r\n`),
    /ended before|was closed/,
  ),
  malformed('bytes that are no HTTP', garbage(), 'is not HTTP/1.1'),
  malformed('another protocol', raw('SSH-2.0-OpenSSH_9.6\r\n'), 'is not HTTP/1.1'),
  malformed(
    'a chunk size that is no number',
    raw(`${head}transfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n`),
    'is not HTTP/1.1',
  ),
  malformed('two lengths', raw(`${head}content-length: 5\r\ncontent-length: 6\r\n\r\n{"id":`), 'has two lengths'),
  malformed(
    'a length beside chunks',
    raw(`${head}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`),
    'has two lengths',
  ),
  malformed(
    'a head of 100 kB',
    raw(`${head}x-long: ${'x'.repeat(100_000)}\r\n\r\n`),
    'more than 65536 bytes of headers',
  ),
];

const redirects = [301, 302, 303, 307, 308, 300, 304].map((status) =>
  malformed(
    `a redirect (${status})`,
    redirect(`${tempted.url}/v1/chat/completions`, status),
    `a redirect (${status}); redirects are not followed`,
  ),
);

const errors: readonly Fault[] = [
  failed(
    'a 200 with an error inside',
    json({ type: 'error', error: { type: 'overloaded_error', message: 'it broke', code: 503 } }),
    503,
    'ERR_PROVIDER_OVERLOADED',
    'it broke',
  ),
  failed(
    'an error that repeats the key',
    answers(401, 'application/json', JSON.stringify({ error: { message: key, type: key } })),
    401,
    'ERR_PROVIDER_AUTHENTICATION',
    /Incorrect API key provided: \[redacted\]/,
  ),
  failed('a text that repeats the key', answers(400, 'text/plain', key), 400, 'ERR_PROVIDER_BAD_REQUEST', '[redacted]'),
  failed(
    'an error of a hundred thousand levels',
    answers(500, 'application/json', `{"error":{"message":"deep","x":${deep}}}`),
    500,
    'ERR_PROVIDER_INTERNAL',
    'deep',
  ),
  failed(
    'an error that is a list',
    answers(400, 'application/json', '[{"error":{"message":"listed"}}]'),
    400,
    'ERR_PROVIDER_BAD_REQUEST',
    'listed',
  ),
  failed(
    'an error with a prototype',
    answers(422, 'application/json', '{"__proto__":{"message":"x"},"error":"plain"}'),
    422,
    'ERR_PROVIDER_UNPROCESSABLE',
    'plain',
  ),
];

const kinds = [
  ['whole', {}],
  ['streamed', { stream: true }],
] as const;

describe.each(models)('through the model %s', (model) => {
  describe.each(kinds)('to a request for a %s reply', (kind, more) => {
    it.each([...replies, ...transport, ...redirects, ...errors])('$title is told with $status', async (fault) => {
      vendor.use(fault.plays);
      const { code, ...rest } = fault;
      const exchange = await ask(model, more);
      // A stream that ends ahead of its content is one that broke off, whatever its end looked like.
      const isCut =
        kind === 'streamed' && envelope(exchange.replies[0]?.body ?? '').rutter_code === 'ERR_PROVIDER_STREAM';
      expectRefusal(
        exchange,
        isCut ? { status: 502, code: 'ERR_PROVIDER_STREAM', says: /before the reply|broke/ } : { code, ...rest },
      );
    });

    it('an answer after a flood of interim ones comes through', async () => {
      const reply = kind === 'whole' ? JSON.stringify(wholes[model]) : Object.values(streams[model]).join('');
      const type = kind === 'whole' ? 'application/json' : 'text/event-stream';
      const interim = 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'.repeat(200);
      vendor.use(
        raw(
          `${interim}HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ncontent-length: ${Buffer.byteLength(reply)}\r\n\r\n${reply}`,
        ),
      );
      const exchange = await ask(model, more);
      if (kind === 'streamed') expectWhole(exchange, 'two words');
      else expect(exchange.replies[0]?.body).toContain('two words');
    });

    it('an answer of a type that says nothing is read for what it is', async () => {
      for (const type of ['text/plain', 'application/octet-stream', undefined]) {
        const body = kind === 'whole' ? JSON.stringify(wholes[model]) : Object.values(streams[model]).join('');
        vendor.use(answers(200, type, body));
        const { replies: got } = await ask(model, more);
        expect(got[0]?.status).toBe(200);
        expect(got[0]?.body).toContain('words');
      }
    });

    it('headers that repeat the key, or are for one hop only, do not come through', async () => {
      const headers = { 'x-echo': `Bearer ${canaries.vendor}`, 'set-cookie': 'a=b', 'x-region': 'eu' };
      const body = kind === 'whole' ? JSON.stringify(wholes[model]) : Object.values(streams[model]).join('');
      vendor.use(answers(200, kind === 'whole' ? 'application/json' : 'text/event-stream', body, headers));
      const { replies: got } = await ask(model, more);
      expect(got[0]?.status).toBe(200);
      expect(got[0]?.headers['llm_provider-x-region']).toBe('eu');
      expect(got[0]?.head).not.toMatch(/x-echo|set-cookie|Bearer/i);
    });
  });
});

it('nobody but the vendor was called, redirects or not', () => {
  expect(tempted.connections()).toBe(0);
  expect(tempted.requests).toEqual([]);
});

it('both models answer well again, and no secret has shown', async () => {
  await expectRecovered(edge);
  expect(edge.leaks()).toEqual([]);
  expect(gateway.log().filter(({ level, name }) => Number(level) >= 50 && name !== 'observer-log')).toEqual([]);
});
