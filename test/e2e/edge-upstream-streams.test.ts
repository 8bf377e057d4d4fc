/** Vendors whose streams are wrong: ahead of their first content, after it, and at their end. */
import { afterAll, describe, expect, it } from 'vitest';
import { cutStream, streamedText, type VendorHandler } from '../support/index.ts';
import { expectRefusal, type Refusal } from './edge-bench.ts';
import {
  answers,
  expectBroken,
  expectRecovered,
  expectWhole,
  type Model,
  models,
  raw,
  startVendorEdge,
  streams,
} from './edge-vendor.ts';

const edge = await startVendorEdge();
const { gateway, vendor, ask } = edge;

afterAll(() => gateway.stop());

const sse = (body: string | Buffer): VendorHandler => answers(200, 'text/event-stream', body);
const stream = { stream: true };
const malformed = { status: 502, code: 'ERR_PROVIDER_MALFORMED' };
const broken = { status: 502, code: 'ERR_PROVIDER_STREAM' };
const said = 'two words';

interface Fault extends Refusal {
  readonly title: string;
  readonly body: string | Buffer;
}

const early: readonly Fault[] = [
  { title: 'nothing at all', body: '', ...broken, says: 'before the reply was complete' },
  { title: 'blank lines alone', body: '\n\n\n\n', ...broken, says: 'before the reply was complete' },
  { title: 'comments alone', body: ': hi\n\n: there\n\n', ...broken, says: 'before the reply was complete' },
  { title: 'words alone', body: 'this is no stream\n\nat all\n\n', ...broken, says: 'before the reply was complete' },
  { title: 'data that is no JSON', body: 'data: hello\n\n', ...malformed, says: /"hello"; expected .* JSON/ },
  { title: 'half of a JSON', body: 'data: {"id":"c","choices":[{"de\n\n', ...malformed, says: /expected .* JSON/ },
  { title: 'a page of HTML', body: '<html>\n\n</html>\n\n', ...broken, says: 'before the reply was complete' },
  { title: 'NUL bytes', body: Buffer.alloc(5000), ...broken, says: 'before the reply was complete' },
  {
    title: 'an event that never ends',
    body: `data: {"x":"${'y'.repeat(5000)}`,
    ...broken,
    says: /before the reply was complete/,
  },
];

const shaped: Readonly<Record<Model, readonly Fault[]>> = {
  plain: [
    { title: 'an array', body: 'data: [1,2]\n\n', ...malformed, says: 'expected' },
    {
      title: 'an error',
      body: 'data: {"error":{"message":"no","code":429}}\n\n',
      status: 429,
      code: 'ERR_PROVIDER_RATE_LIMIT',
      says: 'no',
    },
    {
      title: 'an error by name',
      body: 'event: error\ndata: overloaded\n\n',
      status: 500,
      code: 'ERR_PROVIDER_INTERNAL',
      says: 'overloaded',
    },
  ],
  translated: [
    { title: 'an array', body: 'event: message_start\ndata: [1,2]\n\n', ...malformed, says: 'expected' },
    {
      title: 'an error',
      body: 'event: error\ndata: {"type":"error","error":{"type":"rate_limit_error","message":"no"}}\n\n',
      status: 429,
      code: 'ERR_PROVIDER_RATE_LIMIT',
      says: 'no',
    },
  ],
};

