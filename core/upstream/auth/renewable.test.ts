import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { BoundedMap } from './bounded-map.ts';
import { type Lived, Renewable } from './renewable.ts';

const second = 1000;
const minute = 60 * second;

/** A clock and a source that are moved by hand. */
function setUp(lifetimeMs: number) {
  const world = { now: 1_000_000, fetches: 0, failing: false, gate: undefined as Promise<void> | undefined };
  const obtain = async (): Promise<Lived<string>> => {
    const number = ++world.fetches;
    await world.gate;
    if (world.failing) throw new Error(`down with sk-123`);
    return { value: `value ${number}`, expiresAt: world.now + lifetimeMs };
  };
  return { world, held: new Renewable(obtain, () => world.now) };
}

describe('a renewable value', () => {
  it('is fetched once for a hundred who ask at the same time, and then answered at once', async () => {
    const { world, held } = setUp(60 * minute);
    const all = await Promise.all(Array.from({ length: 100 }, () => held.get()));
    expect(new Set(all)).toEqual(new Set(['value 1']));
    expect(held.get()).toBe('value 1');
    expect(world.fetches).toBe(1);
  });

  it.each([
    ['five minutes before the end of an hour', 60 * minute, 55 * minute],
    ['at 80 % of five minutes', 5 * minute, 4 * minute],
  ])('is renewed behind %s, while the old one is handed out', async (_when, lifetime, renewAfter) => {
    const { world, held } = setUp(lifetime);
    await held.get();
    world.now += renewAfter - 1;
    held.get();
    expect(world.fetches).toBe(1);
    world.now += 1;
    expect(held.get()).toBe('value 1');
    expect(held.get()).toBe('value 1');
    expect(world.fetches).toBe(2);
    await turn();
    expect(held.get()).toBe('value 2');
  });

  it('of a few seconds is used for nine tenths of its life', async () => {
    const { world, held } = setUp(3 * second);
    await held.get();
    world.now += 2.4 * second - 1;
    expect(held.get()).toBe('value 1');
    expect(world.fetches).toBe(1);
    world.now += 0.3 * second;
    expect(held.get()).toBe('value 1');
    await turn();
    expect(held.get()).toBe('value 2');
    world.now += 2.7 * second;
    expect(await held.get()).toBe('value 3');
    expect(world.fetches).toBe(3);
  });

  it('is waited for once it has ended', async () => {
    const { world, held } = setUp(5 * minute);
    await held.get();
    world.now += 5 * minute;
    const next = held.get();
    expect(next).toBeInstanceOf(Promise);
    expect(await next).toBe('value 2');
  });

  it('stays in use to its end when renewal fails, and is renewed when that works again', async () => {
    const { world, held } = setUp(5 * minute);
    await held.get();
    world.failing = true;
    world.now += 4 * minute;
    expect(held.get()).toBe('value 1');
    await turn();
    expect(held.get()).toBe('value 1');
    expect(world.fetches).toBe(2);
    world.now += minute - 5 * second;
    expect(await held.get()).toBe('value 1');
    world.now += 5 * second;
    await expect(held.get()).rejects.toMatchObject({ code: 'ERR_PROVIDER_AUTHENTICATION' });
    world.failing = false;
    world.now += minute;
    expect(await held.get()).toMatch(/value/);
  });

  it('is not asked for again while failures back off: 1 s, 2 s, 4 s, at most a minute', async () => {
    const { world, held } = setUp(minute);
    world.failing = true;
    const failure = expect.objectContaining({
      code: 'ERR_PROVIDER_AUTHENTICATION',
      message: expect.not.stringContaining('sk-123'),
    });
    for (const [index, wait] of [1, 2, 4, 8, 16, 32, 60, 60].entries()) {
      await expect(held.get()).rejects.toEqual(failure);
      expect(world.fetches).toBe(index + 1);
      world.now += wait * second - 1;
      await expect(held.get()).rejects.toEqual(failure);
      expect(world.fetches).toBe(index + 1);
      world.now += 1;
    }
    world.failing = false;
    expect(await held.get()).toBe('value 9');
  });

  it('is fetched anew after it was refused, but not within a second of having been fetched', async () => {
    const { world, held } = setUp(60 * minute);
    await held.get();
    world.now += second - 1;
    expect(held.invalidate(world.now)).toBe(false);
    expect(held.get()).toBe('value 1');
    world.now += 1;
    expect(held.invalidate(world.now)).toBe(true);
    expect(await held.get()).toBe('value 2');
  });

  it('that was refused when another had come already is not fetched again', async () => {
    const { world, held } = setUp(60 * minute);
    await held.get();
    const usedAt = world.now;
    world.now += second;
    held.invalidate(usedAt);
    await held.get();
    expect(held.invalidate(usedAt)).toBe(true);
    expect(held.get()).toBe('value 2');
    expect(world.fetches).toBe(2);
  });

  it('that does not end is never renewed', async () => {
    const { world, held } = setUp(Number.POSITIVE_INFINITY);
    await held.get();
    world.now += 1e12;
    expect(held.get()).toBe('value 1');
    expect(world.fetches).toBe(1);
  });
});

describe('a bounded map', () => {
  it('makes a value once and forgets the first when it is full', () => {
    const map = new BoundedMap<number>(2);
    let made = 0;
    const get = (key: string) => map.getOrMake(key, () => ++made);
    expect([get('a'), get('a'), get('b'), get('c'), map.get('a'), map.get('b'), get('a')]).toEqual([
      1,
      1,
      2,
      3,
      undefined,
      2,
      4,
    ]);
  });
});
