import { type Reservation, RutterError, type State } from '@rutter/plugin-sdk';
import { assertConforms, checkState, fakeHost } from '@rutter/plugin-sdk/testing';
import { expect, test } from 'vitest';
import plugin from './index.ts';

const setUp = (config: object = {}, host = fakeHost()) => ({
  host,
  state: plugin.setup(host, plugin.config.parse(config)) as State,
});
const tokens = (key: string, amount: number, limit: number): Reservation => ({
  key,
  amount,
  limit,
  windowMs: 60_000,
  measure: 'tokens',
});

test('conforms to what every state must hold to', async () => {
  assertConforms(await checkState(plugin));
});

test('keeps windows, slots and values over a reload with another configuration', async () => {
  const before = setUp();
  await before.state.reserve([tokens('a', 7, 10)]);
  await before.state.set('v', 'kept');
  const after = setUp({ maxEntries: 5 }, fakeHost({ kept: before.host.kept, clock: before.host.clock }));
  expect(await after.state.reserve([tokens('a', 4, 10)])).toMatchObject({ granted: false, current: 7 });
  expect(await after.state.get('v')).toBe('kept');
});

test('settles after a reload what was reserved before it', async () => {
  const before = setUp();
  const reserved = await before.state.reserve([tokens('a', 10, 10)]);
  const after = setUp({}, fakeHost({ kept: before.host.kept, clock: before.host.clock }));
  await after.state.settle((reserved as { id: string }).id, [4]);
  expect(await after.state.reserve([tokens('a', 6, 10)])).toMatchObject({ granted: true, remaining: [0] });
});

test('refuses a new entry when it is full, and has room again once old ones have ended', async () => {
  const { host, state } = setUp({ maxEntries: 2 });
  await state.set('a', '1', { ttlMs: 1_000 });
  await state.set('b', '2');
  await state.set('b', '3');
  const full = await state.set('c', '4').catch((error: unknown) => error);
  expect(RutterError.is(full) && full.code).toBe('ERR_LIMIT_OVERLOADED');
  await host.advance(1_000);
  expect(await state.set('c', '4')).toBe(true);
});

test('charges nothing when a table is full half-way through a reservation', async () => {
  const { state } = setUp({ maxEntries: 1 });
  await expect(state.reserve([tokens('a', 5, 10), tokens('b', 5, 10)])).rejects.toThrow(/holds 1 windows/);
  expect(await state.reserve([tokens('a', 10, 10)])).toMatchObject({ granted: true });
});

test('sweeps out entries that have ended without being asked for them', async () => {
  const host = fakeHost();
  const { state } = setUp({ sweepIntervalMs: 100 }, host);
  for (let count = 0; count < 500; count++) {
    await state.set(`v${count}`, 'x', { ttlMs: 50 });
    await state.increment(`n${count}`, 1, 50);
    await state.reserve([
      { ...tokens(`w${count}`, 1, 2), windowMs: 50 },
      { ...tokens(`p${count}`, 1, 2), windowMs: 50, measure: 'parallel' },
    ]);
    await state.lease(`l${count}`, 'o', 50);
  }
  await host.advance(300);
  const tables = host.kept.get('tables')?.value as Record<string, Map<string, unknown>>;
  for (const name of ['windows', 'slotSets', 'held', 'counters', 'values', 'leases'])
    expect([name, tables[name]?.size]).toEqual([name, 0]);
});

test('refuses an amount or a window that makes no sense', async () => {
  const { state } = setUp();
  for (const odd of [{ amount: -1 }, { amount: Number.NaN }, { amount: Number.POSITIVE_INFINITY }, { windowMs: 0 }]) {
    const error = await state.reserve([{ ...tokens('a', 1, 10), ...odd }]).catch((caught: unknown) => caught);
    expect(RutterError.is(error) && error.code).toBe('ERR_PLUGIN_INVALID');
  }
});

test('refuses everything under a limit that is no number', async () => {
  const { state } = setUp();
  expect(await state.reserve([tokens('a', 0, Number.NaN)])).toMatchObject({ granted: false });
});

test('logs a listener that throws', async () => {
  const { host, state } = setUp();
  await state.subscribe('c', () => {
    throw new Error('broken');
  });
  await state.publish('c', 'm');
  expect(host.logged.map(({ level, message }) => [level, message])).toEqual([['error', 'a listener threw']]);
});

test('lets one function listen twice and stop once', async () => {
  const { state } = setUp();
  const heard: string[] = [];
  const listener = (message: string) => void heard.push(message);
  const stop = await state.subscribe('c', listener);
  await state.subscribe('c', listener);
  await state.publish('c', 'both');
  stop();
  await state.publish('c', 'one');
  expect(heard).toEqual(['both', 'both', 'one']);
});
