/** Plugins that must be refused, and what must be said of each. Each stands in a folder `p/…` beside the configuration. */
import type { Broken } from './broken-files.ts';

interface Source {
  /** The `rutter` block, over one that is right; undefined values take keys away. */
  readonly manifest?: Readonly<Record<string, unknown>>;
  /** All of package.json, in place of a right one. */
  readonly packageText?: string;
  readonly text?: string;
  readonly files?: Readonly<Record<string, string>>;
}

const plain = `import { definePlugin } from '@rutter/plugin-sdk';\nexport default definePlugin({ kind: 'observer', setup: () => ({}) });\n`;

function filesOf(name: string, { manifest = {}, packageText, text = plain, files = {} }: Source) {
  const block = { api: 1, kind: 'observer', name, entry: 'index.ts', ...manifest };
  return {
    [`p/${name}/package.json`]:
      packageText ?? JSON.stringify({ name, version: '1.0.0', type: 'module', rutter: block }),
    [`p/${name}/index.ts`]: text,
    ...Object.fromEntries(Object.entries(files).map(([path, content]) => [`p/${name}/${path}`, content])),
  };
}

const entry = (name: string, more = '') => `  - {use: ./p/${name}, trust: true${more}}\n`;

/** One plugin named by the second line of the configuration. */
function one(title: string, name: string, source: Source, reason: string): Broken {
  return { title, config: `plugins:\n${entry(name)}`, files: filesOf(name, source), at: 2, reason };
}

const define = (kind: string, setup: string, more = '') =>
  `import { definePlugin, z } from '@rutter/plugin-sdk';\nexport default definePlugin({ kind: '${kind}', ${more}\nsetup(host) {\n  ${setup}\n} });\n`;

const observer = (setup: string) => ({ text: define('observer', setup) });
const options = (shape: string) => ({
  text: define('observer', 'return {};', `config: z.strictObject({ ${shape} }),`),
});
const route = (path: string, more = "method: 'GET', mode: 'json', permission: 'public', handler: () => ({})") =>
  observer(`return { routes: [{ path: '${path}', ${more} }] } as never;`);

const manifests: readonly Broken[] = [
  one('no package.json', 'bare', { packageText: '' }, 'package.json'),
  one('a package.json that is no JSON', 'torn-json', { packageText: '{"rutter": {' }, 'package.json'),
  one(
    'a rutter block that is a text',
    'no-block',
    { packageText: '{"name": "x", "version": "1.0.0", "rutter": "yes"}' },
    'rutter',
  ),
  one('an api of the future', 'future', { manifest: { api: 2 } }, 'api'),
  one('no api', 'no-api', { manifest: { api: undefined } }, 'api'),
  one('no kind', 'no-kind', { manifest: { kind: undefined } }, 'kind'),
  one('a kind nobody knows', 'odd-kind', { manifest: { kind: 'observr' } }, 'observr'),
  one('no name', 'no-name', { manifest: { name: undefined } }, 'name'),
  one('a name that is a path', 'odd-name', { manifest: { name: '../up' } }, 'name'),
  one('no entry', 'no-entry', { manifest: { entry: undefined } }, 'entry'),
  one('an entry that is missing', 'lost-entry', { manifest: { entry: 'main.ts' } }, 'main.ts'),
  one('an entry outside the folder', 'far-entry', { manifest: { entry: '../../config.yaml' } }, 'entry'),
  one('a need nobody knows', 'odd-need', { manifest: { needs: ['root'] } }, 'root'),
  one('claims that are a list', 'odd-claims', { manifest: { claims: ['openai'] } }, 'claims'),
  one('a service nobody provides', 'lonely', { manifest: { uses: ['telepathy'] } }, 'telepathy'),
  one('a service it does not return', 'empty-hands', { manifest: { provides: ['tools'] } }, 'services.tools'),
  one(
    'a package that is not installed',
    'lost-package',
    { manifest: { external: ['not-installed'] }, text: `import 'not-installed';\n${plain}` },
    'not-installed',
  ),
];

