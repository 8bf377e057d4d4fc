/** Routes whose handler answers: JSON, raw bytes, or a multipart form. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  type HandlerRoute,
  type MultipartRoute,
  type RouteReply,
  type RouteRequest,
  RutterError,
} from '@rutter/plugin-sdk';
import type { Facts } from '../pipeline/facts.ts';
import type { RequestPath } from '../pipeline/path.ts';
import { checkJsonType } from './body-type.ts';
import { sendError } from './envelope.ts';
import { parseJsonBody } from './json-body.ts';
import { formParts } from './multipart.ts';
import { discardRest, readBody, streamBody } from './read-body.ts';
import { faultOf } from './route-fault.ts';

export interface PlainExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly facts: Facts;
  readonly path: RequestPath;
  readonly route: HandlerRoute | MultipartRoute;
  /** Name of the instance whose route it is. */
  readonly owner: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
}

/** Never rejects: whatever goes wrong becomes an error reply or a closed socket. */
export async function servePlainRoute(exchange: PlainExchange): Promise<void> {
  const { request, response, facts, route } = exchange;
  const onClose = () => {
    if (!response.writableFinished) facts.abort(new RutterError('ERR_REQUEST_ABORTED', 'The client left.'));
  };
  response.once('close', onClose);
  exchange.path.active.add(facts);
  try {
    const asked = await routeRequest(exchange);
    const reply =
      route.mode === 'multipart'
        ? await route.handler(asked, formParts(request, asked.body))
        : await route.handler(asked);
    await sendReply(response, reply, facts, request.method === 'HEAD');
  } catch (thrown) {
    if (!facts.aborted) faultOf(exchange.path, exchange.owner, thrown);
    sendError(response, RutterError.from(thrown, 'ERR_PLUGIN_FAILED'), facts.id);
    discardRest(request, exchange.path.configuration.kernel.bodyTimeoutMs);
  } finally {
    exchange.path.active.delete(facts);
  }
}

async function routeRequest(exchange: PlainExchange): Promise<RouteRequest> {
  const { request, facts, path, route, params, query } = exchange;
  const { watchdog } = path.services;
  const { kernel } = path.configuration;
  const maxBytes = route.maxBodyBytes ?? (route.mode === 'json' ? kernel.maxRequestBytes : kernel.maxMultipartBytes);
  const limits = { maxBytes, timeoutMs: kernel.bodyTimeoutMs, watchdog };
  const common = { method: facts.method, path: facts.path, params, query, headers: facts.headers, context: facts };
  if (route.mode !== 'json') return { ...common, body: streamBody(request, limits), json: undefined };
  if (request.method === 'GET' || request.method === 'HEAD') return { ...common, body: once(none), json: undefined };
  checkJsonType(request.headers);
  const bytes = await readBody(request, limits);
  return { ...common, body: once(bytes), json: bytes.length === 0 ? undefined : parseJsonBody(bytes) };
}

const none = Buffer.alloc(0);

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}

async function sendReply(response: ServerResponse, reply: RouteReply, facts: Facts, isHead: boolean): Promise<void> {
  const { status = 200, body } = reply;
  const headers: Record<string, string> = { 'x-request-id': facts.id, ...reply.headers };
  if (body !== undefined && typeof body === 'object' && !(body instanceof Uint8Array) && Symbol.asyncIterator in body) {
    response.writeHead(status, headers);
    await pipeline(Readable.from(body as AsyncIterable<Uint8Array | string>), response);
    return;
  }
  if (body !== undefined && typeof body === 'object' && !(body instanceof Uint8Array))
    headers['content-type'] ??= 'application/json';
  const bytes =
    body === undefined
      ? Buffer.alloc(0)
      : body instanceof Uint8Array
        ? body
        : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  headers['content-length'] = String(bytes.length);
  response.writeHead(status, headers);
  response.end(isHead ? undefined : bytes);
}
