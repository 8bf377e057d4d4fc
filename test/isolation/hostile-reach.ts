/** Strategies that reach for what is not theirs. */
import type { Attack } from './hostile.ts';

/** Says in the log whatever an attempt found, so that a secret that was found is seen. */
const tries = (name: string, expression: string, more: Partial<Attack> = {}): Attack => ({
  name,
  select: `let found; try { found = ${expression}; } catch (error) { found = 'refused: ' + error; }
    host.log.warn({ found: String(JSON.stringify(found, (_key, value) => (typeof value === 'bigint' ? String(value) : value)) ?? found).slice(0, 5000) }, 'found');
    return [...candidates].reverse();`,
  outcome: 'decides',
  ...more,
});

const refused = (name: string, words: string, more: Partial<Attack>): Attack => ({
  name,
  outcome: { refused: words },
  ...more,
});

export const escapes: readonly Attack[] = [
  tries('reads-process', 'process.env'),
  tries('reads-global-process', 'globalThis.process?.env'),
  tries('reads-by-constructor', "({}).constructor.constructor('return process.env')()"),
  tries('reads-by-host', "host.constructor.constructor('return process')().env"),
  tries('reads-by-log', "host.log.info.constructor('return process')().env"),
  tries('reads-by-candidates', "candidates.constructor.constructor('return process')().mainModule"),
  tries('reads-by-context', "context.features.get.constructor('return globalThis')().process.env"),
  // A promise that nobody hears of is an error of the whole call.
  tries('reads-by-async', "(async () => {}).constructor('return process')().constructor.name", { outcome: 'falls' }),
  tries('reads-by-generator', "(function* () {}).constructor('yield process.env')().next()"),
  tries('reads-by-reflection', "Reflect.construct(Function, ['return process.env'])()"),
  tries('reads-by-eval', "(0, eval)('process.env')"),
  tries(
    'reads-by-trace',
    '(() => { Error.prepareStackTrace = (_, frames) => frames.map((f) => typeof f.getThis?.()); return new Error().stack; })()',
  ),
  tries('reads-by-callee', '(function () { return String(arguments.callee.caller); })()'),
  tries(
    'reads-by-species',
    "(() => { class A extends Array { static get [Symbol.species]() { return Function; } } return String(new A('return process').concat()); })()",
  ),
  tries(
    'looks-at-globals',
    'Object.getOwnPropertyNames(globalThis).filter((name) => /process|require|Buffer|fetch|Deno|ivm|isolated/.test(name))',
  ),
  tries(
    'looks-at-everything',
    '({ context, candidates, host: Object.keys(host), headers: context.headers, principal: context.principal })',
  ),
  tries(
    'looks-at-texts',
    "[context.features.get('text'), context.features.get('prompt'), context.text?.(), context.body]",
  ),
  tries('wants-the-prompt', "String(context.features.want('text'))"),
  tries('web-assembly', "typeof WebAssembly === 'undefined' ? 'none' : WebAssembly.Memory"),
  tries(
    'web-assembly-loop',
    "new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))) && 'ran'",
  ),
  tries('shared-memory-wait', 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)'),
  tries('shared-memory', 'new SharedArrayBuffer(8).byteLength'),
  tries('spawns', "host.spawn('cat', ['/etc/passwd'])"),
  tries('fetches', "String(host.fetch('http://169.254.169.254/latest/meta-data/'))"),
  tries('reads-its-folder', 'host.dataFolder'),
  tries('calls-a-model', "String(host.invoke('house', { messages: [] }, { within: context }))"),
  tries('uses-the-store', "host.use('store')"),
  tries('sets-timers', 'host.every(1, () => { for (;;) {} })'),
  tries('opens-a-socket', "new WebSocket('ws://127.0.0.1:1') && new XMLHttpRequest()"),
  tries('imports-late', 'new Function(\'return import("node:fs")\')().constructor.name', { outcome: 'falls' }),
  tries('requires-late', 'new Function(\'return require("node:fs")\')()'),
  tries('asks-of-itself', '[import.meta?.url, typeof __dirname, typeof module].join()'),
  tries(
    'floods-the-log',
    "(() => { for (let i = 0; i < 3000; i++) host.log.error({ i }, 'flood'); return 'flooded'; })()",
  ),
  tries('logs-a-lot', "host.log.error({ a: 'x'.repeat(1e5) }, 'y'.repeat(1e5))"),
  tries(
    'logs-as-another',
    "host.log.error({ level: 60, name: 'kernel', msg: 'the gateway stops' }, 'line\\n{\"level\":60}')",
  ),
  tries('logs-in-circles', "(() => { const o = {}; o.o = o; host.log.info(o, 'round'); return 1; })()"),
  tries('keeps-too-much', "(() => { for (let i = 0; i < 100; i++) host.keep('k' + i, 1, () => i); })()"),
  tries('keeps-a-lot', "host.keep('big', 1, () => 'x'.repeat(5e6)).length"),
  tries(
    'fetches-without-a-need',
    "String(host.fetch('https://example.com').then(() => 'got', (e) => host.log.warn({ e: String(e) }, 'fetch')))",
  ),
];

const outside = '../secret.json';
const imports = (name: string, line: string, words: string, more: Partial<Attack> = {}): Attack =>
  refused(name, words, { top: `${line}\nglobalThis.stolen = stolen;`, ...more });

