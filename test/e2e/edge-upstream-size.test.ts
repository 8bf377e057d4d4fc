/** Vendors that send more than anybody should keep, and vendors that close what was kept open. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { endlessHeaders, hugeBody, openAiVendor, type VendorHandler } from '../support/index.ts';
import { expectRefusal, type Refusal } from './edge-bench.ts';
import { expectNoLag, type Lag, lagDuring } from './edge-lag.ts';
import type { RawExchange } from './edge-raw.ts';
import { expectBroken, expectRecovered, models, startVendorEdge, streams, wholes } from './edge-vendor.ts';

const edge = await startVendorEdge({ router_settings: { timeout: 30 } });
const { gateway, vendor, ask } = edge;

afterAll(() => gateway.stop());

const mebibyte = 1024 * 1024;
const gigabyte = 1024 * mebibyte;
const malformed = { status: 502, code: 'ERR_PROVIDER_MALFORMED' };
const kinds = [
  ['whole', {}],
  ['streamed', { stream: true }],
] as const;

/** Memory above what it was, looked at while the work is done. */
async function growthDuring(work: Promise<unknown>): Promise<number> {
  const before = await gateway.memory();
  let most = before;
  let isDone = false;
  const done = work.finally(() => {
    isDone = true;
  });
  while (!isDone) {
    most = Math.max(most, await gateway.memory());
    await sleep(20);
  }
  await done;
  return most - before;
}

/** A stream of these parts over and over, until nobody listens. */
const floods =
  (first: string, part: string): VendorHandler =>
  async ({ response, socket }) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(first);
    while (!socket.destroyed) {
      if (response.write(part)) await new Promise(setImmediate);
      else await new Promise((resolve) => response.once('drain', resolve).once('close', resolve));
    }
  };

interface Flood extends Refusal {
  readonly title: string;
  readonly plays: VendorHandler;
  /** Most mebibytes it may cost. */
  readonly costs: number;
}

const whole: readonly Flood[] = [
  { title: 'headers without an end', plays: endlessHeaders(), ...malformed, says: '65536 bytes of headers', costs: 40 },
  { title: 'a body of 1 GB', plays: hugeBody(gigabyte), ...malformed, says: 'more than 134217728 bytes', costs: 330 },
  {
    title: 'an error of 1 GB',
    plays: hugeBody(gigabyte, { status: 500, type: 'text/plain' }),
    status: 500,
    code: 'ERR_PROVIDER_INTERNAL',
    says: /^The vendor answered 500: a{300}$/,
    costs: 40,
  },
  {
    title: 'a redirect of 1 GB',
    plays: hugeBody(gigabyte, { status: 302 }),
    ...malformed,
    says: 'a redirect (302)',
    costs: 40,
  },
];

const streamed: readonly Flood[] = [
  ...whole,
  {
    title: 'an event of 1 GB',
    plays: hugeBody(gigabyte, { type: 'text/event-stream' }),
    status: 502,
    code: '',
    says: '16777216 bytes',
    costs: 120,
  },
  {
    title: 'an event of 20 MB',
    plays: floods(`data: {"x":"${'y'.repeat(20 * mebibyte)}`, 'y'),
    status: 502,
    code: '',
    says: '16777216 bytes',
    costs: 120,
  },
  {
    title: 'comments without an end',
    plays: floods('', `: ${'c'.repeat(60_000)}\n\n`),
    status: 502,
    code: '',
    says: /ahead of any content|more than/,
    costs: 120,
  },
];

