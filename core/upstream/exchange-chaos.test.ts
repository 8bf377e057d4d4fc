import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { RutterError } from '@rutter/plugin-sdk';
import { expect, it } from 'vitest';
import { Upstream } from './exchange.ts';

/** Seeded: a failure comes again. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const body = 'x'.repeat(400);
const replies = [
  `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n190\r\n${body}\r\n0\r\n\r\n`,
  `HTTP/1.1 503 Busy\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
];

/** Answers whole, or cuts, resets, garbles, stalls or drips at a random byte. */
function misbehave(socket: Socket, random: () => number): void {
  const reply = replies[Math.floor(random() * replies.length)] as string;
  const cut = Math.floor(random() * reply.length);
  const fate = random();
  if (fate < 0.4) socket.write(reply);
  else if (fate < 0.55) socket.end(reply.slice(0, cut));
  else if (fate < 0.7) socket.write(reply.slice(0, cut), () => socket.resetAndDestroy());
  else if (fate < 0.8) socket.write(`${reply.slice(0, cut)}\0garbage\r\n\r\n`);
  else if (fate < 0.9) {
    socket.write(reply.slice(0, cut));
    setTimeout(() => socket.write(reply.slice(cut)), 5);
  } else socket.write(reply.slice(0, cut));
}

it('ends each of 3,000 exchanges with a faulty server exactly once, and leaves nothing behind', async () => {
  const random = randomFrom(7);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket
      .on('error', () => {})
      .on('close', () => sockets.delete(socket))
      .on('data', () => misbehave(socket, random));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const upstream = new Upstream({ connections: 20 });
  const codes = new Map<string, number>();
  const faults: string[] = [];

  const exchangeOnce = () =>
    new Promise<void>((settled) => {
      let bytes = 0;
      let ends = 0;
      let hasHead = false;
      const over = (code: string) => {
        codes.set(code, (codes.get(code) ?? 0) + 1);
        if (++ends > 1) faults.push(`${code} came second`);
        clearTimeout(timer);
        settled();
      };
      const request = {
        url,
        method: 'POST',
        headers: {},
        body: '{}',
        connectTimeoutMs: 1000,
        maxReplyBytes: 10_000,
        guarded: false,
      };
      const exchange = upstream.exchange(request, {
        onHead: () => {
          if (hasHead || ends > 0) faults.push('a head too many');
          hasHead = true;
        },
        onData: (chunk) => {
          if (!hasHead || ends > 0) faults.push('data out of order');
          bytes += chunk.length;
        },
        onEnd: () => {
          if (bytes !== body.length) faults.push(`a whole reply of ${bytes} bytes`);
          over('end');
        },
        onError: (error) => over((error as RutterError).code),
      });
      const timer = setTimeout(() => exchange.abort(new RutterError('ERR_REQUEST_ABORTED', 'late')), random() * 40);
    });

  const worker = async () => {
    for (let count = 0; count < 75; count++) await exchangeOnce();
  };
  await Promise.all(Array.from({ length: 40 }, worker));
  expect(faults).toEqual([]);
  expect([...codes.keys()].sort()).toEqual([
    'ERR_PROVIDER_CONNECTION',
    'ERR_PROVIDER_MALFORMED',
    'ERR_REQUEST_ABORTED',
    'end',
  ]);
  expect([...codes.values()].reduce((sum, count) => sum + count)).toBe(3000);
  expect(upstream.stats.active).toBe(0);
  await delay(20);
  expect(sockets.size).toBeLessThanOrEqual(20);
  await upstream.close(0);
  await expect.poll(() => sockets.size).toBe(0);
  server.close();
});
