/** The same packed text of every shipped strategy ranks alike inside, in a worker and in the sandbox, case by case, from one seed. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Candidate, Embedder, Log, Outcome, Ranking, RequestContext, Strategy } from '@rutter/plugin-sdk';
import { candidate, manualClock, outcome, requestContext, seededRandom } from '@rutter/plugin-sdk/testing';
import { afterAll, expect, it } from 'vitest';
import type { Configuration } from '../../core/config/types.ts';
import { readPackedShipped } from '../../core/plugins/distribution.ts';
import { Evaluator } from '../../core/plugins/evaluate.ts';
import { createHost } from '../../core/plugins/host.ts';
import { KeepStore } from '../../core/plugins/keep.ts';
import type { KernelServices } from '../../core/plugins/kernel-services.ts';
import { noGrants, type PlannedInstance } from '../../core/plugins/plan.ts';
import type { AskedAhead, PlaceName, PluginPackage } from '../../core/plugins/types.ts';
import { Sandbox } from '../../core/sandbox/sandbox.ts';
import { root } from '../support/index.ts';
import { artefactFor, queryOf } from './artefacts.ts';

const cases = process.env.RUTTER_TEST_SLOW === '1' ? 20_000 : 60;
const models = ['counter-70b', 'poet-8b', 'clerk-13b'];
const sandbox = new Sandbox();
afterAll(() => sandbox.close());

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };
const nowhere = { file: 'config.yaml', line: 1, column: 1, path: 'plugins[0]' };

function services(clock: KernelServices['clock'], features: Features = new Map()): KernelServices {
  const refuse = async () => Promise.reject(new Error('not here'));
  return {
    log: () => silent,
    clock,
    seed: 'parity',
    dataFolder: '/nonexistent',
    fetch: refuse,
    spawnEnabled: false,
    invoke: refuse,
    provides: [],
    use: () => undefined,
    keep: new KeepStore(),
    features: { registry: () => ({ define: (name, compute) => void features.set(name, compute) }), forget() {} },
    sandbox,
  };
}

/** Definitions of features, for a plugin in one place. */
type Features = Map<string, (context: RequestContext, text: string) => unknown>;

interface Standing {
  readonly strategy: Strategy & AskedAhead;
  readonly features: Features;
  end(): Promise<unknown> | undefined;
}

interface Subject {
  readonly found: PluginPackage;
  readonly values: Readonly<Record<string, unknown>>;
}

const embedder: Embedder = {
  dimensions: 2,
  version: 'test-2',
  embed: async (texts) => texts.map((text) => Float32Array.of(text.length % 2, 1 - (text.length % 2))),
};
const provided = new Map<string, unknown>([['embedder', embedder]]);

async function subjectOf(name: string): Promise<Subject> {
  const folder = join(root, 'strategies', name);
  const found = (await readPackedShipped(join(folder, 'dist'), folder)) as PluginPackage;
  const isLearned = found.manifest.uses.includes('embedder') && placesOf(found).includes('worker');
  return { found, values: isLearned ? { model_path: await artefactFor(name), hot_reload: false } : {} };
}

async function standsInside({ found, values }: Subject, clock: KernelServices['clock']): Promise<Standing> {
  const { definition } = await new Evaluator().acquire(found);
  const features: Features = new Map();
  const { manifest } = found;
  const { host } = createHost({
    ...{ name: manifest.name, key: manifest.name, manifest, kernel: services(clock, features), services: provided },
    onFault: (error) => {
      throw error;
    },
  });
  const strategy = (await definition.setup(host, definition.config.parse(values) as never)) as Strategy;
  return { strategy, features, end: () => undefined };
}

async function setUpIn(place: PlaceName, { found, values }: Subject, clock: KernelServices['clock']) {
  const features: Features = new Map();
  const { name } = found.manifest;
  const instance: PlannedInstance = {
    ...{ name, package: found, for: undefined, onFailure: 'abort', origin: 'entry', isTrusted: place === 'worker' },
    ...{ config: { values, paths: {}, base: '', derived: [] }, reason: 'a test', place: nowhere },
    grants: { ...noGrants, timeoutMs: 20_000, text: true },
  };
  const configuration = { placeOf: () => nowhere } as unknown as Configuration;
  const kernel = services(clock, features);
  const made = await sandbox.setUp({
    instance,
    key: `${name}-${place}`,
    configuration,
    kernel,
    place,
    services: provided,
  });
  return { made, features };
}

async function standsIn(place: PlaceName, subject: Subject, clock: KernelServices['clock']): Promise<Standing> {
  const { made, features } = await setUpIn(place, subject, clock);
  if ('diagnostics' in made) throw new Error(JSON.stringify(made.diagnostics));
  return { strategy: made.value as Strategy & AskedAhead, features, end: () => made.end() };
}

/** The ids of a ranking, ties as they stand. */
const idsOf = (ranking: Ranking): unknown =>
  (ranking as readonly (Candidate | readonly Candidate[])[] | undefined)?.map((one) =>
    Array.isArray(one) ? one.map(({ deployment }: Candidate) => deployment.id) : (one as Candidate).deployment.id,
  );

interface Case {
  readonly about: { readonly group: string; readonly id: string };
  readonly known: readonly (readonly [string, number])[];
  readonly text: string;
  readonly candidates: readonly Candidate[];
}

