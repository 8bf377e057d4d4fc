/** What a composition is made of before any of it runs. */
import type { Configuration, Diagnostic, Grants, Place, PluginEntry } from '../config/types.ts';
import type { PluginPackage } from './types.ts';

export type Settings = Readonly<Record<string, unknown>>;

/** Options of an instance and where each of them was written. */
export interface PlannedConfig {
  readonly values: Settings;
  /** Paths in the configuration, by top-level option; others lie below `base`. */
  readonly paths: Readonly<Record<string, string>>;
  readonly base: string;
  /** Options taken over from elsewhere: those the plugin does not know are left out instead of refused. */
  readonly derived: readonly string[];
}

export const noGrants: Grants = Object.freeze({
  text: false,
  fetch: [],
  timeoutMs: undefined,
  setupMs: undefined,
  queue: undefined,
});

/** One instance as the configuration calls for it. */
export interface PlannedInstance {
  readonly name: string;
  readonly package: PluginPackage;
  readonly for: readonly string[] | undefined;
  readonly onFailure: PluginEntry['onFailure'];
  readonly config: PlannedConfig;
  readonly reason: string;
  readonly place: Place;
  readonly origin: 'entry' | 'claim' | 'default';
  /** False where its entry puts it into the sandbox. */
  readonly isTrusted: boolean;
  /** Where its entry wants it to run, trusted as it is; its manifest's word where undefined. */
  readonly runsIn?: PluginEntry['runsIn'];
  /** What the operator grants it there. */
  readonly grants: Grants;
}

/** A planned instance and who provides what it uses. */
export interface ComposedInstance extends PlannedInstance {
  /** Services it uses, by the name of the instance that provides them; undefined for the kernel. */
  readonly uses: ReadonlyMap<string, string | undefined>;
}

export interface Composition {
  /** In order of the hooks. */
  readonly instances: readonly ComposedInstance[];
  /** In order of set-up: whoever provides comes before whoever uses. */
  readonly order: readonly ComposedInstance[];
  readonly warnings: readonly Diagnostic[];
}

export interface ComposeOptions {
  readonly configuration: Configuration;
  readonly packages: readonly PluginPackage[];
  readonly byUse: ReadonlyMap<string, PluginPackage>;
  /** Entries read from this file are defaults. */
  readonly defaultsFile: string | undefined;
  /** Services the kernel provides. */
  readonly provided: readonly string[];
  /** Services that must be there whoever else asks. */
  readonly required: readonly string[];
}

/** Collects what is wrong with a composition. */
export class Problems {
  readonly found: Diagnostic[] = [];

  error(place: Place, [message, found, expected]: readonly [string, string, string]): undefined {
    this.found.push({ severity: 'error', message, found, expected, place });
    return undefined;
  }

  warn(
    place: Place,
    [message, found, expected]: readonly [string, string, string],
    about?: Required<Pick<Diagnostic, 'topic' | 'subject'>>,
  ): undefined {
    this.found.push({ severity: 'warning', message, found, expected, place, ...about });
    return undefined;
  }

  get hasErrors(): boolean {
    return this.found.some(({ severity }) => severity === 'error');
  }
}

/** A path and the key below it, as configurations write them. */
export function pathBelow(path: string, key: PropertyKey): string {
  if (typeof key === 'number') return `${path}[${key}]`;
  return path === '' ? String(key) : `${path}.${String(key)}`;
}