export const folders: readonly Attack[] = [
  imports('imports-a-parent', `import stolen from '${outside}';`, 'outside of the plugin'),
  imports('imports-by-detour', "import stolen from './lib/../../secret.json';", 'outside of the plugin'),
  imports('imports-an-absolute-path', "import stolen from '/etc/hostname';", 'is not a file of the plugin'),
  imports('imports-a-file-address', "import stolen from 'file:///etc/hostname';", 'is not a file of the plugin'),
  imports(
    'imports-a-data-address',
    "import stolen from 'data:text/javascript,export default 1';",
    'is not a file of the plugin',
  ),
  imports('imports-by-http', "import stolen from 'https://example.com/x.js';", 'is not a file of the plugin'),
  imports('imports-node', "import * as stolen from 'node:fs';", 'is not a file of the plugin'),
  imports('imports-a-package', "import * as stolen from 'esbuild';", 'is not a file of the plugin'),
  imports('imports-the-packer', "import * as stolen from '@rutter/plugin-sdk/pack';", 'is not a file of the plugin'),
  imports('imports-the-kernel', "import * as stolen from '@rutter/core';", 'is not a file of the plugin'),
  imports('requires-a-parent', `const stolen = require('${outside}');`, 'outside of the plugin'),
  imports('imports-a-parent-later', `const stolen = () => import('${outside}');`, 'outside of the plugin'),
  imports('exports-a-parent', `export * from '${outside}'; const stolen = 1;`, 'outside of the plugin'),
  imports('imports-a-link', "import stolen from './link.json';", 'is a link', { links: { 'link.json': outside } }),
  imports('imports-a-linked-folder', "import stolen from './up/secret.json';", 'is a link', { links: { up: '..' } }),
  imports('imports-its-packages', "import * as stolen from 'evil';", 'is not a file of the plugin', {
    files: { 'node_modules/evil/index.js': 'export default 1;' },
  }),
  imports('imports-a-binary', "import stolen from './x.node';", 'no script', { files: { 'x.node': '\u007fELF' } }),
  imports('imports-by-tsconfig', "import stolen from '@up/secret.json';", 'is not a file of the plugin', {
    files: { 'tsconfig.json': JSON.stringify({ compilerOptions: { paths: { '@up/*': ['../*'] } } }) },
  }),
  {
    name: 'reads-tsconfig-above',
    outcome: 'decides',
    files: { 'tsconfig.json': JSON.stringify({ extends: '../secret.json' }) },
  },
  { name: 'reads-a-source-map', outcome: 'decides', top: `//# sourceMappingURL=${outside}` },
  refused('an-entry-outside', 'rutter.entry', { manifest: { entry: '../secret.js' } }),
  refused('an-entry-that-is-a-link', 'is a link', { manifest: { entry: 'main.js' }, links: { 'main.js': outside } }),
  refused('needs-node', 'it needs node', { manifest: { needs: ['node'] } }),
  refused('needs-to-spawn', 'it needs spawn', { manifest: { needs: ['spawn'] } }),
  refused('needs-files', 'it needs files', { manifest: { needs: ['files'] } }),
  refused('needs-models', 'it needs invoke', { manifest: { needs: ['invoke'] } }),
  refused('needs-text-unasked', 'it needs text', { manifest: { needs: ['text'] } }),
  refused('needs-fetch-unasked', 'it needs fetch', { manifest: { needs: ['fetch'] } }),
  refused('uses-a-service', 'its manifest has "uses"', { manifest: { uses: ['store'] } }),
  refused('claims-the-master-key', 'it claims settings', {
    manifest: { claims: { settings: ['general_settings.master_key as key'] } },
  }),
  refused('has-native-parts', 'its manifest has "external"', { manifest: { external: ['pg'] } }),
  refused('loops-when-loaded', 'did not answer', { top: 'for (;;) {}' }),
  refused('grows-when-loaded', 'in the sandbox', { top: 'const m = new Map(); for (let i = 0; ; i++) m.set(i, [i]);' }),
  refused('throws-when-loaded', 'no luck', { top: "throw new Error('no luck');" }),
  refused('defines-nothing', 'no default export', { top: '', files: { 'index.js': 'export const a = 1;' } }),
  refused('defines-another-kind', 'defines kind "guard"', {
    files: {
      'index.js':
        "import { definePlugin } from '@rutter/plugin-sdk'; export default definePlugin({ kind: 'guard', setup: () => ({}) });",
    },
  }),
  refused('loops-in-setup', 'in the sandbox', { setup: 'for (;;) {}' }),
  refused('never-sets-up', 'in the sandbox', {
    files: {
      'index.js':
        "import { definePlugin } from '@rutter/plugin-sdk'; export default definePlugin({ kind: 'strategy', setup: () => new Promise(() => {}) });",
    },
  }),
  refused('grows-in-setup', 'in the sandbox', {
    setup: 'const a = []; for (;;) a.push(new Array(1000).fill(a.length));',
  }),
  refused('returns-nothing', 'from setup', {
    files: {
      'index.js':
        "import { definePlugin } from '@rutter/plugin-sdk'; export default definePlugin({ kind: 'strategy', setup: () => null });",
    },
  }),
  refused('brings-routes', 'routes', { parts: 'routes: [],' }),
  refused('brings-a-loop', 'orchestrate', { parts: 'orchestrate: async () => ({}),' }),
  refused('describes-a-lot', 'in the sandbox', {
    files: {
      'index.js':
        "import { definePlugin, z } from '@rutter/plugin-sdk'; export default definePlugin({ kind: 'strategy', config: z.object({ a: z.string().default('x').describe('y'.repeat(4e6)) }), setup: () => ({ select() {} }) });",
    },
  }),
];
