import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Workbench, workbench } from './workbench.fixture.ts';

let bench: Workbench;
beforeEach(() => {
  bench = workbench();
});
afterEach(() => bench.remove());

const describedBy = (rutter: object) => ({
  name: 'sample',
  version: '1.0.0',
  type: 'module',
  rutter: { api: 1, kind: 'strategy', name: 'sample', entry: 'index.js', ...rutter },
});
const strategy = (select: string) =>
  `import { definePlugin } from '@rutter/plugin-sdk';\nexport default definePlugin({ kind: 'strategy', setup: () => ({ select(context, candidates) { ${select} } }) });\n`;
const withOptions = (options: string, more = '') =>
  `import { definePlugin, z } from '@rutter/plugin-sdk';\nexport default definePlugin({ kind: 'strategy', config: z.strictObject(${options})${more}, setup: () => ({ select: () => undefined }) });\n`;
const sound = strategy('return [...candidates];');
const place = (file: string) => `${bench.folder}/sample/${file}`;

async function checked(files: Readonly<Record<string, string | object>>, ...options: string[]) {
  bench.write(Object.fromEntries(Object.entries(files).map(([name, text]) => [`sample/${name}`, text])));
  return bench.run('check', 'sample', ...options);
}

it('leaves the folder exactly as it was', async () => {
  await bench.run('create', 'strategy', 'sample');
  const before = bench.all('sample');
  await bench.run('check', 'sample');
  expect(bench.all('sample')).toEqual(before);
});

it('tells that JSON Schema carries the options', async () => {
  const { code, out } = await checked({
    'index.js': withOptions(
      "{ a: z.int().min(1).default(1).describe('A.'), b: z.enum(['x']).optional().describe('B.') }",
    ),
  });
  expect(out).toContain('ok       options      2 options, described whole by JSON Schema');
  expect(code).toBe(0);
});

it('checks a plugin that is one file', async () => {
  const { code, out } = await checked({ 'index.js': sound });
  expect(out).toMatch(/^ok +manifest +none: index\.js says it all\n/);
  expect(out).toContain('of the strategy suite');
  expect(out).toContain('skipped  tests        there is no file named *.test.ts or *.test.js');
  expect(out).toMatch(/Nothing is wrong in what was checked\.\n$/);
  expect(code).toBe(0);
});

