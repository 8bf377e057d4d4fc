/** All model groups one call may reach: the asked one, the fallbacks the client named and those of its principal. */
import { RutterError } from '@rutter/plugin-sdk';
import { fallbackKinds, namesOf, standingList } from './fallback-lists.ts';
import type { ModelCall } from './model-call.ts';
import { fallsBack } from './routing.ts';

export function callGroupNames(call: ModelCall): readonly string[] {
  const client = clientNames(call);
  const { facts, path } = call;
  const asked = path.models.resolve(facts.group, facts.principal.models)?.group.groups ?? [];
  return [facts.group, ...asked, ...client, ...principalNames(call, client)];
}

function clientNames({ controls }: ModelCall): readonly string[] {
  const names: string[] = [];
  for (const fallback of controls.fallbacks ?? []) {
    const name = typeof fallback === 'string' ? fallback : fallback.model;
    if (typeof name === 'string') names.push(name);
  }
  for (const list of [controls.contextWindowFallbacks, controls.contentPolicyFallbacks]) {
    for (const entry of list ?? []) {
      if (typeof entry === 'string') names.push(entry);
      else
        for (const targets of Object.values(entry as object))
          if (Array.isArray(targets))
            names.push(...targets.filter((target): target is string => typeof target === 'string'));
    }
  }
  return names;
}

/**
 * Targets of the principal's lists that this call can come to, at any depth and by way of configured lists too. Entries
 * for other groups are left out: a team's list may name more than each of its keys may call.
 */
function principalNames(call: ModelCall, client: readonly string[]): readonly string[] {
  const { facts, controls, path } = call;
  const { routing } = facts.principal;
  // The client's own list replaces all others, at every depth.
  if (!routing || controls.fallbacks || !fallsBack(call) || !fallbackKinds.some((kind) => routing[kind])) return [];
  const found = new Set<string>();
  const groups = new Set([facts.group]);
  const reach = (name: string) => {
    const group = path.models.resolve(name)?.group.name;
    if (group !== undefined) groups.add(group);
  };
  for (const name of client) reach(name);
  // The set grows while it is read.
  for (const group of groups) {
    const names = namesOf(group, group === facts.group ? call.model : undefined);
    for (const kind of fallbackKinds) {
      for (const target of standingList(call, kind, names) ?? []) {
        const name = typeof target === 'string' ? target : target.model;
        if (typeof name !== 'string') continue;
        if (routing[kind]) found.add(name);
        reach(name);
      }
    }
  }
  return [...found];
}

/** Whom a caller may not ask, neither the caller nor its routing may name as a fallback. Throws ERR_REQUEST_FORBIDDEN. */
export function authoriseFallbacks(call: ModelCall, models: readonly string[]): void {
  const client = clientNames(call);
  for (const name of client) {
    if (mayCall(call, models, name)) continue;
    const message = `This key may not call model ${name.slice(0, 128)}, which the request names as a fallback.`;
    throw new RutterError('ERR_REQUEST_FORBIDDEN', message, { param: 'fallbacks' });
  }
  for (const name of principalNames(call, client)) {
    if (mayCall(call, models, name)) continue;
    const message = `This key may not call model ${name.slice(0, 128)}, which its own routing or its team's names as a fallback.`;
    throw new RutterError('ERR_REQUEST_FORBIDDEN', message, { param: 'model' });
  }
}

/** Names that nobody knows are passed over when they are followed. */
function mayCall({ path: { models: table } }: ModelCall, models: readonly string[], name: string): boolean {
  const group = table.resolve(name, models)?.group;
  return group === undefined || table.mayAsk(models, name, group);
}
