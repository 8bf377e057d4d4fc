/**
 * When a group has failed: which other groups stand in, in which order.
 *
 * LiteLLM's order: the client's own list replaces all; else by the kind of
 * error, the context-window or the content-policy list where set, else the
 * general one. A special list that is set but does not name the group ends
 * the search; one that is not set at all leaves it to the general list. Each
 * list of the caller's principal replaces the configured one.
 */
import { type ChatRequest, RutterError } from '@rutter/plugin-sdk';
import type { FallbackTarget } from '../config/types.ts';
import { namesOf, specialListOf, standingList } from '../pipeline/fallback-lists.ts';
import type { ModelCall } from '../pipeline/model-call.ts';
import type { Group } from '../pipeline/models.ts';
import { fallsBack } from '../pipeline/routing.ts';
import type { Served } from '../pipeline/served.ts';
import { callGroup, type GroupOptions } from './group.ts';

/** How one group is served: by `callGroup`, or by a strategy that makes calls of its own. */
export type ServeGroup = (call: ModelCall, group: Group, options: GroupOptions) => Promise<Served>;

export async function callWithFallbacks(
  call: ModelCall,
  group: Group,
  options: GroupOptions = {},
  serveGroup: ServeGroup = callGroup,
): Promise<Served> {
  try {
    return await serveGroup(call, group, options);
  } catch (thrown) {
    const original = RutterError.from(thrown);
    const { failedBy } = call;
    const targets = fallbackTargets(call, group, original);
    if (targets.length === 0) throw original;
    const chain: Chain = {
      options,
      waiting: targets.map((target) => ({ target, from: group, depth: 1 })),
      seen: new Set([group.name]),
      last: undefined,
    };
    const served = await follow(call, chain);
    if (served) return served;
    // What is told is the first failure: of the group that was asked.
    call.group = group.name;
    call.failedBy = failedBy;
    throw withFallbackError(original, chain.last);
  }
}

/** Most groups tried for one request, however the lists are woven. */
const mostFallbacks = 32;

interface Waiting {
  readonly target: FallbackTarget;
  /** The group whose list it stands in. */
  readonly from: Group;
  readonly depth: number;
}

interface Chain {
  readonly options: GroupOptions;
  readonly waiting: Waiting[];
  /** Groups and deployments that need not be tried again. */
  readonly seen: Set<string>;
  last: RutterError | undefined;
}

/** A list to its end, then the lists of those in it that failed: what was named for the group itself comes first. */
async function follow(call: ModelCall, chain: Chain): Promise<Served | undefined> {
  const { waiting, seen, options } = chain;
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const { target, from, depth } = next;
    const name = typeof target === 'string' ? target : String(target.model ?? from.name);
    const resolved = call.path.models.resolve(name, call.facts.principal.models);
    if (!resolved) {
      chain.last = new RutterError('ERR_REQUEST_UNKNOWN_MODEL', `Fallback model ${name} is not known.`);
      continue;
    }
    const { group, isDeployment } = resolved;
    const key = isDeployment ? name : group.name;
    if (depth > call.path.configuration.router.maxFallbacks || call.fallbacks >= mostFallbacks) continue;
    // An object may ask the same group otherwise: a shorter prompt, another temperature.
    if (typeof target === 'string' && seen.has(key)) continue;
    seen.add(key);
    call.fallbacks++;
    const change = typeof target === 'string' ? options.change : { ...options.change, ...changesOf(call, target) };
    try {
      return await callGroup(call, group, { ...options, change, isDeployment });
    } catch (thrown) {
      if (call.facts.aborted) throw call.facts.aborted;
      chain.last = RutterError.from(thrown);
      // The client's own list replaces all others, at every depth.
      if (call.controls.fallbacks) continue;
      for (const own of fallbackTargets(call, group, chain.last))
        waiting.push({ target: own, from: group, depth: depth + 1 });
    }
  }
  return undefined;
}

/** The caller reads what went wrong first, and that the fallbacks failed too. */
function withFallbackError(original: RutterError, last: RutterError | undefined): RutterError {
  if (!last) return original;
  const { code, status, retry, expose, retryAfterMs, param, vendor, headers } = original;
  return new RutterError(code, `${original.message} Fallbacks failed as well; the last error: ${last.message}`, {
    status,
    retry,
    expose,
    retryAfterMs,
    param,
    vendor,
    headers,
    cause: original,
  });
}

function fallbackTargets(call: ModelCall, group: Group, error: RutterError): readonly FallbackTarget[] {
  const { controls } = call;
  if (call.facts.aborted || !fallsBack(call) || call.form?.isStarted || !mayFallBack(error)) return [];
  if (controls.fallbacks) return controls.fallbacks;
  const names = namesOf(group.name, call.fallbacks === 0 ? call.model : undefined);
  const special = specialListOf(error);
  if (special) {
    const client = controls[special];
    const own = client ? clientList(client, names) : standingList(call, special, names);
    if (own) return own;
  }
  return standingList(call, 'fallbacks', names) ?? [];
}

/** What is wrong with the request itself, or with the caller, no other model cures; a vendor's refusal another may not share. */
function mayFallBack(error: RutterError): boolean {
  return (
    error.code.startsWith('ERR_PROVIDER_') ||
    error.code.startsWith('ERR_ROUTE_') ||
    error.code.startsWith('ERR_PLUGIN_')
  );
}

/** Client lists come flat, or as LiteLLM writes them: `[{"group": ["a", "b"]}]`. */
function clientList(list: readonly unknown[], names: readonly string[]): FallbackTarget[] {
  return list.flatMap((entry): FallbackTarget[] => {
    if (typeof entry === 'string') return [entry];
    const own = names.map((name) => (entry as Record<string, unknown>)[name]).find(Array.isArray);
    return (own as FallbackTarget[] | undefined) ?? [];
  });
}

/** Fields of a fallback object replace the request's, in the caller's own dialect. */
function changesOf(call: ModelCall, target: Readonly<Record<string, unknown>>): Partial<ChatRequest> {
  const { model: _, ...fields } = target;
  if (Object.keys(fields).length === 0 || !call.wire.chat) return {};
  const { model: _model, stream: _stream, ...changed } = call.wire.chat({ ...call.body.fields, ...fields });
  return changed;
}
