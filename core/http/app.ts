/**
 * The HTTP edge as a Koa application: takes a lease on the current
 * generation, finds the route, identifies the caller, hands over.
 *
 * Koa's context ends here. What follows works on Node's request and response.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { RutterError } from '@rutter/plugin-sdk';
import Koa from 'koa';
import { Facts } from '../pipeline/facts.ts';
import type { RequestPath } from '../pipeline/path.ts';
import { admit } from './admit.ts';
import { originForm } from './check-head.ts';
import { exposed, sendError } from './envelope.ts';
import type { Holdable } from './holdable.ts';
import type { IdempotentReplies } from './idempotency.ts';
import { bodyLimits, serveModelRoute } from './model-route.ts';
import { servePlainRoute } from './plain-route.ts';
import { discardRest } from './read-body.ts';
import type { FoundRoute } from './routes.ts';

export interface AppOptions {
  /** The generation that is to serve a request with these headers. */
  current(headers: IncomingHttpHeaders): Holdable;
  isDraining(): boolean;
  readonly idempotency: IdempotentReplies;
  readonly log: { error(fields: Record<string, unknown>, message: string): void };
}

/** Requests being served; streams count until their socket is closed. */
export class Admission {
  active = 0;
  /** Refuses beyond the bound; health probes are asked elsewhere. */
  admit(most: number | undefined): void {
    if (most !== undefined && this.active >= most)
      throw new RutterError('ERR_LIMIT_OVERLOADED', `The gateway serves ${most} requests already.`, {
        expose: true,
        retryAfterMs: 1000,
      });
    this.active++;
  }
}

export function createApp(options: AppOptions): { readonly app: Koa; readonly admission: Admission } {
  const app = new Koa();
  const admission = new Admission();
  app.use((ctx) => {
    ctx.respond = false;
    return handle(options, admission, ctx.req, ctx.res);
  });
  // Koa's own would watch the response and answer in the context's stead; nothing is left to it here.
  const answering = { handleRequest: (context: Koa.Context, run: (context: Koa.Context) => unknown) => run(context) };
  Object.assign(app, answering);
  app.silent = true;
  return { app, admission };
}

async function handle(
  options: AppOptions,
  admission: Admission,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let generation: Holdable;
  try {
    generation = options.current(request.headers);
  } catch (thrown) {
    sendError(response, RutterError.from(thrown), randomUUID());
    return discardRest(request, 0);
  }
  const lease = generation.lease();
  const { path } = generation.path;
  const { pathname, search } = splitTarget(originForm(request.url ?? '/'));
  const facts = new Facts({ method: request.method ?? 'GET', path: pathname, headers: request.headers, on: path });
  const entry: Entry = { request, response, facts, path, found: undefined };
  let isCounted = false;
  try {
    if (options.isDraining()) response.setHeader('connection', 'close');
    const found = generation.path.routes.find(facts.method, pathname);
    entry.found = found;
    if (!isProbe(found)) {
      admission.admit(path.configuration.kernel.maxConcurrentRequests);
      isCounted = true;
    }
    const query = search === undefined ? undefined : readQuery(search);
    const waiting = admit({ facts, route: found.route, remoteAddress: request.socket.remoteAddress }, path, query);
    if (waiting) await waiting;
    await dispatch(options, { request, response, facts, path, found, query });
  } catch (thrown) {
    answerFailure(options, entry, RutterError.from(thrown));
  } finally {
    if (isCounted) admission.active--;
    lease.release();
  }
}

function splitTarget(target: string): { readonly pathname: string; readonly search: string | undefined } {
  const mark = target.indexOf('?');
  return mark < 0
    ? { pathname: target, search: undefined }
    : { pathname: target.slice(0, mark), search: target.slice(mark + 1) };
}

interface Entry {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly facts: Facts;
  readonly path: RequestPath;
  found: FoundRoute | undefined;
}

/** In the route's own dialect where it has one: its clients read no other envelope. */
function answerFailure(
  options: AppOptions,
  { request, response, facts, path, found }: Entry,
  error: RutterError,
): void {
  if (error.code === 'ERR_KERNEL_INTERNAL') options.log.error({ requestId: facts.id, err: error }, 'request failed');
  const dialect = found?.route.mode === 'model' ? path.dialects.get(found.route.dialect) : undefined;
  sendError(response, error, facts.id, dialect?.failure(exposed(error)));
  discardRest(request, path.configuration.kernel.bodyTimeoutMs);
}

const isProbe = ({ route, owner }: FoundRoute) => owner === 'kernel' && route.permission === 'public';

function readQuery(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(new URLSearchParams(text));
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly facts: Facts;
  readonly path: RequestPath;
  readonly found: FoundRoute;
  readonly query: Readonly<Record<string, string>> | undefined;
}

function dispatch(options: AppOptions, exchange: Exchange): Promise<unknown> {
  const { request, response, facts, path, found, query = {} } = exchange;
  const { route, owner, params } = found;
  if (route.mode === 'upgrade')
    throw new RutterError('ERR_REQUEST_METHOD', `${facts.path} takes WebSocket connections only.`, {
      headers: { upgrade: 'websocket' },
    });
  if (route.mode !== 'model') return servePlainRoute({ request, response, facts, path, route, owner, params, query });
  const key = facts.rawHeader('idempotency-key');
  const run = () => serveModelRoute({ request, response, facts, path, route, params, log: options.log });
  if (key === undefined) return run();
  return options.idempotency.serve(key, { request, response, facts, path, limits: bodyLimits(path, route) }, run);
}