function caseFrom(random: () => number): Case {
  const whole = (most: number) => Math.floor(random() * most);
  const maybe = <T>(value: T) => (random() < 0.5 ? value : undefined);
  const one = (index: number): Candidate => {
    const settings = {
      ...{ weight: maybe(whole(10)), rpm: maybe(whole(1000)), tpm: maybe(whole(100_000)) },
      prices: maybe({ input: BigInt(whole(5)) * 1_000_000n, output: BigInt(whole(9)) * 1_000_000n }),
    };
    const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
    const live = { samples: whole(50), latencyMs: random() * 3000, firstTokenMs: random() * 500, inFlight: whole(4) };
    const model = models[whole(models.length)] as string;
    const more = { ...given, model, info: { input_cost_per_token: whole(9) / 1e6 } };
    return candidate(`deployment-${index}`, { ...live, errorRate: random() * 0.5, cooledUntil: 0 }, more);
  };
  const text = queryOf(whole(2), random);
  return {
    about: { group: `group-${whole(3)}`, id: `request-${whole(1e9)}` },
    known: [
      ['input-tokens', whole(4000)],
      ['stream', whole(2)],
    ],
    text,
    candidates: Array.from({ length: 2 + whole(6) }, (_, index) => one(index)),
  };
}

function outcomeFrom(random: () => number, { deployment }: Candidate): Outcome {
  const tookMs = random() * 4000;
  const tried = { deployment: deployment.id, provider: 'p', model: 'm', group: 'group-1', startedMs: 1 };
  return outcome({
    deployment,
    stream: random() < 0.5,
    usage: { input: 10, output: 1 + Math.floor(random() * 500) },
    attempts: [{ ...tried, firstTokenMs: 1 + tookMs / 3, endedMs: 1 + tookMs }],
  });
}

/** A request as one place sees it: its features are computed there. */
function contextIn({ features }: Standing, { about, known, text }: Case): RequestContext {
  const values = new Map<string, number | Float32Array>(known);
  const context: RequestContext = requestContext({
    ...about,
    features: {
      get: (name) => values.get(name),
      want: async (name) => {
        const compute = features.get(name);
        if (name === 'embedding' && !values.has(name))
          values.set(name, (await embedder.embed([text]))[0] as Float32Array);
        if (!values.has(name) && compute) values.set(name, (await compute(context, text)) as number);
        return values.get(name);
      },
    },
  });
  return context;
}

async function rankingOf(standing: Standing, one: Case): Promise<unknown> {
  const { strategy } = standing;
  const context = contextIn(standing, one);
  if (strategy.rank) return idsOf(await strategy.rank(context, one.candidates));
  await strategy.prepare?.(context);
  return idsOf(strategy.select(context, one.candidates));
}

const names = readdirSync(join(root, 'strategies')).filter((name) =>
  existsSync(join(root, 'strategies', name, 'package.json')),
);

/** Where a strategy can be set up, by what its manifest asks for. */
function placesOf({ manifest }: PluginPackage): readonly PlaceName[] {
  const { needs, uses } = manifest;
  const inWorker =
    !needs.some((need) => need === 'invoke' || need === 'spawn') && uses.every((one) => provided.has(one));
  const inSandbox = inWorker && uses.length === 0 && needs.every((need) => need === 'text');
  return ['in-process', ...(inWorker ? (['worker'] as const) : []), ...(inSandbox ? (['sandbox'] as const) : [])];
}

it.each(names)(
  '%s ranks the same in every place that can have it, and is refused by name in the others',
  async (name) => {
    const clock = manualClock();
    const subject = await subjectOf(name);
    const places = placesOf(subject.found);
    for (const place of (['worker', 'sandbox'] as const).filter((one) => !places.includes(one))) {
      const { made } = await setUpIn(place, subject, clock);
      expect('diagnostics' in made && made.diagnostics.map(({ message }) => message).join(), place).toContain(name);
    }
    if (places.length === 1) return;
    const inside = await standsInside(subject, clock);
    const stood = await Promise.allSettled(places.slice(1).map((place) => standsIn(place, subject, clock)));
    const others = stood.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    // What brings a part that is not served elsewhere says so by name when it is set up.
    for (const one of stood)
      if (one.status === 'rejected')
        expect(String(one.reason)).toMatch(new RegExp(`"${name}" brings .* is not served`));
    if (others.length === 0) return;
    const random = seededRandom(7);
    let distinct = 0;
    for (let number = 0; number < cases; number += 1) {
      const one = caseFrom(random);
      const expected = await rankingOf(inside, one);
      for (const [index, other] of others.entries())
        expect(await rankingOf(other, one), `case ${number}, ${places[index + 1]}`).toEqual(expected);
      if (expected !== undefined && JSON.stringify(expected) !== JSON.stringify(idsOf(one.candidates))) distinct += 1;
      const happened = outcomeFrom(random, one.candidates[0] as Candidate);
      for (const { strategy } of [inside, ...others]) await strategy.observe?.(happened);
      if (random() < 0.1) await clock.advance(random() * 60_000);
    }
    // That a ranking merely repeats the order it was given, or is none, is no agreement.
    expect(distinct, 'rankings that differ from the given order').toBeGreaterThan(cases / 4);
    for (const { end } of others) await end();
  },
  900_000,
);
