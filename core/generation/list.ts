/** The composition as a table, for the admin interface and `rutter plugins`. */
import type { PluginInstance } from '../plugins/types.ts';
import type { Live } from './assembler.ts';
import type { Generation } from './generation.ts';

export interface InstanceRow {
  readonly name: string;
  /** The plugin it is an instance of. */
  readonly plugin: string;
  readonly kind: string;
  readonly version: string;
  /** Of the packed text. */
  readonly digest: string;
  readonly place: string;
  readonly state: 'running' | 'canary' | 'draining' | 'failed' | 'quarantined';
  readonly reason: string;
  /** Model groups it serves; all when undefined. */
  readonly for: readonly string[] | undefined;
  /** Numbers of the live generations that hold it. */
  readonly generations: readonly number[];
  /** Requests that hold one of those generations. */
  readonly leases: number;
  readonly setupMs: number;
  readonly lastError: PluginInstance['lastError'];
  /** Of an instance in the sandbox, and of one in a worker. */
  readonly sandbox: PluginInstance['sandbox'];
  readonly worker: PluginInstance['sandbox'];
}

/** In order of the hooks, the canary's own ahead; instances of older generations alone come after, then those left out. */
export function listInstances<P>(
  live: readonly Generation<P>[],
  current: Live<P> | undefined,
  canary?: Generation<P>,
): readonly InstanceRow[] {
  const newestFirst = live.toReversed();
  const seen = new Map<string, PluginInstance>();
  for (const { instances } of newestFirst) for (const one of instances) if (!seen.has(one.key)) seen.set(one.key, one);
  const rows = Array.from(seen.values(), (one): InstanceRow => {
    const holding = live.filter(({ instances }) => instances.some(({ key }) => key === one.key));
    return {
      name: one.name,
      plugin: one.manifest.name,
      kind: one.manifest.kind,
      version: one.manifest.version,
      digest: one.digest,
      place: one.place,
      state: stateOf(one, {
        isCurrent: holding.includes(current?.generation as Generation<P>),
        isCanary: holding.includes(canary as Generation<P>),
      }),
      reason: one.reason,
      for: one.for,
      generations: holding.map(({ number }) => number),
      leases: holding.reduce((sum, { leases }) => sum + leases, 0),
      setupMs: one.setupMs,
      lastError: one.lastError,
      sandbox: one.place === 'sandbox' ? one.sandbox : undefined,
      worker: one.place === 'worker' ? one.sandbox : undefined,
    };
  });
  return [...rows, ...(current?.leftOut ?? []).map(leftOutRow)];
}

interface Held {
  readonly isCurrent: boolean;
  readonly isCanary: boolean;
}

/** `canary`: held by the canary and not by the generation in force. */
function stateOf({ sandbox }: PluginInstance, { isCurrent, isCanary }: Held): InstanceRow['state'] {
  if (sandbox?.state === 'quarantined') return 'quarantined';
  return isCurrent ? 'running' : isCanary ? 'canary' : 'draining';
}

function leftOutRow({
  name,
  plugin,
  kind,
  version,
  digest,
  state,
  reason,
  error,
  at,
}: Live<unknown>['leftOut'][number]): InstanceRow {
  const lastError = { at, message: error };
  return {
    name,
    plugin,
    kind,
    version,
    digest,
    state,
    reason,
    lastError,
    place: 'none',
    for: undefined,
    generations: [],
    leases: 0,
    setupMs: 0,
    sandbox: undefined,
    worker: undefined,
  };
}
