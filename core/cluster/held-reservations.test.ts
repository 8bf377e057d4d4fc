import type { Reservation, State } from '@rutter/plugin-sdk';
import { beforeEach, expect, it } from 'vitest';
import { HeldReservations } from './held-reservations.ts';

const reservation = (measure: Reservation['measure'], amount = 1): Reservation => ({
  key: measure,
  amount,
  limit: 10,
  windowMs: 1000,
  measure,
});
const granted = (id: string) => ({ granted: true, id, remaining: [] });

let held: HeldReservations;
let settled: [id: string, actual: readonly number[]][];
const state = { settle: async (...told: [string, readonly number[]]) => void settled.push(told) } as unknown as State;
beforeEach(() => {
  held = new HeldReservations();
  settled = [];
});

it('gives back the slots of a worker that is gone, and leaves what else it reserved charged', async () => {
  held.saw(1, {
    method: 'reserve',
    args: [[reservation('tokens', 7), reservation('parallel'), reservation('requests')]],
    result: granted('a'),
  });
  await held.release(1, state);
  expect(settled).toEqual([['a', [7, 0, 1]]]);
  await held.release(1, state);
  expect(settled).toHaveLength(1);
});

it('keeps workers apart, and forgets what they have settled themselves', async () => {
  for (const [worker, id] of [
    [1, 'a'],
    [1, 'b'],
    [2, 'c'],
  ] as const)
    held.saw(worker, { method: 'reserve', args: [[reservation('parallel')]], result: granted(id) });
  held.saw(1, { method: 'settle', args: ['a', [0]], result: undefined });
  await held.release(1, state);
  expect(settled).toEqual([['b', [0]]]);
  await held.release(2, state);
  expect(settled.at(-1)).toEqual(['c', [0]]);
});

it('holds nothing of what was refused, has no slots, or is no reservation', async () => {
  held.saw(1, { method: 'reserve', args: [[reservation('parallel')]], result: { granted: false, index: 0 } });
  held.saw(1, { method: 'reserve', args: [[reservation('requests')]], result: granted('a') });
  held.saw(1, { method: 'get', args: [[reservation('parallel')]], result: granted('b') });
  held.saw(3, { method: 'settle', args: ['a', []], result: undefined });
  await held.release(1, state);
  expect(settled).toEqual([]);
});
