/**
 * From a configuration and the plugins at hand to the instances it calls for,
 * each with the reason. Nothing runs; every problem is told with its place.
 */
import { didYouMean } from '@rutter/plugin-sdk/pack';
import type { Diagnostic, PluginEntry } from '../config/types.ts';
import { derive, mergeConfig, noConfig } from './claims.ts';
import { saysTrust } from './discovery.ts';
import { experimentStrategies } from './experiments.ts';
import { type ComposeOptions, type Composition, noGrants, type PlannedInstance, Problems, pathBelow } from './plan.ts';
import { routingGroups } from './routing-groups.ts';
import { connect, servicesOf, setupOrder } from './service-order.ts';
import type { PluginPackage } from './types.ts';
import { warnOfUnclaimed } from './unclaimed.ts';

export type ComposeResult = { readonly composition: Composition } | { readonly diagnostics: readonly Diagnostic[] };

export function compose(options: ComposeOptions): ComposeResult {
  const problems = new Problems();
  const planned = withNeeded(plan(options, problems), options, problems);
  refuseSameNames(planned, problems);
  refuseTakeovers(planned, options, problems);
  const instances = connect(planned, options.provided, problems);
  const order = setupOrder(instances, options.required, problems);
  if (problems.hasErrors) return { diagnostics: problems.found };
  return { composition: { instances, order, warnings: problems.found } };
}

/** Entries in order of the file, then what the rest implies, then defaults that nothing has replaced. */
function plan(options: ComposeOptions, problems: Problems): readonly PlannedInstance[] {
  const { configuration, packages, defaultsFile } = options;
  const [defaults, explicit] = partition(configuration.plugins, ({ place }) => place.file === defaultsFile);
  const entries = explicit.flatMap((entry) => fromEntry(entry, options, problems) ?? []);
  const named = new Set(entries.map((one) => one.package));
  const implied = configuration.derive ? derive({ configuration, packages, named, problems }) : [];
  const grouped = configuration.derive ? routingGroups({ configuration, packages, problems }) : [];
  const compared = configuration.derive ? experimentStrategies({ configuration, packages, problems }) : [];
  const chosen = [
    ...entries.map((entry) => inherit(entry, implied)),
    ...grouped,
    ...compared,
    ...implied.flatMap((one) => unlessNamed(one, entries)),
  ];
  const known = defaults.flatMap((entry) => fromEntry(entry, options, problems) ?? []);
  if (configuration.derive) warnOfUnclaimed({ configuration, packages, problems });
  const standing = known.filter((one) => !chosen.some((other) => other.name === one.name || replaces(other, one)));
  // With `derive: false` only a service that somebody uses is still taken from the defaults.
  const wanted = new Set([...options.required, ...chosen.flatMap((one) => one.package.manifest.uses)]);
  const isKept = (one: PlannedInstance) =>
    configuration.derive || servicesOf(one.package.manifest).some((service) => wanted.has(service));
  return [...chosen, ...standing.filter(isKept)];
}

function fromEntry(
  entry: PluginEntry,
  { byUse, packages, defaultsFile, configuration }: ComposeOptions,
  problems: Problems,
): PlannedInstance | undefined {
  const found = byUse.get(entry.use);
  if (found === undefined) {
    const names = packages.map(({ manifest }) => manifest.name);
    return problems.error(entry.place, [
      `There is no plugin "${entry.use}".${didYouMean(entry.use, names)}`,
      entry.use,
      names.length === 0 ? 'an installed plugin or a folder' : `a folder, or one of ${names.join(', ')}`,
    ]);
  }
  const isTrusted = entry.trust || (found.isVouched === true && !saysTrust(entry, configuration.settings));
  if (entry.runsIn !== undefined && (!isTrusted || found.origin === 'untrusted'))
    return problems.error(entry.place, [
      `Plugin "${entry.as}" is not trusted, and runs in the sandbox.`,
      `place: ${entry.runsIn}`,
      'no "place", or "trust: true" if you trust its code',
    ]);
  const isDefault = entry.place.file === defaultsFile;
  const services = servicesOf(found.manifest);
  return {
    name: entry.as,
    package: found,
    for: entry.for,
    onFailure: entry.onFailure,
    config: { values: entry.config, paths: {}, base: pathBelow(entry.place.path, 'config'), derived: [] },
    reason: isDefault ? `default ${services.length > 0 ? services.join(' and ') : found.manifest.kind}` : entry.reason,
    place: entry.place,
    origin: isDefault ? 'default' : 'entry',
    isTrusted,
    runsIn: entry.runsIn,
    grants: entry.grants,
  };
}

/** An entry that names a plugin the rest implies keeps the options implied for it, under its own. */
function inherit(entry: PlannedInstance, implied: readonly PlannedInstance[]): PlannedInstance {
  const below = implied.find((one) => one.package === entry.package);
  return below === undefined ? entry : { ...entry, config: mergeConfig(below.config, entry.config) };
}

