/**
 * Ahead of routing: authorise, check, look into caches, reserve. These are
 * taps on `preRoute`; the first reply ends the search.
 */
import { type Guard, type Reservation, RutterError } from '@rutter/plugin-sdk';
import { answerOf } from '../deadline.ts';
import { totalTokens } from '../pricing/usage.ts';
import { callGroupNames } from './group-names.ts';
import { HeldReservation } from './held-reservation.ts';
import type { ModelCall } from './model-call.ts';
import type { Held, RequestPath } from './path.ts';
import type { Served } from './served.ts';

/** Taps what this path has plugins for; without any the hook stays unused and costs nothing. */
export function tapPreRoute(path: RequestPath): void {
  const { preRoute } = path.hooks;
  if (path.authorisers.length > 0) preRoute.tapPromise('authorise', (call) => authorise(path, call));
  if (path.requestChecks.length > 0) preRoute.tapPromise('check', (call) => check(path, call));
  if (path.caches.length > 0) preRoute.tapPromise('cache', (call) => fromCache(path, call));
  if (path.reservers.length > 0) preRoute.tapPromise('reserve', (call) => reserve(path, call));
}

/** A guard that fails or is late refuses: it must not let anything through by failing. */
async function guarded<T>(path: RequestPath, { instance }: Held<Guard>, run: () => T | Promise<T>): Promise<T> {
  try {
    const result = run();
    return result instanceof Promise ? await answerOf(instance.name, result) : result;
  } catch (error) {
    if (RutterError.is(error)) throw error;
    path.services.onFault(instance, error);
    throw new RutterError('ERR_PLUGIN_FAILED', `Guard ${instance.name} failed; the request was refused.`, {
      cause: error,
    });
  }
}

/** Throws what a guard refuses with. */
export async function authorise(path: RequestPath, call: ModelCall): Promise<undefined> {
  const groups = callGroupNames(call);
  for (const held of path.authorisers)
    await guarded(path, held, () => held.value.authorise?.(call.facts, call, groups));
  return undefined;
}

async function check(path: RequestPath, call: ModelCall): Promise<Served | undefined> {
  for (const held of path.requestChecks) {
    const mode = held.value.mode ?? 'before';
    if (mode === 'after') continue;
    const running = guarded(path, held, () => held.value.checkRequest?.(call.facts, call));
    if (mode === 'beside') {
      // The call goes ahead; its reply waits for the verdict.
      running.catch(() => {});
      call.beside.push(running);
      continue;
    }
    const verdict = await running;
    if (!verdict) continue;
    if ('reply' in verdict) {
      call.route = `answered by guard ${held.instance.name}`;
      return { kind: 'reply', reply: verdict.reply, target: undefined };
    }
    call.amend(verdict.change);
  }
  return undefined;
}

/** A hit is charged its request count only. */
async function fromCache(path: RequestPath, call: ModelCall): Promise<Served | undefined> {
  const found = await readCaches(path, call);
  if (found && path.reservers.length > 0) await reserve(path, call, ({ measure }) => measure === 'requests');
  return found;
}

async function readCaches(path: RequestPath, call: ModelCall): Promise<Served | undefined> {
  for (const { instance, value } of path.caches) {
    try {
      const found = await value.read(call.facts, call);
      if (!found) continue;
      call.cacheHit = true;
      call.route = `found in cache ${instance.name}`;
      return found.operation === 'embeddings'
        ? { kind: 'embeddings', reply: found.reply, target: undefined }
        : { kind: 'reply', reply: found.reply, target: undefined };
    } catch (error) {
      // A cache that is away is a miss.
      path.services.onFault(instance, error);
    }
  }
  return undefined;
}

/** All limits of all guards in one step, all or none. */
async function reserve(
  path: RequestPath,
  call: ModelCall,
  counts: (reservation: Reservation) => boolean = () => true,
): Promise<undefined> {
  const targets = path.models.resolve(call.facts.group, call.facts.principal.models)?.group.targets ?? [];
  const wanted: Reservation[] = [];
  for (const held of path.reservers)
    wanted.push(...(held.value.reserve?.(call.facts, call, targets) ?? []).filter(counts));
  if (wanted.length === 0) return undefined;
  if (!path.state)
    throw new RutterError('ERR_KERNEL_INTERNAL', 'Limits need a state service and none is part of this composition.');
  const result = await answerOf('state', path.state.reserve(wanted));
  if (result.granted) {
    call.reservation = new HeldReservation(path.state, result.id, wanted);
    return undefined;
  }
  const refused = wanted[result.index] as Reservation;
  const label = refused.label ?? refused.key;
  throw new RutterError(
    refused.measure === 'nano-usd' ? 'ERR_LIMIT_BUDGET' : 'ERR_LIMIT_RATE',
    `Rate limit exceeded for ${label}. Limit type: ${refused.measure}. Current limit: ${refused.limit}, used: ${result.current}.`,
    {
      retryAfterMs: result.retryAfterMs,
      headers: {
        rate_limit_type: refused.measure,
        reset_at: String(Math.ceil((path.services.now() + result.retryAfterMs) / 1000)),
      },
    },
  );
}

/** Settles what was reserved, exactly once, whatever became of the call. */
export function settleReservation(call: ModelCall, onError: (error: unknown) => void): void {
  call.reservation?.settle(
    {
      isSent: true,
      tokens: call.usage && !call.cacheHit ? totalTokens(call.usage) : 0,
      nanoUsd: call.costNanoUsd() ?? 0,
    },
    onError,
  );
}
