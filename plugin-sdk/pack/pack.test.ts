import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeHost } from '../testing/index.ts';
import { evaluatePacked, packPlugin, Trace } from './index.ts';

let base: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'rutter-pack-'));
});
afterEach(() => rm(base, { recursive: true }));

type Files = Readonly<Record<string, string | object>>;

async function folder(name: string, files: Files): Promise<string> {
  for (const [path, content] of Object.entries(files)) {
    const file = join(base, name, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  }
  return join(base, name);
}

const block = { api: 1, kind: 'observer', name: 'sample', entry: 'index.ts' };
const describedBy = (rutter: object) => ({
  name: '@x/sample',
  version: '2.0.1',
  description: 'A sample.',
  rutter: { ...block, ...rutter },
});

const source = `
import { definePlugin, z } from '@rutter/plugin-sdk';
import { greeting } from './words.ts';
export default definePlugin({
  kind: 'observer',
  config: z.object({ name: z.string().default('world').describe('Whom to greet.') }),
  setup: (host, { name }) => { host.log.info({}, greeting(name)); return {}; },
});
`;
const words = 'export const greeting = (name: string): string => "hello " + name;\n';

async function problemsOf(files: Files, name = 'sample'): Promise<string> {
  const packing = packPlugin(await folder(name, files), { outDir: join(base, 'out') });
  return packing.then(
    () => 'packed',
    (error: Error) => error.message,
  );
}

describe('packPlugin', () => {
  it('writes a text, its map and a whole manifest with the schema of the configuration', async () => {
    const root = await folder('sample', { 'package.json': describedBy({}), 'index.ts': source, 'words.ts': words });
    const { digest, file, manifest } = await packPlugin(root, { outDir: join(root, 'dist') });
    expect(file).toBe(join(root, 'dist', 'plugin.cjs'));
    const written = JSON.parse(await readFile(join(root, 'dist', 'plugin.json'), 'utf8'));
    expect(written).toEqual(JSON.parse(JSON.stringify(manifest)));
    expect(written).toMatchObject({
      ...block,
      version: '2.0.1',
      description: 'A sample.',
      needs: [],
      claims: {},
      provides: [],
      uses: [],
      external: [],
      shared: false,
      stability: 'stable',
      digest,
      config: {
        type: 'object',
        properties: { name: { type: 'string', default: 'world', description: 'Whom to greet.' } },
      },
    });
    const text = await readFile(file, 'utf8');
    expect(text).toContain('require("@rutter/plugin-sdk")');
    expect(JSON.parse(await readFile(`${file}.map`, 'utf8')).sources).toContain('../index.ts');
  });

  it('gives the same digest for the same sources in another folder, and another for others', async () => {
    const files = { 'package.json': describedBy({}), 'index.ts': source, 'words.ts': words };
    const digests: string[] = [];
    for (const name of ['one', 'two/deeper'])
      digests.push((await packPlugin(await folder(name, files), { outDir: join(base, name, 'x') })).digest);
    const changed = await folder('three', { ...files, 'words.ts': words.replace('hello', 'bye') });
    digests.push((await packPlugin(changed, { outDir: join(base, 'three', 'x') })).digest);
    expect(digests[1]).toBe(digests[0]);
    expect(digests[2]).not.toBe(digests[0]);
  });

  it('takes a bare index.js: its name is the folder, its kind the definition', async () => {
    const text =
      "import { definePlugin } from '@rutter/plugin-sdk';\nexport default definePlugin({ kind: 'strategy', setup: () => ({ select: () => undefined }) });\n";
    const root = await folder('my-strategy', { 'index.js': text });
    const { manifest } = await packPlugin(root, { outDir: join(base, 'out') });
    expect(manifest).toMatchObject({ name: 'my-strategy', kind: 'strategy', version: '0.0.0', entry: 'index.js' });
  });

  it('packs a text that sets up and runs', async () => {
    const root = await folder('sample', { 'package.json': describedBy({}), 'index.ts': source, 'words.ts': words });
    const { file, manifest } = await packPlugin(root, { outDir: join(base, 'out') });
    const definition = await evaluatePacked({ text: await readFile(file, 'utf8'), file, folder: root, manifest });
    const host = fakeHost();
    await definition.setup(host, definition.config.parse({}) as never);
    expect(host.logged.map(({ message }) => message)).toContain('hello world');
  });

  it('packs a text whose import.meta speaks of the source, wherever the text lies', async () => {
    const root = await folder('sample', {
      'package.json': describedBy({ entry: 'src/index.ts', kind: 'observer', needs: ['node'] }),
      'src/index.ts': `import { definePlugin } from '@rutter/plugin-sdk';
        export default definePlugin({ kind: 'observer', setup({ log }) {
          log.info({ places: [import.meta.dirname, import.meta.filename, import.meta.url] });
          return {};
        } });`,
    });
    const { file, manifest } = await packPlugin(root, { outDir: join(base, 'far', 'away') });
    const definition = await evaluatePacked({ text: await readFile(file, 'utf8'), file, folder: root, manifest });
    const host = fakeHost();
    await definition.setup(host, {} as never);
    const source = join(root, 'src', 'index.ts');
    expect(host.logged[0]?.fields.places).toEqual([dirname(source), source, pathToFileURL(source).href]);
  });
});

describe('a package that is described wrongly', () => {
  it('is told everything at once, each with file and field', async () => {
    const message = await problemsOf({
      'package.json': {
        rutter: {
          api: 2,
          kind: 'stratgy',
          name: 'Bad Name',
          needs: ['ndoe'],
          claims: { modelprefixes: [], environment: [{ variable: 'A_KEY', models: [], prefix: 7 }] },
          stabilty: 'beta',
          shared: 'yes',
          uses: 'store',
        },
      },
    });
    expect(message).toContain(`${join(base, 'sample', 'package.json')}: rutter.api: found 2, expected the number 1`);
    expect(message).toMatch(/rutter\.kind: found "stratgy", .* Did you mean "strategy"\?/);
    expect(message).toMatch(/rutter\.needs\[0\]: found "ndoe", .* Did you mean "node"\?/);
    expect(message).toMatch(/rutter\.claims\.modelprefixes: unknown field; .* Did you mean "modelPrefixes"\?/);
    expect(message).toContain('rutter.claims.environment[0].prefix: found 7');
    expect(message).toMatch(/rutter\.stabilty: unknown field; .* Did you mean "stability"\?/);
    for (const field of ['name', 'entry', 'shared', 'uses']) expect(message).toContain(`rutter.${field}: found`);
  });

  it('is refused when its entry is missing or leads out of the folder', async () => {
    expect(await problemsOf({ 'package.json': describedBy({}) })).toContain('rutter.entry: found no file');
    expect(await problemsOf({ 'package.json': describedBy({ entry: '../index.ts' }) })).toContain(
      'rutter.entry: found "../index.ts"',
    );
  });

  it('is refused when its definition is of another kind', async () => {
    const message = await problemsOf({
      'package.json': describedBy({ kind: 'guard' }),
      'index.ts': source,
      'words.ts': words,
    });
    expect(message).toContain('defines kind "observer", expected "guard"');
  });

  it('is refused when there is nothing to pack', async () => {
    expect(await problemsOf({ 'README.md': 'nothing' })).toContain('Found neither package.json nor index.js');
    expect(await problemsOf({ 'package.json': '{ not json' }, 'other')).toMatch(/package\.json: expected JSON/);
  });
});

describe('sources that are wrong', () => {
  const at = (line: string) => `${join(base, 'sample', 'index.ts')}:${line}`;
  const packing = (text: string, rutter = {}) =>
    problemsOf({ 'package.json': describedBy(rutter), 'index.ts': text, 'words.ts': words });

  it('name a syntax error with file, line and column', async () => {
    expect(await packing('const a = 1;\nconst b = ;\n')).toContain(`${at('2:11')}: Unexpected ";"`);
  });

  it('name a missing module, and the need that a part of Node asks for', async () => {
    expect(await packing("import 'nowhere-to-be-found';")).toContain(
      `${at('1:8')}: found no package or file "nowhere-to-be-found"`,
    );
    expect(await packing("import 'node:fs';")).toContain(
      '"node:fs" is a part of Node; found needs [], expected "node" among them.',
    );
    expect(await packing("import 'node:fs';", { needs: ['node'] })).toContain('no default export');
  });

  it('name the source line of what throws at the top level', async () => {
    expect(await packing("import { greeting } from './words.ts';\ngreeting('');\nthrow new Error('oh no');")).toContain(
      `threw while it was loaded: oh no (${at('3:7')})`,
    );
  });

  it('are refused when they reach out of the folder by path', async () => {
    await folder('shared', { 'words.ts': words });
    expect(await packing("import { greeting } from '../shared/words.ts';\ngreeting('');")).toMatch(
      /"\.\.\/shared\/words\.ts" in index\.ts, which lies outside/,
    );
  });

  it('are refused when they import a part of the SDK that is not for plugins', async () => {
    expect(
      await packing("import { packPlugin } from '@rutter/plugin-sdk/pack';\npackPlugin('', { outDir: '' });"),
    ).toContain('imports "@rutter/plugin-sdk/pack"');
  });

  it('are refused when an external package is not installed', async () => {
    const message = await packing("import x from 'big-native';\nexport default x;", { external: ['big-native'] });
    expect(message).toContain('cannot load its external package "big-native"');
  });
});

describe('Trace', () => {
  it('leaves frames of other files alone', () => {
    const trace = new Trace('/a/plugin.cjs', () => undefined);
    expect(trace.map('Error: x\n    at /b/other.js:1:2')).toBe('Error: x\n    at /b/other.js:1:2');
  });
});
