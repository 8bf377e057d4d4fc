import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Workbench, workbench } from './workbench.fixture.ts';

let bench: Workbench;
beforeAll(() => {
  bench = workbench();
});
afterAll(() => bench.remove());

it.each([[[]], [['help']], [['--help']], [['-h']]])('lists its commands for %j', async (args) => {
  const { code, out } = await bench.run(...args);
  expect(code).toBe(0);
  for (const name of ['create', 'check', 'pack', 'keygen', 'sign', 'verify', 'publish', 'dev'])
    expect(out).toContain(`rutter-plugin ${name} `);
});

it.each(['create', 'check', 'pack', 'keygen', 'sign', 'verify', 'publish', 'dev'])(
  'tells the usage of %s in three ways',
  async (name) => {
    const texts = [await bench.run('help', name), await bench.run(name, '--help'), await bench.run(name, 'x', '-h')];
    for (const { code, out } of texts) {
      expect(code).toBe(0);
      expect(out).toMatch(new RegExp(`^rutter-plugin ${name} <`));
    }
  },
);

it('refuses an unknown command and names the nearest', async () => {
  for (const args of [['chekc'], ['help', 'chekc'], ['chekc', '--help']]) {
    const { code, err } = await bench.run(...args);
    expect(code).toBe(1);
    expect(err).toContain(
      'The command "chekc" is not known; expected one of create, check, pack, keygen, sign, verify, publish, dev. Did you mean "check"?',
    );
  }
  expect((await bench.run('constructor')).err).toContain('"constructor" is not known');
});

it('refuses an unknown option and names the nearest', async () => {
  const { code, err } = await bench.run('pack', 'x', '--uot=here');
  expect(code).toBe(1);
  expect(err).toContain('The option "--uot=here" is not known. Did you mean "--out"?');
  expect(err).toContain('Usage: rutter-plugin pack <folder> [--out DIR]');
});

it('says which argument is missing and which is too much', async () => {
  expect((await bench.run('create')).err).toContain('Found no kind and no folder.');
  expect((await bench.run('create', 'guard')).err).toContain('Found no folder.');
  expect((await bench.run('check', 'a', 'b')).err).toContain('Found "b" after folder, expected nothing there.');
  expect((await bench.run('pack', 'a', '--out')).err).toMatch(/--out.* argument missing/);
});

it.each(['99999', '-1', 'http', '1.5', ''])('refuses to run a gateway on port %j', async (port) => {
  const { code, err } = await bench.run('dev', 'x', `--port=${port}`);
  expect(code).toBe(1);
  expect(err).toContain(`--port is "${port}"; expected a whole number from 0 to 65535.`);
});

it('names a configuration or a folder that is not there before it starts a gateway', async () => {
  expect((await bench.run('dev', '.', '--config', 'none.yaml')).err).toContain(
    `Found no file ${bench.folder}/none.yaml`,
  );
  expect((await bench.run('dev', 'nowhere')).err).toContain(`Found no folder ${bench.folder}/nowhere`);
});

it('packs a plugin and tells its digest and files', async () => {
  await bench.run('create', 'observer', 'sums');
  const { code, out } = await bench.run('pack', 'sums');
  expect(code).toBe(0);
  const { digest } = JSON.parse(bench.read('sums/dist/plugin.json'));
  expect(out).toContain(`observer "sums" 0.1.0\ndigest ${digest}\n`);
  expect(out).toMatch(
    / {2}sums\/dist\/plugin\.cjs {2}\d+ bytes\n {2}sums\/dist\/plugin\.cjs\.map .*\n {2}sums\/dist\/plugin\.json /,
  );
  expect((await bench.run('pack', 'sums', '--out', 'elsewhere')).out).toContain(digest);
  expect(JSON.parse(bench.read('elsewhere/plugin.json')).digest).toBe(digest);
});

it('says what keeps a plugin from being packed', async () => {
  bench.write({ 'broken/index.js': 'export default {' });
  const { code, err } = await bench.run('pack', 'broken');
  expect(code).toBe(1);
  expect(err).toContain(`${bench.folder}/broken/index.js:1:`);
});

it('packs nothing whose options JSON Schema cannot carry, and says which', async () => {
  const text = `import { definePlugin, z } from '@rutter/plugin-sdk';
export default definePlugin({
  kind: 'observer',
  config: z.strictObject({ limits: z.object({ max: z.string().transform(Number) }).optional().describe('Limits.') }),
  setup: () => ({}),
});
`;
  bench.write({ 'odd/index.js': text });
  const { code, err } = await bench.run('pack', 'odd');
  expect(code).toBe(1);
  expect(err).toContain('Plugin "odd" has options that its manifest cannot describe.');
  expect(err).toContain(`${bench.folder}/odd/index.js: config.limits.max: found a transform, which JSON Schema cannot`);
  expect(bench.all('odd')).toEqual({ [`${bench.folder}/odd/index.js`]: text });
});
