/**
 * Vendors that stall: each timer ends the call in its time, at every phase.
 *
 * All phases run at once, five rounds of them. What a busy machine is late
 * by, told beside each round by a timer here and by the time the gateway
 * takes to say that it is alive, is not held against the timers.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import {
  openAiDeployment,
  startBrokenVendor,
  startGateway,
  startVendor,
  type VendorHandler,
} from '../support/index.ts';
import { auth, canaries, envelope, findLeaks, post } from './edge-bench.ts';
import { exchangeRaw, type RawExchange } from './edge-raw.ts';
import { streams } from './edge-vendor.ts';

const timers = { connect: 350, total: 900, first: 500, between: 400 } as const;
const lateMs = 250;
const rounds = 5;

const { begin, words } = streams.plain;
const sseHead = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';
const jsonHead = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 4096\r\n\r\n';
const chunked = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;

/** Sends one thing at once, then another every 60 ms for as long as somebody listens. */
const drips =
  (first: string, next = ''): VendorHandler =>
  async ({ socket }) => {
    if (first !== '') socket.write(first);
    while (next !== '' && !socket.destroyed) {
      await sleep(60);
      socket.write(next);
    }
  };

type Timer = keyof typeof timers;

interface Phase {
  readonly name: string;
  readonly plays: VendorHandler;
  readonly stream?: boolean;
  readonly timer: Timer;
}

const whole: readonly Phase[] = [
  { name: 'ahead of the head', plays: drips(''), timer: 'total' },
  { name: 'inside the head', plays: drips('HTTP/1.1 200 OK\r\ncontent-ty'), timer: 'total' },
  { name: 'behind the head', plays: drips(jsonHead), timer: 'total' },
  { name: 'inside the body', plays: drips(`${jsonHead}{"id":"c","cho`), timer: 'total' },
  { name: 'with a drip in the head', plays: drips('HTTP/1.1 200 OK\r\nx: ', 'y'), timer: 'total' },
  { name: 'with a drip in the body', plays: drips(`${jsonHead}{"id":"`, 'y'), timer: 'total' },
  { name: 'inside an error', plays: drips('HTTP/1.1 500 No\r\ncontent-length: 99\r\n\r\n{"err'), timer: 'total' },
  { name: 'with interim answers', plays: drips('', 'HTTP/1.1 103 Early Hints\r\n\r\n'), timer: 'total' },
];

const streamed: readonly Phase[] = [
  { name: 'ahead of the head', plays: drips(''), timer: 'first' },
  { name: 'inside the head', plays: drips('HTTP/1.1 200 OK\r\ncontent-ty'), timer: 'first' },
  { name: 'behind the head', plays: drips(sseHead), timer: 'first' },
  { name: 'behind a role', plays: drips(sseHead + chunked(begin)), timer: 'first' },
  { name: 'inside the first event', plays: drips(`${sseHead}${chunked('data: {"id":"c","choi')}`), timer: 'first' },
  { name: 'with comments alone', plays: drips(sseHead, chunked(': ping\n\n')), timer: 'first' },
  { name: 'with roles alone', plays: drips(sseHead, chunked(begin)), timer: 'first' },
  { name: 'inside an error', plays: drips('HTTP/1.1 500 No\r\ncontent-length: 99\r\n\r\n{"err'), timer: 'first' },
  { name: 'behind words', plays: drips(sseHead + chunked(begin + words)), timer: 'between' },
  {
    name: 'inside a later event',
    plays: drips(`${sseHead}${chunked(begin + words)}${chunked('data: {"id"')}`),
    timer: 'between',
  },
  { name: 'with words without an end', plays: drips(sseHead, chunked(words)), timer: 'total' },
].map((phase) => ({ ...phase, timer: phase.timer as Timer, stream: true }));

const phases = [...whole, ...streamed].map((phase, at) => ({ ...phase, model: `phase-${at}` }));
const vendors = await Promise.all(phases.map(({ plays }) => startVendor(plays)));
const deaf = await startBrokenVendor('ignore');

const gateway = await startGateway({
  config: {
    model_list: [
      ...phases.map(({ model }, at) => openAiDeployment(model, vendors[at] as never, { api_key: canaries.vendor })),
      openAiDeployment('deaf', { url: deaf.url.replace('http:', 'https:') }, { api_key: canaries.vendor }),
    ],
    router_settings: {
      num_retries: 0,
      disable_cooldowns: true,
      timeout: timers.total / 1000,
      stream_timeout: timers.first / 1000,
    },
    general_settings: {
      master_key: canaries.master,
      connect_timeout: timers.connect / 1000,
      inter_token_timeout: timers.between / 1000,
      keep_alive_interval: 0,
    },
  },
});

afterAll(() => gateway.stop());

