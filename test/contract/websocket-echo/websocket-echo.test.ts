import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Gateway, startGateway, until, within } from '../../support/index.ts';

const config = {
  plugins: [{ use: import.meta.dirname, trust: true }],
  general_settings: { master_key: 'sk-master', drain_timeout: '2s' },
};
const keyProtocol = 'openai-insecure-api-key.sk-master';

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway({ config });
});
afterAll(() => gateway?.stop());

/** A connection as a browser makes it: no headers of its own, only subprotocols. */
async function open(path: string, protocols: readonly string[]) {
  const client = new WebSocket(`${gateway.url.replace('http', 'ws')}${path}`, [...protocols]);
  client.binaryType = 'arraybuffer';
  const received: unknown[] = [];
  client.addEventListener('message', ({ data }) => received.push(data));
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    client.addEventListener('close', ({ code, reason }) => resolve({ code, reason })),
  );
  await within(
    'the handshake',
    new Promise((resolve, reject) => {
      client.addEventListener('open', resolve);
      client.addEventListener('error', () => reject(new Error('refused')));
    }),
  );
  return {
    client,
    received,
    closed,
    reply: (count: number) => until(`${count} messages`, () => received.length >= count && received),
  };
}

it('echoes text and bytes in order, to a client whose key came as a subprotocol', async () => {
  const { client, received, closed, reply } = await open('/v1/echo/lobby?colour=red', ['echo.v1', keyProtocol]);
  expect(client.protocol).toBe('echo.v1');
  client.send('naïve 🧭');
  client.send(Uint8Array.of(0, 255, 7));
  client.send('');
  await reply(4);
  expect(JSON.parse(String(received[0]))).toEqual({
    room: 'lobby',
    query: { colour: 'red' },
    who: 'master',
    protocol: 'echo.v1',
  });
  expect(received[1]).toBe('naïve 🧭');
  expect(new Uint8Array(received[2] as ArrayBuffer)).toEqual(Uint8Array.of(0, 255, 7));
  expect(received[3]).toBe('');
  client.send('bye');
  expect(await within('the close', closed)).toEqual({ code: 1000, reason: '' });
});

it("agrees on the route's preference among what the client offers, never on the key", async () => {
  const { client, closed } = await open('/v1/echo/lobby', [keyProtocol, 'echo.v1', 'echo.v2']);
  expect(client.protocol).toBe('echo.v2');
  client.close(3000, 'enough');
  expect(await within('the close', closed)).toEqual({ code: 3000, reason: 'enough' });
});

it('takes what a client sends together with its handshake', async () => {
  const { socket, frames } = await shakeHands('lobby', 'early bird');
  await until('the echo', () => frames().includes('early bird'));
  socket.destroy();
});

it.each([
  ['without a key', '/v1/echo/lobby', {}, 401],
  ['with a wrong key', '/v1/echo/lobby', { authorization: 'Bearer sk-wrong' }, 401],
  ['where nothing is', '/v1/nothing', { authorization: 'Bearer sk-master' }, 404],
  ['where there is another kind of route', '/v1/models', { authorization: 'Bearer sk-master' }, 400],
  ['with half a handshake', '/v1/echo/lobby', { authorization: 'Bearer sk-master', 'sec-websocket-key': 'short' }, 400],
])('refuses a handshake %s before any upgrade', async (_which, path, headers, status) => {
  const asked = request(`${gateway.url}${path}`, { headers: { ...handshake, ...headers } }).end();
  const [response] = (await within('the answer', once(asked, 'response'))) as [IncomingMessage];
  expect(response.statusCode).toBe(status);
  response.resume();
});

it('tells a plain request that the route takes WebSockets only', async () => {
  const response = await fetch(`${gateway.url}/v1/echo/lobby`, { headers: { authorization: 'Bearer sk-master' } });
  expect(response.status).toBe(405);
  expect(response.headers.get('upgrade')).toBe('websocket');
});

it('closes with a code that says why the handler ended, keeping the words of a fault for the log', async () => {
  const refused = await open('/v1/echo/lobby', ['echo.v1', keyProtocol]);
  refused.client.send('refuse');
  expect(await within('the close', refused.closed)).toEqual({ code: 1008, reason: 'This room is closed.' });
  const failed = await open('/v1/echo/lobby', ['echo.v1', keyProtocol]);
  failed.client.send('fail');
  expect(await within('the close', failed.closed)).toEqual({ code: 1011, reason: 'internal error' });
  await gateway.waitForLog(
    (line) => JSON.stringify(line).includes('websocket-echo') && JSON.stringify(line).includes('a fault with'),
  );
});

