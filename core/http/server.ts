/**
 * The listening server: limits of the HTTP parser, WebSocket upgrades, and
 * the way it stops: no new connections, streams to their end, then gone.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { RutterError } from '@rutter/plugin-sdk';
import { headFault, maxHeadBytes, mostHeaders } from './check-head.ts';
import { drain } from './drain.ts';
import { sendError } from './envelope.ts';
import { discardRest } from './read-body.ts';
import { isRefused, refuse, refuseConnection, sendRefusal } from './refuse.ts';

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: { readonly key: string; readonly cert: string } | undefined;
  /** Several processes share the port; the system spreads connections. */
  readonly isShared: boolean;
}

const parserOptions = {
  maxHeaderSize: maxHeadBytes,
  // Slow heads end here; bodies have a deadline of their own.
  headersTimeout: 20_000,
  requestTimeout: 0,
  keepAliveTimeout: 75_000,
  connectionsCheckingInterval: 1_000,
  noDelay: true,
  insecureHTTPParser: false,
  // Node's own refusal has no body; see check-head.ts.
  requireHostHeader: false,
  // Offers of other protocols, such as h2c, are left aside, as RFC 9110 §7.8 has it.
  shouldUpgradeCallback: ({ headers }: IncomingMessage) => headers.upgrade?.toLowerCase() === 'websocket',
};
/** As long as for a head: until then a connection has shown nothing of what it wants. */
const handshakeTimeout = 20_000;

export interface GatewayServer {
  readonly port: number;
  /** Stops accepting, lets what runs finish for at most `ms`, then has it ended and closes everything. True when nothing was cut. */
  stop(ms: number, onLate: () => void): Promise<boolean>;
}

export interface ServerHandlers {
  request(request: IncomingMessage, response: ServerResponse): void;
  upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void;
  /** Requests and upgraded connections that are still going on. */
  active(): number;
}

/**
 * The response a socket is busy with, as Node notes it. A note of our own would
 * keep the last request of every idle connection in memory.
 */
const answeredOn = (socket: Socket) =>
  (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage ?? undefined;

export async function listen(options: ListenOptions, handlers: ServerHandlers): Promise<GatewayServer> {
  const server: Server = options.tls ? tlsServer(options.tls) : createServer(parserOptions);
  server.maxHeadersCount = mostHeaders;
  const begun = new WeakSet<Socket>();
  server.on('request', (request, response) => {
    const { socket } = request;
    if (isRefused(socket)) return;
    const fault = headFault(request);
    if (fault) {
      const current = answeredOn(socket);
      // A request that waits behind another must not be answered in its midst.
      refuseConnection(fault, socket, current === response ? undefined : current);
      return;
    }
    begun.add(socket);
    handlers.request(request, response);
  });
  server.on('upgrade', (request, socket: Socket, head) => {
    begun.delete(socket);
    handlers.upgrade(request, socket, head);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => refuse(error, socket, answeredOn(socket)));
  server.on('connect', (_request, socket: Socket) => sendRefusal(socket, noProxy));
  server.on('checkExpectation', (request, response) => {
    sendError(response, unknownExpectation(request.headers.expect), randomUUID());
    discardRest(request, 0);
  });
  const sockets = new Set<Socket>();
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  };
  server.on('connection', track).on('secureConnection', track);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(
      { port: options.port, host: options.host, backlog: 4096, ...(options.isShared ? { reusePort: true } : {}) },
      () => {
        server.off('error', reject);
        resolve();
      },
    );
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : options.port,
    stop: (ms, onLate) => drain({ server, sockets, begun, answeredOn, active: handlers.active, onLate }, ms),
  };
}

const noProxy = new RutterError('ERR_REQUEST_METHOD', 'CONNECT is not offered: this is no proxy.', {
  headers: { allow: 'GET, HEAD, POST' },
});

const unknownExpectation = (found = '') =>
  new RutterError(
    'ERR_REQUEST_INVALID',
    `Expect is ${JSON.stringify(found.slice(0, 64))}; expected 100-continue or nothing.`,
    { status: 417 },
  );

/** What OpenSSL says of a key or certificate names neither its text nor its file. */
function tlsServer({ key, cert }: NonNullable<ListenOptions['tls']>): Server {
  try {
    return createTlsServer({ ...parserOptions, handshakeTimeout, key, cert });
  } catch (error) {
    throw new RutterError(
      'ERR_CONFIG_INVALID',
      `The files of --ssl-keyfile and --ssl-certfile cannot be used: ${(error as Error).message}. Expected a private key in PEM and its certificate.`,
      { cause: error },
    );
  }
}
