/** The kernel's own routes: probes, real health, composition, reload. */
import { type HandlerRoute, type RouteReply, RutterError } from '@rutter/plugin-sdk';
import type { RequestPath } from '../pipeline/path.ts';
import { checkDeployments, healthReply } from './health.ts';
import type { HealthWatch } from './health-watch.ts';
import { type ReloadParts, reloadRoutes } from './reload-routes.ts';
import { countTokens } from './token-counter.ts';
import { transformRequest } from './transform-request.ts';

export interface AdminParts extends ReloadParts {
  readonly version: string;
  path(): RequestPath;
  readonly health: HealthWatch;
  isDraining(): boolean;
  plugins(): unknown;
  routes(): unknown;
  /** Forgives a plugin in the sandbox; the names of the instances that had been quarantined. */
  release(name: string): readonly string[];
}

type Handler = HandlerRoute['handler'];

const get = (path: string, permission: string, handler: Handler): HandlerRoute => ({
  method: 'GET',
  path,
  mode: 'json',
  permission,
  handler,
});
const post = (path: string, permission: string, handler: Handler): HandlerRoute => ({
  method: 'POST',
  path,
  mode: 'json',
  permission,
  handler,
});

export function kernelRoutes(parts: AdminParts): HandlerRoute[] {
  const alive: Handler = () => ({ body: { status: 'alive', service: 'rutter' } });
  const liveliness: Handler = () => ({ headers: { 'content-type': 'application/json' }, body: '"I\'m alive!"' });
  const ready: Handler = () => readiness(parts);
  const release: Handler = ({ params }) => released(parts, params.name ?? '');
  return [
    get('/_health/live', 'public', alive),
    get('/health/liveliness', 'public', liveliness),
    get('/health/liveness', 'public', liveliness),
    get('/_health/ready', 'public', ready),
    get('/health/readiness', 'public', ready),
    get('/health', 'health.read', ({ query, context }) => health(parts, query.model, context.signal)),
    post('/utils/transform_request', 'admin.read', transformRequest),
    post('/utils/token_counter', 'model.call', countTokens),
    get('/admin/plugins', 'admin.read', () => ({ body: parts.plugins() as object })),
    post('/admin/plugins/:name/release', 'admin.write', release),
    get('/routes', 'admin.read', () => ({ body: { routes: parts.routes() } })),
    ...reloadRoutes(parts),
  ];
}

/** 404 for a name that no instance has; an instance in-process has nothing to be released from. */
function released(parts: AdminParts, name: string): RouteReply {
  const found = parts.path().instances.find((instance) => instance.name === name);
  if (found === undefined)
    throw new RutterError('ERR_REQUEST_NOT_FOUND', `There is no plugin "${name}"; GET /admin/plugins lists them.`);
  const isReleased = parts.release(name).length > 0;
  return { body: { name, released: isReleased, state: found.sandbox?.state ?? 'running' } };
}

/** What was found last, where deployments are checked in the background; else each is called now. */
async function health(
  { path, health: watch }: AdminParts,
  only: string | undefined,
  signal: AbortSignal,
): Promise<RouteReply> {
  const current = path();
  const known = await watch.last;
  const checked =
    known?.filter(({ group, id }) => only === undefined || only === group || only === id) ??
    (await checkDeployments(current, { only, signal }));
  return { body: healthReply(checked, current.configuration.kernel.showsHealthDetails) };
}

const probeMs = 2000;

/** 503 while draining or when a service this composition needs is away; names, never details of it. */
async function readiness(parts: AdminParts): Promise<RouteReply> {
  const path = parts.path();
  const checks = await Promise.all(
    path.instances
      .filter(({ value }) => value.health)
      .map(async ({ name, value }) => {
        const failed = await Promise.race([
          Promise.resolve()
            .then(() => value.health?.())
            .then(
              () => undefined,
              (error: unknown) => RutterError.from(error).code,
            ),
          new Promise<string>((resolve) => setTimeout(() => resolve('ERR_PLUGIN_TIMEOUT'), probeMs).unref()),
        ]);
        return [name, failed ?? 'ok'] as const;
      }),
  );
  const isReady = !parts.isDraining() && checks.every(([, state]) => state === 'ok');
  return {
    status: isReady ? 200 : 503,
    body: {
      status: parts.isDraining() ? 'draining' : isReady ? 'ready' : 'degraded',
      generation: path.number,
      version: parts.version,
      checks: Object.fromEntries(checks),
      // A detail: a plugin that nobody vouches for cannot take the gateway out of service.
      ...sandboxed(path),
    },
  };
}

/** Plugins in the sandbox and in workers and how they are, where there are any. */
function sandboxed({ instances }: RequestPath): { readonly [key in 'sandbox' | 'workers']?: object } {
  const statesIn = (where: string) =>
    instances.flatMap(({ name, place, sandbox }) => (place === where && sandbox ? [[name, sandbox.state]] : []));
  const [sandbox, workers] = [statesIn('sandbox'), statesIn('worker')];
  return {
    ...(sandbox.length > 0 && { sandbox: Object.fromEntries(sandbox) }),
    ...(workers.length > 0 && { workers: Object.fromEntries(workers) }),
  };
}
