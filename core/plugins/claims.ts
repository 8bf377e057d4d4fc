/**
 * Which plugins a configuration calls for without naming them: by the models
 * it uses, its strategy, its settings and its secret references.
 *
 * The kernel compares what manifests claim with what is written; it knows no
 * plugin's name. Two plugins that claim the same are an error, unless an entry
 * under `plugins` says which of them is meant.
 */
import { didYouMean } from '@rutter/plugin-sdk/pack';
import type { Configuration } from '../config/types.ts';
import { noGrants, type PlannedConfig, type PlannedInstance, type Problems, pathBelow, type Settings } from './plan.ts';
import type { PluginPackage } from './types.ts';

export interface ClaimOptions {
  readonly configuration: Configuration;
  readonly packages: readonly PluginPackage[];
  /** Packages that an entry of the configuration names; they settle which of several claimants is meant. */
  readonly named: ReadonlySet<PluginPackage>;
  readonly problems: Problems;
}

interface Claim {
  readonly package: PluginPackage;
  readonly reason: string;
  readonly path: string;
  readonly config: PlannedConfig | undefined;
}

/** One planned instance for each package that is called for, in order of the hooks. */
export function derive(options: ClaimOptions): readonly PlannedInstance[] {
  const claims = [...bySettings(options), ...byReferences(options), ...byModels(options), ...byStrategy(options)];
  return [...Map.groupBy(claims, (claim) => claim.package)].map(([found, [first, ...others]]) => {
    const { path, reason } = first as Claim;
    const configs = [first as Claim, ...others].flatMap(({ config }) => config ?? []);
    return {
      name: found.manifest.name,
      package: found,
      for: undefined,
      onFailure: 'abort' as const,
      config: configs.reduce(mergeConfig, noConfig(path)),
      reason,
      place: options.configuration.placeOf(path),
      origin: 'claim' as const,
      isTrusted: true,
      grants: noGrants,
    };
  });
}

export const noConfig = (base: string): PlannedConfig => ({ values: {}, paths: {}, base, derived: [] });

/** Options of both, those of `over` where both have one. */
export function mergeConfig(below: PlannedConfig, over: PlannedConfig): PlannedConfig {
  const own = Object.fromEntries(
    Object.keys(over.values).map((key) => [key, over.paths[key] ?? pathBelow(over.base, key)]),
  );
  const kept = below.derived.filter((key) => !(key in over.values));
  return {
    values: { ...below.values, ...over.values },
    paths: { ...below.paths, ...own },
    base: over.base,
    derived: [...kept, ...over.derived],
  };
}

function derived(values: Settings, base: string): PlannedConfig {
  return { values, paths: {}, base, derived: Object.keys(values) };
}

/** The one package that claims something; undefined when there is none, or when it cannot be told which. */
function claimant(
  claiming: readonly PluginPackage[],
  what: string,
  path: string,
  options: ClaimOptions,
): PluginPackage | undefined {
  const meant = claiming.filter((one) => options.named.has(one));
  const [first, second] = meant.length > 0 ? meant : claiming;
  if (first === undefined || second === undefined) return first;
  const names = [first, second].map(({ manifest, folder }) => `"${manifest.name}" (${folder})`);
  return options.problems.error(options.configuration.placeOf(path), [
    `Two plugins claim ${what}.`,
    names.join(' and '),
    'one of them; name the one that is meant under "plugins"',
  ]);
}

function byModels(options: ClaimOptions): readonly Claim[] {
  const { configuration, packages, problems } = options;
  const claims = new Map<string, Claim | undefined>();
  for (const { provider, model, place } of configuration.deployments) {
    if (claims.has(provider)) continue;
    const claiming = packages.filter(({ manifest }) => manifest.claims.modelPrefixes?.includes(provider));
    const found = claimant(claiming, `models that begin with "${provider}/"`, place.path, options);
    if (claiming.length === 0) {
      const known = packages.flatMap(({ manifest }) => manifest.claims.modelPrefixes ?? []);
      problems.error(place, [
        `No plugin serves models that begin with "${provider}/".${didYouMean(provider, known)}`,
        `${provider}/${model}`,
        known.length === 0 ? 'a provider plugin' : `one of ${known.join(', ')}`,
      ]);
    }
    const reason = `${place.path} names ${provider}/${model}`;
    claims.set(provider, found && { package: found, reason, path: place.path, config: undefined });
  }
  return [...claims.values()].filter((claim) => claim !== undefined);
}

function byStrategy(options: ClaimOptions): readonly Claim[] {
  const { configuration, packages, problems } = options;
  const name = configuration.router.routingStrategy;
  const path = 'router_settings.routing_strategy';
  const isWritten = valueAt(configuration.settings, path) !== undefined;
  const claiming = packages.filter(({ manifest }) => manifest.claims.routingStrategies?.includes(name));
  const found = claimant(claiming, `the routing strategy "${name}"`, path, options);
  if (found === undefined) {
    const isInstance = configuration.plugins.some(({ as, use }) => as === name || use === name);
    if (claiming.length === 0 && isWritten && !isInstance) {
      const known = packages.flatMap(({ manifest }) => manifest.claims.routingStrategies ?? []);
      problems.error(configuration.placeOf(path), [
        `No plugin is the routing strategy "${name}".${didYouMean(name, known)}`,
        name,
        known.length === 0 ? 'an installed strategy' : `one of ${known.join(', ')}`,
      ]);
    }
    return [];
  }
  const config = derived(configuration.router.routingStrategyArgs, `${path}_args`);
  return [
    { package: found, reason: isWritten ? `${path} is ${name}` : `${name} is the default strategy`, path, config },
  ];
}

