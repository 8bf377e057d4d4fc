/**
 * The composition root: one container for what outlives generations, and a
 * child of it for each generation, under a token per kind.
 */
import 'reflect-metadata';
import type { Kind } from '@rutter/plugin-sdk';
import { kindNames } from '@rutter/plugin-sdk/pack';
import { container, type DependencyContainer, type InjectionToken } from 'tsyringe';
import type { Configuration } from '../config/types.ts';
import type { KernelServices } from '../plugins/kernel-services.ts';
import type { PluginInstance } from '../plugins/types.ts';

export const kernelToken: InjectionToken<KernelServices> = Symbol('kernel services');
const configurationToken: InjectionToken<Configuration> = Symbol('configuration');

const kindTokens = new Map(kindNames.map((kind) => [kind, Symbol(kind)]));

/** Under which a generation's instances of a kind are registered, in order of the hooks. */
function kindToken(kind: Kind): InjectionToken<PluginInstance> {
  return kindTokens.get(kind) as symbol;
}

/** The root container of one gateway. */
export function createRoot(kernel: KernelServices): DependencyContainer {
  const root = container.createChildContainer();
  root.registerInstance(kernelToken, kernel);
  return root;
}

/** The container of one generation. It disposes nothing: the kernel counts who holds an instance. */
export function createChild(
  root: DependencyContainer,
  configuration: Configuration,
  instances: readonly PluginInstance[],
): DependencyContainer {
  const child = root.createChildContainer();
  child.registerInstance(configurationToken, configuration);
  for (const instance of instances) child.registerInstance(kindToken(instance.manifest.kind), instance);
  return child;
}

/** Instances of a kind, in order of the hooks; none is no error. */
export function resolveKind(from: DependencyContainer, kind: Kind): readonly PluginInstance[] {
  const token = kindToken(kind);
  return from.isRegistered(token) ? from.resolveAll(token) : [];
}
