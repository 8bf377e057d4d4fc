/**
 * The model groups of one generation: what a name resolves to, and which
 * deployments stand behind it.
 */
import type { Auth, Candidate, Deployment, PriceBook, Provider } from '@rutter/plugin-sdk';
import { prefixesOf, providerOf } from '../config/provider-name.ts';
import type { Configuration, DeploymentSettings } from '../config/types.ts';
import type { LiveRecord, LiveRegistry } from '../live/registry.ts';
import { adjustmentOf } from '../pricing/adjustments.ts';
import type { Adjustment } from '../pricing/bill.ts';
import { type Pricing, pricingOf } from '../pricing/pricing.ts';
import { autoName, GroupLists } from './group-lists.ts';
import { mayCall } from './may-call.ts';
import { withVariables } from './setting-variables.ts';

/** A deployment with what only the kernel knows of it. */
export interface Target extends Candidate {
  readonly deployment: Deployment;
  readonly live: LiveRecord;
  readonly settings: DeploymentSettings;
  readonly provider: Provider;
  /** '' where neither the deployment nor its provider names one. */
  readonly baseUrl: string;
  readonly auth: Auth;
  readonly tagPatterns: readonly RegExp[];
  readonly pricing: Pricing;
  readonly adjustment: Adjustment | undefined;
  /** The address is the caller's: it must be a public one. */
  readonly isGuarded?: boolean;
}

export interface Group {
  readonly name: string;
  /** In configured order. */
  readonly targets: readonly Target[];
  /** Not listed among the models. */
  readonly isHidden: boolean;
  /** Set for a list of groups: their names. */
  readonly groups?: readonly string[];
}

interface Wildcard {
  readonly name: string;
  readonly pattern: RegExp;
  readonly settings: DeploymentSettings[];
}

/** Most concrete names kept of wildcard groups; the oldest goes first. */
const keptNames = 1000;

/** What a name means; a deployment named by its id is called even while it cools down. */
export interface Resolved {
  readonly group: Group;
  readonly isDeployment: boolean;
}

export interface ModelTableParts {
  readonly configuration: Configuration;
  /** Providers by the prefixes they claim. */
  readonly providers: ReadonlyMap<string, Provider>;
  readonly live: LiveRegistry;
  readonly environment: NodeJS.ProcessEnv;
  /** What is known of models; prices are the deployments' own where there is none. */
  readonly book: PriceBook | undefined;
}

type Repriced = { -readonly [K in 'deployment' | 'pricing']: Target[K] };

export class ModelTable {
  readonly #parts: ModelTableParts;
  readonly #groups = new Map<string, Group>();
  readonly #wildcards: Wildcard[] = [];
  readonly #byDeployment = new Map<string, Resolved>();
  readonly #byVendorModel = new Map<string, Group>();
  readonly #concrete = new Map<string, Group>();
  readonly #prefixes;
  /** Groups by the access groups they belong to. */
  readonly #accessGroups = new Map<string, Set<string>>();
  readonly targets: readonly Target[];
  #bookVersion: number | undefined;
  readonly #lists: GroupLists;

