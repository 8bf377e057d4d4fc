/**
 * What a change would do, before it is made: which instances would start,
 * stop or be carried over, and why. Nothing is set up for it.
 */
import { hash } from 'node:crypto';
import type { Diagnostic } from '../config/types.ts';
import { canonical } from '../plugins/instance-key.ts';
import { type ComposedInstance, pathBelow } from '../plugins/plan.ts';

/** What an instance's key is made of, so that two of one name can be compared. */
export interface InstanceParts {
  readonly key: string;
  readonly plugin: string;
  readonly kind: string;
  readonly version: string;
  readonly digest: string;
  readonly place: string;
  readonly reason: string;
  readonly for: readonly string[] | undefined;
  /** Of the options, secrets included by their digest. */
  readonly options: string;
  /** Key of the provider of each service it uses. */
  readonly services: ReadonlyMap<string, string>;
}

export type PartsByName = ReadonlyMap<string, InstanceParts>;

export interface PlannedStep {
  readonly name: string;
  readonly plugin: string;
  readonly kind: string;
  readonly version: string;
  readonly action: 'start' | 'stop' | 'keep';
  /** In words; for what is kept, that nothing about it differs. */
  readonly because: string;
}

export interface ChangePlan {
  /** False when the change would be refused. */
  readonly ok: boolean;
  /** False when it would change nothing for a request. */
  readonly changed: boolean;
  /** The generation in force, which stays. */
  readonly generation: number;
  readonly reasons: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
  /** In order of the hooks, what would stop at the end. */
  readonly steps: readonly PlannedStep[];
  /** Paths of settings that differ, without their values; at most 100. */
  readonly settings: readonly string[];
  readonly durationMs: number;
}

export function partsOf(
  instance: ComposedInstance,
  { key, place, keys }: { readonly key: string; readonly place: string; readonly keys: ReadonlyMap<string, string> },
): InstanceParts {
  const { manifest, packed } = instance.package;
  const services = [...instance.uses].map(([service, provider]): [string, string] => [
    service,
    provider === undefined ? 'kernel' : (keys.get(provider) ?? ''),
  ]);
  return {
    key,
    place,
    plugin: manifest.name,
    kind: manifest.kind,
    version: manifest.version,
    digest: packed?.digest ?? '',
    reason: instance.reason,
    for: instance.for,
    options: hash('sha256', JSON.stringify(canonical(instance.config.values)), 'hex'),
    services: new Map(services),
  };
}

/** Steps from one composition to the next; `isRunning` tells of a key that an older generation still holds. */
export function stepsBetween(
  before: PartsByName,
  after: PartsByName,
  isRunning: (key: string) => boolean,
): readonly PlannedStep[] {
  const steps: PlannedStep[] = [];
  for (const [name, next] of after) {
    const earlier = before.get(name);
    if (earlier?.key === next.key) steps.push(stepOf(name, next, 'keep', keptBecause(earlier, next)));
    else if (isRunning(next.key)) steps.push(stepOf(name, next, 'keep', 'an older generation still runs it'));
    else steps.push(stepOf(name, next, 'start', startedBecause(earlier, next)));
  }
  for (const [name, earlier] of before) {
    const next = after.get(name);
    if (next === undefined) steps.push(stepOf(name, earlier, 'stop', 'nothing calls for it any more'));
    else if (next.key !== earlier.key) steps.push(stepOf(name, earlier, 'stop', 'another takes its place'));
  }
  return steps;
}

function stepOf(
  name: string,
  { plugin, kind, version }: InstanceParts,
  action: PlannedStep['action'],
  because: string,
): PlannedStep {
  return { name, plugin, kind, version, action, because };
}

function keptBecause(earlier: InstanceParts, next: InstanceParts): string {
  const groups = JSON.stringify(earlier.for) === JSON.stringify(next.for);
  return groups ? 'nothing about it differs' : 'only the model groups it serves differ';
}

function startedBecause(earlier: InstanceParts | undefined, next: InstanceParts): string {
  if (earlier === undefined) return `new: ${next.reason}`;
  const differences: string[] = [];
  if (earlier.plugin !== next.plugin) differences.push(`plugin ${earlier.plugin} became ${next.plugin}`);
  else if (earlier.version !== next.version) differences.push(`version ${earlier.version} became ${next.version}`);
  else if (earlier.digest !== next.digest) differences.push('its code differs');
  if (earlier.options !== next.options) differences.push('its options differ');
  if (earlier.place !== next.place) differences.push(`its place was ${earlier.place} and would be ${next.place}`);
  for (const [service, key] of next.services)
    if (earlier.services.get(service) !== key) differences.push(`the provider of "${service}" differs`);
  return differences.length === 0 ? 'what it was made of differs' : differences.join('; ');
}

const mostPaths = 100;

/** Paths at which two plain values differ; never a value. */
export function pathsBetween(before: unknown, after: unknown): readonly string[] {
  const found: string[] = [];
  compare(before, after, '', found);
  return found.slice(0, mostPaths);
}

function compare(before: unknown, after: unknown, path: string, found: string[]): void {
  if (found.length > mostPaths || Object.is(before, after)) return;
  if (Array.isArray(before) && Array.isArray(after)) {
    for (let index = 0; index < Math.max(before.length, after.length); index += 1)
      compare(before[index], after[index], pathBelow(path, index), found);
  } else if (isBlock(before) && isBlock(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)]))
      compare(before[key], after[key], pathBelow(path, key), found);
  } else if (before === undefined) found.push(`${path} (added)`);
  else if (after === undefined) found.push(`${path} (gone)`);
  else if (JSON.stringify(canonical(before)) !== JSON.stringify(canonical(after))) found.push(path);
}

const isBlock = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
