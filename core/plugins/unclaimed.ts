/**
 * Entries of lists of names, such as `optional_pre_call_checks`, that nothing installed answers to. Which lists these
 * are follows from the claims: where some plugin claims one entry, every other entry must be claimed too.
 */
import { didYouMean } from '@rutter/plugin-sdk/pack';
import type { Configuration } from '../config/types.ts';
import { type Problems, pathBelow } from './plan.ts';
import type { PluginPackage } from './types.ts';

const longestShown = 60;

interface Lists {
  readonly configuration: Configuration;
  readonly packages: readonly PluginPackage[];
  readonly problems: Problems;
}

/** Warns of each with its place and the nearest name that would be understood. */
export function warnOfUnclaimed({ configuration, packages, problems }: Lists): void {
  for (const [path, known] of claimedEntries(packages)) {
    const list = valueAt(configuration.settings, path);
    if (!Array.isArray(list)) continue;
    for (const [index, entry] of list.entries()) {
      const name = String(entry);
      if (known.includes(name)) continue;
      const shown = name.slice(0, longestShown);
      problems.warn(
        configuration.placeOf(pathBelow(path, index)),
        [
          `Nothing that is installed answers to "${shown}"; it has no effect.${didYouMean(name, known)}`,
          shown,
          `one of ${known.join(', ')}`,
        ],
        { topic: 'ignored', subject: pathBelow(path, index) },
      );
    }
  }
}

/** Entries that are claimed, by the path of the list or value. */
function claimedEntries(packages: readonly PluginPackage[]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const { manifest } of packages)
    for (const claim of manifest.claims.settings ?? []) {
      const [, path, entry] = /^([^:[]+): (.+?)(?: as \w+)?$/.exec(claim) ?? [];
      if (path !== undefined && entry !== undefined) found.set(path, [...(found.get(path) ?? []), entry]);
    }
  return found;
}

const valueAt = (settings: unknown, path: string): unknown =>
  path
    .split('.')
    .reduce<unknown>(
      (block, key) =>
        typeof block === 'object' && block !== null && Object.hasOwn(block, key)
          ? (block as Record<string, unknown>)[key]
          : undefined,
      settings,
    );
