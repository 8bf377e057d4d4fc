/** Whether a request may go on to its route: lists first, then who asks, then what they may do. */
import type { Principal } from '@rutter/plugin-sdk';
import type { RequestPath } from '../pipeline/path.ts';
import { type Asking, checkAdministrator, checkLists, publicPrincipal } from './caller-rules.ts';
import { identify, permit } from './identify.ts';

/** Identifies and permits; a promise only where a guard needs one. */
export function admit(
  asking: Asking,
  path: RequestPath,
  query: Readonly<Record<string, string>> | undefined,
): Promise<void> | undefined {
  const { facts, route } = asking;
  if (route.permission === 'public') return undefined;
  const { callers } = path.configuration.kernel;
  checkLists(callers, asking);
  const finish = (principal: Principal) => {
    facts.principal = principal;
    permit(principal, route.permission);
    checkAdministrator(callers, asking);
  };
  const key = facts.path.startsWith('/v1beta/') ? query?.key : undefined;
  const found = publicPrincipal(callers, asking) ?? identify(path, facts, key);
  if (found instanceof Promise) return found.then(finish);
  finish(found);
  return undefined;
}
