/** All model groups one call may reach: the asked one and the fallbacks the client named. */
import type { ModelCall } from './model-call.ts';

export function callGroupNames(call: ModelCall): readonly string[] {
  const names = [call.facts.group];
  for (const fallback of call.controls.fallbacks ?? []) {
    const name = typeof fallback === 'string' ? fallback : fallback.model;
    if (typeof name === 'string') names.push(name);
  }
  for (const list of [call.controls.contextWindowFallbacks, call.controls.contentPolicyFallbacks]) {
    for (const entry of list ?? []) {
      if (typeof entry === 'string') names.push(entry);
      else for (const targets of Object.values(entry as object)) if (Array.isArray(targets)) names.push(...targets.filter((target): target is string => typeof target === 'string'));
    }
  }
  return names;
}