const texts: readonly Broken[] = [
  one('a syntax error', 'syntax', { text: `${plain}const = 3;\n` }, 'index.ts:3:'),
  one('an import of a missing file', 'lost-file', { text: `import './other.ts';\n${plain}` }, 'other.ts'),
  one(
    'an import of a missing package',
    'lost-import',
    { text: `import 'left-pad-no-more';\n${plain}` },
    'left-pad-no-more',
  ),
  one('a throw at its top level', 'thrower', { text: `${plain}throw new Error('no luck today');\n` }, 'no luck today'),
  one('no default export', 'exportless', { text: 'export const a = 1;\n' }, 'default'),
  one('a default export that is no plugin', 'impostor', { text: 'export default { a: 1 };\n' }, 'definePlugin'),
  one('another kind than its manifest says', 'two-faced', { text: define('guard', 'return {};') }, 'guard'),
  one('a throw at set-up', 'set-up-throw', observer("throw new Error('no luck today');"), 'no luck today'),
  one(
    'a rejection at set-up',
    'set-up-reject',
    observer("return Promise.reject(new Error('no luck later'));"),
    'no luck later',
  ),
  one('a thrown text', 'set-up-text', observer("throw 'a mere text';"), 'a mere text'),
  one('nothing at set-up', 'nothing', observer('return undefined as never;'), 'undefined'),
  one(
    'a strategy without select',
    'blind',
    { manifest: { kind: 'strategy' }, text: define('strategy', 'return {} as never;') },
    'select',
  ),
  one('a guard that is ill', 'ill', observer("return { health() { throw new Error('it hurts'); } };"), 'it hurts'),
  one(
    'a health that rejects',
    'sick',
    observer("return { health: async () => { throw new Error('it aches'); } };"),
    'it aches',
  ),
  one(
    'a need it did not tell',
    'needy',
    observer("return host.fetch('http://127.0.0.1:1/').then(() => ({}));"),
    'needs',
  ),
  one('a service it did not tell', 'user', observer("host.use('state'); return {};"), 'uses'),
  one('an option it must have', 'demanding', options("limit: z.int().describe('x')"), 'limit'),
  one(
    'broken migrations',
    'migrant',
    observer("return { migrations: [{ id: '0001', sql: 'CREATE TABEL x' }] };"),
    'migrat',
  ),
  one(
    'a state without its parts',
    'hollow',
    { manifest: { kind: 'state' }, text: define('state', 'return {} as never;') },
    'without',
  ),
  one('a path without a slash', 'slashless', route('recorder'), 'recorder'),
  one('a route of the kernel', 'usurper', route('/admin/plugins'), '/admin/plugins'),
  one(
    'a route of another plugin',
    'rival',
    route('/v1/chat/completions', "method: 'POST', mode: 'json', permission: 'public', handler: () => ({})"),
    '/v1/chat/completions',
  ),
  one(
    'a mode nobody knows',
    'odd-mode',
    route('/odd', "method: 'GET', mode: 'telepathy', permission: 'public', handler: () => ({})"),
    'telepathy',
  ),
  one(
    'a dialect nobody has',
    'mute',
    route('/mute', "method: 'POST', mode: 'model', permission: 'public', dialect: 'klingon'"),
    'klingon',
  ),
  one(
    'a hook that throws',
    'hooked',
    {
      manifest: { kind: 'extension' },
      text: define('extension', "return { apply() { throw new Error('off the hook'); } };"),
    },
    'off the hook',
  ),
];

