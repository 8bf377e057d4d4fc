/** WebSocket routes: the handshake, then messages as plain values. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { type RouteRequest, type RouteSocket, RutterError, type UpgradeRoute } from '@rutter/plugin-sdk';
import { type WebSocket, WebSocketServer } from 'ws';
import { Facts } from '../pipeline/facts.ts';
import type { Holdable } from './gateway.ts';
import { identify, permit } from './identify.ts';

const maxMessageBytes = 16 * 1024 * 1024;
/** Most messages that wait for their reader before the sender is made to wait. */
const queueLimit = 64;
const keyProtocol = /^openai-insecure-api-key\.(.+)$/;

export class Upgrades {
  readonly #server = new WebSocketServer({ noServer: true, maxPayload: maxMessageBytes, handleProtocols: (offered) => [...offered].find((name) => !keyProtocol.test(name)) ?? false });
  readonly #current: () => Holdable;
  readonly #open = new Set<WebSocket>();

  constructor(current: () => Holdable) {
    this.#current = current;
  }

  get active(): number {
    return this.#open.size;
  }

  /** Never throws: a refused handshake is answered and closed. */
  async accept(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    const generation = this.#current();
    const lease = generation.lease();
    const { path, routes } = generation.path;
    socket.on('error', () => socket.destroy());
    try {
      const url = new URL(request.url ?? '/', 'http://gateway');
      const headers = withProtocolKey(request.headers);
      const facts = new Facts({ method: 'GET', path: url.pathname, headers, on: path });
      const { route, params } = routes.find('GET', url.pathname);
      if (route.mode !== 'upgrade') throw new RutterError('ERR_REQUEST_INVALID', `${url.pathname.slice(0, 128)} takes no WebSocket connections.`);
      if (route.permission !== 'public') {
        facts.principal = await identify(path, facts);
        permit(facts.principal, route.permission);
      }
      await this.#serve({ request, socket, head, facts, route, params, query: Object.fromEntries(url.searchParams) });
    } catch (thrown) {
      const error = RutterError.from(thrown);
      if (!socket.destroyed) socket.end(`HTTP/1.1 ${error.status} Refused\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
    } finally {
      lease.release();
    }
  }

  async #serve(exchange: UpgradeExchange): Promise<void> {
    const { request, socket, head, facts, route } = exchange;
    const client = await new Promise<WebSocket>((resolve) => this.#server.handleUpgrade(request, socket, head, resolve));
    this.#open.add(client);
    client.once('close', () => {
      this.#open.delete(client);
      facts.abort(new RutterError('ERR_REQUEST_ABORTED', 'The client closed the connection.'));
    });
    const asked: RouteRequest = { method: 'GET', path: facts.path, params: exchange.params, query: exchange.query, headers: facts.headers, body: nothing(), json: undefined, context: facts };
    try {
      await route.handler(asked, socketOf(client));
      client.close(1000);
    } catch (thrown) {
      const error = RutterError.from(thrown, 'ERR_PLUGIN_FAILED');
      client.close(error.status === 401 || error.status === 403 ? 1008 : 1011, error.expose ? error.message.slice(0, 100) : 'internal error');
    }
    await closed(client);
  }

  /** Tells every client that the gateway goes away (RFC 6455 §7.4.1, 1001). */
  closeAll(): void {
    for (const client of this.#open) client.close(1001, 'the gateway is stopping');
  }
}

interface UpgradeExchange {
  readonly request: IncomingMessage;
  readonly socket: Socket;
  readonly head: Buffer;
  readonly facts: Facts;
  readonly route: UpgradeRoute;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
}

/** Browsers cannot set headers on a WebSocket: the key may come as a subprotocol. */
function withProtocolKey(headers: IncomingMessage['headers']): IncomingMessage['headers'] {
  const offered = headers['sec-websocket-protocol']?.split(',').map((name) => name.trim()) ?? [];
  const key = offered.map((name) => keyProtocol.exec(name)?.[1]).find(Boolean);
  return key === undefined || headers.authorization ? headers : { ...headers, authorization: `Bearer ${key}` };
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function closed(client: WebSocket): Promise<void> {
  if (client.readyState === client.CLOSED) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => client.terminate(), 5000);
    client.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function socketOf(client: WebSocket): RouteSocket {
  return {
    messages: messages(client),
    send: (message) => new Promise((resolve, reject) => client.send(message, (error) => (error ? reject(new RutterError('ERR_REQUEST_ABORTED', 'The client closed the connection.', { cause: error })) : resolve()))),
    close: (code, reason) => client.close(code ?? 1000, reason),
  };
}

async function* messages(client: WebSocket): AsyncGenerator<string | Uint8Array> {
  const queue: (string | Uint8Array)[] = [];
  let wake: (() => void) | undefined;
  let isClosed = client.readyState >= client.CLOSING;
  const signal = () => {
    wake?.();
    wake = undefined;
  };
  client.on('message', (data, isBinary) => {
    const bytes = data as Buffer;
    queue.push(isBinary ? bytes : bytes.toString('utf8'));
    if (queue.length >= queueLimit) client.pause();
    signal();
  });
  client.once('close', () => {
    isClosed = true;
    signal();
  });
  for (;;) {
    const next = queue.shift();
    if (next !== undefined) {
      if (client.isPaused) client.resume();
      yield next;
    } else if (isClosed) return;
    else
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  }
}