it('does not read from a client that does not read, and loses nothing when it does', async () => {
  const before = await gateway.memory();
  const { socket, frames, send } = await shakeHands('lobby');
  await until('the greeting', () => frames().includes('lobby'));
  socket.pause();
  const message = Buffer.alloc(1024 * 1024, 'x');
  const count = 192;
  let sent = 0;
  const sending = (async () => {
    for (; sent < count; sent++) if (!send(message)) await once(socket, 'drain');
  })();
  // What fits into the buffers of both sides has gone; then the sender must be made to wait.
  let last = -1;
  await until(
    'the sender to stand still',
    () => {
      const isStill = sent === last;
      last = sent;
      return isStill && sent > 0 ? true : new Promise<false>((resolve) => setTimeout(() => resolve(false), 300));
    },
    10_000,
  );
  expect(sent).toBeLessThan(count / 2);
  expect((await gateway.memory()) - before).toBeLessThan(96 * 1024 * 1024);
  const heard = countBytes(socket);
  socket.resume();
  await sending;
  await until('every echo', () => heard() >= count * message.length, 20_000);
  socket.destroy();
}, 40_000);

it('keeps a connection on its generation through a reload, up to the drain deadline', async () => {
  const { client, reply, closed } = await open('/v1/echo/lobby', ['echo.v1', keyProtocol]);
  await reply(1);
  await gateway.writeConfig({
    ...config,
    general_settings: { ...config.general_settings, max_concurrent_requests: 100 },
  });
  await gateway.waitForLog(({ name, generation }) => name === 'reload' && generation === 2);
  client.send('still there');
  expect((await reply(2))[1]).toBe('still there');
  expect((await within('the close', closed, 8000)).code).toBe(1001);
}, 15_000);

it('closes every connection with 1001 when the gateway stops, and ends by itself', async () => {
  const [idle, paused] = [
    await open('/v1/echo/lobby', ['echo.v1', keyProtocol]),
    await open('/v1/echo/attic', ['echo.v1', keyProtocol]),
  ];
  await Promise.all([idle.reply(1), paused.reply(1)]);
  const end = gateway.stop();
  expect(await within('the close', idle.closed)).toEqual({ code: 1001, reason: 'the gateway is stopping' });
  expect((await within('the close', paused.closed)).code).toBe(1001);
  expect(await within('the end', end, 8000)).toEqual({ code: 0, signal: null });
});

const handshake = {
  connection: 'upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

/** A connection frame by frame, for what a well-behaved client would not do. */
async function shakeHands(room: string, early?: string) {
  const asked = request(`${gateway.url}/v1/echo/${room}`, {
    headers: { ...handshake, authorization: 'Bearer sk-master' },
  });
  // The head alone, and at its heels, in the same packet where the system allows it, a first message.
  asked.on('socket', (socket) => {
    if (early !== undefined)
      socket.once('connect', () => setImmediate(() => socket.write(frame(Buffer.from(early), 1))));
  });
  asked.end();
  const [, socket, head] = (await within('the handshake', once(asked, 'upgrade'))) as [IncomingMessage, Socket, Buffer];
  const chunks = [head];
  socket.on('data', (chunk: Buffer) => {
    if (chunks.length < 100) chunks.push(chunk);
  });
  socket.on('error', () => {});
  return {
    socket,
    frames: () => Buffer.concat(chunks).toString('latin1'),
    send: (bytes: Buffer) => socket.write(frame(bytes, 2)),
  };
}

/** One masked frame (RFC 6455 §5.2), with a mask of zeroes. */
function frame(payload: Buffer, opcode: 1 | 2): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 6 : length < 65_536 ? 8 : 14);
  head[0] = 0x80 | opcode;
  head[1] = 0x80 | (length < 126 ? length : length < 65_536 ? 126 : 127);
  if (head.length === 8) head.writeUInt16BE(length, 2);
  if (head.length === 14) head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, payload]);
}

function countBytes(socket: Socket): () => number {
  let count = 0;
  socket.on('data', (chunk: Buffer) => {
    count += chunk.length;
  });
  return () => count;
}
