import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Models } from '@rutter/plugin-sdk';
import { assertConforms, candidate, checkStrategy } from '@rutter/plugin-sdk/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { namesIn, tiersFor } from './answer.ts';
import { fileOf, refuseFile } from './file.ts';
import plugin from './index.ts';
import { RouterThread } from './thread.ts';

const folder = await mkdtemp(join(tmpdir(), 'rutter-custom-'));
afterAll(() => rm(folder, { recursive: true }));

const models: Models = {
  list: () => [],
  deployments: () => [],
  cost: () => undefined,
  parameters: async () => undefined,
};

it('conforms to what every strategy must hold to', async () => {
  assertConforms(await checkStrategy(plugin, { host: { services: { models } } }));
});

describe('an answer', () => {
  it.each([
    ['a', ['a']],
    [{ model_name: 'a', query: 'q' }, ['a']],
    [{ model: 'a' }, ['a']],
    [
      ['a', { model_name: 'b' }, 3, null],
      ['a', 'b'],
    ],
    [
      {
        ranked: [
          { model: 'a', score: 0.1 },
          { model: 'b', score: 0.9 },
        ],
      },
      ['b', 'a'],
    ],
    [
      [{ model: 'a', score: 0.1 }, { model: 'b' }],
      ['a', 'b'],
    ],
    [null, []],
    [7, []],
    [{}, []],
    [[], []],
  ])('%j names %j', (value, names) => {
    expect(namesIn(value)).toEqual(names);
  });

  const candidates = [
    candidate('1', {}, { model: 'a' }),
    candidate('2', {}, { model: 'b' }),
    candidate('3', {}, { model: 'a' }),
  ];
  const ids = (value: unknown) =>
    tiersFor(candidates, value).tiers?.map((tier) => tier.map(({ deployment: { id } }) => id));

  it('puts all deployments of a model in one tie, and those that were not named last', () => {
    expect(ids('b')).toEqual([['2'], ['1', '3']]);
    expect(ids(['a', 'b', 'a'])).toEqual([['1', '3'], ['2']]);
  });

  it('with a stranger’s name is none', () => {
    expect(tiersFor(candidates, 'gpt-9')).toEqual({ told: 'it named no model of the group' });
    expect(ids(['gpt-9', 'b'])).toEqual([['2'], ['1', '3']]);
  });
});

describe('a file', () => {
  it('is the one that is named, or is found in the folder by its name', async () => {
    expect(await fileOf({ router_path: '/r.mjs', model_path: '/m.mjs' }, {})).toBe('/r.mjs');
    expect(await fileOf({ model_path: '/m.mjs' }, {})).toBe('/m.mjs');
    expect(await fileOf({ router: 'r' }, {})).toBeUndefined();
    await mkdir(join(folder, 'mine'), { recursive: true });
    await writeFile(join(folder, 'mine', 'router.ts'), '');
    expect(await fileOf({ router: 'mine', custom_routers_path: folder }, {})).toBe(join(folder, 'mine', 'router.ts'));
    expect(await fileOf({ router: 'mine' }, { LLMROUTER_CUSTOM_ROUTERS_PATH: folder })).toBe(
      join(folder, 'mine', 'router.ts'),
    );
    expect(await fileOf({ router: 'absent', custom_routers_path: folder }, {})).toBe(join(folder, 'absent.mjs'));
  });

  it('of Python or a pickle is refused with what to do instead', () => {
    expect(() => refuseFile('/x/router.py')).toThrow('expected an ES module');
    expect(() => refuseFile('/x/model.pkl')).toThrow('rutter train');
    expect(() => refuseFile('/x/router.mjs')).not.toThrow();
  });

  it('of a name that leads out of the folder is no option', () => {
    expect(() => plugin.config.parse({ router: '../evil' })).toThrow('router');
  });
});

describe('a thread', () => {
  let count = 0;
  async function start(text: string, options = {}, onEnd: (reason: string) => void = () => {}) {
    const path = join(folder, `router-${count++}.mjs`);
    await writeFile(path, text);
    return RouterThread.start({ path, options, memoryMb: 64 }, onEnd);
  }
  const request = { query: 'why?', models: [{ name: 'a' }] };

  it.each([
    ['a function that makes a function', 'export default () => ({ query }) => query'],
    ['a function that makes an object', 'export default async () => ({ route_single: ({ query }) => query })'],
    ['a class', 'export default class { route_single({ query }) { return query } }'],
    ['an object', 'export default { route: async ({ query }) => query }'],
    ['exports of its own', 'export const route_single = ({ query }) => query'],
  ])('runs %s', async (_what, text) => {
    const thread = await start(text);
    expect(await thread.ask(request, 5000)).toBe('why?');
    await thread.close();
    await expect(thread.ask(request, 5000)).rejects.toThrow('it was closed');
  });

  it('gives its options to the router, and no environment', async () => {
    const thread = await start('export default (options) => () => [options.name, Object.keys(process.env).length]', {
      name: 'x',
    });
    expect(await thread.ask(request, 5000)).toEqual(['x', 0]);
    await thread.close();
  });

  it.each([
    ['nothing to run', 'export default 7', 'found no router'],
    ['a syntax of its own', 'export default =', 'Unexpected token'],
    ['a maker that throws', 'export default () => { throw new Error("no way") }', 'no way'],
  ])('is not started for %s', async (_what, text, told) => {
    await expect(start(text)).rejects.toThrow(told);
  });

  it('tells what the router throws, and goes on', async () => {
    const thread = await start(
      'let n = 0; export default () => () => { if (n++ === 0) throw new Error("once"); return "a" }',
    );
    // What it says may quote the caller: the record has the name alone.
    await expect(thread.ask(request, 5000)).rejects.toMatchObject({ message: 'it threw Error', cause: 'once' });
    expect(await thread.ask(request, 5000)).toBe('a');
    await thread.close();
  });

  it('is ended when it answers nothing three times in a row', async () => {
    const ended: string[] = [];
    const thread = await start('export default () => () => { for (;;); }', {}, (reason) => ended.push(reason));
    for (let time = 0; time < 3; time++)
      await expect(thread.ask(request, 20)).rejects.toThrow('it did not answer within 20 ms');
    expect(ended).toEqual(['it is blocked']);
    await expect(thread.ask(request, 20)).rejects.toThrow('it is blocked');
  });
});