describe.each(models)('through the model %s', (model) => {
  const run = async ({ plays, costs, ...refusal }: Flood, more: object) => {
    vendor.use(plays);
    const before = vendor.requests.length;
    let exchange: RawExchange | undefined;
    let lag: Lag | undefined;
    const work = ask(model, more, { timeoutMs: 25_000 }).then((got) => {
      exchange = got;
    });
    const grown = await growthDuring(
      Promise.all([
        work,
        lagDuring(edge, work).then((found) => {
          lag = found;
        }),
      ]),
    );
    const code = refusal.code || JSON.parse(exchange?.replies[0]?.body ?? '{}').error?.rutter_code;
    expect(code).toMatch(/^ERR_PROVIDER_/);
    expectRefusal(exchange as RawExchange, { ...refusal, code });
    expect(grown).toBeLessThan(costs * mebibyte);
    expectNoLag(lag as Lag);
    await vendor.requests[before]?.closed;
    expect(vendor.requests[before]?.abortedAt).toBeDefined();
  };

  it.each(whole)('$title costs a whole reply bounded memory, and its connection is closed', (flood) => run(flood, {}));

  it.each(streamed)('$title costs a stream bounded memory, and its connection is closed', (flood) =>
    run(flood, { stream: true }),
  );

  it('an event of 20 MB in the middle of a stream ends it with one error', async () => {
    const { begin, words } = streams[model];
    vendor.use(floods(`${begin}${words}data: {"x":"${'y'.repeat(20 * mebibyte)}`, 'y'));
    expect(expectBroken(await ask(model, { stream: true }), 'two words').message).toContain('16777216 bytes');
  });

  it.each(kinds)('a %s reply of a hundred thousand levels harms nobody', async (kind, more) => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const { begin, words, end } = streams[model];
    const odd = `{"type":"odd","choices":[],"x":${deep}}`;
    const body =
      kind === 'whole'
        ? JSON.stringify(wholes[model]).replace(/}$/, `,"x":${deep}}`)
        : `${begin}${words}data: ${odd}\n\n${end}`;
    vendor.use(({ response }) => {
      response.writeHead(200, { 'content-type': kind === 'whole' ? 'application/json' : 'text/event-stream' });
      response.end(body);
    });
    const exchange = await ask(model, more);
    // Bytes pass as they are; what must be written anew is refused.
    if (exchange.replies[0]?.status === 200) expect(exchange.replies[0].body).toContain('words');
    else expectRefusal(exchange, { ...malformed, says: 'nested too deep' });
  });
});

describe('a connection kept open', () => {
  it('that the vendor closes between requests costs no request', async () => {
    const play = openAiVendor({ reply: 'two words' });
    const waits = [0, 0, 1, 2, 3, 5];
    vendor.use(async (exchange) => {
      const { response, socket, index } = exchange;
      // Closed without a word, at once or in the middle of the next request's way.
      response.once('finish', () => setTimeout(() => socket.destroy(), waits[index % waits.length]));
      await play(exchange);
    });
    const statuses: (number | undefined)[] = [];
    for (let count = 0; count < 150; count++) {
      statuses.push((await ask('plain')).replies[0]?.status);
      await sleep(count % 4);
    }
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
  });

  it('is used again where the vendor leaves it open', async () => {
    vendor.use(openAiVendor({ reply: 'two words' }));
    await ask('plain');
    const open = vendor.connections();
    for (let count = 0; count < 20; count++) await ask('plain');
    expect(vendor.connections()).toBe(open);
  });

  it('on which more comes than was asked for does not answer the next request', async () => {
    const reply = JSON.stringify(wholes.plain);
    const forged = reply.replace('two words', 'forged words');
    const answer = (text: string) =>
      `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`;
    vendor.use(({ socket }) => void socket.write(answer(reply) + answer(forged)));
    for (let count = 0; count < 10; count++) {
      const { replies } = await ask('plain');
      expect(replies[0]?.status).toBe(200);
      expect(replies[0]?.body).not.toContain('forged');
      await sleep(10);
    }
  });
});

it('is as healthy afterwards as before, and has told nobody a secret', async () => {
  await expectRecovered(edge);
  vendor.use(openAiVendor());
  expect(edge.leaks()).toEqual([]);
  expect(await gateway.memory()).toBeLessThan(600 * mebibyte);
});
