/** Instances of the strategies that experiments compare, each for its variant alone. */
import { armOf, type NamedStrategy, readExperiments, shadowOf } from '../config/experiments.ts';
import type { Configuration } from '../config/types.ts';
import { claimedStrategy } from './claimed-strategy.ts';
import { type PlannedInstance, type Problems, pathBelow } from './plan.ts';
import type { PluginPackage } from './types.ts';

interface Parts {
  readonly configuration: Configuration;
  readonly packages: readonly PluginPackage[];
  readonly problems: Problems;
}

const listPath = 'router_settings.experiments';

export function experimentStrategies(parts: Parts): readonly PlannedInstance[] {
  const { configuration, problems } = parts;
  const { experiments, faults } = readExperiments(configuration.settings);
  for (const { path, message, found, expected } of faults)
    problems.error(configuration.placeOf(path.reduce(pathBelow, listPath)), [
      message,
      (JSON.stringify(found) ?? 'nothing').slice(0, 80),
      expected,
    ]);
  return experiments.flatMap(({ name, index, variants, shadows }) => {
    const at = pathBelow(listPath, index);
    const arms = variants.flatMap((variant, place) =>
      variant.named
        ? (planned(parts, variant.named, {
            path: pathBelow(pathBelow(at, 'variants'), place),
            label: `${name}.${variant.name}`,
            arm: armOf(name, variant.name),
          }) ?? [])
        : [],
    );
    const beside = shadows.flatMap(
      (shadow, place) =>
        planned(parts, shadow, {
          path: pathBelow(pathBelow(at, 'shadows'), place),
          label: `${name}.shadow-${place + 1}`,
          arm: shadowOf(name, place),
        }) ?? [],
    );
    return [...arms, ...beside];
  });
}

function planned(
  { configuration, packages, problems }: Parts,
  named: NamedStrategy,
  { path, label, arm }: { readonly path: string; readonly label: string; readonly arm: string },
): PlannedInstance | undefined {
  return claimedStrategy(
    {
      ...named,
      name: (plugin) => `${plugin}.${label}`,
      for: [arm],
      reason: `experiment ${label} is ${named.strategy}`,
      place: configuration.placeOf(pathBelow(path, 'routing_strategy')),
      argsPath: pathBelow(path, 'routing_strategy_args'),
    },
    { packages, problems },
  );
}
