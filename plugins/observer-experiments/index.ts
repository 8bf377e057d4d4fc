/**
 * Steers experiments: tells what each variant is worth by the ratings of its
 * answers, changes shares when an operator says so, and switches a variant off
 * whose answers are rated worse than the first one's.
 *
 * What was changed is in the store: it outlives restarts, and is the same for
 * all processes.
 */
import { definePlugin, type Host, type RouteRequest, RutterError, type Store } from '@rutter/plugin-sdk';
import { type ConfiguredExperiment, config, configured } from './configured.ts';
import { Exposures } from './exposures.ts';
import { liftOf, meanOf } from './lift.ts';
import { Ratings } from './ratings.ts';
import { migrations, type Standing, type Steered, SteeredTable, steeringOf, stepped, steppedBack } from './steered.ts';

const channel = 'observer-experiments';
const dayMs = 86_400_000;
const expireMs = 3_600_000;

export default definePlugin({
  kind: 'observer',
  config,
  async setup(host, options) {
    const store = host.use('store');
    await store.migrate('observer-experiments', migrations);
    const exposures = new Exposures(store);
    const ratings = await Ratings.follow(host.use('feedback'), exposures, () => host.clock.now());
    const desk = new Desk(host, { experiments: configured(options), store, exposures, ratings });
    await desk.reread();
    const unsubscribe = await host.use('state').subscribe(channel, () => void desk.reread());
    host.every(options.interval * 1000, () => desk.look());
    host.every(expireMs, () => exposures.forget(host.clock.now() - options.exposure_days * dayMs));

    const change = (path: string, make: (experiment: ConfiguredExperiment, request: RouteRequest) => Change) => ({
      ...{ method: 'POST' as const, path: `/router/experiments/:name/${path}` },
      ...{ mode: 'json' as const, permission: 'admin.write' },
      handler: async (request: RouteRequest) => {
        const experiment = desk.named(request.params.name ?? '');
        await desk.change(experiment, make(experiment, request), request.context.principal.id);
        return { body: await desk.told(experiment) };
      },
    });
    return {
      settled: (outcome) => exposures.note(outcome),
      routes: [
        {
          ...{ method: 'GET', path: '/router/experiments', mode: 'json', permission: 'admin.read' },
          handler: async () => ({ body: { experiments: await desk.all() } }),
        },
        change('stage', (experiment, { json }) => shared(experiment, json, percentIn(json))),
        change('promote', (experiment, { json }) => shared(experiment, json, 100)),
        change('rollback', () => steppedBack),
        change('resume', (experiment, { json }) => resumed(variantIn(experiment, json), host.clock.now())),
      ],
      async dispose() {
        ratings.stop();
        await unsubscribe();
      },
    };
  },
});

type Change = (steered: Steered) => Steered;

/** The variant's share in percent; the others keep theirs among each other. */
function shared(experiment: ConfiguredExperiment, json: unknown, percent: number): Change {
  const chosen = variantIn(experiment, json);
  return (steered) => {
    const weightOf = ({ name, weight }: ConfiguredExperiment['variants'][number]) => steered.weights?.[name] ?? weight;
    const others = experiment.variants.filter(({ name }) => name !== chosen);
    const standing = others.reduce((sum, one) => sum + weightOf(one), 0);
    const left = 100 - percent;
    const shareOf = (one: (typeof others)[number]) =>
      standing > 0 ? (left * weightOf(one)) / standing : left / others.length;
    const weights = Object.fromEntries([
      [chosen, percent],
      ...others.map((one): [string, number] => [one.name, Math.round(shareOf(one) * 1e6) / 1e6]),
    ]);
    return stepped(steered, { weights, off: steered.off });
  };
}

/** What was rated before counts against it no more. */
const resumed =
  (variant: string, now: number): Change =>
  (steered) => {
    if (!(variant in steered.off))
      throw new RutterError('ERR_REQUEST_INVALID', `The variant ${variant} is not switched off.`, { param: 'variant' });
    const { [variant]: _, ...off } = steered.off;
    const { weights } = steered;
    const next = stepped(steered, { ...(weights && { weights }), off });
    return { ...next, since: { ...next.since, [variant]: now } };
  };

function variantIn({ name, variants }: ConfiguredExperiment, json: unknown): string {
  const { variant } = (json ?? {}) as { readonly variant?: unknown };
  if (variants.some((one) => one.name === variant)) return variant as string;
  throw new RutterError(
    'ERR_REQUEST_INVALID',
    `variant is ${JSON.stringify(variant)?.slice(0, 64) ?? 'missing'}; expected one of ${name}: ${variants.map((one) => one.name).join(', ')}.`,
    { param: 'variant' },
  );
}

function percentIn(json: unknown): number {
  const { weight } = (json ?? {}) as { readonly weight?: unknown };
  if (typeof weight === 'number' && weight >= 0 && weight <= 100) return weight;
  throw new RutterError(
    'ERR_REQUEST_INVALID',
    `weight is ${JSON.stringify(weight)?.slice(0, 64) ?? 'missing'}; expected a share in percent, 0 to 100.`,
    { param: 'weight' },
  );
}

