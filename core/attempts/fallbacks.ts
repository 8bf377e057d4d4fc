/**
 * When a group has failed: which other groups stand in, in which order.
 *
 * LiteLLM's order: the client's own list replaces all; else by the kind of
 * error, the context-window or the content-policy list where set, else the
 * general one. A special list that is set but does not name the group ends
 * the search; one that is not set at all leaves it to the general list.
 */
import { type ChatRequest, RutterError } from '@rutter/plugin-sdk';
import type { FallbackLists, FallbackTarget } from '../config/types.ts';
import type { ModelCall } from '../pipeline/model-call.ts';
import type { Group } from '../pipeline/models.ts';
import type { Served } from '../pipeline/served.ts';
import { callGroup, type GroupOptions } from './group.ts';

/** How one group is served: by `callGroup`, or by a strategy that makes calls of its own. */
export type ServeGroup = (call: ModelCall, group: Group, options: GroupOptions) => Promise<Served>;

export async function callWithFallbacks(call: ModelCall, group: Group, options: GroupOptions = {}, serveGroup: ServeGroup = callGroup): Promise<Served> {
  try {
    return await serveGroup(call, group, options);
  } catch (thrown) {
    const original = RutterError.from(thrown);
    const targets = call.facts.aborted || call.controls.disableFallbacks || call.form?.isStarted ? [] : fallbackTargets(call, group, original);
    if (targets.length === 0) throw original;
    return follow(call, group, options, { original, targets, visited: new Set([group.name]) });
  }
}

interface Chain {
  readonly original: RutterError;
  readonly targets: readonly FallbackTarget[];
  readonly visited: Set<string>;
}

async function follow(call: ModelCall, group: Group, options: GroupOptions, chain: Chain): Promise<Served> {
  const most = call.path.configuration.router.maxFallbacks;
  let last: RutterError | undefined;
  const queue = [...chain.targets];
  for (let target = queue.shift(); target !== undefined; target = queue.shift()) {
    const name = typeof target === 'string' ? target : String(target.model ?? group.name);
    const isSame = typeof target === 'string' && chain.visited.has(name);
    if (isSame || call.fallbacks >= most) continue;
    chain.visited.add(name);
    const resolved = call.path.models.resolve(name);
    if (!resolved) {
      last = new RutterError('ERR_REQUEST_UNKNOWN_MODEL', `Fallback model ${name} is not known.`);
      continue;
    }
    call.fallbacks++;
    try {
      const change = typeof target === 'string' ? options.change : { ...options.change, ...changesOf(call, target) };
      return await callGroup(call, resolved.group, { ...options, change, isDeployment: resolved.isDeployment });
    } catch (thrown) {
      last = RutterError.from(thrown);
      if (call.facts.aborted) throw call.facts.aborted;
      // A fallback may have fallbacks of its own; depth is capped by the count.
      if (!call.controls.fallbacks) queue.push(...fallbackTargets(call, resolved.group, last));
    }
  }
  throw withFallbackError(chain.original, last);
}

/** The caller reads what went wrong first, and that the fallbacks failed too. */
function withFallbackError(original: RutterError, last: RutterError | undefined): RutterError {
  if (!last) return original;
  const { code, status, retry, expose, retryAfterMs, param, vendor, headers } = original;
  return new RutterError(code, `${original.message} Fallbacks failed as well; the last error: ${last.message}`, { status, retry, expose, retryAfterMs, param, vendor, headers, cause: original });
}

export function fallbackTargets(call: ModelCall, group: Group, error: RutterError): readonly FallbackTarget[] {
  const { router } = call.path.configuration;
  const { controls } = call;
  if (controls.fallbacks) return controls.fallbacks;
  if (!mayFallBack(error)) return [];
  if (error.code === 'ERR_PROVIDER_CONTEXT_WINDOW') {
    const own = special(controls.contextWindowFallbacks, router.contextWindowFallbacks, group);
    if (own) return own;
  }
  if (error.code === 'ERR_PROVIDER_CONTENT_POLICY') {
    const own = special(controls.contentPolicyFallbacks, router.contentPolicyFallbacks, group);
    if (own) return own;
  }
  return general(router.fallbacks, router.defaultFallbacks, group);
}

/** What is wrong with the request itself, or with the caller, no other model cures; a vendor's refusal another may not share. */
function mayFallBack(error: RutterError): boolean {
  return error.code.startsWith('ERR_PROVIDER_') || error.code.startsWith('ERR_ROUTE_') || error.code.startsWith('ERR_PLUGIN_');
}

/** Undefined when neither list is set; empty when one is set and does not name the group. */
function special(client: readonly unknown[] | undefined, configured: FallbackLists | undefined, group: Group): readonly FallbackTarget[] | undefined {
  if (client) return clientList(client, group);
  return configured && (configured.get(group.name) ?? configured.get('*') ?? []);
}

/** Client lists come flat, or as LiteLLM writes them: `[{"group": ["a", "b"]}]`. */
function clientList(list: readonly unknown[], group: Group): FallbackTarget[] {
  return list.flatMap((entry): FallbackTarget[] => {
    if (typeof entry === 'string') return [entry];
    const own = (entry as Record<string, unknown>)[group.name];
    return Array.isArray(own) ? (own as FallbackTarget[]) : [];
  });
}

function general(lists: FallbackLists | undefined, defaults: readonly FallbackTarget[] | undefined, group: Group): readonly FallbackTarget[] {
  const bare = group.name.includes('/') ? group.name.slice(group.name.indexOf('/') + 1) : undefined;
  return lists?.get(group.name) ?? (bare === undefined ? undefined : lists?.get(bare)) ?? lists?.get('*') ?? defaults ?? [];
}

/** Fields of a fallback object replace the request's, in the caller's own dialect. */
function changesOf(call: ModelCall, target: Readonly<Record<string, unknown>>): Partial<ChatRequest> {
  const { model: _, ...fields } = target;
  if (Object.keys(fields).length === 0 || !call.wire.chat) return {};
  const { model: _model, stream: _stream, ...changed } = call.wire.chat({ ...call.body.fields, ...fields });
  return changed;
}
