/** Who may run: signatures, lists and what is remembered, on a gateway that serves on whatever it is given. */
import { hash } from 'node:crypto';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateKeys, keyIdOf } from '@rutter/plugin-sdk/pack';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, openAiDeployment, openAiVendor, startGateway, startVendor, until } from '../support/index.ts';
import { ask, getJson, plugins, postReload } from './admin.ts';
import { type Files, packedFiles } from './signed.ts';

const ours = generateKeys();
const theirs = generateKeys();
const id = keyIdOf(ours.publicKey);

let gateway: Gateway;
let models: object;
/** Every generation that was meant to come about. */
let expected = 1;
beforeAll(async () => {
  const vendor = await startVendor(openAiVendor({ reply: 'a fine day' }));
  models = { model_list: [openAiDeployment('house', vendor)] };
  gateway = await startGateway({ config: models });
});
afterAll(() => gateway?.stop());

async function place(folder: string, files: Files): Promise<void> {
  await rm(join(gateway.folder, folder), { recursive: true, force: true });
  await mkdir(join(gateway.folder, folder), { recursive: true });
  for (const [name, text] of Object.entries(files))
    if (text !== undefined) await writeFile(join(gateway.folder, folder, name), text);
}

interface Setting {
  readonly trust?: object | undefined;
  readonly entry?: object;
}

async function apply(folder: string, { trust, entry = {} }: Setting) {
  await gateway.writeConfig({
    ...models,
    plugins: [{ use: `./${folder}`, ...entry }],
    ...(trust === undefined ? {} : { plugin_trust: trust }),
  });
  return postReload(gateway);
}

const trusting = (more: object = {}) => ({ trusted: [{ key: ours.publicKey, ...more }] });

async function isRefused(folder: string, setting: Setting, reason: string): Promise<void> {
  const answer = await apply(folder, setting);
  expect(answer, reason).toMatchObject({ httpStatus: 409, status: 'refused', generation: expected, started: [] });
  const said = answer.reasons.join('\n');
  expect(said).toContain(reason);
  expect(said).toContain(join(gateway.folder, 'config.yaml'));
  expect(await ask(gateway)).toEqual({ status: 200, text: 'a fine day' });
}

/** The watcher may be quicker than the reload that is asked for. */
async function isApplied(folder: string, setting: Setting, word: string): Promise<void> {
  const answer = await apply(folder, setting);
  expect(answer.reasons).toEqual([]);
  await until(`the word ${word}`, async () => (await getJson<{ word: string }>(gateway, '/word')).word === word);
  expected = (await plugins(gateway)).generation;
}

