import { setTimeout as sleep } from 'node:timers/promises';
import type { Reservation, ReserveResult } from '@rutter/plugin-sdk';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Bench, happened, tellingSource } from '../generation/fixtures/bench.ts';
import { readShipped } from '../plugins/distribution.ts';
import type { ComposedInstance } from '../plugins/plan.ts';
import { SharedInstances } from './shared-instances.ts';

/** Counts slots and passes messages; enough to see who is told what. */
const stateSource = tellingSource(
  'counting',
  'state',
  `
  reserve: async (asked) => { globalThis.happened.push('reserve ' + asked[0].key); return { granted: true, id: asked[0].key, remaining: [] }; },
  settle: async (id, actual) => void globalThis.happened.push('settle ' + id + ' ' + actual),
  subscribe: async (channel, listener) => { globalThis.happened.push('subscribe ' + channel); return () => void globalThis.happened.push('leave ' + channel); },
  heartbeat: async () => {}, increment: async (key, by) => by, get: async () => 'value', set: async () => true, delete: async () => true, lease: async () => true, publish: async () => {}, secret: () => 'hidden',`,
);

let bench: Bench;
let shared: SharedInstances;
beforeEach(async () => {
  bench = await Bench.create();
  shared = new SharedInstances(bench.kernel);
  await bench.ship('counting', { kind: 'state' }, stateSource);
  await bench.ship(
    'broken',
    { kind: 'state' },
    "import { definePlugin } from '@rutter/plugin-sdk';\nexport default definePlugin({ kind: 'state', setup() { throw new Error('no luck'); } });",
  );
});
afterEach(() => bench.end());

async function planned(name: string, values: object = {}): Promise<ComposedInstance> {
  const found = (await readShipped(bench.distribution)).find(({ manifest }) => manifest.name === name);
  return {
    name,
    package: found,
    for: undefined,
    onFailure: 'abort',
    config: { values, paths: {}, base: '', derived: [] },
    reason: 'a test',
    place: { file: 'config.yaml', line: 1, column: 1, path: 'plugins[0]' },
    origin: 'entry',
    uses: new Map(),
    grants: {},
  } as unknown as ComposedInstance;
}

const slot = (key: string): readonly Reservation[] => [
  { key, amount: 1, limit: 9, windowMs: 1000, measure: 'parallel' },
];
const reserve = (worker: number, key: string) =>
  shared.call(worker, { key: 'k', method: 'reserve', args: [slot(key)] }) as Promise<ReserveResult>;

it('sets an instance up once for all, and disposes of it with the last hold', async () => {
  const one = await planned('counting');
  expect(await Promise.all([1, 2, 2].map((worker) => shared.setUp(worker, one, 'k')))).toEqual(
    Array(3).fill({ flavour: undefined, hasHealth: false }),
  );
  await shared.release(1, 'k');
  await shared.release(2, 'k');
  expect(happened).toEqual(['setup counting']);
  await shared.release(2, 'k');
  expect(happened).toEqual(['setup counting', 'dispose counting']);
  await expect(shared.call(2, { key: 'k', method: 'get', args: ['a'] })).rejects.toMatchObject({
    code: 'ERR_PLUGIN_DOWN',
  });
  await shared.release(2, 'k');
});

it('keeps an instance for a worker that is about to hold it while another gives it back', async () => {
  const one = await planned('counting');
  await shared.setUp(1, one, 'k');
  const second = shared.setUp(2, one, 'k');
  await shared.release(1, 'k');
  await second;
  expect(await shared.call(2, { key: 'k', method: 'get', args: ['a'] })).toBe('value');
  expect(happened).toEqual(['setup counting']);
});

it('tries again with the next worker when it could not be set up', async () => {
  await expect(shared.setUp(1, await planned('broken'), 'k')).rejects.toThrow('no luck');
  await expect(shared.setUp(1, await planned('counting', { count: 'many' }), 'k')).rejects.toMatchObject({
    code: 'ERR_CONFIG_INVALID',
    message: expect.stringContaining('refuses option "count"'),
  });
  await shared.setUp(1, await planned('counting'), 'k');
  expect(happened).toEqual(['setup counting']);
});

it('lets workers call what is meant for them, and nothing else', async () => {
  await shared.setUp(1, await planned('counting'), 'k');
  expect(await shared.call(1, { key: 'k', method: 'increment', args: ['a', 3, 1000] })).toBe(3);
  for (const method of ['secret', 'dispose', 'constructor', 'toString', 'nothing'])
    await expect(shared.call(1, { key: 'k', method, args: [] })).rejects.toMatchObject({ code: 'ERR_PLUGIN_INVALID' });
});

it('gives back what a dead worker held: slots, subscriptions, holds; and nothing of the others', async () => {
  const one = await planned('counting');
  await shared.setUp(1, one, 'k');
  await shared.setUp(1, one, 'k');
  await shared.setUp(2, one, 'k');
  await reserve(1, 'mine');
  await reserve(1, 'settled');
  await shared.call(1, { key: 'k', method: 'settle', args: ['settled', [0]] });
  await reserve(2, 'other');
  for (const worker of [1, 2]) await shared.subscribe(worker, { key: 'k', channel: `c${worker}` }, () => {});
  happened.length = 0;
  await shared.releaseAll(1);
  expect(happened).toEqual(['settle mine 0', 'leave c1']);
  await shared.releaseAll(2);
  expect(happened.slice(2)).toEqual(['settle other 0', 'leave c2', 'dispose counting']);
});

it('ends everything when it closes', async () => {
  await shared.setUp(1, await planned('counting'), 'k');
  await shared.setUp(1, await planned('counting', { label: 'second' }), 'k2');
  await shared.close();
  await sleep(1);
  expect(happened.slice(2).toSorted()).toEqual(['dispose counting', 'dispose second']);
});
