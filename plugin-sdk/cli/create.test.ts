import { afterEach, beforeEach, expect, it } from 'vitest';
import { readManifest } from '../pack/index.ts';
import { kindNames } from '../pack/manifest.ts';
import { type Workbench, workbench } from './workbench.fixture.ts';

let bench: Workbench;
beforeEach(() => {
  bench = workbench();
});
afterEach(() => bench.remove());

it('writes the files of a plugin and says what to do next', async () => {
  const { code, out } = await bench.run('create', 'guard', 'deep/down/no-riddles');
  expect(code).toBe(0);
  expect(out).toContain('Next: rutter-plugin check deep/down/no-riddles');
  const names = ['README.md', 'index.test.ts', 'index.ts', 'package.json', 'tsconfig.json'];
  expect(Object.keys(bench.all('deep')).sort()).toEqual(
    names.map((name) => `${bench.folder}/deep/down/no-riddles/${name}`),
  );
});

it('describes every kind by a manifest that is accepted and named after its folder', async () => {
  for (const kind of kindNames) {
    await bench.run('create', kind, `my-${kind}`);
    const { manifest, problems } = readManifest(JSON.parse(bench.read(`my-${kind}/package.json`)), 'package.json');
    expect(problems).toEqual([]);
    expect(manifest).toMatchObject({ kind, name: `my-${kind}`, entry: 'index.ts' });
    expect(bench.read(`my-${kind}/README.md`)).toContain(`use: ./my-${kind}`);
  }
});

it('makes JavaScript files of the same program when asked to', async () => {
  await bench.run('create', 'state', 'plain', '--javascript');
  expect(JSON.parse(bench.read('plain/package.json')).rutter.entry).toBe('index.js');
  const source = bench.read('plain/index.js');
  expect(source).toContain("import { definePlugin, RutterError, z } from '@rutter/plugin-sdk';");
  expect(source).toContain('const meterKey = ({ key, measure }) =>');
  expect(bench.read('plain/index.test.js')).toContain("import plugin from './index.js';");
});

it('takes an empty folder that exists', async () => {
  bench.write({ 'here/below/x': '' });
  expect((await bench.run('create', 'cache', 'here/below')).err).toMatch(/not empty: found x\./);
  expect((await bench.run('create', 'cache', 'here/beside')).code).toBe(0);
});

it('refuses a folder with anything in it and leaves it alone', async () => {
  bench.write({ 'mine/notes.txt': 'keep', 'mine/.hidden': 'keep' });
  const before = bench.all('mine');
  const { code, err } = await bench.run('create', 'cache', 'mine');
  expect(code).toBe(1);
  expect(err).toContain(`The folder ${bench.folder}/mine is not empty: found .hidden, notes.txt.`);
  expect(bench.all('mine')).toEqual(before);
});

it('refuses a path that a file stands in the way of', async () => {
  bench.write({ file: 'a file' });
  const { code, err } = await bench.run('create', 'cache', 'file/below');
  expect(code).toBe(1);
  expect(err).toContain(`The folder ${bench.folder}/file/below cannot be made`);
});

it.each(['Cheap-First', 'cheap_first', 'cheap first', '-cheap', 'cheap-', `a${'b'.repeat(100)}`])(
  'refuses the name %s and makes no folder',
  async (name) => {
    const { code, err } = await bench.run('create', 'cache', `./${name}`);
    expect(code).toBe(1);
    expect(err).toContain(`gives the plugin the name "${name}"; expected`);
    expect(bench.all('.')).toEqual({});
  },
);

it('refuses an unknown kind, lists those there are and names the nearest', async () => {
  const { code, err } = await bench.run('create', 'stratgy', 'x');
  expect(code).toBe(1);
  expect(err).toContain('There is no kind "stratgy"; expected one of protocol, guard,');
  expect(err).toContain('Did you mean "strategy"?');
});
