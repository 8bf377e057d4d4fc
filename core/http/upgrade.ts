/** WebSocket routes: the handshake, then messages as plain values. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { type RouteRequest, type RouteSocket, RutterError, type UpgradeRoute } from '@rutter/plugin-sdk';
import { openAiErrorEnvelope } from '@rutter/plugin-sdk/codecs';
import { type WebSocket, WebSocketServer } from 'ws';
import { Facts } from '../pipeline/facts.ts';
import type { RequestPath } from '../pipeline/path.ts';
import { admit } from './admit.ts';
import { exposed } from './envelope.ts';
import type { Holdable } from './holdable.ts';
import { faultOf } from './route-fault.ts';
import { SocketMessages } from './socket-messages.ts';

const maxMessageBytes = 16 * 1024 * 1024;
/** A client that answers none of three pings in a row is gone, or has stopped reading. */
const pingMs = 30_000;
const mostUnanswered = 3;
const closeMs = 5000;
const keyProtocol = /^openai-insecure-api-key\.(.+)$/;

export class Upgrades {
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: maxMessageBytes,
    handleProtocols: (offered, request) => agreed(offered, this.#routes.get(request)?.subprotocols) ?? false,
  });
  readonly #current: (headers: IncomingHttpHeaders) => Holdable;
  readonly #open = new Set<WebSocket>();
  readonly #routes = new WeakMap<IncomingMessage, UpgradeRoute>();

  constructor(current: (headers: IncomingHttpHeaders) => Holdable) {
    this.#current = current;
  }

  get active(): number {
    return this.#open.size;
  }

  /** Never throws: a refused handshake is answered and closed. */
  async accept(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy());
    let release = () => {};
    try {
      const headers = withProtocolKey(request.headers);
      const generation = this.#current(headers);
      const lease = generation.lease();
      release = () => lease.release();
      const { path, routes } = generation.path;
      const url = URL.parse(request.url ?? '/', 'http://gateway');
      if (!url) throw new RutterError('ERR_REQUEST_INVALID', 'The address cannot be read.');
      const facts = new Facts({ method: 'GET', path: url.pathname, headers, on: path });
      const { route, owner, params } = routes.find('GET', url.pathname);
      if (route.mode !== 'upgrade')
        throw new RutterError('ERR_REQUEST_INVALID', `${url.pathname.slice(0, 128)} takes no WebSocket connections.`);
      await admit({ facts, route, remoteAddress: request.socket.remoteAddress }, path, undefined);
      await this.#serve({
        request,
        socket,
        head,
        facts,
        path,
        route,
        owner,
        params,
        query: Object.fromEntries(url.searchParams),
      });
    } catch (thrown) {
      refuse(socket, RutterError.from(thrown));
    } finally {
      release();
    }
  }

  async #serve(exchange: UpgradeExchange): Promise<void> {
    const { request, facts, path, route } = exchange;
    this.#routes.set(request, route);
    const client = await this.#shakeHands(exchange);
    if (!client) return;
    this.#open.add(client);
    const hold = {
      place: -1,
      abort(reason: RutterError) {
        facts.abort(reason);
        client.close(1001, 'the gateway was changed');
      },
    };
    path.active.add(hold);
    const stopPings = keepAlive(client);
    client.once('close', () => {
      this.#open.delete(client);
      path.active.delete(hold);
      stopPings();
      facts.abort(new RutterError('ERR_REQUEST_ABORTED', 'The client closed the connection.'));
    });
    await run(exchange, client);
    await closed(client);
  }

  /** Undefined when the handshake itself is wrong: ws has answered it then. */
  #shakeHands({ request, socket, head }: UpgradeExchange): Promise<WebSocket | undefined> {
    return new Promise((resolve) => {
      if (socket.destroyed) resolve(undefined);
      socket.once('close', () => resolve(undefined));
      this.#server.handleUpgrade(request, socket, head, resolve);
    });
  }

  /** Tells every client that the gateway goes away (RFC 6455 §7.4.1, 1001). */
  closeAll(): void {
    for (const client of this.#open) {
      client.resume();
      client.close(1001, 'the gateway is stopping');
    }
  }
}

