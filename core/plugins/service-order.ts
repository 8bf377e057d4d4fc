/** Who provides what to whom, and the order of set-up that follows from it. */

import type { Manifest } from '@rutter/plugin-sdk';
import { didYouMean } from '@rutter/plugin-sdk/pack';
import type { ComposedInstance, PlannedInstance, Problems } from './plan.ts';

const serviceKinds: readonly string[] = ['state', 'store', 'embedder'];

/** Services a plugin provides: those its manifest names, and its kind where that is one. */
export function servicesOf({ provides, kind }: Manifest): readonly string[] {
  return [...new Set(serviceKinds.includes(kind) ? [...provides, kind] : provides)];
}

/** Finds a provider for everything used; problems name what is missing and who asked. */
export function connect(
  planned: readonly PlannedInstance[],
  provided: readonly string[],
  problems: Problems,
): readonly ComposedInstance[] {
  const providers = new Map<string, PlannedInstance>();
  for (const instance of planned) {
    for (const service of servicesOf(instance.package.manifest)) {
      const earlier = providers.get(service);
      if (earlier === undefined) providers.set(service, instance);
      else
        problems.error(instance.place, [
          `Two plugins provide "${service}".`,
          `"${earlier.name}" (${earlier.reason}) and "${instance.name}" (${instance.reason})`,
          'one of them',
        ]);
    }
  }
  return planned.map((instance) => {
    const uses = new Map<string, string | undefined>();
    for (const service of instance.package.manifest.uses) {
      const provider = providers.get(service);
      if (provider === undefined && !provided.includes(service)) {
        const known = [...providers.keys(), ...provided];
        problems.error(instance.place, [
          `Plugin "${instance.name}" uses the service "${service}", which nothing provides.${didYouMean(service, known)}`,
          known.length === 0 ? 'no services' : known.join(', '),
          `a plugin that provides "${service}"`,
        ]);
      }
      uses.set(service, provider?.name);
    }
    return { ...instance, uses };
  });
}

/**
 * Providers of what the kernel requires, then the rest as given; providers
 * before users. A circle is a problem that names everyone in it.
 */
export function setupOrder(
  instances: readonly ComposedInstance[],
  required: readonly string[],
  problems: Problems,
): readonly ComposedInstance[] {
  const byName = new Map(instances.map((instance) => [instance.name, instance]));
  const ordered = new Set<ComposedInstance>();
  const visit = (instance: ComposedInstance, path: readonly string[]): void => {
    if (ordered.has(instance)) return;
    const start = path.indexOf(instance.name);
    if (start >= 0) {
      problems.error(instance.place, [
        'Plugins use each other in a circle.',
        [...path.slice(start), instance.name].join(' → '),
        'services without a circle; take one "uses" away',
      ]);
      ordered.add(instance);
      return;
    }
    for (const name of instance.uses.values()) {
      const provider = name === undefined ? undefined : byName.get(name);
      if (provider !== undefined) visit(provider, [...path, instance.name]);
    }
    ordered.add(instance);
  };
  // A store must stand before the first plugin that brings migrations, though it need not say that it uses one.
  const isRequired = ({ package: { manifest } }: ComposedInstance) =>
    servicesOf(manifest).some((service) => required.includes(service));
  // Options of others may refer to what a secrets plugin knows.
  const isSecrets = ({ package: { manifest } }: ComposedInstance) => manifest.kind === 'secrets';
  for (const instance of [...instances.filter(isSecrets), ...instances.filter(isRequired), ...instances])
    visit(instance, []);
  return [...ordered];
}
