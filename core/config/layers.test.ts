import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readTextFile } from './layers.ts';
import { readTexts } from './testing.ts';

const entry = (name: string) => `  - {model_name: ${name}, litellm_params: {model: openai/${name}}}\n`;
const models = (...names: readonly string[]) => `model_list:\n${names.map(entry).join('')}`;

describe('an included file', () => {
  it('goes on with lists and replaces blocks whole', async () => {
    const { configuration, diagnostics } = await readTexts({
      'main.yaml': `include: [sub/b.yaml]\n${models('a')}router_settings: {num_retries: 1, timeout: 5}\n`,
      'sub/b.yaml': `include: c.yaml\n${models('b')}router_settings: {num_retries: 3}\n`,
      'sub/c.yaml': models('c'),
    });
    expect(configuration?.deployments.map(({ modelName }) => modelName)).toEqual(['a', 'b', 'c']);
    expect(configuration?.router).toMatchObject({ numRetries: 3, timeoutMs: 600_000 });
    expect(
      diagnostics.map(({ severity, place, message }) => `${severity} ${place.line} ${place.path} ${message}`),
    ).toEqual([
      'warning 4 router_settings "router_settings" of sub/b.yaml replaces this block, so that timeout is lost.',
    ]);
  });

  it('is read once, however often it is named', async () => {
    const { configuration, diagnostics } = await readTexts({
      'main.yaml': 'include: [a.yaml, b.yaml]\n',
      'a.yaml': 'include: [c.yaml]\n',
      'b.yaml': 'include: [c.yaml]\n',
      'c.yaml': models('c'),
    });
    expect(configuration?.deployments).toHaveLength(1);
    expect(diagnostics.map(({ place, message }) => `${place.file} ${message}`)).toEqual([
      'b.yaml The file has been read before; it is not read again.',
    ]);
  });

  it('may be named by a variable', async () => {
    const { configuration } = await readTexts(
      { 'main.yaml': 'include: [os.environ/EXTRA]\n', 'x.yaml': models('x') },
      { environment: { EXTRA: 'x.yaml' } },
    );
    expect(configuration?.files).toEqual(['main.yaml', 'x.yaml']);
  });

  it('is refused beyond thirty-two in all', async () => {
    const texts = Object.fromEntries(
      Array.from({ length: 40 }, (_, index) => [`${index}.yaml`, `include: [${index + 1}.yaml]\n`]),
    );
    const { diagnostics } = await readTexts(texts, { files: ['0.yaml'] });
    expect(diagnostics.map(({ place, message }) => `${place.file} ${message}`)).toContain(
      '31.yaml There are too many files.',
    );
  });

  it('is told of beside what is wrong elsewhere', async () => {
    const { diagnostics } = await readTexts({
      'main.yaml': 'include: [none.yaml, bad.yaml]\n',
      'bad.yaml': 'a:\n\tb: 1\n',
    });
    expect(diagnostics.map(({ place }) => place.file)).toEqual(['main.yaml', 'bad.yaml']);
  });
});

describe('layers', () => {
  it('lie over one another key by key, and their lists go on', async () => {
    const { configuration } = await readTexts(
      {
        'a.yaml': `${models('a')}router_settings: {num_retries: 1, timeout: 5}\n`,
        'b.yaml': `${models('b')}router_settings: {num_retries: 3}\nlitellm_settings:\n`,
      },
      { files: ['a.yaml', 'b.yaml'] },
    );
    expect(configuration?.deployments.map(({ modelName }) => modelName)).toEqual(['a', 'b']);
    expect(configuration?.router).toMatchObject({ numRetries: 3, timeoutMs: 5000 });
  });

  it('replace lists of the defaults, but keep their blocks and plugins', async () => {
    const { configuration } = await readTexts(
      {
        'defaults.yaml': `${models('simulated')}plugins: [state-memory, {use: observer-log, config: {level: info}}, store-sqlite]\ngeneral_settings: {drain_timeout: 1, body_timeout: 2}\n`,
        'main.yaml': `${models('a')}plugins: [{use: ./mine, as: observer-log}, extra]\ngeneral_settings: {drain_timeout: 3}\n`,
      },
      { defaultsFile: 'defaults.yaml' },
    );
    expect(configuration?.files).toEqual(['defaults.yaml', 'main.yaml']);
    expect(configuration?.deployments.map(({ modelName }) => modelName)).toEqual(['a']);
    expect(configuration?.plugins.map(({ as, config }) => [as, config])).toEqual([
      ['state-memory', {}],
      ['observer-log', {}],
      ['store-sqlite', {}],
      ['extra', {}],
    ]);
    expect(configuration?.plugins[1]?.trust).toBe(false);
    expect(configuration?.kernel).toMatchObject({ drainMs: 3000, bodyTimeoutMs: 2000 });
  });

  it('keep what a later layer names without saying anything', async () => {
    const { configuration } = await readTexts(
      { 'defaults.yaml': models('a'), 'main.yaml': 'model_list:\nrouter_settings:\n' },
      { defaultsFile: 'defaults.yaml' },
    );
    expect(configuration?.deployments).toHaveLength(1);
  });

  it('serve with the defaults alone', async () => {
    const { configuration } = await readTexts(
      { 'defaults.yaml': models('a') },
      { files: [], defaultsFile: 'defaults.yaml' },
    );
    expect(configuration?.deployments).toHaveLength(1);
  });
});

describe('a file on disk', () => {
  let folder: string;
  const tell = async (name: string) =>
    (await readTexts({}, { files: [join(folder, name)], readText: readTextFile })).diagnostics.map(
      ({ message, found }) => `${message} ${found}`,
    );

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rutter-config-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  it('is read as UTF-8, with or without a byte order mark', async () => {
    await writeFile(join(folder, 'a.yaml'), `\ufeff${models('ä')}`);
    const { configuration } = await readTexts({}, { files: [join(folder, 'a.yaml')], readText: readTextFile });
    expect(configuration?.deployments[0]?.modelName).toBe('ä');
  });

  it('is refused when it is a folder, missing, binary or too large', async () => {
    await writeFile(join(folder, 'binary.yaml'), Buffer.from([0x61, 0x3a, 0x20, 0xff, 0xfe]));
    await writeFile(join(folder, 'large.yaml'), Buffer.alloc(4 * 1024 * 1024 + 1, 0x23));
    expect(await tell('.')).toEqual([expect.stringContaining('The path names a folder.')]);
    expect(await tell('none.yaml')).toEqual([expect.stringContaining('The file does not exist.')]);
    expect(await tell('binary.yaml')).toEqual([expect.stringContaining('bytes that are not UTF-8')]);
    expect(await tell('large.yaml')).toEqual([expect.stringContaining('too large')]);
  });
});
