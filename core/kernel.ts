/**
 * The kernel assembled: what outlives generations, the keeper of generations,
 * and the HTTP edge on top.
 */

import type { IncomingHttpHeaders } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Clock,
  type KernelEvent,
  type Observer,
  type PriceBook,
  RutterError,
  type Store,
} from '@rutter/plugin-sdk';
import { HealthWatch } from './admin/health-watch.ts';
import { kernelProvides, kernelServices } from './admin/kernel-provides.ts';
import { kernelRoutes } from './admin/routes.ts';
import { RetryBudget } from './attempts/retry-budget.ts';
import { Watchdog } from './attempts/watchdog.ts';
import type { Configuration } from './config/types.ts';
import { canaryRow, type Verdict } from './generation/canary.ts';
import type { Generation } from './generation/generation.ts';
import { type BuildParts, GenerationKeeper, type KeeperOptions } from './generation/keeper.ts';
import { telling } from './generation/read-composition.ts';
import type { ReloadReport, Rollback } from './generation/report.ts';
import { tellReport } from './generation/tell-report.ts';
import { createRoot } from './generation/tokens.ts';
import { isInShare } from './http/canary-share.ts';
import { checkRoutes } from './http/check-routes.ts';
import { Gateway } from './http/gateway.ts';
import { RouteTable } from './http/routes.ts';
import { ExperimentStates } from './live/experiment-states.ts';
import { LiveRegistry } from './live/registry.ts';
import type { KernelLog } from './log/log.ts';
import { FeatureDefinitions } from './pipeline/features.ts';
import { invoke } from './pipeline/invoke.ts';
import { ledgerMigrations } from './pipeline/ledger.ts';
import { type PathServices, RequestPath } from './pipeline/path.ts';
import type { Distribution } from './plugins/distribution.ts';
import { KeepStore } from './plugins/keep.ts';
import { References } from './plugins/references.ts';
import type { PluginInstance } from './plugins/types.ts';
import { Sandbox } from './sandbox/sandbox.ts';
import { Authenticator } from './upstream/auth/authenticator.ts';
import { Upstream } from './upstream/exchange.ts';
import { kernelFetch, sourceFetch } from './upstream/kernel-fetch.ts';
import { watchSecrets } from './upstream/secret.ts';
import { type ConnectionSecurity, readSecurity } from './upstream/tls.ts';
import { version } from './version.ts';

/** One generation as the HTTP edge uses it. */
export interface Compiled {
  readonly path: RequestPath;
  readonly routes: RouteTable;
  readonly security: ConnectionSecurity;
}

export interface KernelOptions {
  readonly log: KernelLog;
  readonly environment: NodeJS.ProcessEnv;
  /** Absolute. */
  readonly dataFolder: string;
  readonly distribution: Distribution | undefined;
  readonly readConfiguration: KeeperOptions<Compiled>['readConfiguration'];
  /** The number of the first generation; 1 when absent. */
  readonly firstGeneration?: number;
  /** Runs instances of `shared` plugins elsewhere; see core/cluster. */
  readonly supervise?: KeeperOptions<Compiled>['supervise'];
  /** Nothing is done of its own accord: no health checks in the background. */
  readonly isQuiet?: boolean;
  /** Asked for by the admin routes; the kernel's own when absent. */
  reload?(source: string, back?: Rollback | Verdict): Promise<ReloadReport>;
}

export const systemClock: Clock = {
  now: Date.now,
  monotonic: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, signal ? { signal } : {}),
};

/** Faults of one plugin are logged at most this often; they are counted on the instance always. */
const faultLogMs = 1000;
/** Most models whose missing price is told of. */
const mostUnpriced = 1000;

