/** Requests that take too long, are too large, or whose client leaves. */
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { root, until } from '../support/index.ts';
import { auth, type Edge, envelope, expectHealthy, expectRefusal, postChat, startEdge } from './edge-bench.ts';
import { expectNoLag, lagDuring } from './edge-lag.ts';

const bodyMs = 600;
const slots = 8;
const edge = await startEdge({
  plugins: [{ use: join(root, 'test/contract/multipart-relay'), trust: true }],
  general_settings: { body_timeout: bodyMs / 1000, max_concurrent_requests: slots },
});
const { gateway, vendor, send } = edge;
/** One with the usual time for bodies, for what is large and not slow. */
const patient = await startEdge();
const mebibyte = 1024 * 1024;

afterAll(() => Promise.all([gateway.stop(), patient.gateway.stop()]));

/** Begun at once, since a head has twenty seconds. */
const slowHeads = Promise.all(
  ['', 'POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\nx-slow: '].map((begun) =>
    send(begun, { timeoutMs: 30_000, untilClosed: true }),
  ),
);

const announced = (bytes: number, type = 'application/json', path = '/v1/chat/completions') =>
  `POST ${path} HTTP/1.1\r\nhost: gateway\r\n${auth}\r\ncontent-type: ${type}\r\ncontent-length: ${bytes}\r\n\r\n`;
const five = [1, 2, 3, 4, 5];

/** Answered with 408 when the body's time is over, and little later; the connection is closed. */
async function timesOut(bytes: readonly string[], betweenMs = 0) {
  const exchange = await send(bytes, { betweenMs, untilClosed: true, timeoutMs: 5000 });
  expectRefusal(exchange, { status: 408, code: 'ERR_REQUEST_TIMEOUT', says: `${bodyMs} ms` });
  expect(exchange.replies[0]?.headers.connection).toBe('close');
  expect(exchange.isClosed).toBe(true);
  expect(exchange.ms).toBeGreaterThanOrEqual(bodyMs - 30);
  expect(exchange.ms).toBeLessThan(bodyMs + 250 + betweenMs);
}

describe('a body that is too slow is answered with 408 in its time', () => {
  it.each(five)('when half of it comes (%i)', () => timesOut([announced(200), '{"model":"house",']));

  it.each(five)('when nothing of it comes (%i)', () => timesOut([announced(200)]));

  it('when it drips, however steadily', () => timesOut([announced(200), ...'{"model":"house","mess'], 40));

  it('when its chunks stop', () =>
    timesOut([announced(0).replace('content-length: 0', 'transfer-encoding: chunked'), '5\r\n{"mod\r\n']));

  it.each(five)('when it is a form (%i)', () =>
    timesOut([
      announced(5000, 'multipart/form-data; boundary=b', '/v1/audio/transcriptions'),
      '--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nhalf of a fi',
    ]),
  );

  it('when it belongs to a route of administration', () =>
    timesOut([announced(200, 'application/json', '/admin/reload'), '{']));
});

describe('a body that is too large', () => {
  const tooLarge = { status: 413, code: 'ERR_REQUEST_TOO_LARGE' };

  it('is refused by the length it announces, before it has come', async () => {
    const exchange = await send(announced(100 * mebibyte));
    expectRefusal(exchange, { ...tooLarge, says: '104857600 bytes or more; at most 33554432 are accepted' });
    expect(exchange.ms).toBeLessThan(500);
  });

  it('is refused when more has come than is accepted, where no length was announced', async () => {
    const before = await gateway.memory();
    const head = announced(0).replace('content-length: 0', 'transfer-encoding: chunked');
    const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(mebibyte, 'x'), Buffer.from('\r\n')]);
    const exchange = await send([head, ...Array<Buffer>(40).fill(chunk)]);
    expectRefusal(exchange, { ...tooLarge, says: 'at most 33554432 are accepted' });
    expect((await gateway.memory()) - before).toBeLessThan(160 * mebibyte);
  });

  it('is refused as a form too, by its length', async () => {
    const exchange = await send(
      announced(600 * mebibyte, 'multipart/form-data; boundary=b', '/v1/audio/transcriptions'),
    );
    expectRefusal(exchange, { ...tooLarge, says: 'at most 536870912 are accepted' });
  });

  it('is thrown away as it comes, without memory for it, and leaves the connection for the next request', async () => {
    await expectHealthy(patient);
    const before = await patient.gateway.memory();
    const part = Buffer.alloc(mebibyte, 'x');
    const parts = [announced(100 * mebibyte), ...Array<Buffer>(100).fill(part), postChat()];
    const { replies } = await patient.send(parts, { replies: 2 });
    expect(replies.map(({ status }) => status)).toEqual([413, 200]);
    expect((await patient.gateway.memory()) - before).toBeLessThan(90 * mebibyte);
  });
});

