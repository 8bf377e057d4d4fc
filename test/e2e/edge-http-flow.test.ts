/** Streams in time: keep-alives, too many at once, readers that are slow, clients that leave. */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { ledgerRow } from '../contract/ledger.ts';
import { anthropicVendor, openAiVendor, until, type VendorHandler } from '../support/index.ts';
import { auth, expectRefusal } from './edge-bench.ts';
import { type RawExchange, rawRequest } from './edge-raw.ts';
import { expectBroken, expectWhole, type Model, models, request, startVendorEdge } from './edge-vendor.ts';

const pingMs = 200;
const stallMs = 700;
const most = 4;
const edge = await startVendorEdge({
  general_settings: {
    keep_alive_interval: pingMs / 1000,
    inter_token_timeout: 0.6,
    body_timeout: stallMs / 1000,
    max_concurrent_requests: most,
  },
  params: { input_cost_per_token: 0.000_001, output_cost_per_token: 0.000_002 },
});
const { gateway, vendor, ask, send } = edge;
const mebibyte = 1024 * 1024;
const five = [1, 2, 3, 4, 5];
const stream = { stream: true };

const players: Readonly<Record<Model, (options: Parameters<typeof openAiVendor>[0] & object) => VendorHandler>> = {
  plain: (options) => openAiVendor(options),
  translated: ({ chunks, reply, delays }) =>
    anthropicVendor({ ...(chunks ? { chunks } : {}), ...(reply ? { reply } : {}), ...(delays ? { delays } : {}) }),
};

afterAll(() => gateway.stop());
beforeEach(() => vendor.use(openAiVendor()));

interface Arrival {
  readonly atMs: number;
  readonly text: string;
}

/** One streamed request, read block by block as it comes; the socket may be held back or cut meanwhile. */
function open(model: Model, more: object = {}, lines: readonly string[] = []) {
  const arrivals: Arrival[] = [];
  const startedAt = performance.now();
  const socket = connect(gateway.port, '127.0.0.1');
  let bytes = 0;
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    bytes += chunk.length;
    if (arrivals.length < 1000) arrivals.push({ atMs: performance.now() - startedAt, text: chunk.toString('latin1') });
  });
  socket.write(
    rawRequest(
      'POST /v1/chat/completions HTTP/1.1',
      [auth, 'content-type: application/json', ...lines],
      request(model, { stream: true, ...more }),
    ),
  );
  return { socket, arrivals, bytes: () => bytes };
}

const pings = (exchange: RawExchange) => (exchange.replies[0]?.body.match(/^: ping$/gm) ?? []).length;

describe.each(models)('a silent stream through the model %s', (model) => {
  const play = players[model];

  it('is kept open by comments before the vendor answers', async () => {
    vendor.use(play({ reply: 'two words', delays: { headMs: 5 * pingMs } }));
    const { socket, arrivals } = open(model);
    await until('the words', () => arrivals.some(({ text }) => text.includes('words')));
    socket.destroy();
    const kept = arrivals.filter(({ text }) => text.includes(': ping\n\n'));
    expect(kept.length).toBeGreaterThanOrEqual(3);
    expect(arrivals[0]?.text).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*content-type: text\/event-stream/);
    expect(arrivals[0]?.atMs).toBeGreaterThan(pingMs - 60);
    for (const [at, { atMs }] of kept.entries())
      if (at > 0) expect(atMs - (kept[at - 1]?.atMs ?? 0)).toBeLessThan(2.5 * pingMs);
  });

  it('is kept open by comments between its events, and nowhere else', async () => {
    vendor.use(play({ chunks: ['two ', 'words'], delays: { firstMs: 400, betweenMs: 260 } }));
    const exchange = await ask(model, stream);
    expectWhole(exchange, 'two words');
    expect(pings(exchange)).toBeGreaterThanOrEqual(3);
    for (const block of exchange.replies[0]?.body.split('\n\n').filter(Boolean) ?? [])
      expect(block).toMatch(/^(data: .*|: ping)$/);
  });

  it('that fails after comments ends with one error, under the status it has', async () => {
    vendor.use(openAiVendor({ status: 503, delays: { headMs: 2.5 * pingMs } }));
    const exchange = await ask(model, stream);
    expect(pings(exchange)).toBeGreaterThanOrEqual(1);
    expect(expectBroken(exchange, '').code).toBe('503');
  });

  it('has none while words come', async () => {
    vendor.use(play({ chunks: Array.from({ length: 12 }, (_, at) => `${at} `), delays: { betweenMs: 50 } }));
    const exchange = await ask(model, stream);
    expect(exchange.replies[0]?.status).toBe(200);
    expect(pings(exchange)).toBeLessThanOrEqual(1);
  });
});

it('a whole reply is never interrupted by comments', async () => {
  vendor.use(openAiVendor({ reply: 'two words', delays: { headMs: 3 * pingMs } }));
  const { replies } = await ask('plain');
  expect(replies[0]?.body).toMatch(/^\{.*\}$/);
});

