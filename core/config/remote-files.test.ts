import { RutterError } from '@rutter/plugin-sdk';
import { expect, it } from 'vitest';
import type { RemoteTexts } from './read.ts';
import { readTexts } from './testing.ts';

const deployment = (name: string) => `{model_name: ${name}, litellm_params: {model: openai/${name}, api_key: k}}`;
const main = (include: string) =>
  `model_list:\n  - ${deployment('here')}\ninclude: ${include}\nplugins:\n  - {use: source-x, config: {bucket: b}}\n`;

function bucket(texts: Readonly<Record<string, string>>, warning?: string) {
  const asked: { address: string; line: number; path: string; plugins: readonly string[] }[] = [];
  const remote: RemoteTexts = {
    async read(address, { line, path }, local) {
      asked.push({ address, line, path, plugins: local.plugins.map(({ use }) => use) });
      const text = texts[address];
      if (text === undefined) throw new RutterError('ERR_CONFIG_INVALID', `There is no file ${address}.`);
      return { text, warning };
    },
  };
  return { remote, asked };
}

const models = (told: Awaited<ReturnType<typeof readTexts>>) =>
  told.configuration?.deployments.map(({ modelName }) => modelName);

it('reads files at addresses where they are named, with what the files here say of sources', async () => {
  const { remote, asked } = bucket({
    'x://b/a/one.yaml': `include: [two.yaml, ../three.yaml]\nmodel_list:\n  - ${deployment('one')}\n`,
    'x://b/a/two.yaml': `model_list:\n  - ${deployment('two')}\nrouter_settings: {num_retries: 5}\n`,
    'x://b/three.yaml': `model_list:\n  - ${deployment('three')}\n`,
  });
  const told = await readTexts({ 'main.yaml': main('x://b/a/one.yaml') }, { remote });
  expect(models(told)).toEqual(['here', 'one', 'two', 'three']);
  expect(told.configuration?.router.numRetries).toBe(5);
  expect(told.configuration?.files).toEqual(['main.yaml', ...asked.map(({ address }) => address)]);
  expect(asked[0]).toEqual({ address: 'x://b/a/one.yaml', line: 3, path: 'include', plugins: ['source-x'] });
  expect(told.configuration?.placeOf('router_settings.num_retries').file).toBe('x://b/a/two.yaml');
});

it('makes another configuration of another text', async () => {
  const digest = async (text: string) =>
    (await readTexts({ 'main.yaml': main('x://b/a.yaml') }, bucket({ 'x://b/a.yaml': text }))).configuration?.digest;
  expect(await digest('router_settings: {num_retries: 1}')).not.toBe(await digest('router_settings: {num_retries: 2}'));
});

it('says why a file is not what its source has', async () => {
  const { remote } = bucket({ 'x://b/a.yaml': 'router_settings: {num_retries: 1}' }, 'It is old.');
  const { diagnostics, configuration } = await readTexts({ 'main.yaml': main('x://b/a.yaml') }, { remote });
  expect(configuration).toBeDefined();
  expect(diagnostics).toContainEqual(
    expect.objectContaining({ severity: 'warning', message: 'It is old.', found: 'x://b/a.yaml' }),
  );
});

it.each([
  ['x://b/none.yaml', 'There is no file x://b/none.yaml', 'main.yaml', 3],
  ['x://b/out.yaml', 'includes what is not in its bucket', 'x://b/out.yaml', 1],
  ['x://b/local.yaml', 'includes what is not in its bucket', 'x://b/local.yaml', 1],
  ['x://b/self.yaml', 'The file includes itself', 'x://b/self.yaml', 1],
  ['x://b/blank.yaml', 'The file is blank', 'x://b/blank.yaml', 1],
  ['x://b/folder.yaml', 'named by their addresses', 'x://b/folder.yaml', 1],
])('refuses %s, with the place', async (address, message, file, line) => {
  const { remote } = bucket({
    'x://b/out.yaml': 'include: ../../x.yaml',
    'x://b/local.yaml': 'include: /etc/hostname',
    'x://b/self.yaml': 'include: self.yaml',
    'x://b/blank.yaml': '# nothing\n',
    'x://b/folder.yaml': 'plugins: [./house]',
  });
  const { configuration, diagnostics } = await readTexts({ 'main.yaml': main(address) }, { remote });
  expect(configuration).toBeUndefined();
  expect(diagnostics).toContainEqual(
    expect.objectContaining({
      severity: 'error',
      message: expect.stringContaining(message),
      place: expect.objectContaining({ file, line }),
    }),
  );
});

it('asks for nothing while the files here are broken, and refuses addresses where nobody reads them', async () => {
  const { remote, asked } = bucket({});
  const broken = await readTexts({ 'main.yaml': 'include: [x://b/a.yaml, missing.yaml]\n' }, { remote });
  expect(broken.diagnostics.map(({ message }) => message)).toEqual(['The file does not exist.']);
  expect(asked).toEqual([]);
  const { diagnostics } = await readTexts({ 'main.yaml': main('x://b/a.yaml') });
  expect(diagnostics.map(({ message }) => message)).toContain('Files in sources cannot be read here.');
});