describe('a packed plugin', () => {
  it('runs inside the gateway when a trusted key has signed it, without a word of trust in its entry', async () => {
    await place('p/good', await packedFiles({ word: 'signed' }, ours));
    await isApplied('p/good', { trust: trusting() }, 'signed');
    await place('p/two', await packedFiles({ word: 'twice' }, theirs, ours));
    await isApplied('p/two', { trust: trusting({ plugins: ['other', 'word@^1.1'] }) }, 'twice');
  });

  const withManifest = (change: (manifest: Record<string, unknown>) => object) => (files: Record<string, string>) => ({
    ...files,
    'plugin.json': JSON.stringify(change(JSON.parse(files['plugin.json'] as string) as Record<string, unknown>)),
  });
  const withSignature = (text: string) => (files: Record<string, string>) => ({ ...files, 'plugin.sig.json': text });
  const signatures = (list: unknown) => withSignature(JSON.stringify({ format: 1, signatures: list }));
  const zeros = `${'A'.repeat(86)}==`;
  type Case = readonly [string, (files: Record<string, string>) => Files, string];
  const changed = 'module.exports.default = undefined;';

  const damaged: readonly Case[] = [
    [
      'a text that was changed',
      (files) => ({ ...files, 'plugin.cjs': `${files['plugin.cjs']} ` }),
      'plugin.cjs was changed after it was packed',
    ],
    ['another text', (files) => ({ ...files, 'plugin.cjs': changed }), 'plugin.cjs was changed'],
    ['an empty text', (files) => ({ ...files, 'plugin.cjs': '' }), 'plugin.cjs was changed'],
    ['no text', ({ 'plugin.cjs': _text, ...files }) => files, 'plugin.cjs, expected the packed text'],
    [
      'a text with its digest put right',
      (files) =>
        withManifest((manifest) => ({ ...manifest, digest: hash('sha256', changed, 'hex') }))({
          ...files,
          'plugin.cjs': changed,
        }),
      `the signature of key ${id} is not of these files`,
    ],
    [
      'another source map',
      (files) => ({ ...files, 'plugin.cjs.map': '{}' }),
      `the signature of key ${id} is not of these files`,
    ],
    ['no source map', ({ 'plugin.cjs.map': _map, ...files }) => files, 'is not of these files'],
    [
      'more needs than were signed',
      withManifest((manifest) => ({ ...manifest, needs: ['spawn'] })),
      'is not of these files',
    ],
    [
      'another version than was signed',
      withManifest((manifest) => ({ ...manifest, version: '9.0.0' })),
      'is not of these files',
    ],
    [
      'another name than was signed',
      withManifest((manifest) => ({ ...manifest, name: 'guard-master-key' })),
      'is not of these files',
    ],
    [
      'other claims than were signed',
      withManifest((manifest) => ({ ...manifest, claims: { modelPrefixes: ['openai'] } })),
      'is not of these files',
    ],
    ['a manifest that is no JSON', (files) => ({ ...files, 'plugin.json': '{' }), 'plugin.json is no manifest'],
    ['a manifest that is a list', (files) => ({ ...files, 'plugin.json': '[]' }), 'plugin.json is no manifest'],
    [
      'a digest that is a path',
      withManifest((manifest) => ({ ...manifest, digest: '../../../etc/passwd' })),
      'digest: expected 64 hex digits',
    ],
    ['a name that is a path', withManifest((manifest) => ({ ...manifest, name: '../up' })), 'plugin.json: name'],
    [
      'an entry that leads out',
      withManifest((manifest) => ({ ...manifest, entry: '../../x.ts' })),
      'plugin.json: entry',
    ],
    ['a kind nobody knows', withManifest((manifest) => ({ ...manifest, kind: 'rootkit' })), 'plugin.json: kind'],
    ['an api of the future', withManifest((manifest) => ({ ...manifest, api: 2 })), 'plugin.json: api'],
    ['a need nobody knows', withManifest((manifest) => ({ ...manifest, needs: ['root'] })), 'root'],
    ['needs that are a text', withManifest((manifest) => ({ ...manifest, needs: 'fetch' })), 'plugin.json: needs'],
    [
      'a version that is none',
      withManifest((manifest) => ({ ...manifest, version: 'latest' })),
      'plugin.json: version',
    ],
    ['an unknown field', withManifest((manifest) => ({ ...manifest, postinstall: 'rm -rf /' })), 'postinstall'],
    [
      'a configuration schema that is a text',
      withManifest((manifest) => ({ ...manifest, config: 'x' })),
      'config: expected a JSON Schema',
    ],
    [
      'a manifest of two mebibytes',
      withManifest((manifest) => ({ ...manifest, description: 'x'.repeat(2 ** 21) })),
      'expected at most 1048576',
    ],
    ['a signature file that is no JSON', withSignature('{'), 'plugin.sig.json: expected JSON'],
    ['a signature file that is empty', withSignature(''), 'plugin.sig.json: expected JSON'],
    ['a signature of another format', withSignature('{"format": 2, "signatures": []}'), 'plugin.sig.json: format'],
    ['no signature in its list', signatures([]), 'plugin.sig.json: signatures'],
    ['a hundred signatures', signatures(Array.from({ length: 100 }, () => ({ key: id, signature: zeros }))), '1 to 16'],
    ['a key that is a path', signatures([{ key: '../../trusted', signature: zeros }]), 'signatures[0].key'],
    ['a signature that is too short', signatures([{ key: id, signature: 'AAAA' }]), 'expected 64 bytes in base64'],
    ['a signature of zeros', signatures([{ key: id, signature: zeros }]), 'is not of these files'],
    ['a signature file of a mebibyte', withSignature(' '.repeat(2 ** 20)), 'expected at most 65536'],
  ];

  it.each(damaged)(
    'with %s is refused, with file and reason, and the gateway serves on',
    async (title, damage, reason) => {
      const folder = `p/${title.replaceAll(/\W+/g, '-')}`;
      await place(folder, damage(await packedFiles({}, ours)));
      // Whatever its entry says: what is damaged is not run by anybody's word.
      await isRefused(folder, { trust: trusting(), entry: { trust: true } }, reason);
    },
  );

  it('with the signature of another plugin of the same key is refused', async () => {
    const other = await packedFiles({ name: 'other' }, ours);
    await place('p/swapped', { ...(await packedFiles({}, ours)), 'plugin.sig.json': other['plugin.sig.json'] });
    await isRefused('p/swapped', { trust: trusting() }, 'is not of these files');
  });

  it('whose text is a folder, or whose signature is a device, is refused', async () => {
    await place('p/folder', await packedFiles({}, ours));
    await rm(join(gateway.folder, 'p/folder/plugin.cjs'));
    await mkdir(join(gateway.folder, 'p/folder/plugin.cjs'));
    await isRefused('p/folder', { trust: trusting() }, 'plugin.cjs is no file');
    await place('p/device', await packedFiles({}, ours));
    await rm(join(gateway.folder, 'p/device/plugin.sig.json'));
    await symlink('/dev/zero', join(gateway.folder, 'p/device/plugin.sig.json'));
    await isRefused('p/device', { trust: trusting() }, 'plugin.sig.json is no file');
  });
});

