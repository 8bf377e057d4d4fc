/** Requests that are bad ahead of their body: syntax, framing, heads, methods, paths, media types. */
import { afterAll, describe, expect, it } from 'vitest';
import {
  auth,
  canaries,
  chatBody,
  expectHealthy,
  expectRefusal,
  post,
  postChat,
  type Refusal,
  startEdge,
} from './edge-bench.ts';
import { rawRequest } from './edge-raw.ts';

const edge = await startEdge();
const { gateway, vendor, send } = edge;

afterAll(() => gateway.stop());

interface Case extends Refusal {
  readonly title: string;
  readonly bytes: string | Buffer;
}

const good = chatBody();
const length = `content-length: ${Buffer.byteLength(good)}`;
const chunked = 'transfer-encoding: chunked';
const ends = '0\r\n\r\n';

const chat = (lines: readonly string[], body = good): string =>
  `${['POST /v1/chat/completions HTTP/1.1', 'host: gateway', auth, 'content-type: application/json', ...lines].join('\r\n')}\r\n\r\n${body}`;
const get = (path: string, ...lines: string[]): Buffer => rawRequest(`GET ${path} HTTP/1.1`, [auth, ...lines]);

const invalid = (title: string, bytes: string | Buffer, says: string | RegExp): Case => ({
  title,
  bytes,
  says,
  status: 400,
  code: 'ERR_REQUEST_INVALID',
});

const framing: readonly Case[] = [
  invalid('a length beside chunks (CL.TE)', chat(['content-length: 6', chunked], `${ends}G`), "can't be present with"),
  invalid('chunks beside a length (TE.CL)', chat([chunked, 'content-length: 6'], `${ends}G`), "can't be present with"),
  invalid('two transfer codings (TE.TE)', chat([chunked, 'transfer-encoding: identity'], ends), 'Transfer-Encoding'),
  invalid('a coding nobody knows', chat(['transfer-encoding: xchunked'], ends), '"xchunked"; expected "chunked"'),
  invalid('a coding ahead of chunks', chat(['transfer-encoding: gzip, chunked'], ends), '"gzip, chunked"; expected'),
  invalid('a coding after chunks', chat(['transfer-encoding: chunked, gzip'], ends), 'Transfer-Encoding'),
  invalid('a space ahead of the colon', chat(['transfer-encoding : chunked'], ends), 'header field char'),
  invalid('a vertical tab in a coding', chat(['transfer-encoding: \x0bchunked'], ends), 'header value char'),
  invalid('two equal lengths', chat([length, length]), 'Duplicate Content-Length'),
  invalid('two different lengths', chat([length, 'content-length: 3']), 'Duplicate Content-Length'),
  invalid('a list of lengths', chat([`${length}, ${Buffer.byteLength(good)}`]), 'character in Content-Length'),
  invalid('a signed length', chat(['content-length: +10']), 'character in Content-Length'),
  invalid('a negative length', chat(['content-length: -1']), 'character in Content-Length'),
  invalid('a hexadecimal length', chat(['content-length: 0x10']), 'character in Content-Length'),
  invalid('a length beyond 64 bits', chat([`content-length: ${'9'.repeat(23)}`]), 'Content-Length overflow'),
  invalid('a folded header line', chat(['x-a: b\r\n folded: c', length]), 'whitespace after header value'),
  invalid('bare line feeds', chat([length]).replaceAll('\r\n', '\n'), 'Expected CRLF'),
  invalid('a bare carriage return', chat(['x-a: b\rx-c: d', length]), 'expected LF'),
  invalid('NUL in a header', chat(['x-a: b\0c', length]), 'header value char'),
  invalid('a space in a header name', chat(['x a: b', length]), 'header token'),
  invalid('a header without a name', chat([': b', length]), 'header token'),
  invalid('a header without a colon', chat(['justtext', length]), 'header token'),
  invalid('a chunk size that is no number', chat([chunked], 'zz\r\nabc\r\n'), 'chunk size'),
  invalid('a negative chunk size', chat([chunked], '-3\r\nabc\r\n'), 'chunk size'),
  invalid('a chunk size beyond 64 bits', chat([chunked], `${'f'.repeat(18)}\r\nabc\r\n`), 'Chunk size overflow'),
  invalid('a chunk longer than its size', chat([chunked], `3\r\nabcd\r\n${ends}`), 'after chunk data'),
  {
    ...invalid('an endless chunk extension', chat([chunked], `3;${'a'.repeat(20_000)}\r\nabc\r\n`), 'chunk extensions'),
    status: 413,
    code: 'ERR_REQUEST_TOO_LARGE',
  },
];

