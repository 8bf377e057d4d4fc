/**
 * The listening server: limits of the HTTP parser, WebSocket upgrades, and
 * the way it stops: no new connections, streams to their end, then gone.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { RutterError } from '@rutter/plugin-sdk';
import { openAiErrorEnvelope } from '@rutter/plugin-sdk/codecs';
import { drain } from './drain.ts';

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: { readonly key: string; readonly cert: string } | undefined;
  /** Several processes share the port; the system spreads connections. */
  readonly isShared: boolean;
}

const parserOptions = {
  maxHeaderSize: 32 * 1024,
  // Slow heads end here; bodies have a deadline of their own.
  headersTimeout: 20_000,
  requestTimeout: 0,
  keepAliveTimeout: 75_000,
  connectionsCheckingInterval: 5_000,
  noDelay: true,
};

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

export async function listen(options: ListenOptions, handlers: ServerHandlers): Promise<GatewayServer> {
  const server: Server = options.tls ? createTlsServer({ ...parserOptions, ...options.tls }) : createServer(parserOptions);
  server.maxHeadersCount = 200;
  server.on('request', handlers.request).on('upgrade', handlers.upgrade).on('clientError', refuse);
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: options.port, host: options.host, backlog: 4096, ...(options.isShared ? { reusePort: true } : {}) }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : options.port,
    stop: (ms, onLate) => drain({ server, sockets, active: handlers.active, onLate }, ms),
  };
}

/** What the parser refuses: bad syntax, smuggled lengths, too much head. The caller still gets an envelope. */
function refuse(error: NodeJS.ErrnoException, socket: Socket): void {
  if (socket.destroyed || !socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const [status, found] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? ([431, new RutterError('ERR_REQUEST_TOO_LARGE', 'The request head is larger than 32 KiB.', { status: 431 })] as const)
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ([408, new RutterError('ERR_REQUEST_TIMEOUT', 'The request head did not arrive in time.')] as const)
        : ([400, new RutterError('ERR_REQUEST_INVALID', 'The request is not valid HTTP/1.1.')] as const);
  const body = JSON.stringify(openAiErrorEnvelope(found));
  socket.end(`HTTP/1.1 ${status} ${status === 400 ? 'Bad Request' : status === 408 ? 'Request Timeout' : 'Request Header Fields Too Large'}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}