const several: readonly Broken[] = [
  {
    title: 'a folder of a kind that the sandbox has no place for',
    config: 'plugins:\n  - use: ./p/outsider\n',
    files: filesOf('outsider', { manifest: { kind: 'provider' }, text: define('provider', 'return {} as never;') }),
    at: 2,
    reason: 'cannot run in the sandbox',
  },
  {
    title: 'an untrusted folder with options that its manifest cannot describe',
    config: 'plugins:\n  - {use: ./p/shapeless, trust: false}\n',
    files: filesOf(
      'shapeless',
      options("limits: z.object({ max: z.string().transform(Number) }).optional().describe('x')"),
    ),
    at: 2,
    reason: 'config.limits.max: found a transform, which JSON Schema cannot carry',
  },
  {
    title: 'a folder that is told not to be trusted and needs Node',
    config: 'plugins:\n  - {use: ./p/outcast, trust: false}\n',
    files: filesOf('outcast', { manifest: { needs: ['node'] } }),
    at: 2,
    reason: 'it needs node',
  },
  {
    title: 'a folder that is missing',
    config: 'plugins:\n  - {use: ./p/nowhere, trust: true}\n',
    at: 2,
    reason: 'nowhere',
  },
  {
    title: 'options that do not fit, each at its line',
    config: 'plugins:\n  - use: ./p/choosy\n    trust: true\n    config:\n      limit: many\n',
    files: filesOf('choosy', options("limit: z.int().default(1).describe('x')")),
    at: 5,
    reason: 'refuses option "limit"',
  },
  {
    title: 'two plugins of one name',
    config: `plugins:\n${entry('twin')}${entry('double')}`,
    files: { ...filesOf('twin', {}), ...filesOf('double', { manifest: { name: 'twin' } }) },
    at: 3,
    reason: 'Two plugins are named "twin"',
  },
  {
    title: 'two stores',
    config: `plugins:\n  - store-sqlite\n${entry('cellar')}`,
    files: filesOf('cellar', { manifest: { kind: 'store' }, text: define('store', 'return {} as never;') }),
    at: 3,
    reason: 'Two plugins provide "store"',
  },
  {
    title: 'services in a circle',
    config: `plugins:\n${entry('hen')}${entry('egg')}`,
    files: {
      ...filesOf('hen', { manifest: { provides: ['hen'], uses: ['egg'] } }),
      ...filesOf('egg', { manifest: { provides: ['egg'], uses: ['hen'] } }),
    },
    at: 2,
    reason: 'use each other in a circle',
  },
  {
    title: 'a service of its own',
    config: `plugins:\n${entry('snake')}`,
    files: filesOf('snake', { manifest: { provides: ['tail'], uses: ['tail'] } }),
    at: 2,
    reason: 'circle',
  },
  {
    title: 'two claimants of a vendor',
    config: `model_list:\n  - {model_name: house, litellm_params: {model: openai/a}}\nplugins:\n  - provider-openai\n${entry('pretender')}`,
    files: filesOf('pretender', {
      manifest: { kind: 'provider', claims: { modelPrefixes: ['openai'] } },
      text: define('provider', "return { origin: 'http://127.0.0.1:1', auth: { scheme: 'none' } };"),
    }),
    at: 2,
    reason: 'Two plugins claim models that begin with "openai/"',
  },
  {
    title: 'two claimants of a strategy',
    config: `router_settings:\n  routing_strategy: least-busy\nplugins:\n  - least-busy\n${entry('least-idle')}`,
    files: filesOf('least-idle', {
      manifest: { kind: 'strategy', claims: { routingStrategies: ['least-busy'] } },
      text: define('strategy', 'return { select: () => undefined };'),
    }),
    at: 2,
    reason: 'Two plugins claim the routing strategy "least-busy"',
  },
  {
    title: 'one route of two plugins',
    config: `plugins:\n${entry('first')}${entry('second')}`,
    files: { ...filesOf('first', route('/mine')), ...filesOf('second', route('/mine')) },
    at: 3,
    reason: '/mine',
  },
  {
    title: 'a packed text that was changed',
    config: `plugins:\n${entry('tampered')}`,
    files: {
      'p/tampered/plugin.cjs': 'module.exports = {};',
      'p/tampered/plugin.json': JSON.stringify({
        api: 1,
        kind: 'observer',
        name: 'tampered',
        entry: 'index.ts',
        version: '1.0.0',
        needs: [],
        claims: {},
        provides: [],
        uses: [],
        external: [],
        shared: false,
        stability: 'stable',
        digest: '0'.repeat(64),
      }),
    },
    at: 2,
    reason: 'changed after it was packed',
  },
  {
    title: 'a packed manifest that is none',
    config: `plugins:\n${entry('garbled')}`,
    files: { 'p/garbled/plugin.cjs': '', 'p/garbled/plugin.json': 'not JSON' },
    at: 2,
    reason: 'no manifest of a packed plugin',
  },
  {
    title: 'a state that fails though it may',
    config: `plugins:\n${entry('amnesia', ', on_failure: continue')}`,
    files: filesOf('amnesia', { manifest: { kind: 'state' }, text: define('state', "throw new Error('who am I');") }),
    at: 2,
    reason: 'who am I',
  },
];

export const brokenPlugins: readonly Broken[] = [...manifests, ...texts, ...several];
