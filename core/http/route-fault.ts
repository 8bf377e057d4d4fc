/** Faults of route handlers, told to the operator: the caller only learns that there was one. */
import { RutterError } from '@rutter/plugin-sdk';
import type { RequestPath } from '../pipeline/path.ts';

/** Counts and logs what a handler threw, unless it refused the request, which is an answer. */
export function faultOf(path: RequestPath, owner: string, thrown: unknown): void {
  if (RutterError.is(thrown) && thrown.status < 500) return;
  const instance = path.instances.find(({ name }) => name === owner);
  if (instance) path.services.onFault(instance, thrown);
}