describe.each(models)('a stream through the model %s', (model) => {
  const { begin, words, end } = streams[model];
  const whole = begin + words + end;

  describe('that begins with', () => {
    it.each([...early, ...shaped[model]])('$title is answered with $status as JSON', async ({ body, ...refusal }) => {
      vendor.use(sse(body));
      expectRefusal(await ask(model, stream), refusal);
    });

    it('a frame of its own kind, and then is lost, is answered with an error as JSON', async () => {
      for (const manner of ['reset', 'close'] as const) {
        vendor.use(cutStream(begin, begin.length, manner));
        expectRefusal(await ask(model, stream), {
          status: 500,
          code: 'ERR_PROVIDER_CONNECTION',
          says: /closed|ended before/,
        });
      }
    });
  });

  describe('that has begun ends with one error when', () => {
    const late: readonly (readonly [string, string, string])[] = [
      ['an event is no JSON', 'data: garbage\n\n', 'ERR_PROVIDER_MALFORMED'],
      ['an event is half of a JSON', 'data: {"choices":[{"del\n\n', 'ERR_PROVIDER_MALFORMED'],
      ['it stops ahead of its end', '', 'ERR_PROVIDER_STREAM'],
      ['it stops inside an event', 'data: {"choices":[{"del', 'ERR_PROVIDER_STREAM'],
      ['it goes on as a page of HTML', '<html><body>gone</body></html>\n\n', 'ERR_PROVIDER_STREAM'],
    ];

    it.each(late)('%s', async (_title, rest, code) => {
      vendor.use(sse(begin + words + rest));
      const error = expectBroken(await ask(model, stream), said);
      expect(['502', '500']).toContain(error.code);
      expect([code, 'ERR_PROVIDER_MALFORMED']).toContain(error.rutter_code);
    });

    it.each(['reset', 'close'] as const)('the connection ends by %s', async (manner) => {
      vendor.use(cutStream(whole, (begin + words).length, manner));
      expect(expectBroken(await ask(model, stream), said)).toMatchObject({
        code: '502',
        rutter_code: 'ERR_PROVIDER_STREAM',
      });
    });

    it('the connection ends inside an event', async () => {
      vendor.use(cutStream(whole, (begin + words).length + 20, 'reset'));
      expect(expectBroken(await ask(model, stream), said).rutter_code).toBe('ERR_PROVIDER_STREAM');
    });

    it('its chunks are none', async () => {
      const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';
      const part = begin + words;
      vendor.use(raw(`${head}${part.length.toString(16)}\r\n${part}\r\n`, 'zz\r\nwhat\r\n'));
      expect(expectBroken(await ask(model, stream), said).rutter_code).toBe('ERR_PROVIDER_STREAM');
    });
  });

  describe('is whole for the client although', () => {
    const tolerated: readonly (readonly [string, string])[] = [
      ['its lines end in CRLF', whole.replaceAll('\n', '\r\n')],
      ['comments stand between its events', whole.replaceAll('\n\n', '\n\n: ping\n\n')],
      ['fields nobody knows stand in its events', whole.replaceAll('data:', 'id: 7\nretry: 10\nfoo: bar\ndata:')],
      ['it lacks the blank line at its end', whole.replace(/\n\n$/, '')],
      ['blank lines stand ahead of it', `\n\n\n${whole}`],
      ['garbage follows its end', `${whole}garbage: yes\n\n<html>\n\n`],
    ];

    it.each(tolerated)('%s', async (_title, body) => {
      vendor.use(sse(body));
      expectWhole(await ask(model, stream), said);
    });

    it('it comes byte by byte, characters split, wherever they are', async () => {
      const bytes = Buffer.from(whole.replace('two ', 'zwölf ').replace('words', '語🙂'));
      vendor.use(async ({ response }) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        for (let at = 0; at < bytes.length; at += 3) {
          response.write(bytes.subarray(at, at + 3));
          if (at % 30 === 0) await new Promise(setImmediate);
        }
        response.end();
      });
      expectWhole(await ask(model, stream), 'zwölf 語🙂');
    });
  });

  it('with bytes that are no UTF-8 stays a stream that ends as it should', async () => {
    const [before = '', after = ''] = whole.split('two ');
    vendor.use(sse(Buffer.concat([Buffer.from(before), Buffer.from([0x74, 0xff, 0xc3, 0x28]), Buffer.from(after)])));
    const { replies } = await ask(model, stream);
    expect(replies[0]?.status).toBe(200);
    expect(streamedText(replies[0]?.body ?? '')).toContain('words');
    expect(replies[0]?.body).toContain('[DONE]');
  });
});

it('hides nothing of what the client has, and closes the connection of a broken stream', async () => {
  const { begin, words } = streams.plain;
  vendor.use(({ response }) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(`${begin}${words}data: garbage\n\n`);
  });
  const before = vendor.requests.length;
  expectBroken(await ask('plain', stream), said);
  await vendor.requests[before]?.closed;
  expect(vendor.requests[before]?.abortedAt).toBeDefined();
});

it('both models answer well again, and no secret has shown', async () => {
  await expectRecovered(edge);
  expect(edge.leaks()).toEqual([]);
});