interface DeskParts {
  readonly experiments: readonly ConfiguredExperiment[];
  readonly store: Store;
  readonly exposures: Exposures;
  readonly ratings: Ratings;
}

/** What stands, what it is measured at, and how it changes. */
class Desk {
  readonly #host: Host;
  readonly #parts: DeskParts;
  readonly #table: SteeredTable;

  constructor(host: Host, parts: DeskParts) {
    this.#host = host;
    this.#parts = parts;
    this.#table = new SteeredTable(parts.store);
  }

  /** Throws ERR_REQUEST_NOT_FOUND. */
  named(name: string): ConfiguredExperiment {
    const found = this.#parts.experiments.find((one) => one.name === name);
    if (found) return found;
    const known = this.#parts.experiments.map((one) => one.name).join(', ');
    throw new RutterError(
      'ERR_REQUEST_NOT_FOUND',
      `There is no experiment ${JSON.stringify(name.slice(0, 64))}; expected one of ${known || 'none at all'}.`,
    );
  }

  /** Puts what the store says in force in this process. */
  async reread(): Promise<void> {
    try {
      for (const { name, digest } of this.#parts.experiments)
        this.#host.use('routing').steer(name, steeringOf(await this.#table.read(name, digest)));
    } catch (error) {
      this.#host.log.warn({ reason: String(error) }, 'what stands over the experiments could not be read');
    }
  }

  async change({ name, digest }: ConfiguredExperiment, change: Change, by: string): Promise<void> {
    const steered = await this.#table.change(name, digest, change);
    this.#host.use('routing').steer(name, steeringOf(steered));
    const standing: Standing = { off: steered.off, ...(steered.weights && { weights: steered.weights }) };
    this.#host.log.info({ experiment: name, by, ...standing }, 'the experiment was changed');
    await this.#host
      .use('state')
      .publish(channel, name)
      .catch((error: unknown) => this.#host.log.warn({ reason: String(error) }, 'others will see the change later'));
  }

  /** What others have changed, and whether a variant has to go. */
  async look(): Promise<void> {
    await this.#parts.ratings.refresh();
    await this.reread();
    for (const experiment of this.#parts.experiments)
      if (experiment.guard) await this.#guard(experiment, experiment.guard);
  }

  async #guard(experiment: ConfiguredExperiment, guard: NonNullable<ConfiguredExperiment['guard']>): Promise<void> {
    const [baseline, ...others] = experiment.variants;
    if (baseline === undefined) return;
    const steered = await this.#table.read(experiment.name, experiment.digest);
    for (const { name } of others) {
      if (name in steered.off) continue;
      const [own, base] = this.#samples(experiment, steered, name);
      const measured = liftOf(own, base, { least: guard.min_marks, confidence: guard.confidence });
      if (measured === undefined || measured.lift >= 0 || measured.atMost >= 0) continue;
      const digits = (value = 0) => value.toFixed(3);
      const reason = `measured lift ${digits(measured.lift)}: ${digits(meanOf(own))} of ${own.count} ratings against ${digits(meanOf(base))} of ${base.count}`;
      const atMs = this.#host.clock.now();
      await this.change(
        experiment,
        (now) => (name in now.off ? now : stepped(now, standing(now, { ...now.off, [name]: { reason, atMs } }))),
        'guard',
      );
      this.#host.log.warn({ experiment: experiment.name, variant: name, reason }, 'a variant was switched off');
    }
  }

  /** Of the variant and of the baseline, on requests of the same time. */
  #samples({ name, variants }: ConfiguredExperiment, { since }: Steered, variant: string) {
    const from = since[variant] ?? 0;
    const baseline = variants[0]?.name ?? '';
    const { ratings } = this.#parts;
    return [ratings.sample(name, variant, from), ratings.sample(name, baseline, from)] as const;
  }

  all(): Promise<readonly object[]> {
    return Promise.all(this.#parts.experiments.map((one) => this.told(one)));
  }

  async told(experiment: ConfiguredExperiment): Promise<object> {
    const { name, models, variants, guard, digest } = experiment;
    await this.#parts.ratings.refresh();
    const steered = await this.#table.read(name, digest);
    const counts = await this.#parts.exposures.counts(name);
    const off = (variant: string) => {
      const found = steered.off[variant];
      return found && { reason: found.reason, at: new Date(found.atMs).toISOString() };
    };
    return {
      experiment: name,
      models,
      guard: guard ?? false,
      steps: steered.history.length,
      variants: variants.map((one, index) => {
        const [own, base] = this.#samples(experiment, steered, one.name);
        const confidence = guard?.confidence ?? 0.9;
        const measured = index === 0 ? undefined : liftOf(own, base, { least: 2, confidence });
        return {
          ...{ variant: one.name, strategy: one.strategy, configured_weight: one.weight },
          ...{ weight: steered.weights?.[one.name] ?? one.weight, off: off(one.name) },
          requests: counts.get(one.name) ?? 0,
          ...{ ratings: own.count, mean_score: meanOf(own), lift: measured?.lift, lift_at_most: measured?.atMost },
        };
      }),
    };
  }
}

const standing = ({ weights }: Steered, off: Standing['off']): Standing => ({ ...(weights && { weights }), off });
