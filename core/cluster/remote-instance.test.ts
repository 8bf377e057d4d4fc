import type { State, Store } from '@rutter/plugin-sdk';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { ComposedInstance } from '../plugins/plan.ts';
import type { Channel } from './channel.ts';
import type { Ask, Tell } from './messages.ts';
import { RemoteInstances } from './remote-instance.ts';

const planned = (kind: string) => ({ package: { manifest: { kind } } }) as unknown as ComposedInstance;

let asked: Ask[];
let told: Tell[];
/** Answers to appended batches, which are given by hand. */
let appended: (() => void)[];
let remotes: RemoteInstances;

beforeEach(() => {
  vi.useFakeTimers();
  asked = [];
  told = [];
  appended = [];
  const channel = {
    ask(ask: Ask) {
      asked.push(ask);
      if (ask.type === 'set-up') return Promise.resolve({ flavour: 'sqlite', hasHealth: false });
      if (ask.type === 'append') return new Promise<void>((resolve) => appended.push(resolve));
      return Promise.resolve(ask.type === 'call' ? ask.args : undefined);
    },
    tell: (news: Tell) => void told.push(news),
  } as unknown as Channel;
  remotes = new RemoteInstances(() => channel);
});
afterEach(() => {
  vi.useRealTimers();
});

const supervised = async (kind: string, key = 'k') => {
  const { value, end } = await remotes.supervise(planned(kind), key);
  asked.length = 0;
  return { value, end };
};
const batches = () => asked.filter((ask) => ask.type === 'append').map(({ rows }) => rows);

it('passes every method of a state on, with its key', async () => {
  const state = (await supervised('state')).value as unknown as State;
  expect(await state.increment('n', 1, 1000)).toEqual(['n', 1, 1000]);
  await state.reserve([]);
  await state.settle('r1', [1]);
  expect(asked).toEqual([
    { type: 'call', key: 'k', method: 'increment', args: ['n', 1, 1000] },
    { type: 'call', key: 'k', method: 'reserve', args: [[]] },
    { type: 'call', key: 'k', method: 'settle', args: ['r1', [1]] },
  ]);
});

it('listens to a channel once, however many listen here, and anew after the instance has ended', async () => {
  const first = await supervised('state');
  const heard: string[] = [];
  const state = first.value as unknown as State;
  await state.subscribe('c', (text) => heard.push(`one ${text}`));
  const leave = await state.subscribe('c', (text) => heard.push(`two ${text}`));
  expect(told).toEqual([{ type: 'subscribe', key: 'k', channel: 'c' }]);
  remotes.heard('k', 'c', 'a');
  leave();
  remotes.heard('k', 'c', 'b');
  remotes.heard('other', 'c', 'x');
  expect(heard).toEqual(['one a', 'two a', 'one b']);
  await first.end();
  remotes.heard('k', 'c', 'late');
  expect(heard).toHaveLength(3);
  const second = (await supervised('state')).value as unknown as State;
  await second.subscribe('c', () => {});
  expect(told).toHaveLength(2);
});

it('sends rows together, a few milliseconds after the first, and the next only when those were taken', async () => {
  const store = (await supervised('store')).value as unknown as Store;
  for (const n of [1, 2]) expect(store.append('t', ['n'], [n])).toBe(true);
  expect(batches()).toEqual([]);
  await vi.advanceTimersByTimeAsync(5);
  expect(batches()).toEqual([[[1], [2]]]);
  for (const n of [3, 4]) store.append('t', ['n'], [n]);
  await vi.advanceTimersByTimeAsync(50);
  expect(batches()).toHaveLength(1);
  appended[0]?.();
  await vi.advanceTimersByTimeAsync(1);
  expect(batches()).toEqual([
    [[1], [2]],
    [[3], [4]],
  ]);
});

it('keeps rows of different tables and columns apart', async () => {
  const store = (await supervised('store')).value as unknown as Store;
  store.append('t', ['a'], [1]);
  store.append('t', ['b'], [2]);
  store.append('u', ['a'], [3]);
  await vi.advanceTimersByTimeAsync(5);
  expect(asked).toMatchObject([
    { table: 't', columns: ['a'], rows: [[1]] },
    { table: 't', columns: ['b'], rows: [[2]] },
    { table: 'u', columns: ['a'], rows: [[3]] },
  ]);
});

it('refuses rows beyond its bound, so that whoever writes them can count the loss', async () => {
  const store = (await supervised('store')).value as unknown as Store;
  for (let count = 0; count < 100_000; count += 1) store.append('t', ['n'], [count]);
  expect(store.append('t', ['n'], [0])).toBe(false);
  await vi.advanceTimersByTimeAsync(5);
  expect(store.append('t', ['n'], [0])).toBe(true);
});

it.each(['run', 'flush', 'end'] as const)('sends what waits ahead of %s', async (what) => {
  const { value, end } = await supervised('store');
  const store = value as unknown as Store;
  store.append('t', ['n'], [1]);
  if (what === 'run') await store.run('DELETE FROM t');
  else if (what === 'flush') await store.flush();
  else await end();
  expect(asked.map((ask) => (ask.type === 'call' ? ask.method : ask.type))).toEqual([
    'append',
    what === 'end' ? 'release' : what,
  ]);
});
