/** All model groups one call may reach: the asked one and the fallbacks the client named. */
import { RutterError } from '@rutter/plugin-sdk';
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
      else
        for (const targets of Object.values(entry as object))
          if (Array.isArray(targets))
            names.push(...targets.filter((target): target is string => typeof target === 'string'));
    }
  }
  return names;
}

/** Whom a caller may not ask, the caller may not name as a fallback either. Throws ERR_REQUEST_FORBIDDEN. */
export function authoriseFallbacks(call: ModelCall, models: readonly string[]): void {
  for (const name of callGroupNames(call).slice(1)) {
    const table = call.path.models;
    const group = table.resolve(name)?.group.name;
    if (group === undefined || table.mayCall(models, name) || table.mayCall(models, group)) continue;
    const message = `This key may not call model ${name.slice(0, 128)}, which the request names as a fallback.`;
    throw new RutterError('ERR_REQUEST_FORBIDDEN', message, { param: 'fallbacks' });
  }
}
