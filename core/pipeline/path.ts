/**
 * One generation's request path, compiled from its configuration and
 * instances: everything a request needs, found without searching.
 */
import type {
  Cache,
  Dialect,
  Embedder,
  Facets,
  FeatureValues,
  Guard,
  KernelEvent,
  KeyedCache,
  Observer,
  PriceBook,
  Provider,
  RequestContext,
  RutterError,
  State,
  Store,
  Strategy,
} from '@rutter/plugin-sdk';
import { Cooldowns } from '../attempts/cooldown.ts';
import type { RetryBudget } from '../attempts/retry-budget.ts';
import type { Watchdog } from '../attempts/watchdog.ts';
import { type Experiment, readExperiments } from '../config/experiments.ts';
import type { Configuration } from '../config/types.ts';
import type { ExperimentStates } from '../live/experiment-states.ts';
import type { LiveRegistry } from '../live/registry.ts';
import { Roster, type Rostered } from '../live/roster.ts';
import { onBehalfOf } from '../plugins/build-fault.ts';
import type { AskedAhead, Lease, PluginInstance } from '../plugins/types.ts';
import type { Authenticator } from '../upstream/auth/authenticator.ts';
import type { Upstream } from '../upstream/exchange.ts';
import { type FeatureDefinitions, featureValues } from './features.ts';
import { createHooks, type Hooks, Selector } from './hooks.ts';
import { keyedCache } from './keyed-cache.ts';
import { mayCall } from './may-call.ts';
import type { ModelCall } from './model-call.ts';
import { type Group, ModelTable } from './models.ts';
import { tapPreRoute } from './pre-route.ts';

/** What outlives generations and every path shares. */
export interface PathServices {
  readonly live: LiveRegistry;
  readonly watchdog: Watchdog;
  readonly retryBudget: RetryBudget;
  readonly upstream: Upstream;
  readonly authenticator: Authenticator;
  readonly features: FeatureDefinitions;
  readonly experiments: ExperimentStates;
  /** What background health checks have found. */
  readonly health: { hasFailed(deployment: string): boolean };
  readonly environment: NodeJS.ProcessEnv;
  readonly now: () => number;
  readonly random: () => number;
  readonly version: string;
  onFault(instance: PluginInstance, error: unknown): void;
  onEvent(event: KernelEvent): void;
  /** A deployment answered whose price, or a part of it, is not known. */
  onUnpriced(model: string, missing: readonly string[]): void;
}

/** A request or connection on its way. */
export interface Running extends Rostered {
  abort(reason: RutterError): void;
}

export interface PathParts {
  readonly number: number;
  readonly configuration: Configuration;
  readonly instances: readonly PluginInstance[];
  readonly services: PathServices;
  readonly book?: PriceBook | undefined;
  /** Keeps the generation for work that outlives the request it belongs to. */
  hold(): Lease;
}

/** An instance with the part of it that matters here. */
export interface Held<T> {
  readonly instance: PluginInstance;
  readonly value: T;
}

export class RequestPath {
  readonly number: number;
  readonly configuration: Configuration;
  readonly instances: readonly PluginInstance[];
  readonly services: PathServices;
  readonly models: ModelTable;
  readonly hooks: Hooks;
  readonly cooldowns: Cooldowns;
  readonly guards: readonly Held<Guard>[];
  readonly identifiers: readonly Held<Guard>[];
  readonly authorisers: readonly Held<Guard>[];
  readonly requestChecks: readonly Held<Guard>[];
  readonly replyChecks: readonly Held<Guard>[];
  readonly streamGuards: readonly Held<Guard>[];
  readonly filters: readonly Held<Guard>[];
  /** Filters that have to be asked ahead. */
  readonly filtersAhead: readonly Held<Guard & AskedAhead>[];
  readonly reservers: readonly Held<Guard>[];
  readonly chargers: readonly Held<Guard>[];
  readonly caches: readonly Held<Cache>[];
  readonly observers: readonly Held<Observer>[];
  readonly wraps: readonly Held<Facets>[];
  readonly dialects: ReadonlyMap<string, Dialect>;
  readonly store: Store | undefined;
  readonly state: State | undefined;
  readonly embedder: Held<Embedder> | undefined;
  /** Whether it serves a share of the callers beside the generation in force. */
  isCanary = false;
  /** Copies of requests under way, see shadow.ts. */
  shadows = 0;
  /** Shadow decisions under way. */
  shadowDecisions = 0;
  /** In configured order. */
  readonly experiments: readonly Experiment[];
  readonly hold: () => Lease;
  /** What runs on this path now, to be told when its generation must end. */
  readonly active = new Roster<Running>();
  readonly #strategies: readonly PluginInstance<'strategy'>[];
  readonly #selectors = new Map<string, Selector>();