function bySettings(options: ClaimOptions): readonly Claim[] {
  const { configuration, packages } = options;
  const claimed = packages.flatMap((found) =>
    (found.manifest.claims.settings ?? []).map((claim) => ({ found, claim })),
  );
  return [...Map.groupBy(claimed, ({ claim }) => claim)].flatMap(([claim, claiming]) => {
    const { path: asked, expected, option } = readClaim(claim);
    const found = find(configuration.settings, asked);
    if (found === undefined || (expected !== undefined && !says(found.value, expected))) return [];
    const { value, path } = found;
    const meant = claimant(
      claiming.map((one) => one.found),
      `the setting ${claim}`,
      path,
      options,
    );
    if (meant === undefined) return [];
    const reason = expected === undefined ? `${path} is set` : `${path} is ${expected}`;
    return {
      package: meant,
      reason,
      path,
      config:
        option === undefined
          ? settingsConfig({ settings: configuration.settings, path, value, isMatch: expected !== undefined })
          : { ...noConfig(path), values: { [option]: value }, paths: { [option]: path } },
    };
  });
}

/** `path`, `path: value`, and either of them `as option`. */
function readClaim(claim: string): { path: string; expected: string | undefined; option: string | undefined } {
  const [, path = '', expected, option] = /^(.+?)(?:: (.+?))?(?: as (\w+))?$/.exec(claim) ?? [];
  return { path, expected, option };
}

/** A value, or a list that holds it. */
const says = (value: unknown, expected: string): boolean =>
  Array.isArray(value) ? value.some((item) => String(item) === expected) : String(value) === expected;

/** What stands at a path and where; of a list, `[]`, the first entry that has it. */
function find(
  settings: unknown,
  asked: string,
  at = '',
): { readonly value: unknown; readonly path: string } | undefined {
  const [, head = '', isList, rest] = /^(.+?)(\[\])?(?:\.(.+))?$/.exec(asked) ?? [];
  const path = pathBelow(at, head);
  const value = isObject(settings) && Object.hasOwn(settings, head) ? settings[head] : undefined;
  if (value === undefined || value === null) return undefined;
  if (rest === undefined) return { value, path };
  if (isList === undefined) return find(value, rest, path);
  if (!Array.isArray(value)) return undefined;
  for (const [index, item] of value.entries()) {
    const found = find(item, rest, pathBelow(path, index));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A claim on a value takes the block it stands in; on a block, the block; on anything else, that one option; on entries of lists, nothing. */
function settingsConfig({
  settings,
  path,
  value,
  isMatch,
}: {
  settings: Settings;
  path: string;
  value: unknown;
  isMatch: boolean;
}): PlannedConfig {
  if ((isMatch && Array.isArray(value)) || path.includes('[')) return noConfig(path);
  const dot = path.lastIndexOf('.');
  const [parent, key] = [dot < 0 ? '' : path.slice(0, dot), path.slice(dot + 1)];
  if (isMatch) return derived(parent === '' ? {} : (valueAt(settings, parent) as Settings), parent);
  return isObject(value) ? derived(value, path) : derived({ [key]: value }, parent);
}

function byReferences(options: ClaimOptions): readonly Claim[] {
  const { configuration, packages } = options;
  const claimed = packages.flatMap((found) =>
    (found.manifest.claims.references ?? []).map((prefix) => ({ found, prefix })),
  );
  if (claimed.length === 0) return [];
  const texts = [...textsIn(configuration.settings, '')];
  return [...Map.groupBy(claimed, ({ prefix }) => prefix)].flatMap(([prefix, claiming]) => {
    const use = texts.find(({ text }) => text.startsWith(prefix));
    if (use === undefined) return [];
    const found = claimant(
      claiming.map((one) => one.found),
      `references that begin with "${prefix}"`,
      use.path,
      options,
    );
    return found === undefined
      ? []
      : { package: found, reason: `${use.path} refers to ${prefix}…`, path: use.path, config: undefined };
  });
}

function* textsIn(value: unknown, path: string): Generator<{ readonly text: string; readonly path: string }> {
  if (typeof value === 'string') yield { text: value, path };
  else if (Array.isArray(value))
    for (const [index, item] of value.entries()) yield* textsIn(item, pathBelow(path, index));
  else if (isObject(value)) for (const [key, item] of Object.entries(value)) yield* textsIn(item, pathBelow(path, key));
}

function valueAt(settings: Settings, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((block, key) => (isObject(block) && Object.hasOwn(block, key) ? block[key] : undefined), settings);
}

const isObject = (value: unknown): value is Settings =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
