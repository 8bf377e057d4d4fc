import type { CacheableReply, KeyedCache, State } from '@rutter/plugin-sdk';
import { call, chatReply, embeddingsCall, principal, requestContext } from '@rutter/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import { keyedCache } from './keyed-cache.ts';

interface Kept {
  readonly value: string;
  readonly ttlMs: number | undefined;
}

/** State as a map that can be looked into. */
function stateOf(entries = new Map<string, Kept>()) {
  const state = {
    get: async (key: string) => entries.get(key)?.value,
    set: async (key: string, value: string, { ttlMs }: { readonly ttlMs?: number } = {}) => {
      entries.set(key, { value, ttlMs });
      return true;
    },
  } as unknown as State;
  return { entries, state };
}

interface Change {
  readonly cache?: KeyedCache;
  readonly key?: string;
  readonly name?: string;
  readonly guards?: readonly string[];
  readonly entries?: Map<string, Kept>;
}

function open({ cache = { key: () => 'key' }, key = 'one@1', name = 'one', guards = [], entries }: Change = {}) {
  const { state, ...rest } = stateOf(entries);
  const options = { instance: { name, key }, cache, state, guards: guards.map((guard) => ({ key: guard })) };
  return { ...rest, kept: keyedCache(options) };
}

const reply = (text = 'Hello.'): CacheableReply => ({ operation: 'chat', reply: chatReply({ text }) });
const as = (id: string, group = 'group', kind: 'key' | 'admin' = 'key') =>
  requestContext({ group, principal: principal({ id, kind }) });

/** Looks for it, keeps the reply, and gives the call by which it was kept. */
async function keep(kept: ReturnType<typeof open>['kept'], context = as('a'), asked = call(), answer = reply()) {
  await kept.read(context, asked);
  await kept.write(context, asked, answer);
}

describe('replies kept under keys', () => {
  it('are given again to the caller, group and operation they were kept for, and to no other', async () => {
    const { kept } = open();
    await keep(kept);
    expect(await kept.read(as('a'), call())).toEqual(reply());
    const others = [as('b'), as('a', 'other'), as('a', 'group', 'admin'), as('A'), as('a","group')];
    for (const other of others) expect(await kept.read(other, call())).toBeUndefined();
    expect(await kept.read(as('a'), embeddingsCall(['x']))).toBeUndefined();
    expect(await kept.read(as('a'), call({}, { operation: 'completions' }))).toBeUndefined();
  });

  it('are not given by another plugin, by another version of it, or under other guards', async () => {
    const { kept, entries } = open({ guards: ['g@1'] });
    await keep(kept);
    for (const change of [
      { guards: [] },
      { guards: ['g@2'] },
      { key: 'one@2', guards: ['g@1'] },
      { name: 'two', key: 'two@1' },
    ])
      expect(await open({ ...change, entries }).kept.read(as('a'), call())).toBeUndefined();
    expect(await open({ guards: ['g@1'], entries }).kept.read(as('a'), call())).toEqual(reply());
  });

  it('keep halves of characters apart', async () => {
    const { kept } = open({ cache: { key: (_context, asked) => asked.text() } });
    await keep(kept, as('a'), call({ messages: [{ role: 'user', content: '\ud800' }] }));
    expect(await kept.read(as('a'), call({ messages: [{ role: 'user', content: '\ud801' }] }))).toBeUndefined();
    expect(await kept.read(as('a'), call({ messages: [{ role: 'user', content: '\ud800' }] }))).toEqual(reply());
  });

  it('take no more than 1024 places, whoever asks whatever, and a name takes those of its predecessor', async () => {
    const { kept, entries } = open({ cache: { key: (_context, asked) => asked.text() } });
    for (let index = 0; index < 3000; index++)
      await keep(kept, as(`caller-${index % 7}`), call({ messages: [{ role: 'user', content: `q${index}` }] }));
    expect(entries.size).toBeGreaterThan(900);
    expect(entries.size).toBeLessThanOrEqual(1024);
    const next = open({ key: 'one@2', entries, cache: { key: (_context, asked) => asked.text() } });
    for (let index = 0; index < 200; index++)
      await keep(next.kept, as('a'), call({ messages: [{ role: 'user', content: `r${index}` }] }));
    expect(entries.size).toBeLessThanOrEqual(1024);
  });

  it('live as long as the plugin says, ten minutes where it says nothing', async () => {
    for (const [cache, ttlMs] of [
      [{ key: () => 'key' }, 600_000],
      [{ key: () => 'key', ttlMs: 5 }, 5],
    ] as const) {
      const { kept, entries } = open({ cache });
      await keep(kept);
      expect([...entries.values()].map((entry) => entry.ttlMs)).toEqual([ttlMs]);
    }
    for (const ttlMs of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 86_400_001, '5' as never])
      expect(() => open({ cache: { key: () => 'key', ttlMs } })).toThrow(/"one" brings .* as ttlMs, expected/);
  });

  it('are not kept when they are too large, nor too deep', async () => {
    const { kept, entries } = open();
    await keep(kept, as('a'), call(), reply('x'.repeat(131_072)));
    await keep(kept, as('a'), embeddingsCall(['x']), {
      operation: 'embeddings',
      reply: { vectors: [new Float32Array(100_000)] },
    });
    expect(entries.size).toBe(0);
    await keep(kept, as('a'), call(), reply('x'.repeat(130_000)));
    expect(entries.size).toBe(1);
  });

  it('come back with vectors as they were', async () => {
    const { kept } = open();
    const vectors = [Float32Array.of(0.1, -2, 3e-7)];
    await keep(kept, as('a'), embeddingsCall(['x']), { operation: 'embeddings', reply: { vectors } });
    expect(await kept.read(as('a'), embeddingsCall(['x']))).toEqual({ operation: 'embeddings', reply: { vectors } });
  });
});