const ask = (model: string, stream = false): Promise<RawExchange> => {
  const body = JSON.stringify({ model, stream, messages: [{ role: 'user', content: canaries.content }] });
  return exchangeRaw(gateway, post('/v1/chat/completions', body), { timeoutMs: 8000 });
};

/** How much later than asked a timer of this process fires while all of this goes on. */
async function ownLateness(ms: number): Promise<number> {
  const startedAt = performance.now();
  await sleep(ms);
  return performance.now() - startedAt - ms;
}

/** The longest that the gateway took to answer the simplest of requests meanwhile. */
async function gatewayLateness(forMs: number): Promise<number> {
  const until = performance.now() + forMs;
  let most = 0;
  while (performance.now() < until) {
    const { ms } = await exchangeRaw(gateway, 'GET /health/liveliness HTTP/1.1\r\nhost: g\r\n\r\n');
    most = Math.max(most, ms);
    await sleep(40);
  }
  return most;
}

interface Round {
  readonly exchanges: ReadonlyMap<string, RawExchange>;
  readonly lateMs: number;
}

async function run(): Promise<Round> {
  const models = [...phases, { model: 'deaf', stream: false }, { model: 'deaf-stream', stream: true }];
  const exchanges = new Map<string, RawExchange>();
  const [late, gatewayMs] = await Promise.all([
    Promise.all([timers.connect, timers.first, timers.total].map(ownLateness)),
    gatewayLateness(timers.total),
    ...models.map(
      async ({ model, stream }) => void exchanges.set(model, await ask(model.replace('-stream', ''), stream)),
    ),
  ]);
  return { exchanges, lateMs: Math.max(...late) + gatewayMs };
}

// The first round also pays for code that runs for the first time.
await run();
const results: Round[] = [];
for (let round = 0; round < rounds; round++) results.push(await run());

function expectInTime(model: string, timer: Timer): void {
  for (const { exchanges, lateMs: own } of results) {
    const { ms } = exchanges.get(model) as RawExchange;
    expect(ms).toBeGreaterThanOrEqual(timers[timer] - 30);
    expect(ms - own).toBeLessThan(timers[timer] + lateMs);
  }
}

const wordsOf: Readonly<Record<Timer, string>> = {
  connect: `No connect to ${deaf.url.replace('http:', 'https:')} within ${timers.connect} ms`,
  total: `no complete reply within ${timers.total} ms`,
  first: `no first content within ${timers.first} ms`,
  between: `the stream fell silent for ${timers.between} ms`,
};

/** 408 as JSON where nothing had been sent, else one error at the end of the stream. */
function expectTimeout(model: string, timer: Timer, hasBegun: boolean): void {
  for (const { exchanges } of results) {
    const { replies, rest } = exchanges.get(model) as RawExchange;
    expect(rest).toBe('');
    expect(replies.map(({ status }) => status)).toEqual([hasBegun ? 200 : 408]);
    const body = replies[0]?.body ?? '';
    expect(body).not.toContain('[DONE]');
    const error = envelope(hasBegun ? (body.trim().split('data: ').at(-1) ?? '') : body);
    expect(error).toMatchObject({ code: '408', type: 'timeout_error', rutter_code: 'ERR_PROVIDER_TIMEOUT' });
    expect(error.message).toContain(wordsOf[timer]);
  }
}

describe.each([
  ['a whole reply', whole],
  ['a stream', streamed],
])('%s that stalls', (_kind, group) => {
  it.each(group)(
    `$name is ended by the $timer timer, ${rounds} times of ${rounds} within ${lateMs} ms`,
    ({ name, stream, timer }) => {
      const { model } = phases.find((phase) => phase.name === name && phase.stream === stream) ?? { model: '' };
      const hasBegun = name.includes('words') || name.includes('later');
      expectTimeout(model, timer, hasBegun);
      // Words that never end are ended by the total time; the rest counts from the words.
      expectInTime(model, timer);
    },
  );
});

it(`a connection that does not come about is given up in time, ${rounds} times of ${rounds}`, () => {
  for (const model of ['deaf', 'deaf-stream']) {
    expectTimeout(model, 'connect', false);
    expectInTime(model, 'connect');
  }
});

it('every stalled vendor sees its connection closed', async () => {
  for (const { requests } of vendors) {
    expect(requests).toHaveLength(rounds + 1);
    for (const request of requests) {
      await request.closed;
      expect(request.abortedAt).toBeDefined();
    }
  }
});

it('nothing is left waiting, and no secret has shown', async () => {
  const exchange = await exchangeRaw(gateway, `GET /v1/models HTTP/1.1\r\nhost: g\r\n${auth}\r\n\r\n`);
  expect(exchange.replies[0]?.status).toBe(200);
  const bodies = results.flatMap(({ exchanges }) =>
    [...exchanges.values()].flatMap(({ replies }) => replies.flatMap(({ head, body }) => [head, body])),
  );
  expect(findLeaks([...bodies, gateway.output()])).toEqual([]);
});