  constructor(parts: PathParts) {
    this.number = parts.number;
    this.configuration = parts.configuration;
    this.instances = parts.instances;
    this.services = parts.services;
    this.hold = parts.hold;
    this.experiments = parts.configuration.derive ? readExperiments(parts.configuration.settings).experiments : [];
    const { instances } = parts;
    this.models = new ModelTable({
      configuration: parts.configuration,
      providers: providersByPrefix(instances),
      live: parts.services.live,
      book: parts.book,
      environment: { ...parts.services.environment, ...parts.configuration.variables },
    });
    this.hooks = createHooks(ofKind(instances, 'extension') as unknown as PluginInstance<'extension'>[]);
    this.cooldowns = new Cooldowns(parts.configuration.router, parts.services.now, (notice) =>
      parts.services.onEvent({ type: 'deployment-cooled', ...notice }),
    );
    this.guards = part(instances, 'guard', ({ guard }) => guard);
    this.identifiers = this.guards.filter(({ value }) => value.identify);
    this.authorisers = this.guards.filter(({ value }) => value.authorise);
    this.requestChecks = this.guards.filter(({ value }) => value.checkRequest);
    this.replyChecks = this.guards.filter(({ value }) => value.checkReply);
    this.streamGuards = this.guards.filter(({ value }) => value.events);
    this.filters = this.guards.filter(({ value }) => value.filter);
    this.filtersAhead = this.filters.filter(({ value }: Held<Guard & AskedAhead>) => value.filterAhead);
    this.reservers = this.guards.filter(({ value }) => value.reserve);
    this.chargers = this.guards.filter(({ value }) => value.charge);
    this.observers = part(instances, 'observer', ({ observer }) => observer);
    this.wraps = instances.filter(({ value }) => value.wrap).map((instance) => ({ instance, value: instance.value }));
    this.dialects = dialectsByName(instances);
    this.store = ofKind(instances, 'store')[0]?.value as Store | undefined;
    this.state = ofKind(instances, 'state')[0]?.value as State | undefined;
    this.caches = part<Cache | KeyedCache>(instances, 'cache', () => undefined).map((held) => this.#cache(held));
    this.embedder = part<Embedder>(instances, 'embedder', () => undefined)[0];
    this.#strategies = ofKind(instances, 'strategy') as unknown as PluginInstance<'strategy'>[];
    tapPreRoute(this);
    this.#tapSettled();
  }

  /** Replies of a cache that only makes keys are kept here for it. */
  #cache({ instance, value }: Held<Cache | KeyedCache>): Held<Cache> {
    if (value.key === undefined) return { instance, value };
    const guards = this.guards.map((held) => held.instance);
    const options = { instance, cache: value, state: this.state, guards };
    return { instance, value: onBehalfOf(instance.name, () => keyedCache(options)) };
  }

  /** Observers and strategies watch through the hook; one that throws harms nobody else. */
  #tapSettled(): void {
    const { onFault } = this.services;
    const tap = (instance: PluginInstance, watch: (outcome: never) => unknown) =>
      this.hooks.settled.tap(instance.name, (outcome) => {
        try {
          const waiting = watch(outcome as never);
          if (waiting instanceof Promise) waiting.catch((error: unknown) => onFault(instance, error));
        } catch (error) {
          onFault(instance, error);
        }
      });
    for (const { instance, value } of this.observers)
      if (value.settled) tap(instance, (outcome) => value.settled?.(outcome));
    for (const instance of this.#strategies) {
      const strategy = instance.value as Strategy;
      if (strategy.observe) tap(instance, (outcome) => strategy.observe?.(outcome));
    }
  }

  /** Loops around calls for this group, the outermost first. */
  wrapsOf(group: Group): readonly Held<Facets>[] {
    return this.wraps.filter(({ instance }) => instance.for === undefined || isFor(instance.for, group.name));
  }

  /** The strategies of a group: those named `for` it ahead of the general ones. */
  selector(group: Pick<Group, 'name'>): Selector {
    let selector = this.#selectors.get(group.name);
    if (!selector) {
      if (this.#selectors.size >= 2000) this.#selectors.clear();
      const own = this.#strategies.filter((instance) => instance.for && isFor(instance.for, group.name));
      const general = this.#strategies.filter((instance) => instance.for === undefined);
      selector = new Selector([...own, ...general], this.hooks, this.services.onFault);
      this.#selectors.set(group.name, selector);
    }
    return selector;
  }

  features(context: RequestContext, call: ModelCall): FeatureValues {
    return featureValues({
      definitions: this.services.features,
      instances: this.instances,
      embedder: this.embedder,
      onFault: this.services.onFault,
      context,
      call,
    });
  }
}

const ofKind = (instances: readonly PluginInstance[], kind: string) =>
  instances.filter(({ manifest }) => manifest.kind === kind);

/** Instances of a kind, and those of other kinds that bring it as a facet. */
function part<T>(
  instances: readonly PluginInstance[],
  kind: string,
  facet: (facets: Facets) => T | undefined,
): Held<T>[] {
  return instances.flatMap((instance) => {
    const value = instance.manifest.kind === kind ? (instance.value as unknown as T) : facet(instance.value as Facets);
    return value === undefined ? [] : [{ instance, value }];
  });
}

function providersByPrefix(instances: readonly PluginInstance[]): Map<string, Provider> {
  const providers = new Map<string, Provider>();
  for (const { instance, value } of part(instances, 'provider', ({ provider }) => provider)) {
    for (const prefix of instance.manifest.claims.modelPrefixes ?? []) providers.set(prefix, value);
  }
  return providers;
}

function dialectsByName(instances: readonly PluginInstance[]): Map<string, Dialect> {
  const dialects = new Map<string, Dialect>();
  for (const { value } of instances) for (const dialect of value.dialects ?? []) dialects.set(dialect.name, dialect);
  return dialects;
}

/** Groups by name; one with a `*` stands for every name that a wildcard group of that name serves. */
const isFor = (groups: readonly string[], name: string): boolean =>
  groups.includes(name) || groups.some((group) => group.includes('*') && mayCall([group], name));