describe('a folder with something wrong in it', () => {
  it('is refused by name when it is not there', async () => {
    const { code, err } = await bench.run('check', 'nowhere');
    expect(code).toBe(1);
    expect(err).toContain(`Found no folder ${bench.folder}/nowhere`);
  });

  it('is refused with every problem of its manifest', async () => {
    const { code, out } = await checked({
      'package.json': describedBy({ kind: 'stratgy', api: 2 }),
      'index.js': sound,
    });
    expect(code).toBe(1);
    expect(out).toContain('FAILED   manifest     2 problems');
    expect(out).toContain(`${place('package.json')}: rutter.api: found 2, expected the number 1`);
    expect(out).toContain(`${place('package.json')}: rutter.kind: found "stratgy", expected one of`);
    expect(out).toContain('skipped  pack         the manifest comes first');
  });

  it('is refused when package.json is no JSON', async () => {
    const { out } = await checked({ 'package.json': '{', 'index.js': sound });
    expect(out).toContain(`FAILED   manifest     1 problem\n    ${place('package.json')}: expected JSON:`);
  });

  it('is refused when it is empty', async () => {
    const { code, out } = await checked({ 'notes.txt': '' });
    expect(code).toBe(1);
    expect(out).toMatch(/FAILED +manifest .*\n +.*Found neither package\.json nor index\.js in .*sample/);
  });

  it('is refused with file, line and column of each wrong type, its own settings heeded', async () => {
    const loose = 'export const f = (x) => x;\n';
    const wrong =
      "import type { Strategy } from '@rutter/plugin-sdk';\nexport const s: Strategy = { select: () => 7 };\n";
    const files = { 'package.json': describedBy({}), 'index.js': sound, 'loose.ts': loose, 'deep/wrong.ts': wrong };
    const strict = await checked(files);
    expect(strict.code).toBe(1);
    expect(strict.out).toContain('FAILED   types        2 problems');
    expect(strict.out).toContain(`${place('loose.ts')}:1:19: TS7006`);
    expect(strict.out).toContain(`${place('deep/wrong.ts')}:2:`);
    expect(strict.out).toContain("Type 'number' is not assignable to type 'Ranking'");
    const lenient = {
      compilerOptions: {
        module: 'nodenext',
        strict: false,
        incremental: true,
        declaration: true,
        declarationMap: true,
      },
    };
    const { out } = await checked({ 'tsconfig.json': lenient });
    expect(out).toContain('FAILED   types        1 problem');
    expect(out).not.toContain('TS7006');
  });

  it('is refused when its tsconfig.json cannot be read', async () => {
    const { out } = await checked({
      'index.js': sound,
      'a.ts': 'export {};',
      'tsconfig.json': '{ "compilerOptions": { "strickt": true } }',
    });
    expect(out).toMatch(
      /FAILED +types .*\n +\S+sample\/tsconfig\.json:1:24: TS5023: Unknown compiler option 'strickt'/,
    );
  });

  it('is refused with the place of what cannot be packed, its tests run all the same', async () => {
    const test = "import { test } from 'node:test';\ntest('still runs', () => {});\n";
    const { code, out } = await checked({ 'index.js': "import './missing.js';\n", 'a.test.js': test });
    expect(code).toBe(1);
    expect(out).toContain('FAILED   pack         1 problem');
    expect(out).toContain(`${place('index.js')}:1:8: found no package or file "./missing.js"`);
    expect(out).toContain('skipped  options      there is no packed text');
    expect(out).toContain('skipped  conformance  there is no packed text');
    expect(out).toContain('ok       tests        1 test in 1 file');
  });

  it('is refused when it asks for Node without saying so', async () => {
    const { out } = await checked({ 'package.json': describedBy({}), 'index.js': `import 'node:fs';\n${sound}` });
    expect(out).toContain(`${place('index.js')}:1:8: "node:fs" is a part of Node; found needs []`);
  });

  it('is refused with every option that JSON Schema cannot carry, what it is, and what to use instead', async () => {
    const options = `{
      limits: z.object({ max: z.int().refine((max) => max % 2 === 0) }).default({ max: 2 }).describe('Limits.'),
      names: z.array(z.string().transform((name) => name.length)).default([]).describe('Names.'),
      since: z.preprocess(String, z.string()).default('').describe('Since.'),
      until: z.date().optional().describe('Until.'),
    }`;
    const { code, out } = await checked({ 'index.js': withOptions(options) });
    expect(code).toBe(1);
    expect(out).toMatch(/^ok +pack /m);
    expect(out).toContain('FAILED   options      4 problems');
    const told = (path: string, found: string) =>
      `${place('index.js')}: ${path}: found ${found}, which JSON Schema cannot carry; `;
    expect(out).toContain(told('config.limits.max', 'a refinement'));
    expect(out).toContain(
      `${told('config.names[]', 'a transform')}do it in \`setup\` with the value as it was written.`,
    );
    expect(out).toContain(told('config.since', 'a preprocess'));
    expect(out).toContain(`${told('config.until', 'the type date')}take a text`);
    // The plugin itself is sound: everything else is still told of.
    expect(out).toMatch(/^ok +conformance/m);
    expect(out).toContain('1 step failed.');
  });

  it('is refused when a refinement spans its options', async () => {
    const { code, out } = await checked({
      'index.js': withOptions("{ a: z.int().default(1).describe('A.') }", '.superRefine(() => {})'),
    });
    expect(code).toBe(1);
    expect(out).toContain(`${place('index.js')}: config: found a refinement`);
  });

  it('is refused when it throws while it is loaded, or exports no plugin', async () => {
    const thrown = await checked({ 'index.js': "throw new Error('not today');\n" });
    expect(thrown.out).toContain(`not today (${place('index.js')}:1:7)`);
    const other = await checked({ 'index.js': 'export default 7;\n' });
    expect(other.out).toContain(`${place('index.js')}: Plugin "sample" has no default export made by definePlugin`);
  });

  it('is refused with every check of the suite that its packed text fails', async () => {
    const { code, out } = await checked({ 'index.js': strategy("return [{ deployment: { id: 'mine' } }];") });
    expect(code).toBe(1);
    expect(out).toContain(
      `${place('index.js')}: ranks only candidates it was given: it ranked {"deployment":{"id":"mine"}}`,
    );
  });

  it('is refused with file, line and reason of its own failing test', async () => {
    const test = [
      "import assert from 'node:assert/strict';",
      "import { suite, test } from 'node:test';",
      "import { fakeHost } from '@rutter/plugin-sdk/testing';",
      "suite('ranking', () => {",
      "  test('adds up', () => assert.equal(1 + 1, fakeHost().clock.monotonic()));",
      "  test('holds', () => {});",
      '});',
    ].join('\n');
    const { code, out } = await checked({ 'index.js': sound, 'test/sums.test.js': test });
    expect(code).toBe(1);
    expect(out).toContain('FAILED   tests        1 problem');
    expect(out).toContain(`${place('test/sums.test.js')}:5: adds up: Expected values to be strictly equal:`);
    expect(out).toContain('2 !== 0');
    expect(out).toContain('1 step failed.');
  });

  it('is refused when a test file cannot even be loaded', async () => {
    const { out } = await checked({ 'index.js': sound, 'a.test.js': "import 'node:test';\nimport './gone.js';\n" });
    expect(out).toMatch(
      /FAILED +tests .*\n +\S+sample\/a\.test\.js:1: \S+a\.test\.js: Error \[ERR_MODULE_NOT_FOUND\]: Cannot find module '\S+gone\.js'/,
    );
  });
});

it('leaves tests of another runner to that runner, and says so', async () => {
  const { code, out } = await checked({ 'index.js': sound, 'a.test.js': "import { test } from 'vitest';\n" });
  expect(code).toBe(0);
  expect(out).toContain('skipped  tests        no test file imports node:test; 1 file of another test runner left out');
});

it('wants options from a file where the plugin has no defaults', async () => {
  const wanting = `import { definePlugin, z } from '@rutter/plugin-sdk';
export default definePlugin({
  kind: 'embedder',
  config: z.strictObject({ dimensions: z.int().describe('Length.') }),
  setup: (_host, { dimensions }) => ({ dimensions, version: '1', embed: async (texts) => texts.map((text) => new Float32Array(dimensions).fill(text.length)) }),
});
`;
  const without = await checked({ 'index.js': wanting });
  expect(without.out).toContain('skipped  conformance  it wants dimensions: give a JSON file with --options');
  bench.write({ 'options.json': { dimensions: 3 }, 'broken.json': '{' });
  expect((await bench.run('check', 'sample', '--options', 'options.json')).out).toMatch(/ok +conformance/);
  const { code, err } = await bench.run('check', 'sample', '--options', 'broken.json');
  expect(code).toBe(1);
  expect(err).toContain(`${bench.folder}/broken.json: expected a file of JSON`);
});

it('does not check a plugin that uses services without them', async () => {
  const { out } = await checked({ 'package.json': describedBy({ uses: ['state'] }), 'index.js': sound });
  expect(out).toContain('skipped  conformance  it uses state, which only its own test can supply');
});
