/** Whether the routes of a composition can be mounted: each is well formed, and none stands twice. */
import { type Dialect, type Route, RutterError } from '@rutter/plugin-sdk';
import { BuildFault } from '../plugins/build-fault.ts';
import type { MountedRoute } from './routes.ts';

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
const modes = ['json', 'raw', 'multipart', 'upgrade', 'model'];
const pathForm = /^\/[^\s?#(){}[\]]*$/;

/** Throws a {@link BuildFault} that names the instances at fault. */
export function checkRoutes(mounted: readonly MountedRoute[], dialects: ReadonlyMap<string, Dialect>): void {
  const byPlace = new Map<string, MountedRoute>();
  for (const one of mounted) {
    const { route, owner } = one;
    const [found, expected] = faultOf(route, dialects) ?? [];
    if (found !== undefined) {
      const message = `Plugin "${owner}" offers a route with ${found}; expected ${expected}.`;
      throw new BuildFault([owner], new RutterError('ERR_PLUGIN_INVALID', message));
    }
    const place = `${route.method} ${route.path.replaceAll(/:\w+/g, ':').replace(/\*\w+$/, '*')}`;
    const other = byPlace.get(place);
    if (other !== undefined) {
      const message = `Both ${other.owner} and ${owner} offer ${route.method} ${route.path}; expected one of them.`;
      throw new BuildFault([other.owner, owner], new RutterError('ERR_CONFIG_CONFLICT', message));
    }
    byPlace.set(place, one);
  }
}

/** What is wrong with a route, and what would be right. */
function faultOf(route: Route, dialects: ReadonlyMap<string, Dialect>): readonly [string, string] | undefined {
  const { path, method, mode, permission } = route as Route & { readonly [part: string]: unknown };
  if (typeof path !== 'string' || !pathForm.test(path))
    return [`the path ${shown(path)}`, 'a path such as "/notes/:id", with a trailing "*name" for the rest'];
  const where = `at ${path}`;
  if (!methods.includes(method)) return [`the method ${shown(method)} ${where}`, `one of ${methods.join(', ')}`];
  if (!modes.includes(mode)) return [`the mode ${shown(mode)} ${where}`, `one of ${modes.join(', ')}`];
  if (typeof permission !== 'string' || permission === '')
    return [`the permission ${shown(permission)} ${where}`, 'the name of one; "public" for none'];
  if (route.mode !== 'model')
    return typeof route.handler === 'function' ? undefined : [`no handler ${where}`, 'a function'];
  if (dialects.has(route.dialect)) return undefined;
  return [`the dialect ${shown(route.dialect)} ${where}`, `one that a plugin has: ${[...dialects.keys()].join(', ')}`];
}

const shown = (value: unknown) => (value === undefined ? 'undefined' : JSON.stringify(value).slice(0, 128));