/** A browser that offers subprotocols and sees none agreed on gives up, so a route that names none takes any but the key. */
function agreed(offered: ReadonlySet<string>, own: readonly string[] | undefined): string | undefined {
  return own ? own.find((name) => offered.has(name)) : [...offered].find((name) => !keyProtocol.test(name));
}

interface UpgradeExchange {
  readonly request: IncomingMessage;
  readonly socket: Socket;
  readonly head: Buffer;
  readonly facts: Facts;
  readonly path: RequestPath;
  readonly route: UpgradeRoute;
  readonly owner: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
}

function refuse(socket: Socket, error: RutterError): void {
  if (socket.destroyed) return;
  const body = JSON.stringify(openAiErrorEnvelope(exposed(error)));
  const more = Object.entries(error.headers ?? {}).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(
    `HTTP/1.1 ${error.status} Refused\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${more.join('')}\r\n${body}`,
  );
}

/** Runs the handler to its end; what it throws closes the connection. */
async function run({ facts, path, route, owner, params, query }: UpgradeExchange, client: WebSocket): Promise<void> {
  const messages = new SocketMessages(client);
  const asked: RouteRequest = {
    method: 'GET',
    path: facts.path,
    params,
    query,
    headers: facts.headers,
    body: nothing(),
    json: undefined,
    context: facts,
  };
  try {
    await route.handler(asked, socketOf(client, messages));
    client.close(1000);
  } catch (thrown) {
    // A client that has left makes the handler's next message fail: that is no fault of the plugin.
    if (!facts.aborted) faultOf(path, owner, thrown);
    const error = RutterError.from(thrown, 'ERR_PLUGIN_FAILED');
    client.close(
      error.status === 401 || error.status === 403 ? 1008 : 1011,
      error.expose ? reasonOf(error.message) : 'internal error',
    );
  }
  messages.drop();
}

/** A close frame holds at most 123 bytes of reason. */
const reasonOf = (message: string) =>
  Buffer.from(message)
    .subarray(0, 120)
    .toString('utf8')
    .replace(/\uFFFD+$/, '');

/** Browsers cannot set headers on a WebSocket: the key may come as a subprotocol. */
function withProtocolKey(headers: IncomingMessage['headers']): IncomingMessage['headers'] {
  const offered = headers['sec-websocket-protocol']?.split(',').map((name) => name.trim()) ?? [];
  const key = offered.map((name) => keyProtocol.exec(name)?.[1]).find(Boolean);
  return key === undefined || headers.authorization ? headers : { ...headers, authorization: `Bearer ${key}` };
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

function keepAlive(client: WebSocket): () => void {
  let unanswered = 0;
  const answered = () => {
    unanswered = 0;
  };
  client.on('pong', answered).on('message', answered);
  const timer = setInterval(() => {
    // While we read nothing ourselves, no answer could be seen.
    if (client.isPaused) return;
    if (unanswered >= mostUnanswered) client.terminate();
    unanswered++;
    client.ping();
  }, pingMs);
  return () => clearInterval(timer);
}

async function closed(client: WebSocket): Promise<void> {
  if (client.readyState === client.CLOSED) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => client.terminate(), closeMs);
    client.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function socketOf(client: WebSocket, messages: SocketMessages): RouteSocket {
  return {
    protocol: client.protocol,
    messages,
    send: (message) =>
      new Promise((resolve, reject) =>
        client.send(message, (error) =>
          error
            ? reject(new RutterError('ERR_REQUEST_ABORTED', 'The client closed the connection.', { cause: error }))
            : resolve(),
        ),
      ),
    close: (code, reason) => client.close(code ?? 1000, reason),
  };
}
