import type { State } from '@rutter/plugin-sdk';
import { fakeHost, outcome, principal, requestContext } from '@rutter/plugin-sdk/testing';
import { expect, it } from 'vitest';
import { Peers } from './peers.ts';
import { keptOf, told } from './record.ts';
import { Ring, readQuery } from './search.ts';

const kept = (id: string, who = 'ann') =>
  keptOf(outcome({ context: requestContext({ id, principal: principal({ id: who }) }) }));
const ids = (found: readonly { readonly request: string }[]) => found.map(({ request }) => request);

it('keeps the latest, newest first, and no more than it has room for', () => {
  const ring = new Ring(3);
  for (const id of ['a', 'b', 'c', 'd']) ring.add(kept(id));
  expect(ids(ring.find({ limit: 10 }))).toEqual(['d', 'c', 'b']);
  expect(ids(ring.find({ limit: 2 }))).toEqual(['d', 'c']);
  expect(ring.size).toBe(3);
});

it('finds only what belongs to whoever may see no more', () => {
  const ring = new Ring(4);
  ring.add(kept('a', 'ann'));
  ring.add(kept('b', 'bob'));
  expect(ids(ring.find(readQuery({}, 'bob')))).toEqual(['b']);
  expect(ids(ring.find(readQuery({ request_id: 'a' }, 'bob')))).toEqual([]);
});

/** A state by which texts reach everybody. */
function bus(): State {
  const listeners = new Set<(text: string) => void>();
  return {
    publish: async (_channel: string, text: string) => {
      for (const listener of listeners) listener(text);
    },
    subscribe: async (_channel: string, listener: (text: string) => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  } as unknown as State;
}

async function process(state: State, seed: number, records: readonly string[]) {
  const host = fakeHost({ seed });
  const peers = new Peers<string, string>(host, state, (question) => records.map((one) => `${question}${one}`));
  await peers.open(host.every);
  return { host, peers };
}

it('gathers what every process has, and does not wait for one that has gone', async () => {
  const state = bus();
  const first = await process(state, 1, ['1']);
  const second = await process(state, 2, ['2']);
  expect([...(await first.peers.ask('q'))].sort()).toEqual(['q1', 'q2']);
  expect([...(await second.peers.ask('q'))].sort()).toEqual(['q1', 'q2']);
  second.peers.close();
  const asking = first.peers.ask('q');
  await first.host.advance(1_000);
  expect(await asking).toEqual(['q1']);
  await first.host.advance(20_000);
  expect(await first.peers.ask('q')).toEqual(['q1']);
});

it('tells what a request came to, and nobody’s words', () => {
  const record = told(kept('a'));
  expect(record).toMatchObject({ request_id: 'a', input: { principal: 'ann' }, decisions: [] });
  expect(new Date(record.at).toISOString()).toBe(record.at);
});