export class Kernel {
  readonly gateway: Gateway;
  readonly keeper: GenerationKeeper<Compiled>;
  readonly log: KernelLog;
  readonly #options: KernelOptions;
  readonly #upstream = new Upstream();
  readonly #features = new FeatureDefinitions();
  readonly #health = new HealthWatch();
  readonly #sandbox = new Sandbox((event) => this.event(event));
  readonly #services: PathServices;
  readonly #experiments = new ExperimentStates();
  readonly #faults = new Map<string, number>();
  readonly #told = new WeakSet<ReloadReport>();
  readonly #ended = new AbortController();
  readonly #toldUnpriced = new Set<string>();
  /** Addresses whose sources did not answer at the last look. */
  #away: ReadonlySet<string> = new Set();

  constructor(options: KernelOptions) {
    this.#options = options;
    this.log = options.log;
    watchSecrets((value) => options.log.redactor.add(value));
    this.#services = {
      live: new LiveRegistry(),
      watchdog: new Watchdog(),
      health: this.#health,
      retryBudget: new RetryBudget(Date.now),
      upstream: this.#upstream,
      authenticator: new Authenticator({ exchange: this.#upstream, now: Date.now, environment: options.environment }),
      features: this.#features,
      experiments: this.#experiments,
      environment: options.environment,
      now: Date.now,
      random: Math.random,
      version,
      onFault: (instance, error) => this.#fault(instance, error),
      onEvent: (event) => this.event(event),
      onUnpriced: (model, missing) => this.#unpriced(model, missing),
    };
    const root = createRoot({
      log: (name) => this.log.of(name),
      clock: systemClock,
      seed: options.environment.RUTTER_SEED ?? String(Math.random()),
      dataFolder: options.dataFolder,
      fetch: (url, fetchOptions, kind) =>
        kind === 'source'
          ? sourceFetch(this.#upstream, this.#services.authenticator, { url, options: fetchOptions })
          : kernelFetch(this.#upstream, url, fetchOptions),
      spawnEnabled: true,
      invoke,
      provides: kernelServices,
      use: kernelProvides({ experiments: this.#experiments }),
      keep: new KeepStore(),
      features: this.#features,
      sandbox: this.#sandbox,
    });
    this.keeper = new GenerationKeeper<Compiled>({
      root,
      readConfiguration: telling(options.readConfiguration, async (configuration) => {
        if (!this.keeper.current) await this.#beforeTheFirst(configuration);
      }),
      distribution: options.distribution,
      build: (parts) => this.#build(parts),
      onEvent: (event) => this.event(event),
      firstNumber: options.firstGeneration ?? 1,
      ...(options.supervise ? { supervise: options.supervise } : {}),
    });
    this.gateway = new Gateway({ current: (headers) => this.#for(headers), log: this.log.of('http') });
  }

  /** The generation that serves a request: the canary for its share of the credentials. */
  #for(headers: IncomingHttpHeaders) {
    const current = this.#current();
    const { canary } = this.keeper;
    if (canary === undefined) return current;
    return isInShare(headers, current.configuration.kernel.keyHeader, canary.share) ? canary.live.generation : current;
  }

  #current() {
    const generation = this.keeper.current;
    if (!generation) throw new RutterError('ERR_KERNEL_DRAINING', 'The gateway is stopping.');
    return generation;
  }

  async #build(parts: BuildParts): Promise<Compiled> {
    const { instances, number } = parts;
    const references = new References(
      instances.map(({ name, manifest, value }) => ({ name, package: { manifest }, value })),
    );
    const configuration = await references.ofDeployments(parts.configuration);
    await (parts.service('store') as Store | undefined)?.migrate('kernel', ledgerMigrations);
    const book = parts.service('prices') as PriceBook | undefined;
    const path = new RequestPath({
      number,
      configuration,
      instances,
      services: this.#services,
      hold: parts.hold,
      book,
    });
    const mounted = [
      ...this.#kernelRoutes().map((route) => ({ route, owner: 'kernel' })),
      ...instances.flatMap(({ name, value }) => (value.routes ?? []).map((route) => ({ route, owner: name }))),
    ];
    checkRoutes(mounted, path.dialects);
    const security = await readSecurity(configuration.kernel.tls);
    return { path, routes: new RouteTable(mounted), security };
  }

  #kernelRoutes() {
    return kernelRoutes({
      version,
      path: () => this.#current().path.path,
      health: this.#health,
      isDraining: () => this.gateway.isDraining,
      plugins: () => ({
        generation: this.keeper.current?.number,
        waiting: this.keeper.waiting,
        canary: this.keeper.canary && canaryRow(this.keeper.canary),
        plugins: this.keeper.list(),
      }),
      routes: () => this.#current().path.routes.list(),
      release: (name) => this.#sandbox.release(name),
      reload: (source) => this.#options.reload?.(source) ?? this.reload(source),
      rollback: (back) => this.#options.reload?.('rollback', back) ?? this.rollback(back),
      settle: (verdict) => this.#options.reload?.(verdict.canary, verdict) ?? this.#settle(verdict),
      plan: (given) => this.keeper.plan(given),
      generations: () => this.keeper.generations(),
    });
  }

  /** Reads everything anew; what is wrong is logged and told in the report, and changes nothing. */
  async reload(source: string): Promise<ReloadReport> {
    const report = await this.keeper.apply({ source });
    this.reported(report);
    return report;
  }

  /** Puts an earlier composition in force, until the files change or a reload is asked for. */
  async rollback(back: Rollback): Promise<ReloadReport> {
    const report = await this.keeper.rollback(back);
    this.reported(report);
    return report;
  }

  async #settle(verdict: Verdict): Promise<ReloadReport> {
    const report = await this.keeper.settle(verdict);
    this.reported(report);
    return report;
  }

  /** Tells what became of a change; once, however many had asked for it together. */
  reported(report: ReloadReport): void {
    if (this.#told.has(report)) return;
    this.#told.add(report);
    const { rollback } = this.keeper.generations();
    tellReport(this.log.of('reload'), report, rollback);
  }

  /** What plugins fetch while the first generation is set up goes by its own rules: there are no others yet. */
  async #beforeTheFirst({ kernel, variables }: Configuration): Promise<void> {
    this.#upstream.allow(kernel.allowedAddresses);
    this.#services.authenticator.useVariables(variables);
    // Files that cannot be used are told of where the generation is built.
    const security = await readSecurity(kernel.tls).catch(() => undefined);
    if (security) this.#upstream.secure(security);
  }

  /** In the tick of the swap. */
  #inForce(current: Generation<Compiled>): void {
    const { kernel } = current.configuration;
    // What made a plugin fall may be over: each generation begins with trust in all of them.
    this.#sandbox.release();
    this.#upstream.allow(kernel.allowedAddresses);
    this.#upstream.secure(current.path.security);
    this.#services.authenticator.useVariables(current.configuration.variables);
    if (!this.#options.isQuiet) this.#health.watch(current.path.path);
    this.#services.retryBudget.share = kernel.retryBudget;
    this.#abortWhenLate(current);
  }

  /** The drain deadline may end a generation under requests that still run on it. */
  #abortWhenLate(generation: Generation<Compiled>): void {
    const { signal, path } = generation;
    // One that was the canary has been seen to.
    if (!path.path.isCanary)
      signal.addEventListener('abort', () => abortAll(generation, RutterError.from(signal.reason)));
    path.path.isCanary = false;
  }

  #onCanary(event: Extract<KernelEvent, { readonly type: 'canary-started' | 'canary-ended' }>): void {
    const { type, ...fields } = event;
    const log = this.log.of('reload');
    const { generation } = this.keeper.canary?.live ?? {};
    if (type === 'canary-ended') log.info(fields, `the canary was ${event.outcome}`);
    if (type === 'canary-ended' || generation === undefined) return;
    this.#abortWhenLate(generation);
    generation.path.path.isCanary = true;
    log.info(fields, 'a canary serves its share of the credentials');
  }