const heads: readonly Case[] = [
  invalid('no Host', 'GET /health/liveliness HTTP/1.1\r\n\r\n', 'no Host header; expected one'),
  invalid('two Hosts', 'GET /health/liveliness HTTP/1.1\r\nhost: a\r\nHOST: b\r\n\r\n', '2 Host headers; expected one'),
  invalid('HTTP/0.9', 'GET /\r\n\r\n', 'HTTP/0.9; expected HTTP/1.1'),
  invalid('HTTP/1.2', 'GET / HTTP/1.2\r\nhost: g\r\n\r\n', 'HTTP version'),
  invalid('the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'not valid HTTP/1.1'),
  invalid('a method nobody knows', 'BREW / HTTP/1.1\r\nhost: g\r\n\r\n', 'Invalid method'),
  invalid('a method in lower case', 'get / HTTP/1.1\r\nhost: g\r\n\r\n', 'Invalid method'),
  invalid('a TLS handshake', Buffer.from('16030100a5010000a1030352', 'hex'), 'Invalid method'),
  invalid('a control character in the path', get('/v1/mo\x01dels'), 'char in url'),
  ...[
    [
      'a header of 40 kB',
      chat([`x-a: ${'a'.repeat(40_000)}`, length]),
      'more than 32768 bytes or 200 headers',
    ] as const,
    ['a path of 40 kB', get(`/${'a'.repeat(40_000)}`), 'more than 32768 bytes or 200 headers'] as const,
    [
      '201 headers',
      get('/v1/models', ...Array.from({ length: 200 }, (_, at) => `x${at}: 1`)),
      'more than 32768 bytes or 200 headers',
    ] as const,
  ].map(([title, bytes, says]) => ({ title, bytes, says, status: 431, code: 'ERR_REQUEST_TOO_LARGE' })),
  {
    ...invalid('an expectation nobody meets', postChat(good, ['expect: magic']), '"magic"; expected 100-continue'),
    status: 417,
  },
  invalid('an Idempotency-Key with a space', postChat(good, ['idempotency-key: a b']), '1 to 255 visible'),
  invalid(
    'an Idempotency-Key of 256 characters',
    postChat(good, [`idempotency-key: ${'k'.repeat(256)}`]),
    '256 characters',
  ),
  invalid(
    'a timeout that is no number',
    postChat(good, ['x-litellm-timeout: soon']),
    '"soon", expected a number of seconds',
  ),
  invalid('a timeout without an end', postChat(good, ['x-litellm-timeout: 1e999']), 'expected a number of seconds'),
  invalid('a negative number of retries', postChat(good, ['x-litellm-num-retries: -1']), 'expected a whole number'),
];

const missing = (title: string, bytes: string | Buffer, says: string | RegExp): Case => ({
  title,
  bytes,
  says,
  status: 404,
  code: 'ERR_REQUEST_NOT_FOUND',
});
const method = (title: string, bytes: string | Buffer, says: string | RegExp): Case => ({
  title,
  bytes,
  says,
  status: 405,
  code: 'ERR_REQUEST_METHOD',
});
const media = (title: string, bytes: string | Buffer, says: string | RegExp): Case => ({
  title,
  bytes,
  says,
  status: 415,
  code: 'ERR_REQUEST_MEDIA_TYPE',
});
const typed = (type: string) => rawRequest('POST /v1/chat/completions HTTP/1.1', [auth, `content-type: ${type}`], good);

const targets: readonly Case[] = [
  missing('a path nobody serves', get('/nowhere'), 'GET /nowhere'),
  missing('a path that climbs', get('/v1/../admin/plugins'), 'GET /v1/../admin/plugins'),
  missing('a path that climbs in disguise', get('/v1/%2e%2e/admin/plugins'), 'GET /v1/%2e%2e/admin/plugins'),
  missing('a doubled slash', get('//v1/models'), 'GET //v1/models'),
  missing('a path of 20 kB, cut short', get(`/${'a'.repeat(20_000)}`), /GET \/a{255}\.$/),
  missing('a percent sign without digits', get('/v1/models/%zz'), '"%zz"'),
  missing('bytes that are no UTF-8', get('/v1/models/%ff%fe'), '"%ff%fe"'),
  missing('an escaped NUL', get('/v1/models/%00'), '\\u0000'),
  missing('a whole-server request', rawRequest('OPTIONS * HTTP/1.1', [auth]), 'OPTIONS *'),
  method('GET where there is POST', get('/v1/chat/completions'), 'expected POST'),
  method('DELETE where there is GET', rawRequest('DELETE /v1/models HTTP/1.1', [auth]), 'expected GET, HEAD'),
  method('OPTIONS, since there is no CORS', rawRequest('OPTIONS /v1/models HTTP/1.1', [auth]), 'expected GET, HEAD'),
  method('TRACE, which would echo the key', rawRequest('TRACE /v1/models HTTP/1.1', [auth]), 'expected GET, HEAD'),
  method('CONNECT', rawRequest('CONNECT vendor.example:443 HTTP/1.1', [auth]), 'no proxy'),
  method(
    'PUT at a path with a parameter',
    rawRequest('PUT /engines/house/chat/completions HTTP/1.1', [auth]),
    'expected POST',
  ),
  media('a gzip body', postChat(good, ['content-encoding: gzip']), '"gzip"; expected a body without'),
  media('a br body', postChat(good, ['content-encoding: br']), '"br"; expected a body without'),
  media('a form', typed('multipart/form-data; boundary=x'), /multipart\/form-data.*expected application\/json/),
  media('a urlencoded form', typed('application/x-www-form-urlencoded'), 'expected application/json'),
  media('XML', typed('text/xml'), 'expected application/json'),
  media('what only looks like JSON', typed('application/jsonx'), 'expected application/json'),
];

describe('a request is refused for', () => {
  it.each([...framing, ...heads, ...targets])('$title', async (one) => {
    expectRefusal(await send(one.bytes), one);
  });

  it('405 with the methods that would have been right', async () => {
    const { replies } = await send(rawRequest('PATCH /v1/models HTTP/1.1', [auth]));
    expect(replies[0]?.headers.allow).toBe('GET, HEAD');
  });

  it('a key in none of the ways keys are sent, without repeating it', async () => {
    for (const line of [
      `authorization: Digest ${canaries.caller}`,
      `authorization: ${canaries.caller}`,
      `cookie: key=${canaries.caller}`,
    ]) {
      const exchange = await send(rawRequest('GET /v1/models HTTP/1.1', [line]));
      expectRefusal(exchange, { status: 401, code: 'ERR_REQUEST_UNAUTHENTICATED', says: 'No api key passed in' });
    }
    const exchange = await send(rawRequest('GET /v1/models HTTP/1.1', [`x-api-key: ${canaries.caller}`]));
    expectRefusal(exchange, { status: 401, code: 'ERR_REQUEST_UNAUTHENTICATED', says: 'Invalid api key' });
  });
});

describe('a request is served although', () => {
  const served: readonly (readonly [string, string | Buffer])[] = [
    ['it is HTTP/1.0 without a Host', `GET /v1/models HTTP/1.0\r\n${auth}\r\n\r\n`],
    ['its target is a whole address', `GET http://gateway/v1/models?x=1 HTTP/1.1\r\nhost: gateway\r\n${auth}\r\n\r\n`],
    [
      'it offers another protocol',
      postChat(good, ['connection: upgrade, http2-settings', 'upgrade: h2c', 'http2-settings: AAMA']),
    ],
    ['it waits to be told to go on', postChat(good, ['expect: 100-continue'])],
    [
      'it has a trailer',
      chat([chunked], `${Buffer.byteLength(good).toString(16)}\r\n${good}\r\n0\r\nauthorization: x\r\n\r\n`),
    ],
    ['its type is JSON of another name', typed('application/vnd.api+json; charset=utf-8')],
    ['it names no type', rawRequest('POST /v1/chat/completions HTTP/1.1', [auth], good)],
    ['its request id cannot be used', postChat(good, ['x-request-id: "><script>'])],
    ['its traceparent is none', postChat(good, ['traceparent: 00-0-0-zz', `tracestate: ${'a'.repeat(4000)}`])],
    ['it has a second authorization header', postChat(good, [`authorization: Bearer ${canaries.caller}`])],
    ['a header is named after a prototype', postChat(good, ['__proto__: x', 'constructor: y', 'hasownproperty: z'])],
  ];

  it.each(served)('%s', async (_title, bytes) => {
    const { replies, rest } = await send(bytes);
    expect(replies.map(({ status }) => status)).toEqual([200]);
    expect(rest).toBe('');
  });
});

describe('what follows on the same connection', () => {
  it('is answered in the order it came', async () => {
    const before = vendor.requests.length;
    const { replies } = await send(Buffer.concat([get('/v1/models'), postChat(), get('/nowhere'), get('/v1/models')]), {
      replies: 4,
    });
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 404, 200]);
    expect(vendor.requests).toHaveLength(before + 1);
  });

  it('is not what hid in the body of a request without one', async () => {
    const hidden = get('/v1/models');
    const { replies } = await send(
      Buffer.concat([rawRequest('GET /health/liveliness HTTP/1.1', [], hidden), get('/nowhere')]),
      { replies: 2 },
    );
    expect(replies.map(({ status }) => status)).toEqual([200, 404]);
  });

  it('is not read once the syntax has been broken', async () => {
    const before = vendor.requests.length;
    for (const { bytes } of framing) {
      const { replies, isClosed } = await send(Buffer.concat([Buffer.from(bytes), postChat()]), {
        untilClosed: true,
        timeoutMs: 4000,
      });
      expect(isClosed).toBe(true);
      expect(replies.every(({ status }) => status >= 400)).toBe(true);
    }
    expect(vendor.requests).toHaveLength(before);
  });

  it('is not mixed into an answer that is being written', async () => {
    const { replies, rest } = await send([postChat(), 'garbage\r\n\r\n'], { replies: 2, timeoutMs: 3000 });
    expect(replies.length).toBeLessThanOrEqual(2);
    for (const { status } of replies) expect([200, 400]).toContain(status);
    expect(rest).toBe('');
  });
});

