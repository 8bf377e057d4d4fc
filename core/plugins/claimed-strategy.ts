/** The plugin that is a routing strategy, wherever a configuration names one. */
import { didYouMean } from '@rutter/plugin-sdk/pack';
import type { Place } from '../config/types.ts';
import { noGrants, type PlannedInstance, type Problems, type Settings } from './plan.ts';
import type { PluginPackage } from './types.ts';

export interface StrategyAsked {
  readonly strategy: string;
  readonly args: Settings;
  /** Name of the instance, given the plugin's. */
  readonly name: (plugin: string) => string;
  readonly for: readonly string[];
  readonly reason: string;
  readonly place: Place;
  /** Where the options stand. */
  readonly argsPath: string;
}

export function claimedStrategy(
  asked: StrategyAsked,
  { packages, problems }: { readonly packages: readonly PluginPackage[]; readonly problems: Problems },
): PlannedInstance | undefined {
  const { strategy, args, place, argsPath } = asked;
  const claiming = packages.filter(({ manifest }) => manifest.claims.routingStrategies?.includes(strategy));
  const [found, second] = claiming;
  if (found === undefined || second !== undefined) {
    const known = packages.flatMap(({ manifest }) => manifest.claims.routingStrategies ?? []);
    return problems.error(place, [
      found === undefined
        ? `No plugin is the routing strategy "${strategy}".${didYouMean(strategy, known)}`
        : `Several plugins claim the routing strategy "${strategy}".`,
      strategy,
      `one of ${known.join(', ')}`,
    ]);
  }
  return {
    name: asked.name(found.manifest.name),
    package: found,
    for: asked.for,
    onFailure: 'abort',
    config: { values: args, paths: {}, base: argsPath, derived: Object.keys(args) },
    reason: asked.reason,
    place,
    origin: 'claim',
    isTrusted: true,
    grants: noGrants,
  };
}
