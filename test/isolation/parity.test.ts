/** The same packed text ranks alike in the gateway's process and in the sandbox, case by case, from one seed. */
import { join } from 'node:path';
import type { Candidate, Log, Outcome, Ranking, RequestContext, Strategy } from '@rutter/plugin-sdk';
import { candidate, manualClock, outcome, requestContext, seededRandom } from '@rutter/plugin-sdk/testing';
import { afterAll, expect, it } from 'vitest';
import type { Configuration } from '../../core/config/types.ts';
import { readPackedShipped } from '../../core/plugins/distribution.ts';
import { Evaluator } from '../../core/plugins/evaluate.ts';
import { createHost } from '../../core/plugins/host.ts';
import { KeepStore } from '../../core/plugins/keep.ts';
import type { KernelServices } from '../../core/plugins/kernel-services.ts';
import { noGrants, type PlannedInstance } from '../../core/plugins/plan.ts';
import type { AskedAhead, PluginPackage } from '../../core/plugins/types.ts';
import { Sandbox } from '../../core/sandbox/sandbox.ts';
import { root } from '../support/index.ts';

const cases = process.env.RUTTER_TEST_SLOW === '1' ? 20_000 : 200;
const sandbox = new Sandbox();
afterAll(() => sandbox.close());

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };
const nowhere = { file: 'config.yaml', line: 1, column: 1, path: 'plugins[0]' };

function services(clock: KernelServices['clock']): KernelServices {
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
    features: { registry: () => ({ define() {} }), forget() {} },
    sandbox,
  };
}

async function bothPlaces(name: string) {
  const folder = join(root, 'strategies', name);
  const found = (await readPackedShipped(join(folder, 'dist'), folder)) as PluginPackage;
  const clock = manualClock();
  const { definition } = await new Evaluator().acquire(found);
  const { host } = createHost({
    ...{ name, key: name, manifest: found.manifest, kernel: services(clock), services: new Map() },
    onFault: (error) => {
      throw error;
    },
  });
  const inside = (await definition.setup(host, definition.config.parse({}) as never)) as Strategy;
  const instance: PlannedInstance = {
    ...{ name, package: found, for: undefined, onFailure: 'abort', origin: 'entry', isTrusted: false },
    ...{ config: { values: {}, paths: {}, base: '', derived: [] }, reason: 'a test', place: nowhere },
    grants: { ...noGrants, timeoutMs: 20_000 },
  };
  const configuration = { placeOf: () => nowhere } as unknown as Configuration;
  const made = await sandbox.setUp({
    ...{ instance, key: name, configuration, kernel: services(clock) },
    ...{ place: 'sandbox', services: new Map() },
  });
  if ('diagnostics' in made) throw new Error(JSON.stringify(made.diagnostics));
  return { inside, outside: made.value as Strategy & AskedAhead, clock, end: () => made.end() };
}

/** The ids of a ranking, ties as they stand. */
const idsOf = (ranking: Ranking): unknown =>
  (ranking as readonly (Candidate | readonly Candidate[])[] | undefined)?.map((one) =>
    Array.isArray(one) ? one.map(({ deployment }: Candidate) => deployment.id) : (one as Candidate).deployment.id,
  );

function caseFrom(random: () => number): {
  readonly context: RequestContext;
  readonly candidates: readonly Candidate[];
} {
  const whole = (most: number) => Math.floor(random() * most);
  const maybe = <T>(value: T) => (random() < 0.5 ? value : undefined);
  const one = (index: number): Candidate => {
    const settings = {
      ...{ weight: maybe(whole(10)), rpm: maybe(whole(1000)), tpm: maybe(whole(100_000)) },
      prices: maybe({ input: BigInt(whole(5)) * 1_000_000n, output: BigInt(whole(9)) * 1_000_000n }),
    };
    const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
    const live = { samples: whole(50), latencyMs: random() * 3000, firstTokenMs: random() * 500, inFlight: whole(4) };
    return candidate(`deployment-${index}`, { ...live, errorRate: random() * 0.5, cooledUntil: 0 }, given);
  };
  const features = new Map([
    ['input-tokens', whole(4000)],
    ['stream', whole(2)],
  ]);
  return {
    context: requestContext({
      group: `group-${whole(3)}`,
      features: { get: (name) => features.get(name), want: async (name) => features.get(name) },
    }),
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

it.each(['simple-shuffle', 'least-busy', 'cost-based-routing', 'latency-based-routing'])(
  '%s ranks the same in both places',
  async (name) => {
    const { inside, outside, clock, end } = await bothPlaces(name);
    const random = seededRandom(7);
    let distinct = 0;
    for (let number = 0; number < cases; number += 1) {
      const { context, candidates } = caseFrom(random);
      const expected = idsOf(inside.select(context, candidates));
      expect(idsOf(await outside.rank?.(context, candidates)), `case ${number}`).toEqual(expected);
      if (JSON.stringify(expected) !== JSON.stringify(idsOf(candidates))) distinct += 1;
      const happened = outcomeFrom(random, candidates[0] as Candidate);
      inside.observe?.(happened);
      await outside.observe?.(happened);
      if (random() < 0.1) await clock.advance(random() * 60_000);
    }
    // That a ranking merely repeats the order it was given is no agreement.
    expect(distinct).toBeGreaterThan(cases / 4);
    await end();
  },
  240_000,
);
