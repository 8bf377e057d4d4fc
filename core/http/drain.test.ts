import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { drain } from './drain.ts';

let answer: (response: ServerResponse) => void;
let active: number;
let late: number;
let clients: Socket[];
let server: ReturnType<typeof createServer>;
let sockets: Set<Socket>;
let begun: WeakSet<Socket>;
let answers: WeakMap<Socket, ServerResponse>;
let port: number;

beforeEach(async () => {
  active = 0;
  late = 0;
  clients = [];
  sockets = new Set();
  begun = new WeakSet();
  answers = new WeakMap();
  server = createServer((request, response) => {
    const { socket } = request;
    begun.add(socket);
    answers.set(socket, response);
    response.once('finish', () => answers.delete(socket));
    answer(response);
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as { port: number });
});
afterEach(() => {
  for (const client of clients) client.destroy();
  server.close();
});

const answeredOn = (socket: Socket) => answers.get(socket);
const stop = (ms: number) =>
  drain({ server, sockets, begun, answeredOn, active: () => active, onLate: () => void late++ }, ms);

async function connect(): Promise<Socket> {
  const client = createConnection(port, '127.0.0.1');
  client.on('error', () => {});
  clients.push(client);
  const accepted = once(server, 'connection');
  await once(client, 'connect');
  await accepted;
  return client;
}

const request = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n';

it('ends at once what is idle, silent, or in the middle of a head', async () => {
  answer = (response) => response.end('done');
  const idle = await connect();
  idle.write(request);
  await once(idle, 'data');
  await connect();
  (await connect()).write('GET / HT');
  const startedMs = performance.now();
  expect(await stop(5000)).toBe(true);
  expect(performance.now() - startedMs).toBeLessThan(1000);
  expect(late).toBe(0);
});

it('waits for a reply that its client reads slowly, and cuts none of it', async () => {
  const bytes = 32 * 1024 * 1024;
  answer = (response) => response.end(Buffer.alloc(bytes));
  const client = await connect();
  client.write(request);
  await once(client, 'readable');
  const stopping = stop(10_000);
  let received = 0;
  for await (const chunk of client) received += (chunk as Buffer).length;
  expect(received).toBeGreaterThanOrEqual(bytes);
  expect(await stopping).toBe(true);
});

it('serves a request that begins between two looks', async () => {
  const client = await connect();
  client.write(request.slice(0, 10));
  answer = (response) => response.end('done');
  const stopping = stop(5000);
  client.write(request.slice(10));
  expect(String((await once(client, 'data'))[0])).toContain('200 OK');
  expect(await stopping).toBe(true);
});

it('accepts nothing new from the first moment', async () => {
  active = 1;
  const stopping = stop(200);
  await expect(connect()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  active = 0;
  expect(await stopping).toBe(true);
});

it('has what is late ended at the deadline, lets it say so, and tells that something was cut', async () => {
  let open: ServerResponse | undefined;
  answer = (response) => {
    open = response;
    response.write('first');
    active = 1;
  };
  const client = await connect();
  client.write(request);
  await once(client, 'data');
  const stopping = drain(
    {
      server,
      sockets,
      begun,
      answeredOn,
      active: () => active,
      onLate() {
        late++;
        open?.end('last words');
        active = 0;
      },
    },
    100,
  );
  let text = '';
  client.on('data', (part: Buffer) => {
    text += part;
  });
  expect(await stopping).toBe(false);
  expect(late).toBe(1);
  expect(text).toContain('last words');
});

it('closes by force what does not end even then', async () => {
  answer = (response) => {
    response.write('first');
    active = 1;
  };
  const client = await connect();
  client.write(request);
  await once(client, 'data');
  const closed = once(client, 'close');
  expect(await stop(50)).toBe(false);
  await closed;
});