it('answers HEAD without a body, errors too', async () => {
  for (const [path, status] of [
    ['/v1/models', 200],
    ['/health/liveliness', 200],
    ['/nowhere', 404],
    ['/v1/chat/completions', 405],
  ] as const) {
    const { replies, rest } = await send(rawRequest(`HEAD ${path} HTTP/1.1`, [auth]), { methods: ['HEAD'] });
    expect(replies.map((reply) => reply.status)).toEqual([status]);
    expect(Number(replies[0]?.headers['content-length'])).toBeGreaterThan(0);
    expect(rest).toBe('');
  }
});

it('refuses bad syntax, length and depth on routes of administration as well', async () => {
  const reload = (body: string) => send(post('/admin/reload', body));
  const code = 'ERR_REQUEST_INVALID';
  expectRefusal(await reload('{nope'), { status: 400, code, says: 'found "n" at byte 1, expected a key in quotes' });
  expectRefusal(await reload('['.repeat(60_000)), { status: 400, code, says: 'deeper than 100 levels, at byte 100' });
  expectRefusal(await send(post('/admin/rollback', ' '.repeat(70_000))), {
    status: 413,
    code: 'ERR_REQUEST_TOO_LARGE',
    says: '70000 bytes or more; at most 65536',
  });
});

it('is as healthy afterwards as before, and has told nobody a secret', async () => {
  await expectHealthy(edge);
  expect(edge.leaks()).toEqual([]);
  expect(gateway.log().filter(({ level }) => Number(level) >= 50)).toEqual([]);
});
