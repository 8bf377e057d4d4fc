/**
 * The HTTP edge as a Koa application: takes a lease on the current
 * generation, finds the route, identifies the caller, hands over.
 *
 * Koa's context ends here. What follows works on Node's request and response.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Principal, RutterError } from '@rutter/plugin-sdk';
import Koa from 'koa';
import { Facts } from '../pipeline/facts.ts';
import type { RequestPath } from '../pipeline/path.ts';
import { sendError } from './envelope.ts';
import type { IdempotentReplies } from './idempotency.ts';
import { identify, permit } from './identify.ts';
import { serveModelRoute } from './model-route.ts';
import { servePlainRoute } from './plain-route.ts';
import type { Holdable } from './gateway.ts';
import type { FoundRoute } from './routes.ts';

export interface AppOptions {
  current(): Holdable;
  isDraining(): boolean;
  readonly idempotency: IdempotentReplies;
  readonly log: { error(fields: Record<string, unknown>, message: string): void };
}

/** Requests being served; streams count until their socket is closed. */
export class Admission {
  active = 0;
  /** Refuses beyond the bound; health probes are asked elsewhere. */
  admit(most: number | undefined): void {
    if (most !== undefined && this.active >= most) throw new RutterError('ERR_LIMIT_OVERLOADED', `The gateway serves ${most} requests already.`, { expose: true, retryAfterMs: 1000 });
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
  app.silent = true;
  return { app, admission };
}

async function handle(options: AppOptions, admission: Admission, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const generation = options.current();
  const lease = generation.lease();
  const { path, routes } = generation.path;
  const target = request.url ?? '/';
  const mark = target.indexOf('?');
  const pathname = mark < 0 ? target : target.slice(0, mark);
  const facts = new Facts({ method: request.method ?? 'GET', path: pathname, headers: request.headers, on: path });
  let isCounted = false;
  try {
    if (options.isDraining()) response.setHeader('connection', 'close');
    const found = routes.find(facts.method, pathname);
    if (!isProbe(found)) {
      admission.admit(path.configuration.kernel.maxConcurrentRequests);
      isCounted = true;
    }
    const query = mark < 0 ? undefined : readQuery(target.slice(mark + 1));
    const waiting = admit(path, facts, found, query);
    if (waiting) await waiting;
    await dispatch(options, { request, response, facts, path, found, query });
  } catch (thrown) {
    const error = RutterError.from(thrown);
    if (error.code === 'ERR_KERNEL_INTERNAL') options.log.error({ requestId: facts.id, err: thrown }, 'request failed');
    sendError(response, error, facts.id);
    if (!request.complete) request.unpipe().resume();
  } finally {
    if (isCounted) admission.active--;
    lease.release();
  }
}

const isProbe = ({ route, owner }: FoundRoute) => owner === 'kernel' && route.permission === 'public';

function readQuery(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(new URLSearchParams(text));
}

/** Identifies and permits; a promise only where a guard needs one. */
function admit(path: RequestPath, facts: Facts, { route }: FoundRoute, query: Readonly<Record<string, string>> | undefined): Promise<void> | undefined {
  if (route.permission === 'public') return undefined;
  const finish = (principal: Principal) => {
    facts.principal = principal;
    permit(principal, route.permission);
  };
  const found = identify(path, facts, facts.path.startsWith('/v1beta/') ? query?.key : undefined);
  if (found instanceof Promise) return found.then(finish);
  finish(found);
  return undefined;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly facts: Facts;
  readonly path: RequestPath;
  readonly found: FoundRoute;
  readonly query: Readonly<Record<string, string>> | undefined;
}

async function dispatch(options: AppOptions, exchange: Exchange): Promise<void> {
  const { request, response, facts, path, found, query = {} } = exchange;
  const { route, owner, params } = found;
  if (route.mode === 'upgrade') throw new RutterError('ERR_REQUEST_METHOD', `${facts.path} takes WebSocket connections only.`, { headers: { upgrade: 'websocket' } });
  if (route.mode !== 'model') return servePlainRoute({ request, response, facts, path, route, owner, params, query });
  const key = facts.rawHeader('idempotency-key');
  if (key !== undefined) return options.idempotency.serve(key, { request, response, facts, path }, () => serveModelRoute({ request, response, facts, path, route, params }));
  return serveModelRoute({ request, response, facts, path, route, params });
}
