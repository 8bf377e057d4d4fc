/** `router_settings.routing_groups`: strategies of their own for some model groups. */
import type { Configuration } from '../config/types.ts';
import { claimedStrategy } from './claimed-strategy.ts';
import { type PlannedInstance, type Problems, pathBelow, type Settings } from './plan.ts';
import type { PluginPackage } from './types.ts';

interface Parts {
  readonly configuration: Configuration;
  readonly packages: readonly PluginPackage[];
  readonly problems: Problems;
}

interface RoutingGroup {
  readonly name: string;
  readonly models: readonly string[];
  readonly strategy: string;
  readonly args: Settings;
}

const listPath = 'router_settings.routing_groups';

/** One instance a group; what is wrong with one is told with its place. */
export function routingGroups(parts: Parts): readonly PlannedInstance[] {
  const { router_settings: router } = parts.configuration.settings as { router_settings?: Settings };
  const list = router?.routing_groups;
  if (!Array.isArray(list)) return [];
  const takenBy = new Map<string, string>();
  return list.flatMap((item: unknown, index) => {
    const path = pathBelow(listPath, index);
    const group = readGroup(item, path, parts);
    if (group === undefined) return [];
    for (const model of group.models) {
      const other = takenBy.get(model);
      if (other !== undefined)
        parts.problems.error(parts.configuration.placeOf(path), [
          `Model group "${model}" stands in two routing groups.`,
          `${other} and ${group.name}`,
          'each model group in one of them',
        ]);
      takenBy.set(model, group.name);
    }
    return planned(group, path, parts) ?? [];
  });
}

function readGroup(item: unknown, path: string, { configuration, problems }: Parts): RoutingGroup | undefined {
  const block = (typeof item === 'object' && item !== null ? item : {}) as Settings;
  const { group_name: name, models, routing_strategy: strategy, routing_strategy_args: args = {} } = block;
  const refuse = (key: string, expected: string) =>
    problems.error(configuration.placeOf(pathBelow(path, key)), [
      `A routing group has no usable "${key}".`,
      JSON.stringify(block[key] ?? null).slice(0, 80),
      expected,
    ]);
  if (typeof name !== 'string' || !/^[\w.-]+$/.test(name) || name === 'default')
    return refuse('group_name', 'a name of letters, digits, hyphens, dots and underscores, other than "default"');
  if (!Array.isArray(models) || models.length === 0 || !models.every((model) => typeof model === 'string'))
    return refuse('models', 'a list of model groups');
  if (typeof strategy !== 'string') return refuse('routing_strategy', 'the name of a strategy');
  if (typeof args !== 'object' || args === null || Array.isArray(args))
    return refuse('routing_strategy_args', 'a block of options');
  for (const model of models)
    if (!isGroup(configuration, model))
      problems.warn(configuration.placeOf(pathBelow(path, 'models')), [
        `Routing group "${name}" names a model group that does not exist.`,
        model,
        'a model_name of model_list, or a name of model_group_lists',
      ]);
  return { name, models, strategy, args: args as Settings };
}

const isGroup = ({ deployments, router }: Configuration, name: string): boolean =>
  name === 'auto' || router.modelGroupLists.has(name) || deployments.some(({ modelName }) => modelName === name);

const planned = (
  { name, models, strategy, args }: RoutingGroup,
  path: string,
  parts: Parts,
): PlannedInstance | undefined =>
  claimedStrategy(
    {
      ...{ strategy, args, for: models },
      name: (plugin) => `${plugin}-${name}`,
      reason: `routing group ${name} is ${strategy}`,
      place: parts.configuration.placeOf(pathBelow(path, 'routing_strategy')),
      argsPath: pathBelow(path, 'routing_strategy_args'),
    },
    parts,
  );
