/**
 * A simulated vendor at the socket: an HTTP server on this machine that
 * records what it is asked and answers, or fails to, as a script says.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { endAfterFile } from './leftovers.ts';
import { until } from './until.ts';

export interface VendorRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
  /** All of it, or nothing where bodies are only counted. */
  readonly body: Buffer;
  /** Undefined when the body is no JSON object. */
  readonly json: Readonly<Record<string, unknown>> | undefined;
  readonly bodyBytes: number;
  /** SHA-256 of the body, lower-case hex. */
  readonly bodyDigest: string;
  /** `performance.now()` at its head. */
  readonly at: number;
  /** When the caller closed the connection before the answer was complete. */
  readonly abortedAt: number | undefined;
  /** Resolves when the answer is complete or the connection is closed. */
  readonly closed: Promise<void>;
}

/** One request with the means to answer it, well or badly. */
export interface VendorExchange {
  readonly request: VendorRequest;
  readonly response: ServerResponse;
  readonly incoming: IncomingMessage;
  readonly socket: Socket;
  /** Counts the requests of this vendor from 0. */
  readonly index: number;
}

export type VendorHandler = (exchange: VendorExchange) => unknown;

export interface VendorOptions {
  /** `keep` (when absent) and `count` read the body before the handler runs; `leave` leaves it unread. */
  readonly bodies?: 'keep' | 'count' | 'leave';
}

export interface Vendor {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly port: number;
  /** In the order of their heads; bodies may still be on their way. */
  readonly requests: readonly VendorRequest[];
  /** Open connections, idle ones too. */
  connections(): number;
  /** Resolves with the requests when there are this many. */
  waitForRequests(count: number, ms?: number): Promise<readonly VendorRequest[]>;
  /** Answers by another script from the next request on. */
  use(script: VendorHandler | readonly VendorHandler[]): void;
  /** Closes every connection and stops listening. */
  close(): Promise<void>;
}

/** Starts a vendor. Of a list, each handler answers one request and the last all that follow. */
export async function startVendor(
  script: VendorHandler | readonly VendorHandler[],
  options: VendorOptions = {},
): Promise<Vendor> {
  const requests: VendorRequest[] = [];
  const sockets = new Set<Socket>();
  let pick = picker(script);
  let count = 0;
  const server = createServer({ requestTimeout: 0, headersTimeout: 0 }, (incoming, response) => {
    const recorded = new Recorded(incoming, response);
    requests.push(recorded);
    const index = count++;
    const handler = pick();
    void answer(handler, { request: recorded, response, incoming, socket: incoming.socket, index }, recorded, options);
  });
  server.keepAliveTimeout = 60_000;
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('clientError', (_error, socket) => socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    forget();
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  const forget = endAfterFile(close);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    close,
    connections: () => sockets.size,
    waitForRequests: (wanted, ms) =>
      until(`${wanted} requests at the vendor`, () => requests.length >= wanted && requests, ms),
    use(next) {
      pick = picker(next);
    },
  };
}

function picker(script: VendorHandler | readonly VendorHandler[]): () => VendorHandler {
  const handlers = typeof script === 'function' ? [script] : [...script];
  if (handlers.length === 0) throw new Error('A script without a handler answers nothing.');
  let next = 0;
  return () => handlers[Math.min(next++, handlers.length - 1)] as VendorHandler;
}

async function answer(
  handler: VendorHandler,
  exchange: VendorExchange,
  recorded: Recorded,
  { bodies = 'keep' }: VendorOptions,
): Promise<void> {
  try {
    if (bodies !== 'leave') await recorded.read(bodies === 'keep');
    await handler(exchange);
  } catch (error) {
    if (exchange.socket.destroyed) return;
    // A fault of the script must be seen by the test, not taken for the vendor's silence.
    const text = JSON.stringify({
      error: { message: `The simulated vendor failed: ${(error as Error).stack}`, type: 'test_error' },
    });
    if (!exchange.response.headersSent) exchange.response.writeHead(599, { 'content-type': 'application/json' });
    exchange.response.end(text);
  }
}

class Recorded implements VendorRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly at = performance.now();
  readonly closed: Promise<void>;
  abortedAt: number | undefined;
  body: Buffer = Buffer.alloc(0);
  bodyBytes = 0;
  readonly #hash = createHash('sha256');
  readonly #incoming: IncomingMessage;
  #digest: string | undefined;
  #json: Readonly<Record<string, unknown>> | undefined | null = null;

  constructor(incoming: IncomingMessage, response: ServerResponse) {
    this.#incoming = incoming;
    this.method = incoming.method ?? '';
    this.path = incoming.url ?? '';
    this.headers = incoming.headers;
    this.rawHeaders = incoming.rawHeaders;
    this.closed = new Promise((resolve) => {
      response.once('close', () => {
        if (!response.writableFinished) this.abortedAt = performance.now();
        resolve();
      });
    });
  }

  async read(isKept: boolean): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.#incoming as AsyncIterable<Buffer>) {
      this.bodyBytes += chunk.length;
      this.#hash.update(chunk);
      if (isKept) chunks.push(chunk);
    }
    this.body = Buffer.concat(chunks);
    this.#json = null;
  }

  get bodyDigest(): string {
    this.#digest ??= this.#hash.digest('hex');
    return this.#digest;
  }

  get json(): Readonly<Record<string, unknown>> | undefined {
    if (this.#json === null) this.#json = objectIn(this.body);
    return this.#json;
  }
}

function objectIn(body: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