  event(event: KernelEvent): void {
    if (event.type === 'generation-started' && this.keeper.current) this.#inForce(this.keeper.current);
    if (event.type === 'canary-started' || event.type === 'canary-ended') this.#onCanary(event);
    if (event.type === 'deployment-cooled')
      this.log
        .of('attempts')
        .warn(
          { deployment: event.deployment, untilMs: event.untilMs, reason: event.reason },
          'a deployment is left alone for a while',
        );
    for (const { instance, value } of this.keeper?.current?.path.path.observers ?? [])
      this.#tell(instance, value, event);
  }

  #tell(instance: PluginInstance, observer: Observer, event: KernelEvent): void {
    try {
      const waiting = observer.changed?.(event);
      if (waiting instanceof Promise) waiting.catch((error: unknown) => this.#fault(instance, error));
    } catch (error) {
      this.#fault(instance, error);
    }
  }

  #fault(instance: PluginInstance, error: unknown): void {
    const now = Date.now();
    instance.lastError = { at: now, message: error instanceof Error ? error.message : String(error) };
    if (now - (this.#faults.get(instance.name) ?? 0) < faultLogMs) return;
    this.#faults.set(instance.name, now);
    this.log.of(instance.name).error({ error: this.keeper.describeError(error) }, 'the plugin failed');
  }

  /** Once for each model: its calls are in the ledger all the same. */
  #unpriced(model: string, missing: readonly string[]): void {
    if (this.#toldUnpriced.has(model) || this.#toldUnpriced.size >= mostUnpriced) return;
    this.#toldUnpriced.add(model);
    this.log
      .of('prices')
      .warn(
        { model, missing },
        'no price is known of this model, or of a part of what it was used for: what its calls cost is unknown, and counted nowhere. Give its deployment prices, or a base_model',
      );
  }

  /** Looks at the sources of plugins from now on, and asks for a reload when one has changed. */
  watchSources(): void {
    void this.#lookAtSources();
  }

  async #lookAtSources(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      const ms = this.keeper.current?.configuration.kernel.sourcePollMs ?? 30_000;
      await systemClock.sleep(ms, signal).catch(() => {});
      if (signal.aborted) return;
      try {
        const { haveChanged, away } = await this.keeper.lookAtSources();
        this.#tellAway(away);
        if (haveChanged) await (this.#options.reload?.('source') ?? this.reload('source'));
      } catch (error) {
        this.log.of('sources').warn({ error: RutterError.from(error).message }, 'the sources could not be looked at');
      }
    }
  }

