/** What a request is called: its id, its trace, its Idempotency-Key. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { cutStream, openAiVendor, streamedText, until, type VendorHandler } from '../support/index.ts';
import { auth, canaries, chatBody, type Edge, envelope, postChat, startEdge } from './edge-bench.ts';
import { rawRequest } from './edge-raw.ts';

const edge: Edge = await startEdge();
const { gateway, vendor, send } = edge;
const play: VendorHandler = openAiVendor({ reply: 'Grüße, 語🙂' });

afterAll(() => gateway.stop());
beforeEach(() => vendor.use(play));

const one = async (bytes: Buffer) => {
  const { replies } = await send(bytes);
  expect(replies).toHaveLength(1);
  return replies[0] as NonNullable<(typeof replies)[0]>;
};
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('x-request-id', () => {
  const kinds: readonly (readonly [string, (line: string) => Buffer])[] = [
    ['a reply', (line) => postChat(chatBody(), [line])],
    ['a stream', (line) => postChat(chatBody({ stream: true }), [line])],
    ['a bad request', (line) => postChat('{', [line])],
    ['an unknown model', (line) => postChat(chatBody({ model: 'nobody' }), [line])],
    ['a path nobody serves', (line) => rawRequest('GET /nowhere HTTP/1.1', [line])],
    ['a missing key', (line) => rawRequest('GET /v1/models HTTP/1.1', [line])],
    ['a route without a model', (line) => rawRequest('GET /v1/models HTTP/1.1', [auth, line])],
    ['a probe', (line) => rawRequest('GET /health/liveliness HTTP/1.1', [line])],
  ];

  it.each(kinds)('comes back with %s', async (_title, request) => {
    expect((await one(request('x-request-id: Own_id-1.2'))).headers['x-request-id']).toBe('Own_id-1.2');
  });

  it.each(kinds)('is made up for %s that has none', async (_title, request) => {
    const [first, second] = [await one(request('x-other: 1')), await one(request('x-other: 1'))];
    expect(first.headers['x-request-id']).toMatch(uuid);
    expect(second.headers['x-request-id']).not.toBe(first.headers['x-request-id']);
  });

  it('may be called x-litellm-call-id', async () => {
    const { headers } = await one(postChat(chatBody(), ['x-litellm-call-id: call-7']));
    expect([headers['x-request-id'], headers['x-litellm-call-id']]).toEqual(['call-7', 'call-7']);
  });

  it.each([
    ['longer than 128 characters', 'a'.repeat(129)],
    ['empty', ''],
    ['of two words', 'two words'],
    ['a tag', '<script>'],
    ['a path', '../../etc/passwd'],
    ['beyond ASCII', 'gr\xfc\xdfe'],
    ['quoted', '"x"'],
    ['two ids', 'a, b'],
  ])('is replaced when it is %s', async (_title, id) => {
    expect((await one(postChat(chatBody(), [`x-request-id: ${id}`]))).headers['x-request-id']).toMatch(uuid);
  });

  it('reaches the vendor and the log', async () => {
    await one(postChat(chatBody(), ['x-request-id: for-all-to-see']));
    expect(vendor.requests.at(-1)?.headers['x-request-id']).toBe('for-all-to-see');
    await gateway.waitForLog(({ request }) => request === 'for-all-to-see');
  });
});

describe('traceparent', () => {
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
  const span = '00f067aa0ba902b7';
  const sentFor = async (...lines: string[]) => {
    await one(postChat(chatBody(), lines));
    const { traceparent = '', tracestate } = vendor.requests.at(-1)?.headers ?? {};
    const [, traceId, spanId, flags] =
      /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(String(traceparent)) ?? [];
    return { traceId, spanId, flags, tracestate };
  };

  it('is continued to the vendor under a span of its own, with its flags and its state', async () => {
    const sent = await sentFor(`traceparent: 00-${trace}-${span}-00`, 'tracestate: vendor=1,other=2');
    expect(sent).toMatchObject({ traceId: trace, flags: '00', tracestate: 'vendor=1,other=2' });
    expect(sent.spanId).not.toBe(span);
    await gateway.waitForLog((line) => line.trace === trace);
  });

  it('of a later version is continued by what this one knows', async () => {
    expect((await sentFor(`traceparent: 01-${trace}-${span}-01-more`)).traceId).toBe(trace);
  });

  it.each([
    ['absent', []],
    ['of a version that never comes', [`traceparent: ff-${trace}-${span}-01`]],
    ['all zeros', [`traceparent: 00-${'0'.repeat(32)}-${span}-01`]],
    ['without a span', [`traceparent: 00-${trace}-${'0'.repeat(16)}-01`]],
    ['too short', [`traceparent: 00-${trace.slice(1)}-${span}-01`]],
    ['in capitals', [`traceparent: 00-${trace.toUpperCase()}-${span}-01`]],
    ['longer than its version', [`traceparent: 00-${trace}-${span}-01-more`]],
    ['there twice', [`traceparent: 00-${trace}-${span}-01`, `traceparent: 00-${trace}-${span}-01`]],
    ['no trace at all', ['traceparent: garbage']],
  ])('that is %s begins a new trace, without the state of another', async (_title, lines) => {
    const sent = await sentFor(...lines, 'tracestate: vendor=1');
    expect(sent.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(sent.traceId).not.toBe(trace);
    expect(sent.tracestate).toBeUndefined();
  });

  it('loses a state longer than 512 characters', async () => {
    const sent = await sentFor(`traceparent: 00-${trace}-${span}-01`, `tracestate: a=${'b'.repeat(600)}`);
    expect([sent.traceId, sent.tracestate]).toEqual([trace, undefined]);
  });
});

describe('Idempotency-Key', () => {
  let count = 0;
  const key = () => `idempotency-key: key-${++count}`;
  const calls = async (work: () => Promise<unknown>) => {
    const before = vendor.requests.length;
    await work();
    return vendor.requests.length - before;
  };

  it.each([
    ['a reply', {}],
    ['a stream', { stream: true }],
  ])('runs %s once; what follows gets the same bytes, told as a replay under its own id', async (_title, more) => {
    const line = key();
    const request = (id: string) => postChat(chatBody(more), [line, `x-request-id: ${id}`]);
    const ran = await calls(async () => {
      const first = await one(request('first'));
      expect(first.status).toBe(200);
      expect(first.headers['idempotent-replayed']).toBeUndefined();
      expect(first.body).toContain('語🙂');
      for (const id of ['second', 'third']) {
        const again = await one(request(id));
        expect([again.status, again.body]).toEqual([200, first.body]);
        expect(again.headers['idempotent-replayed']).toBe('true');
        expect(again.headers['x-request-id']).toBe(id);
        expect(again.headers['content-type']).toBe(first.headers['content-type']);
      }
    });
    expect(ran).toBe(1);
  });

  it('is told 409 while its first request runs, and what the first brought afterwards', async () => {
    const line = key();
    vendor.use(openAiVendor({ reply: 'slow', delays: { headMs: 400 } }));
    const ran = await calls(async () => {
      const first = one(postChat(chatBody(), [line]));
      await sleep(100);
      const meanwhile = await Promise.all(Array.from({ length: 10 }, () => one(postChat(chatBody(), [line]))));
      for (const { status, body, headers } of meanwhile) {
        expect(status).toBe(409);
        expect(envelope(body)).toMatchObject({ code: '409', rutter_code: 'ERR_REQUEST_CONFLICT' });
        expect(headers['retry-after']).toBe('1');
      }
      expect((await first).status).toBe(200);
      expect((await one(postChat(chatBody(), [line]))).body).toBe((await first).body);
    });
    expect(ran).toBe(1);
  });

  it('is told 422 with another body, and keeps what it has', async () => {
    const line = key();
    const ran = await calls(async () => {
      await one(postChat(chatBody(), [line]));
      const other = await one(postChat(chatBody({ temperature: 1 }), [line]));
      expect(other.status).toBe(422);
      expect(envelope(other.body).message).toContain('another body; expected the same body or a new key');
      expect((await one(postChat(chatBody(), [line]))).status).toBe(200);
    });
    expect(ran).toBe(1);
  });

  const failures: readonly (readonly [string, VendorHandler, object])[] = [
    ['a 429', openAiVendor({ status: 429 }), {}],
    ['a 500', openAiVendor({ status: 500 }), {}],
    ['a 400', openAiVendor({ status: 400 }), {}],
    [
      'a stream that broke',
      cutStream(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: 'half' } }] })}\n\n`, 500, 'reset'),
      { stream: true },
    ],
  ];

  it.each(failures)('runs again after %s', async (_title, fails, more) => {
    const line = key();
    const request = () => postChat(chatBody({ ...more, num_retries: 0 }), [line]);
    vendor.use(fails);
    const failed = await one(request());
    expect(failed.body).toContain('"error"');
    vendor.use(play);
    const again = await until(
      'the deployment to be asked again',
      async () => {
        const reply = await one(request());
        return reply.status === 200 && reply;
      },
      8000,
    );
    expect(again.headers['idempotent-replayed']).toBeUndefined();
    expect('stream' in more ? streamedText(again.body) : again.body).toContain('語🙂');
  });

  it('runs again after a request that was wrong in itself', async () => {
    const line = key();
    expect((await one(postChat('{', [line]))).status).toBe(400);
    expect((await one(postChat(chatBody(), [line]))).status).toBe(200);
  });

  it('runs again when its first client left', async () => {
    const line = key();
    vendor.use(openAiVendor({ delays: { headMs: 600 } }));
    await send(postChat(chatBody(), [line]), { timeoutMs: 200 });
    vendor.use(play);
    await until('the key to be free', async () => (await one(postChat(chatBody(), [line]))).status === 200);
  });

  it('does not run again where the reply was too large to keep', async () => {
    const line = key();
    vendor.use(openAiVendor({ reply: 'x'.repeat(1_200_000) }));
    const ran = await calls(async () => {
      expect((await one(postChat(chatBody(), [line]))).status).toBe(200);
      const again = await one(postChat(chatBody(), [line]));
      expect([again.status, envelope(again.body).message]).toEqual([409, expect.stringContaining('too large to keep')]);
    });
    expect(ran).toBe(1);
  });

  it('is one key for each path', async () => {
    const line = key();
    const prompt = JSON.stringify({ model: 'house', prompt: canaries.content });
    const ran = await calls(async () => {
      expect((await one(postChat(chatBody(), [line]))).status).toBe(200);
      const other = await one(rawRequest('POST /v1/completions HTTP/1.1', [auth, line], prompt));
      expect(other.headers['idempotent-replayed']).toBeUndefined();
    });
    expect(ran).toBe(2);
  });

  it('executes once however many come at once', async () => {
    const line = key();
    vendor.use(openAiVendor({ reply: 'once', delays: { headMs: 50 } }));
    const ran = await calls(async () => {
      const replies = await Promise.all(Array.from({ length: 50 }, () => one(postChat(chatBody(), [line]))));
      expect(replies.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(1);
      expect(replies.every(({ status }) => status === 200 || status === 409)).toBe(true);
    });
    expect(ran).toBe(1);
  });
});

it('no secret has shown', () => {
  expect(edge.leaks()).toEqual([]);
});
