/** What makes two instances the same one, so that a reload carries it over. */
import { hash } from 'node:crypto';
import { isSecret } from '../upstream/secret.ts';
import type { ComposedInstance } from './plan.ts';
import type { PlaceName } from './types.ts';

/**
 * Name, digest, configuration and place, and the keys of the instances whose
 * services it holds: with another store behind it, it is another instance.
 */
export function instanceKey(instance: ComposedInstance, place: PlaceName, keys: ReadonlyMap<string, string>): string {
  const { name, package: found, config, uses, grants } = instance;
  const services = [...uses].map(([service, provider]) => [
    service,
    provider === undefined ? 'kernel' : keys.get(provider),
  ]);
  const granted =
    place === 'sandbox' ? [grants] : place === 'worker' ? [grants.timeoutMs, grants.setupMs, grants.queue] : [];
  const plugin = [name, found.manifest.name, found.packed?.digest, place, ...granted];
  const identity = [...plugin, canonical(config.values), services];
  return hash('sha256', JSON.stringify(identity), 'hex');
}

/** The same for equal values whatever the order of their keys; secrets by their digest. */
export function canonical(value: unknown): unknown {
  if (isSecret(value)) return { secret: value.digest() };
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value === 'bigint') return { bigint: String(value) };
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, item]) => [key, canonical(item)]);
}