describe('more requests than may run at once', () => {
  it('are refused at once with 503 and Retry-After, while probes and what runs go on', async () => {
    vendor.use(openAiVendor({ reply: 'two words', delays: { headMs: 900 } }));
    const running = Array.from({ length: most }, (_, at) => ask('plain', at % 2 ? stream : {}));
    await vendor.waitForRequests(vendor.requests.length + most).catch(() => {});
    const refused = await Promise.all(Array.from({ length: 20 }, () => ask('plain')));
    for (const exchange of refused) {
      expectRefusal(exchange, { status: 503, code: 'ERR_LIMIT_OVERLOADED', says: `serves ${most} requests already` });
      expect(exchange.replies[0]?.headers['retry-after']).toBe('1');
    }
    for (const path of ['/health/liveliness', '/health/readiness', '/_health/live', '/_health/ready'])
      expect((await send(rawRequest(`GET ${path} HTTP/1.1`))).replies[0]?.status).toBe(200);
    expect((await send(rawRequest('GET /v1/models HTTP/1.1', [auth]))).replies[0]?.status).toBe(503);
    for (const { replies } of await Promise.all(running)) expect(replies[0]?.status).toBe(200);
    expect((await ask('plain')).replies[0]?.status).toBe(200);
  });

  it('count a stream until its last byte', async () => {
    vendor.use(openAiVendor({ chunks: ['two ', 'words'], delays: { betweenMs: 400 } }));
    const running = Array.from({ length: most }, () => open('plain'));
    await until('all streams to have begun', () => running.every(({ arrivals }) => arrivals.length > 0));
    expect((await ask('plain')).replies[0]?.status).toBe(503);
    await until('all streams to be over', () =>
      running.every(({ arrivals }) => arrivals.some(({ text }) => text.includes('[DONE]'))),
    );
    await until('a place to be free', async () => (await ask('plain')).replies[0]?.status === 200);
    for (const { socket } of running) socket.destroy();
  });
});

describe.each(models)('a client that reads slowly through the model %s', (model) => {
  const piece = 'x'.repeat(8 * 1024);
  const pieces = 5000;
  const play = () => players[model]({ chunks: Array.from({ length: pieces }, () => piece) });

  it('costs little memory, is not taken for a silent vendor, and gets everything', async () => {
    vendor.use(play());
    const before = await gateway.memory();
    const { socket, arrivals, bytes } = open(model);
    await until('the first bytes', () => arrivals.length > 0);
    socket.pause();
    // Longer than the vendor may be silent between two contents.
    await sleep(1500);
    expect((await gateway.memory()) - before).toBeLessThan(64 * mebibyte);
    expect(bytes()).toBeLessThan(10 * mebibyte);
    let tail = '';
    socket.on('data', (chunk) => {
      tail = (tail + chunk.toString('latin1')).slice(-2000);
    });
    socket.resume();
    await until('the end of the stream', () => tail.includes('data: [DONE]'), 15_000);
    socket.destroy();
    expect(tail).not.toContain('"error"');
    expect(bytes()).toBeGreaterThan(pieces * piece.length);
  });

  it('and then not at all is let go, and so is the vendor', async () => {
    vendor.use(play());
    const { socket, arrivals } = open(model, { timeout: 2 });
    await until('the first bytes', () => arrivals.length > 0);
    socket.pause();
    const upstream = vendor.requests.at(-1);
    await upstream?.closed;
    vendor.use(openAiVendor());
    await until(
      'the place to be free',
      async () => {
        const running = await Promise.all(Array.from({ length: most }, () => ask('plain')));
        return running.every(({ replies }) => replies[0]?.status === 200);
      },
      8000,
    );
    socket.destroy();
  });
});

describe.each(models)('a client that leaves through the model %s', (model) => {
  const abortMs = 100;
  let id = 0;

  async function leaves(more: object, waits: (arrivals: readonly Arrival[]) => boolean | Promise<boolean>) {
    const name = `${model}-leaver-${++id}`;
    const before = vendor.requests.length;
    const { socket, arrivals } = open(model, more, [`x-request-id: ${name}`]);
    const [upstream] = (await vendor.waitForRequests(before + 1)).slice(before);
    await until('the moment to leave', () => waits(arrivals));
    const leftAt = performance.now();
    socket.resetAndDestroy();
    await upstream?.closed;
    expect((upstream?.abortedAt ?? Number.POSITIVE_INFINITY) - leftAt).toBeLessThan(abortMs);
    const row = await ledgerRow(gateway, name);
    expect(row).toMatchObject({
      request_id: name,
      status: 499,
      ending: 'client',
      error_code: 'ERR_REQUEST_ABORTED',
      model_group: model,
    });
    return row;
  }

  it.each(five)('in the middle of a stream closes the vendor within 100 ms and is billed (%i)', async () => {
    vendor.use(
      players[model]({ chunks: Array.from({ length: 500 }, () => 'a few words '), delays: { betweenMs: 10 } }),
    );
    const row = await leaves({}, (arrivals) => arrivals.length > 10);
    expect(row.input_tokens).toBeGreaterThan(0);
    expect(row.output_tokens).toBeGreaterThan(0);
    expect(row.cost_nano_usd).toBeGreaterThan(1000);
  });

  it.each(five)('ahead of the first word closes the vendor within 100 ms (%i)', async () => {
    vendor.use(players[model]({ reply: 'late', delays: { headMs: 3000 } }));
    await leaves({}, async () => sleep(50).then(() => true));
  });

  it.each(five)('ahead of a whole reply closes the vendor within 100 ms (%i)', async () => {
    vendor.use(players[model]({ reply: 'late', delays: { headMs: 3000 } }));
    await leaves({ stream: false }, async () => sleep(50).then(() => true));
  });
});

it('no secret has shown', () => {
  expect(edge.leaks()).toEqual([]);
});