  /** Once when it begins, and once when it is over. */
  #tellAway(away: ReadonlyMap<string, string>): void {
    const log = this.log.of('sources');
    for (const [address, error] of away)
      if (!this.#away.has(address)) log.warn({ address, error }, 'a source does not answer; what runs goes on');
    for (const address of this.#away) if (!away.has(address)) log.info({ address }, 'the source answers again');
    this.#away = new Set(away.keys());
  }

  /** Ends what runs, in order: streams, generations and their instances, upstream connections. */
  async stop(): Promise<boolean> {
    this.#ended.abort();
    const drainMs = this.keeper.current?.configuration.kernel.drainMs ?? 0;
    this.event({ type: 'draining' });
    this.#health.stop();
    const isClean = await this.gateway.stop(drainMs, () => {
      const reason = new RutterError(
        'ERR_KERNEL_DRAINING',
        `The gateway stops and has reached its drain deadline of ${drainMs} ms.`,
        { expose: true },
      );
      for (const generation of this.keeper.live) abortAll(generation, reason);
    });
    await this.keeper.close(1000);
    this.#sandbox.close();
    await this.#upstream.close(1000);
    this.log.flush();
    return isClean;
  }
}

function abortAll({ path }: Generation<Compiled>, reason: RutterError): void {
  for (const running of path.path.active) running.abort(reason);
}
