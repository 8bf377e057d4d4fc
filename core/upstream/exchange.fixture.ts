/** Servers on this machine and a listener that writes down what it hears, for tests of exchanges. */
import { EventEmitter, once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net';
import type { RutterError } from '@rutter/plugin-sdk';
import { Upstream, type UpstreamOptions } from './exchange.ts';
import type { Exchange, ExchangeListener, ExchangeRequest } from './types.ts';

/** Writes down what it hears. */
export class Recorder extends EventEmitter implements ExchangeListener {
  status = 0;
  headers: Readonly<Record<string, string>> = {};
  readonly calls: string[] = [];
  readonly chunks: Buffer[] = [];
  received = 0;
  error: RutterError | undefined;
  keepsBytes = true;

  onHead(status: number, headers: Readonly<Record<string, string>>): void {
    this.calls.push('head');
    this.status = status;
    this.headers = headers;
    this.emit('head');
  }

  onData(chunk: Buffer): void {
    if (this.calls.at(-1) !== 'data') this.calls.push('data');
    this.received += chunk.length;
    if (this.keepsBytes) this.chunks.push(chunk);
    this.emit('data');
  }

  onEnd(): void {
    this.calls.push('end');
    this.emit('over');
  }

  onError(error: Error): void {
    this.calls.push('error');
    this.error = error as RutterError;
    this.emit('over');
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }
}

const cleanups: (() => unknown)[] = [];

/** For `afterEach`: closes what the functions below have opened, last first. */
export async function closeAll(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
}

export function upstreamWith(options: UpstreamOptions = {}): Upstream {
  const upstream = new Upstream(options);
  cleanups.push(() => upstream.close(0));
  return upstream;
}

export async function listen(server: Server | TcpServer): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => {
    if ('closeAllConnections' in server) server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export const serveHttp = (handler: RequestListener): Promise<string> => listen(createServer(handler));

export const serveTcp = (handler: (socket: Socket) => void): Promise<string> =>
  listen(
    createTcpServer((socket) => {
      socket.on('error', () => {});
      handler(socket);
    }),
  );

export function start(
  upstream: Upstream,
  url: string,
  change: Partial<ExchangeRequest> = {},
): { heard: Recorder; exchange: Exchange } {
  const heard = new Recorder();
  const request = {
    url,
    method: 'POST',
    headers: {},
    body: '{}',
    connectTimeoutMs: 2000,
    maxReplyBytes: 1 << 20,
    guarded: false,
  };
  return { heard, exchange: upstream.exchange({ ...request, ...change }, heard) };
}

export async function run(upstream: Upstream, url: string, change: Partial<ExchangeRequest> = {}): Promise<Recorder> {
  const { heard } = start(upstream, url, change);
  await once(heard, 'over');
  return heard;
}

export const okReply = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
