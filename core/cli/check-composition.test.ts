import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkComposition } from './check-composition.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rutter-check-'));
});
afterEach(() => rm(folder, { recursive: true }));

const manifest = (kind: string, name: string, more: object = {}) =>
  JSON.stringify({
    name,
    version: '1.0.0',
    type: 'module',
    rutter: { api: 1, kind, name, entry: 'index.js', ...more },
  });

/** A service of each sort that is needed, so that the files say all there is. */
const services = (['state', 'store'] as const).map((kind) => ({
  name: `our-${kind}`,
  json: manifest(kind, `our-${kind}`, { provides: [kind] }),
  code: `import { definePlugin } from '@rutter/plugin-sdk';\nexport default definePlugin({ kind: '${kind}', setup: () => ({}) });`,
}));

const strategy = {
  name: 'mine',
  json: manifest('strategy', 'mine', { claims: { routingStrategies: ['mine-first'] } }),
  code: `import { definePlugin, z } from '@rutter/plugin-sdk';
    const config = z.strictObject({ share: z.number().max(1).default(0.5).describe('A share.') });
    export default definePlugin({ kind: 'strategy', config, setup() { throw new Error('It was set up.'); } });`,
};

async function checkText(text: string) {
  for (const { name, json, code } of [...services, strategy]) {
    await mkdir(join(folder, name), { recursive: true });
    await writeFile(join(folder, name, 'package.json'), json);
    await writeFile(join(folder, name, 'index.js'), code);
  }
  const file = join(folder, 'config.yaml');
  const entries = services.map(({ name }) => `  - { use: ./${name}, trust: true }\n`).join('');
  await writeFile(file, `plugins:\n${entries}${text}`);
  const dataFolder = join(folder, 'data');
  const result = await checkComposition({ files: [file], environment: {}, distribution: undefined, dataFolder });
  return 'diagnostics' in result ? result.diagnostics : result.warnings;
}

describe('a check of the whole composition', () => {
  it('knows what a folder in the configuration brings, and sets nothing up', async () => {
    const text = '  - { use: ./mine, trust: true }\nrouter_settings: { routing_strategy: mine-first }\n';
    expect(await checkText(text)).toEqual([]);
  });

  it('tells of options that a plugin does not have or refuses, with their place', async () => {
    const found = await checkText('  - { use: ./mine, trust: true, config: { share: 2, shares: 1 } }\n');
    expect(found.map(({ place, message }) => `${place.path}: ${message}`)).toEqual([
      'plugins[2].config.shares: Plugin "mine" has no option "shares". Did you mean "share"?',
      expect.stringMatching(/^plugins\[2\]\.config\.share: Plugin "mine" refuses option "share": /),
    ]);
  });

  it('reads the options of a folder that is not trusted in the sandbox', async () => {
    expect(await checkText('  - ./mine\n')).toEqual([]);
    const [found] = await checkText('  - { use: ./mine, config: { share: 2 } }\n');
    expect(found?.severity).toBe('error');
    expect(found?.message).toContain('Plugin "mine" refuses option "share"');
  });
});
