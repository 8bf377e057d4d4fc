/** The `routing` service: decisions that are made and not carried out, and how groups are routed. */
import { type Decision, type RoutedGroup, type Routing, RutterError } from '@rutter/plugin-sdk';
import { chooseOnly } from '../attempts/choose.ts';
import { eligible, filterAhead } from '../attempts/eligible.ts';
import { applyHeaderControls } from '../http/controls.ts';
import { Facts } from '../pipeline/facts.ts';
import { autoName } from '../pipeline/group-lists.ts';
import { modelList } from '../pipeline/model-list.ts';
import type { RequestPath } from '../pipeline/path.ts';
import { authorise } from '../pipeline/pre-route.ts';
import { resolveCall } from '../pipeline/resolve-call.ts';
import { unresolvedCall } from './sample-call.ts';

export const routing: Routing = {
  async decide(context, body): Promise<Decision> {
    const call = await unresolvedCall(context, 'chat', body, true);
    const { facts, path } = call;
    facts.operation = call.operation;
    facts.tags = applyHeaderControls(call.read, facts).controls.tags ?? facts.tags;
    facts.useFeatures(() => path.features(facts, call));
    const { group, isDeployment } = resolveCall(call);
    await authorise(path, call);
    if (path.filtersAhead.length > 0) await filterAhead(call, group);
    const targets = eligible(call, group, { isDeployment });
    const decision = await chooseOnly(call, group, targets);
    const { orchestrator } = path.selector(group);
    if (orchestrator === undefined) return decision;
    return {
      ...decision,
      reason: `${orchestrator.name} makes calls of its own; where it leaves that: ${decision.reason}`,
    };
  },

  info(context) {
    const path = Facts.pathOf(context);
    if (!path) throw new RutterError('ERR_KERNEL_INTERNAL', 'The request is not one of ours.');
    const strategies = path.instances.filter(({ manifest }) => manifest.kind === 'strategy');
    return {
      generation: path.number,
      strategies: strategies.map(({ name, manifest, for: groups }) => ({
        ...{ name, plugin: manifest.name, version: manifest.version },
        ...(groups && { for: groups }),
      })),
      groups: [...new Set([...modelList.list(context).map(({ id }) => id), autoName])].flatMap(
        (name) => routed(path, name, context.principal.models) ?? [],
      ),
    };
  },
};

function routed(path: RequestPath, name: string, models: readonly string[] | undefined): RoutedGroup | undefined {
  const group = path.models.resolve(name, models)?.group;
  if (!group || group.targets.length === 0) return undefined;
  return {
    name,
    strategies: path.selector(group).strategies.map((instance) => instance.name),
    deployments: group.targets.length,
    ...(group.groups && { groups: group.groups }),
  };
}