  constructor(parts: ModelTableParts) {
    this.#parts = parts;
    this.#bookVersion = parts.book?.version;
    this.#prefixes = prefixesOf([...parts.providers.keys()]);
    for (const { modelName, accessGroups } of parts.configuration.deployments)
      for (const name of accessGroups) {
        const groups = this.#accessGroups.get(name) ?? new Set();
        this.#accessGroups.set(name, groups.add(modelName));
      }
    const byName = Map.groupBy(parts.configuration.deployments, ({ modelName }) => modelName);
    const targets: Target[] = [];
    for (const [name, settings] of byName) {
      if (name.includes('*')) {
        this.#wildcards.push({ name, pattern: wildcardPattern(name), settings });
        continue;
      }
      const group = { name, targets: settings.map((one) => this.#target(one, one.model)), isHidden: false };
      targets.push(...group.targets);
      this.#groups.set(name, group);
    }
    this.targets = targets;
    this.#lists = new GroupLists({
      lists: parts.configuration.router.modelGroupLists,
      groups: this.#groups,
      mayCall: (models, name) => this.mayCall(models, name),
    });
    for (const target of targets)
      this.#byDeployment.set(target.deployment.id, {
        group: { name: target.deployment.group, targets: [target], isHidden: true },
        isDeployment: true,
      });
    // Only what runs that model: a group may hold others beside it.
    const byVendorName = Map.groupBy(targets, ({ settings }) => `${settings.provider}/${settings.model}`);
    for (const [name, same] of byVendorName) this.#byVendorModel.set(name, { name, targets: same, isHidden: true });
    // Most specific first: longest, then most metacharacters. `*` alone comes last, as the default deployment.
    this.#wildcards.sort((a, b) => b.name.length - a.name.length || stars(b.name) - stars(a.name));
  }

  /**
   * The group a name means: deployment id, list of groups, alias, exact name, wildcard, vendor's own name, `auto`, first
   * default fallback; undefined for unknown. Of a list there is what the caller may use, by `models`.
   */
  resolve(name: string, models?: readonly string[]): Resolved | undefined {
    if (this.#parts.book?.version !== this.#bookVersion) this.#reprice();
    const byId = this.#byDeployment.get(name);
    if (byId) return byId;
    const { modelGroupAlias, defaultFallbacks } = this.#parts.configuration.router;
    const alias = modelGroupAlias.size > 0 ? modelGroupAlias.get(name) : undefined;
    const listed = alias?.model ?? name;
    if (this.#lists.has(listed)) return { group: this.#lists.group(listed, models), isDeployment: false };
    const group = (alias && this.#named(alias.model)) ?? this.#named(name) ?? this.#byVendorModel.get(name);
    if (group) return { group, isDeployment: false };
    if (listed === autoName && this.#groups.size > 0)
      return { group: this.#lists.group(autoName, models), isDeployment: false };
    const fallback = defaultFallbacks?.find((target) => typeof target === 'string');
    const last = typeof fallback === 'string' && fallback !== name ? this.#named(fallback) : undefined;
    return last && { group: last, isDeployment: false };
  }

  /**
   * Whether a list of model groups, `*` at the end of a pattern, and access groups allows a name; an empty
   * list allows all.
   */
  mayCall(models: readonly string[], name: string): boolean {
    if (mayCall(models, name)) return true;
    return models.some((model) => {
      const groups = this.#accessGroups.get(model);
      return groups !== undefined && (groups.has(name) || this.#isWildcardOf(groups, name));
    });
  }

  #isWildcardOf(groups: ReadonlySet<string>, name: string): boolean {
    if (this.#groups.has(name)) return false;
    return this.#wildcards.some((wildcard) => groups.has(wildcard.name) && wildcard.pattern.test(name));
  }

  /** Whether a caller who may call these, all when undefined, may ask for a name and what it means. */
  mayAsk(models: readonly string[] | undefined, name: string, { name: group, groups, targets }: Group): boolean {
    if (groups) return targets.length > 0;
    return models === undefined || this.mayCall(models, name) || this.mayCall(models, group);
  }

  /** How many deployments share a group's name, cooled ones too. */
  sizeOf(group: string): number {
    return (this.#groups.get(group) ?? this.#concrete.get(group))?.targets.length ?? 1;
  }

  #named(name: string): Group | undefined {
    return this.#groups.get(name) ?? this.#concrete.get(name) ?? this.#fromWildcard(name);
  }

  /** A bare model is also tried as `{provider}/{model}`. */
  #fromWildcard(name: string): Group | undefined {
    const found =
      this.#match(name) ?? (name.includes('/') ? undefined : this.#matchWithPrefix(name)) ?? this.#catchAll(name);
    if (!found) return undefined;
    const group: Group = {
      name,
      targets: found.settings.map((one) => this.#target(one, filled(one.model, found.captures), name)),
      isHidden: true,
    };
    if (this.#concrete.size >= keptNames) this.#concrete.delete(this.#concrete.keys().next().value as string);
    this.#concrete.set(name, group);
    return group;
  }

  #match(name: string): { settings: DeploymentSettings[]; captures: string[] } | undefined {
    for (const { name: pattern, pattern: expression, settings } of this.#wildcards) {
      if (pattern === '*') continue;
      const match = expression.exec(name);
      if (match) return { settings, captures: match.slice(1) };
    }
    return undefined;
  }

  /** A vendor is guessed from its families of names only: any other guess would send a mistyped name to whoever is there. */
  #matchWithPrefix(name: string): { settings: DeploymentSettings[]; captures: string[] } | undefined {
    const named = providerOf(name, undefined, this.#prefixes);
    return named && this.#match(`${named.provider}/${named.model}`);
  }

  #catchAll(name: string): { settings: DeploymentSettings[]; captures: string[] } | undefined {
    const all = this.#wildcards.find((wildcard) => wildcard.name === '*');
    return all && { settings: all.settings, captures: [name] };
  }

  #target(written: DeploymentSettings, model: string, group: string = written.modelName): Target {
    const provider = this.#parts.providers.get(written.provider);
    if (!provider) throw new Error(`no provider for prefix ${written.provider}`);
    const settings = provider.variables ? withVariables(written, provider, this.#parts.environment) : written;
    const pricing = pricingOf(settings, model, this.#parts.book);
    const deployment = describe(settings, { model, group, pricing });
    return {
      pricing,
      adjustment: adjustmentOf(this.#parts.configuration.costs, settings.provider),
      deployment,
      settings,
      provider,
      live: this.#parts.live.of(settings.id),
      baseUrl: trimmed(
        settings.apiBase ?? (typeof provider.origin === 'function' ? provider.origin(deployment) : provider.origin),
      ),
      auth: typeof provider.auth === 'function' ? provider.auth(deployment) : provider.auth,
      tagPatterns: settings.tagRegex.map((source) => new RegExp(source)),
    };
  }

  /** The book has other answers now. Calls under way are charged by what holds when they end. */
  #reprice(): void {
    const { book } = this.#parts;
    this.#bookVersion = book?.version;
    const concrete = [...this.#concrete.values()].flatMap(({ targets }) => targets);
    for (const target of [...this.targets, ...concrete]) {
      const { settings, deployment } = target;
      const pricing = pricingOf(settings, deployment.model, book);
      const repriced: Repriced = target;
      repriced.pricing = pricing;
      repriced.deployment = describe(settings, { model: deployment.model, group: deployment.group, pricing });
    }
  }

  /** What health checks call, in configured order: wildcards only where they name a model to ask. */
  checkable(): readonly Target[] {
    return this.#parts.configuration.deployments.flatMap((settings) => {
      const { model } = settings.healthCheck;
      if (model === undefined) return this.#byDeployment.get(settings.id)?.group.targets ?? [];
      const prefix = `${settings.provider}/`;
      return [this.#target(settings, model.startsWith(prefix) ? model.slice(prefix.length) : model)];
    });
  }

  /** Names a caller may see: groups, visible aliases, and wildcard patterns when asked for. */
  names(withWildcards: boolean): string[] {
    const names = [...this.#groups.keys(), ...this.#lists.names];
    for (const [alias, { hidden }] of this.#parts.configuration.router.modelGroupAlias) if (!hidden) names.push(alias);
    if (withWildcards) names.push(...this.#wildcards.map(({ name }) => name));
    return names;
  }

  /** What stands behind a name that {@link names} gives; of a wildcard, its deployments as they are configured. */
  behind(name: string, models?: readonly string[]): readonly Target[] {
    const wildcard = this.#wildcards.find((one) => one.name === name);
    if (wildcard) return wildcard.settings.map((one) => this.#target(one, one.model));
    return this.resolve(name, models)?.group.targets ?? [];
  }

  has(name: string): boolean {
    return this.resolve(name) !== undefined;
  }
}

interface Described {
  readonly model: string;
  readonly group: string;
  readonly pricing: Pricing;
}

function describe(settings: DeploymentSettings, { model, group, pricing }: Described): Deployment {
  const optional = {
    weight: settings.weight,
    order: settings.order,
    rpm: settings.rpm,
    tpm: settings.tpm,
    maxParallelRequests: settings.maxParallelRequests,
    apiBase: settings.apiBase,
    apiVersion: settings.apiVersion,
    hasApiKey: settings.apiKey === undefined ? undefined : (true as const),
    prices: pricing.tariff?.prices,
  };
  const given = Object.fromEntries(
    Object.entries(optional).filter(([, value]) => value !== undefined),
  ) as Partial<Deployment>;
  const params =
    settings.organization === undefined ? settings.params : { ...settings.params, organization: settings.organization };
  return Object.freeze({
    ...given,
    id: settings.id,
    group,
    model,
    provider: settings.provider,
    tags: settings.tags,
    params,
    info: Object.freeze({ ...pricing.abilities, ...settings.info }),
  });
}

const trimmed = (url: string) => url.replace(/\/+$/, '');
const stars = (pattern: string) => pattern.split('*').length - 1;

function wildcardPattern(name: string): RegExp {
  return new RegExp(
    `^${name
      .split('*')
      .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
      .join('(.*)')}$`,
  );
}

/** Puts what the pattern's stars matched into the stars of the vendor's model name. */
function filled(model: string, captures: readonly string[]): string {
  let index = 0;
  return model.replace(/\*/g, () => captures[Math.min(index++, captures.length - 1)] ?? '');
}
