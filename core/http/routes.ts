/**
 * The routes of one generation: plugins' and the kernel's own. Plain paths are
 * found by one look-up; paths with parameters go through @koa/router.
 */
import Router from '@koa/router';
import { type Route, RutterError } from '@rutter/plugin-sdk';
import type { Context } from 'koa';

/** A route and whose it is. */
export interface MountedRoute {
  readonly route: Route;
  /** Instance name, or `kernel`. */
  readonly owner: string;
}

export interface FoundRoute extends MountedRoute {
  readonly params: Readonly<Record<string, string>>;
}

const none: Readonly<Record<string, string>> = Object.freeze({});

export class RouteTable {
  readonly #plain = new Map<string, FoundRoute>();
  readonly #paths = new Set<string>();
  readonly #router = new Router();
  readonly #mounted: readonly MountedRoute[];

  constructor(mounted: readonly MountedRoute[]) {
    this.#mounted = mounted;
    for (const one of mounted) {
      const { method, path } = one.route;
      if (path.includes(':') || path.includes('*')) {
        this.#router.register(path.replace(/\*(\w+)$/, '{*$1}'), [method], [
          (ctx: Context) => {
            (ctx.state as { found?: MountedRoute }).found = one;
          },
        ] as never);
        continue;
      }
      const key = `${method} ${path}`;
      const other = this.#plain.get(key);
      if (other)
        throw new RutterError(
          'ERR_CONFIG_CONFLICT',
          `Both ${other.owner} and ${one.owner} offer ${key}; expected one of them.`,
        );
      this.#plain.set(key, { ...one, params: none });
      this.#paths.add(path);
    }
  }

  /** Throws ERR_REQUEST_NOT_FOUND, or ERR_REQUEST_METHOD where the path exists. */
  find(method: string, path: string): FoundRoute {
    const plain =
      this.#plain.get(`${method} ${path}`) ?? (method === 'HEAD' ? this.#plain.get(`GET ${path}`) : undefined);
    if (plain) return plain;
    const matched = this.#router.match(path, method);
    const layer = matched.pathAndMethod[0];
    if (layer && matched.route) {
      const probe = { state: {} as { found?: MountedRoute } };
      (layer.stack.at(-1) as unknown as (ctx: unknown) => void)(probe);
      const params = layer.params(path, layer.captures(path)) as Record<string, string>;
      if (probe.state.found) return { ...probe.state.found, params };
    }
    const trimmed = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : undefined;
    if (trimmed && this.#plain.has(`${method} ${trimmed}`))
      return this.#plain.get(`${method} ${trimmed}`) as FoundRoute;
    if (this.#paths.has(path) || matched.path.length > 0)
      throw notOffered(method, path, this.#methodsAt(path, matched.path));
    throw new RutterError('ERR_REQUEST_NOT_FOUND', `Nothing is served at ${method} ${path.slice(0, 256)}.`);
  }

  #methodsAt(path: string, layers: readonly { readonly methods: readonly string[] }[]): string {
    const methods = new Set(layers.flatMap((layer) => layer.methods));
    for (const { route } of this.#mounted) if (route.path === path) methods.add(route.method);
    if (methods.has('GET')) methods.add('HEAD');
    return [...methods].sort().join(', ');
  }

  /** Every route with its permission, for `GET /routes` and the authorisation tests. */
  list(): readonly { method: string; path: string; mode: string; permission: string; owner: string }[] {
    return this.#mounted.map(({ route, owner }) => ({
      method: route.method,
      path: route.path,
      mode: route.mode,
      permission: route.permission,
      owner,
    }));
  }
}

/** RFC 9110 §15.5.6: a 405 says what would have been right. */
const notOffered = (method: string, path: string, allow: string) =>
  new RutterError('ERR_REQUEST_METHOD', `${method} is not offered at ${path.slice(0, 256)}; expected ${allow}.`, {
    headers: { allow },
  });