/** Nothing when an entry takes its place. A strategy named for some groups leaves the others to the one implied. */
function unlessNamed(implied: PlannedInstance, entries: readonly PlannedInstance[]): readonly PlannedInstance[] {
  const same = entries.filter((entry) => entry.package === implied.package);
  const isGeneral = implied.package.manifest.kind === 'strategy';
  if (same.length === 0) return [implied];
  if (!isGeneral || same.some((entry) => entry.for === undefined)) return [];
  const isTaken = entries.some(({ name }) => name === implied.name);
  return [isTaken ? { ...implied, name: `${implied.name}-default` } : implied];
}

/** Whether `chosen` provides a service that the default is there for, or is the same plugin. */
function replaces(chosen: PlannedInstance, standing: PlannedInstance): boolean {
  if (chosen.package === standing.package) return true;
  const services = servicesOf(standing.package.manifest);
  return servicesOf(chosen.package.manifest).some((service) => services.includes(service));
}

/** Adds providers of services that are needed and that nothing planned provides, as long as it is plain which. */
function withNeeded(
  planned: readonly PlannedInstance[],
  options: ComposeOptions,
  problems: Problems,
): readonly PlannedInstance[] {
  const all = [...planned];
  const isProvided = (service: string) =>
    options.provided.includes(service) || all.some((one) => servicesOf(one.package.manifest).includes(service));
  const missing = options.required.map((service) => ({ service, by: 'the gateway' }));
  for (const one of planned) missing.push(...one.package.manifest.uses.map((service) => ({ service, by: one.name })));
  for (let wanted = missing.shift(); wanted !== undefined; wanted = missing.shift()) {
    const { service, by } = wanted;
    if (isProvided(service)) continue;
    const found = onlyProvider(service, by, options, problems);
    if (found === undefined) continue;
    const { manifest } = found;
    const place = options.configuration.placeOf('plugins');
    const config = noConfig('plugins');
    all.push({
      name: manifest.name,
      package: found,
      for: undefined,
      onFailure: 'abort',
      config,
      reason: `provides ${service} for ${by}`,
      place,
      origin: 'default',
      isTrusted: true,
      grants: noGrants,
    });
    missing.push(...manifest.uses.map((used) => ({ service: used, by: manifest.name })));
  }
  return all;
}

function onlyProvider(
  service: string,
  by: string,
  { packages, configuration, required }: ComposeOptions,
  problems: Problems,
): PluginPackage | undefined {
  const providing = packages.filter(({ manifest }) => servicesOf(manifest).includes(service));
  const [first, second] = providing;
  const place = configuration.placeOf('plugins');
  if (second !== undefined) {
    const names = providing.map(({ manifest }) => manifest.name).join(', ');
    return problems.error(place, [
      `Several plugins provide "${service}", which ${by} needs.`,
      names,
      'one of them under "plugins"',
    ]);
  }
  if (first === undefined && required.includes(service))
    return problems.error(place, [
      `No plugin provides "${service}", which ${by} needs.`,
      'none',
      `a plugin that provides "${service}"`,
    ]);
  return first;
}

function refuseSameNames(planned: readonly PlannedInstance[], problems: Problems): void {
  const byName = new Map<string, PlannedInstance>();
  for (const one of planned) {
    const earlier = byName.get(one.name);
    if (earlier === undefined) byName.set(one.name, one);
    else
      problems.error(one.place, [
        `Two instances are named "${one.name}".`,
        `one because ${earlier.reason}, one because ${one.reason}`,
        'a name of its own for each; give one of them "as"',
      ]);
  }
}

/** Code that nobody vouches for may bring prefixes of its own, and take none from a plugin that is trusted: prompts would change hands. */
function refuseTakeovers(planned: readonly PlannedInstance[], { packages }: ComposeOptions, problems: Problems): void {
  for (const { name, place, isTrusted, package: found } of planned) {
    if (isTrusted || found.origin !== 'untrusted') continue;
    for (const prefix of found.manifest.claims.modelPrefixes ?? []) {
      const owner = packages.find(
        (one) => one.origin !== 'untrusted' && one.manifest.claims.modelPrefixes?.includes(prefix),
      );
      if (owner !== undefined)
        problems.error(place, [
          `Plugin "${name}" claims models that begin with "${prefix}/", which are those of "${owner.manifest.name}".`,
          prefix,
          'a prefix of its own, or "trust: true" in its entry, if you trust its code',
        ]);
    }
  }
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): readonly [readonly T[], readonly T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}

/** Names under which the plugins at hand may be called for in a configuration. */
export function claimedNames(packages: readonly PluginPackage[]): {
  readonly prefixes: readonly string[];
  readonly strategies: readonly string[];
} {
  return {
    prefixes: packages.flatMap(({ manifest }) => manifest.claims.modelPrefixes ?? []),
    strategies: packages.flatMap(({ manifest }) => manifest.claims.routingStrategies ?? []),
  };
}
