/** The `routing` service: decisions that are made and not carried out, and how groups are routed. */
import {
  type ComparedExperiment,
  type Decision,
  type RequestContext,
  type RoutedGroup,
  type Routing,
  type RoutingInfo,
  RutterError,
} from '@rutter/plugin-sdk';
import { chooseOnly } from '../attempts/choose.ts';
import { eligible, filterAhead } from '../attempts/eligible.ts';
import { type Experiment, shadowOf } from '../config/experiments.ts';
import { applyHeaderControls } from '../http/controls.ts';
import type { ExperimentStates } from '../live/experiment-states.ts';
import { selectorOf, weightOf } from '../pipeline/experiments.ts';
import { Facts } from '../pipeline/facts.ts';
import { autoName } from '../pipeline/group-lists.ts';
import { modelList } from '../pipeline/model-list.ts';
import type { RequestPath } from '../pipeline/path.ts';
import { authorise } from '../pipeline/pre-route.ts';
import { resolveCall } from '../pipeline/resolve-call.ts';
import { unresolvedCall } from './sample-call.ts';

export interface RoutingParts {
  readonly experiments: ExperimentStates;
}

export function routingService({ experiments }: RoutingParts): Routing {
  return { decide, info, steer: (name, steered) => experiments.steer(name, steered) };
}

/** See {@link Routing.decide}. */
export async function decide(context: RequestContext, body: Readonly<Record<string, unknown>>): Promise<Decision> {
  const call = await unresolvedCall(context, 'chat', body, true);
  call.isDryRun = true;
  const { facts, path } = call;
  facts.operation = call.operation;
  facts.tags = applyHeaderControls(call.read, facts).controls.tags ?? facts.tags;
  facts.useFeatures(() => path.features(facts, call));
  const { group, isDeployment } = resolveCall(call);
  await authorise(path, call);
  if (path.filtersAhead.length > 0) await filterAhead(call, group);
  const targets = eligible(call, group, { isDeployment });
  const decision = await chooseOnly(call, group, targets);
  const { orchestrator } = selectorOf(call, group.name);
  if (orchestrator === undefined) return decision;
  return {
    ...decision,
    reason: `${orchestrator.name} makes calls of its own; where it leaves that: ${decision.reason}`,
  };
}

function info(context: RequestContext): RoutingInfo {
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
    experiments: path.experiments.map((experiment) => comparedIn(path, experiment)),
  };
}

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

function comparedIn(path: RequestPath, { name, models, variants, shadows }: Experiment): ComparedExperiment {
  const states = path.services.experiments;
  const steered = states.of(name);
  return {
    name,
    ...(models && { models }),
    variants: variants.map((variant) => ({
      name: variant.name,
      ...(variant.named && { strategy: variant.named.strategy }),
      configuredWeight: variant.weight,
      weight: weightOf(variant, steered),
      ...(variant.name in steered.off && { off: steered.off[variant.name] as string }),
    })),
    shadows: shadows.flatMap((_, index) => {
      const instance = path.selector({ name: shadowOf(name, index) }).strategies[0];
      return instance ? [{ strategy: instance.name, ...states.shadow(instance.name) }] : [];
    }),
  };
}