describe('the lists', () => {
  it('hold a key to the names and versions it may sign', async () => {
    await place('p/word', await packedFiles({ version: '2.0.0', word: 'two' }, ours));
    const required = { ...trusting({ plugins: ['word@^1.2', 'other'] }), signatures: 'required' };
    await isRefused('p/word', { trust: required, entry: { trust: true } }, 'is not signed by a trusted key for it');
    await isApplied('p/word', { trust: { ...trusting({ plugins: ['word@^2'] }), signatures: 'required' } }, 'two');
  });

  it('refuse what a stranger has signed where signatures are required', async () => {
    await place('p/theirs', await packedFiles({ name: 'stranger' }, theirs));
    const trust = { ...trusting(), signatures: 'required' };
    await isRefused('p/theirs', { trust, entry: { trust: true } }, `signatures of ${keyIdOf(theirs.publicKey)}`);
    await place('p/unsigned', await packedFiles({ name: 'stranger' }));
    await isRefused('p/unsigned', { trust, entry: { trust: true } }, 'found no signature');
    await place('p/sources', { 'index.ts': 'export default 1;' });
    await isRefused('p/sources', { trust, entry: { trust: true } }, 'is not packed, and so not signed');
  });

  it('let run only what is allowed, and only with the needs that are granted', async () => {
    await place('p/needy', await packedFiles({ name: 'needy', needs: ['fetch', 'files'] }, ours));
    await isRefused(
      'p/needy',
      { trust: { ...trusting(), allow: ['word@1'] } },
      'is not among the plugins under "plugin_trust.allow"',
    );
    await isRefused('p/needy', { trust: { ...trusting(), allow: ['needy@^2'] } }, '"needy" 1.2.0 is not among');
    await isRefused(
      'p/needy',
      { trust: { ...trusting(), needs: ['fetch'] } },
      'needs files, which "plugin_trust" does not grant',
    );
    await isRefused(
      'p/needy',
      { trust: { ...trusting({ needs: [] }), needs: ['fetch', 'files'] } },
      'needs fetch and files',
    );
    await isApplied(
      'p/needy',
      { trust: { ...trusting({ needs: ['fetch', 'files'] }), needs: [], allow: ['needy'] } },
      'first',
    );
  });

  it('trust a plugin by its name and versions, signed or not', async () => {
    await place('p/named', await packedFiles({ name: 'named', word: 'by name' }));
    await isApplied('p/named', { trust: { trusted: [{ plugin: 'named@~1.2' }], signatures: 'required' } }, 'by name');
  });

  it('do not stand above "trust: false"', async () => {
    await place('p/good', await packedFiles({ word: 'signed' }, ours));
    const answer = await apply('p/good', { trust: trusting(), entry: { trust: false } });
    const row = (await plugins(gateway)).plugins.find(({ name }) => name === 'good');
    // Outside of the gateway, or not at all.
    expect(answer.status === 'refused' || (row as { place?: string } | undefined)?.place === 'sandbox').toBe(true);
    expected = (await plugins(gateway)).generation;
  });

  it('are refused themselves, with their place, when they do not mean what they seem to', async () => {
    const broken: readonly (readonly [object, string])[] = [
      [{ trusted: [{ key: 'ed25519:short' }] }, 'The key cannot be read'],
      [{ trusted: [{ key: `ed25519:${'A'.repeat(43)}`, plugins: [] }] }, 'The key cannot be read'],
      [{ trusted: [{}] }, '"key" or "plugin"'],
      [{ trusted: [{ key: ours.publicKey, plugin: 'word' }] }, '"key" or "plugin"'],
      [{ trusted: [{ plugin: 'word', plugins: ['other'] }] }, '"key" or "plugin"'],
      [{ trusted: [{ plugin: 'word@newest' }] }, 'named in a way that fits none'],
      [{ allow: ['Word*'] }, 'named in a way that fits none'],
      [{ needs: ['fetsh'] }, 'Did you mean'],
      [{ signatures: 'always' }, 'required'],
      [{ trusted: ours.publicKey }, 'list'],
      [{ trustd: [] }, 'trusted'],
    ];
    for (const [trust, reason] of broken) await isRefused('p/good', { trust }, reason);
  });
});

