/** Who asks, and whether a route is open to them. */
import { type Guard, type Principal, RutterError } from '@rutter/plugin-sdk';
import { answerOf } from '../deadline.ts';
import type { Facts } from '../pipeline/facts.ts';
import type { Held, RequestPath } from '../pipeline/path.ts';
import { routingFault } from './routing-fault.ts';

/** Nobody guards: everything is allowed. Such a gateway listens on 127.0.0.1 unless told otherwise. */
const open: Principal = Object.freeze({
  id: 'anonymous',
  kind: 'anonymous',
  permissions: Object.freeze(['*']) as readonly string[],
});

/** Asks the identifying guards in order; the first answer counts. Synchronous where they are. */
export function identify(path: RequestPath, facts: Facts, query?: string): Principal | Promise<Principal> {
  if (path.identifiers.length === 0) return open;
  const credential = facts.credential(query);
  for (let index = 0; index < path.identifiers.length; index++) {
    const held = path.identifiers[index] as (typeof path.identifiers)[number];
    const found = held.value.identify?.(credential, facts);
    if (found instanceof Promise) return later(path, facts, { index, found, credential });
    if (found) return usable(path, held, found);
  }
  throw unauthenticated(credential !== undefined);
}

interface Later {
  readonly index: number;
  readonly found: Promise<Principal | undefined>;
  readonly credential: ReturnType<Facts['credential']>;
}

async function later(path: RequestPath, facts: Facts, { index, found, credential }: Later): Promise<Principal> {
  const asked = path.identifiers[index] as Held<Guard>;
  const first = await answerOf(asked.instance.name, found);
  if (first) return usable(path, asked, first);
  for (const held of path.identifiers.slice(index + 1)) {
    const next = await answerOf(held.instance.name, Promise.resolve(held.value.identify?.(credential, facts)));
    if (next) return usable(path, held, next);
  }
  throw unauthenticated(credential !== undefined);
}

/** Settings that cannot be meant are the guard's fault: it is told, and the request refused. */
function usable({ services }: RequestPath, { instance }: Held<Guard>, principal: Principal): Principal {
  if (principal.routing === undefined) return principal;
  const fault = routingFault(principal.routing);
  if (fault === undefined) return principal;
  const error = new RutterError('ERR_PLUGIN_INVALID', `Guard ${instance.name}, principal ${principal.id}: ${fault}`);
  services.onFault(instance, error);
  throw error;
}

const unauthenticated = (hasCredential: boolean) =>
  new RutterError(
    'ERR_REQUEST_UNAUTHENTICATED',
    hasCredential ? 'Authentication Error, the key is not known.' : 'Authentication Error, No api key passed in.',
  );

/** Throws ERR_REQUEST_FORBIDDEN where the principal does not hold the permission. */
export function permit(principal: Principal, permission: string): void {
  for (const held of principal.permissions) {
    if (held === '*' || held === permission || (held.endsWith('.*') && permission.startsWith(held.slice(0, -1))))
      return;
  }
  throw new RutterError('ERR_REQUEST_FORBIDDEN', `This needs permission ${permission}.`);
}
