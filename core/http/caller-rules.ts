/**
 * Who may call which path, from where: the lists of `general_settings` that
 * stand ahead of keys and permissions.
 */
import { type Principal, type Route, RutterError } from '@rutter/plugin-sdk';
import type { CallerSettings } from '../config/types.ts';
import type { Facts } from '../pipeline/facts.ts';
import { isInRange, parseAddress, parseRange } from '../upstream/address-ranges.ts';

/** One request, as the lists see it. */
export interface Asking {
  readonly facts: Facts;
  readonly route: Route;
  /** Of the socket. */
  readonly remoteAddress: string | undefined;
}

const anyone = { id: 'anonymous', kind: 'anonymous' } as const;

/** Throws ERR_REQUEST_FORBIDDEN for an address or a path that is not listed. */
export function checkLists(settings: CallerSettings, { facts, route, remoteAddress }: Asking): void {
  const { allowedIps, trustsForwardedFor, allowedPaths } = settings;
  if (allowedIps !== undefined) {
    const forwarded = trustsForwardedFor ? facts.rawHeader('x-forwarded-for')?.split(',').at(-1)?.trim() : undefined;
    if (!isListed(forwarded || remoteAddress, allowedIps))
      throw new RutterError('ERR_REQUEST_FORBIDDEN', 'Access forbidden: this address may not call.');
  }
  if (allowedPaths !== undefined && !isNamed(allowedPaths, facts, route))
    throw new RutterError('ERR_REQUEST_FORBIDDEN', `${facts.path.slice(0, 256)} is not among the allowed routes.`);
}

/** The principal of a path that needs no key, with the right to this route alone; undefined where it needs one. */
export function publicPrincipal({ publicPaths }: CallerSettings, { facts, route }: Asking): Principal | undefined {
  return publicPaths.length > 0 && isNamed(publicPaths, facts, route)
    ? { ...anyone, permissions: [route.permission] }
    : undefined;
}

/** Throws ERR_REQUEST_FORBIDDEN for a path of administrators that somebody else calls. */
export function checkAdministrator({ adminPaths }: CallerSettings, { facts, route }: Asking): void {
  if (adminPaths.length === 0 || !isNamed(adminPaths, facts, route)) return;
  const { kind, permissions } = facts.principal;
  if (kind !== 'admin' && !permissions.includes('*'))
    throw new RutterError('ERR_REQUEST_FORBIDDEN', `${facts.path.slice(0, 256)} is for administrators only.`);
}

function isListed(address: string | undefined, ranges: readonly string[]): boolean {
  const bytes = address === undefined ? undefined : parseAddress(address.replace(/^::ffff:(?=\d+\.)/i, ''));
  if (bytes === undefined) return false;
  return ranges.some((text) => {
    const range = parseRange(text);
    return range !== undefined && isInRange(bytes, range);
  });
}

/** By the path as it was asked, or as the route spells it: a path with parameters is one route, however it is filled in. */
function isNamed(listed: readonly string[], { path }: Facts, route: Route): boolean {
  const asked = [path, route.path].map(plain);
  return listed.some((entry) => {
    if (!entry.endsWith('*')) return asked.includes(plain(entry));
    const start = entry.slice(0, -1).toLowerCase();
    return asked.some((one) => one.startsWith(start));
  });
}

const plain = (path: string) => (path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path).toLowerCase();