describe('a signature once seen', () => {
  it('cannot vanish, nor give way to a stranger’s, until the plugin is trusted by name', async () => {
    await place('p/kept', await packedFiles({ name: 'kept', word: 'signed' }, ours));
    await isApplied('p/kept', { trust: trusting() }, 'signed');
    const bare = await packedFiles({ name: 'kept', word: 'bare', version: '1.3.0' });
    await place('p/kept', bare);
    await isRefused('p/kept', { entry: { trust: true } }, `"kept" was signed by key ${id} before`);
    await place('p/elsewhere', await packedFiles({ name: 'kept', word: 'bare' }, theirs));
    await isRefused('p/elsewhere', { trust: trusting(), entry: { trust: true } }, 'was signed by key');
    await place('p/kept', {
      'package.json': JSON.stringify({
        version: '1.0.0',
        rutter: { api: 1, kind: 'observer', name: 'kept', entry: 'index.ts' },
      }),
      'index.ts': 'export default 1;',
    });
    await isRefused('p/kept', { entry: { trust: true } }, 'was signed by key');
    await place('p/kept', bare);
    await isApplied('p/kept', { trust: { trusted: [{ plugin: 'kept' }] } }, 'bare');
  });

  it('does not hide behind a memory that is damaged', async () => {
    const file = join(gateway.folder, 'data', 'plugin-signers.json');
    await writeFile(file, '{');
    await place('p/kept', await packedFiles({ name: 'kept', word: 'again' }));
    await isRefused('p/kept', { entry: { trust: true } }, 'plugin-signers.json is no JSON object');
  });
});