describe('what a refused request goes on sending', () => {
  it('ends with the connection, after the time a body has', async () => {
    const drip = Array<string>(100).fill('x');
    const exchange = await send([announced(5000).replace(auth, 'x-nobody: 1'), ...drip], {
      betweenMs: 50,
      untilClosed: true,
    });
    expect(exchange.replies.map(({ status }) => status)).toEqual([401]);
    expect(exchange.isClosed).toBe(true);
    expect(exchange.ms).toBeGreaterThanOrEqual(bodyMs - 30);
    expect(exchange.ms).toBeLessThan(bodyMs + 500);
  });
});

describe('a client that leaves', () => {
  it('in the middle of its body frees its place, and nobody is called', async () => {
    const before = vendor.requests.length;
    for (let round = 0; round < 3; round++) {
      await Promise.all(Array.from({ length: slots }, () => leave(edge, `${announced(200)}{"model":"ho`)));
    }
    const all = await until('every place to be free', async () => {
      const exchanges = await Promise.all(Array.from({ length: slots }, () => send(postChat())));
      return exchanges.every(({ replies }) => replies[0]?.status === 200) && exchanges;
    });
    expect(all).toHaveLength(slots);
    expect(vendor.requests.length - before).toBeLessThanOrEqual(2 * slots);
  });

  it('in the middle of a form frees its place', async () => {
    const head = announced(5000, 'multipart/form-data; boundary=b', '/v1/audio/transcriptions');
    await Promise.all(Array.from({ length: slots }, () => leave(edge, `${head}--b\r\n`)));
    await until('a place to be free', async () => (await send(postChat())).replies[0]?.status === 200);
  });

  it('in the middle of its head is nobody', async () => {
    await Promise.all(Array.from({ length: 50 }, () => leave(edge, 'POST /v1/chat/comp')));
    await expectHealthy(edge);
  });
});

/** Sends something, waits until it has been read, and resets the connection. */
async function leave({ gateway: { port } }: Edge, text: string): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  await new Promise<void>((resolve) => socket.write(text, () => resolve()));
  await sleep(30);
  socket.resetAndDestroy();
}

describe('the event loop', () => {
  it.each([
    ['a body of 31 MB that is no JSON at its end', () => `{"model":"house","x":"${'y'.repeat(31 * mebibyte)}"!}`],
    ['a body of 8 MB of small values', () => `{"model":"house","x":[${'1,'.repeat(4 * mebibyte)}1]}`],
    ['a body of 8 MB of brackets', () => `{"model":"house","x":${'['.repeat(8 * mebibyte)}`],
    ['a body of 8 MB that is one key', () => `{"${'k'.repeat(8 * mebibyte)}":1}`],
    ['a body of 8 MB of backslashes', () => `{"x":"${'\\'.repeat(8 * mebibyte)}`],
    ['a body of 1 MB of quotes', () => `{"x":[${'"",'.repeat(340_000)}`],
  ])('is not held by %s', async (_title, body) => {
    let status: number | undefined;
    const work = patient.send(postChat(body()), { timeoutMs: 15_000 }).then(({ replies }) => {
      status = replies[0]?.status;
      envelope(replies[0]?.body ?? '');
    });
    const lag = await lagDuring(patient, work);
    expect(status).toBe(400);
    expectNoLag(lag);
  });
});

it('answers others while hundreds of heads do not come to an end', async () => {
  const sockets = Array.from({ length: 300 }, () => connect(gateway.port, '127.0.0.1').on('error', () => {}));
  for (const socket of sockets) socket.write('GET /v1/models HTTP/1.1\r\nhost: gateway\r\nx-slow: ');
  await expectHealthy(edge);
  for (const socket of sockets) socket.destroy();
});

it('is as healthy afterwards as before, and has told nobody a secret', async () => {
  await expectHealthy(edge);
  await expectHealthy(patient);
  expect([...edge.leaks(), ...patient.leaks()]).toEqual([]);
  expect(gateway.log().filter(({ level }) => Number(level) >= 50)).toEqual([]);
});

it('answers a head that does not come with 408 after twenty seconds, and ends a connection on which nothing came', async () => {
  const [silent, slow] = await slowHeads;
  for (const exchange of [silent, slow]) {
    expect(exchange?.isClosed).toBe(true);
    expect(exchange?.ms).toBeGreaterThan(19_900);
    expect(exchange?.ms).toBeLessThan(22_500);
  }
  expectRefusal(slow as NonNullable<typeof slow>, {
    status: 408,
    code: 'ERR_REQUEST_TIMEOUT',
    says: 'head did not arrive',
  });
}, 35_000);
