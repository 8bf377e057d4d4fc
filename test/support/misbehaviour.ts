/** Ways in which a vendor, or what stands in front of it, breaks its word. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { endAfterFile } from './leftovers.ts';
import type { VendorHandler } from './vendor.ts';

const streamHead = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';
const jsonHead = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 4096\r\n\r\n';

const chunked = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;

/** Where in an answer it goes wrong: before its head, inside the head, inside the body. */
export type Phase = 'before-head' | 'head' | 'body';

const begun: Readonly<Record<Phase, string>> = {
  'before-head': '',
  head: 'HTTP/1.1 200 OK\r\ncontent-ty',
  body: `${jsonHead}{"id":"chatcmpl-half","cho`,
};

/** Sends part of an answer, then resets the connection. */
export const reset =
  (phase: Phase = 'before-head'): VendorHandler =>
  async ({ socket }) => {
    if (begun[phase] !== '') {
      socket.write(begun[phase]);
      // What was written must leave before the reset overtakes it.
      await sleep(20);
    }
    socket.resetAndDestroy();
  };

/** Sends part of an answer, then nothing more, with the connection open. */
export const stall =
  (phase: Phase = 'before-head'): VendorHandler =>
  ({ socket }) => {
    if (begun[phase] !== '') socket.write(begun[phase]);
  };

/** Streams these events, then nothing more. */
export const stallStream =
  (...events: readonly string[]): VendorHandler =>
  ({ socket }) => {
    socket.write(streamHead + events.map(chunked).join(''));
  };

/** Streams a text up to a number of its bytes, then closes as the manner says. */
export const cutStream =
  (text: string, afterBytes: number, manner: 'reset' | 'close' | 'end' = 'close'): VendorHandler =>
  async ({ socket }) => {
    const part = Buffer.from(text).subarray(0, afterBytes).toString('latin1');
    socket.write(streamHead, 'latin1');
    if (part.length > 0) socket.write(`${part.length.toString(16)}\r\n${part}\r\n`, 'latin1');
    await sleep(20);
    if (manner === 'reset') socket.resetAndDestroy();
    else if (manner === 'end') socket.end('0\r\n\r\n');
    else socket.end();
  };

/** Bytes that are no HTTP. */
export const garbage =
  (): VendorHandler =>
  ({ socket }) => {
    socket.end(Buffer.from([0, 255, 1, 254, 13, 10, 13, 10, 7, 7, 7]));
  };

/** The page of a proxy in between. */
export const html =
  (status = 502): VendorHandler =>
  ({ response }) => {
    response.writeHead(status, { 'content-type': 'text/html' });
    response.end('<html><head><title>Bad Gateway</title></head><body><h1>nginx</h1></body></html>');
  };

export const redirect =
  (location: string, status = 307): VendorHandler =>
  ({ response }) => {
    response.writeHead(status, { location });
    response.end();
  };

/** Headers without an end, until the caller gives up. */
export const endlessHeaders =
  (): VendorHandler =>
  async ({ socket }) => {
    socket.write('HTTP/1.1 200 OK\r\n');
    for (let index = 0; !socket.destroyed; index++) {
      if (!socket.write(`x-filler-${index}: ${'f'.repeat(1000)}\r\n`)) await drained(socket);
      else await sleep(0);
    }
  };

/** A body of this many bytes, of the given type, sent as fast as it is read. */
export const hugeBody =
  (bytes: number, { status = 200, type = 'application/json' } = {}): VendorHandler =>
  async ({ response, socket }) => {
    response.writeHead(status, { 'content-type': type });
    const chunk = Buffer.alloc(64 * 1024, 'a');
    for (let sent = 0; sent < bytes && !socket.destroyed; sent += chunk.length)
      if (!response.write(chunk)) await drained(socket);
    response.end();
  };

const drained = (socket: Socket) =>
  Promise.race([once(socket, 'drain'), once(socket, 'close'), sleep(1000)]).catch(() => {});

/** A vendor that never gets as far as a request: resets or ignores every connection, or does not listen at all. */
export async function startBrokenVendor(
  manner: 'reset' | 'ignore' | 'refuse',
): Promise<{ readonly url: string; readonly port: number; connections(): number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  let count = 0;
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    count++;
    sockets.add(socket);
    socket.on('error', () => {}).once('close', () => sockets.delete(socket));
    if (manner === 'reset') socket.resetAndDestroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    forget();
    for (const socket of sockets) socket.destroy();
    if (server.listening) await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  const forget = endAfterFile(close);
  if (manner === 'refuse') await close();
  return { url: `http://127.0.0.1:${port}`, port, connections: () => count, close };
}