describe('a plugin that makes keys', () => {
  it('is asked once a request, and files no reply elsewhere than where it was looked for', async () => {
    let asked = 0;
    const { kept, entries } = open({ cache: { key: () => `key ${++asked}` } });
    await keep(kept);
    expect(asked).toBe(1);
    expect(entries.size).toBe(1);
    await kept.write(as('a'), call(), reply());
    expect(entries.size).toBe(1);
  });

  it('is not asked about operations that have no neutral form', async () => {
    const { kept, entries } = open({ cache: { key: () => expect.unreachable() } });
    await keep(kept, as('a'), call({}, { operation: 'images' as never }));
    expect(entries.size).toBe(0);
  });

  it('has nothing kept for what it gives no key for, and an error for what is none', async () => {
    const { kept, entries } = open({ cache: { key: () => undefined } });
    await keep(kept);
    expect(entries.size).toBe(0);
    for (const key of ['', 'x'.repeat(1_048_577), null, 7, {}, ['key'], () => 'key'])
      await expect(open({ cache: { key: () => key as never } }).kept.read(as('a'), call())).rejects.toThrow(
        /gave .* for a key, expected a text of 1 to 1048576 characters, or undefined/,
      );
  });

  it('is given a digest that stands for the caller, the group and the request, streamed or not', async () => {
    const seen: string[] = [];
    const { kept } = open({ cache: { key: (_context, _call, digest) => void seen.push(digest()) } as KeyedCache });
    const same = [call(), call({ stream: true })];
    const others = [call({ temperature: 0.5 }), call({ extra: { top_a: 1 } }), embeddingsCall(['x'])];
    for (const asked of [...same, ...others]) await kept.read(as('a'), asked);
    await kept.read(as('b'), call());
    await kept.read(as('a', 'other'), call());
    expect(seen[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(seen[1]).toBe(seen[0]);
    expect(new Set(seen).size).toBe(seen.length - 1);
  });

  it('is refused where there is no state', () => {
    const instance = { name: 'one', key: 'one@1' };
    const make = () => keyedCache({ instance, cache: { key: () => 'key' }, state: undefined, guards: [] });
    expect(make).toThrow(/"one" brings keys for replies, and no plugin provides "state"/);
  });
});

describe('what the caller says of caches', () => {
  it('passes a kept reply by with no-cache, and keeps none with no-store', async () => {
    const { kept, entries } = open();
    const saying = (cache: object) => call({}, { controls: { cache: { ...cache } } });
    await keep(kept, as('a'), saying({ 'no-store': true }));
    expect(entries.size).toBe(0);
    await keep(kept, as('a'), saying({ 'no-cache': true }));
    expect(entries.size).toBe(1);
    expect(await kept.read(as('a'), saying({ 'no-cache': true }))).toBeUndefined();
    expect(await kept.read(as('a'), saying({ 'no-store': true, 'no-cache': false }))).toEqual(reply());
  });
});
