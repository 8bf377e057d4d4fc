/** A new version of a plugin serves a share of the credentials beside the old, until somebody promotes or reverts it. */
import { execFile } from 'node:child_process';
import { hash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import {
  type Gateway,
  openAiDeployment,
  openAiVendor,
  root as repository,
  startGateway,
  startVendor,
  until,
  type Vendor,
} from '../support/index.ts';
import { plugins, postReload } from './admin.ts';

const share = 0.4;
const keys = Array.from({ length: 12 }, (_none, index) => `sk-caller-${index}`);
/** As an operator would compute it. */
const isChosen = (key: string) => Number.parseInt(hash('sha256', key).slice(0, 8), 16) / 2 ** 32 < share;

interface Row {
  readonly name: string;
  readonly version: string;
  readonly state: string;
  readonly generations: readonly number[];
}

interface Composition {
  readonly generation: number;
  readonly canary?: { readonly generation: number; readonly share: number; readonly leases: number };
  readonly plugins: readonly Row[];
}

/** Two versions of one strategy: the first takes the first deployment, the second the last. */
async function versions(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'rutter-canary-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const rankings = { v1: '[...candidates]', v2: '[...candidates].reverse()', broken: '(() => { throw 1; })()' };
  for (const [version, ranking] of Object.entries(rankings)) {
    const folder = join(root, version);
    await mkdir(folder);
    const rutter = { api: 1, kind: 'strategy', name: 'sorter', entry: 'index.js' };
    const about = { name: 'sorter', version: `${version === 'v1' ? 1 : 2}.0.0`, type: 'module', rutter };
    await writeFile(join(folder, 'package.json'), JSON.stringify(about));
    const setup =
      version === 'broken' ? "throw new Error('not today')" : `return { select: (_context, candidates) => ${ranking} }`;
    const source = `import { definePlugin } from '@rutter/plugin-sdk';
export default definePlugin({ kind: 'strategy', setup() { ${setup}; } });\n`;
    await writeFile(join(folder, 'index.js'), source);
  }
  return root;
}

interface Scene {
  readonly gateway: Gateway;
  readonly config: (canary: object | undefined, stable?: string) => object;
  /** Who answered a caller, and what `x-rutter-route` said. */
  ask(key: string | undefined): Promise<{ readonly text: string; readonly route: string }>;
}

async function scene(args: readonly string[] = [], stream?: Vendor): Promise<Scene & { readonly folder: string }> {
  const folder = await versions();
  const [one, two] = (await Promise.all(['one', 'two'].map((reply) => startVendor(openAiVendor({ reply }))))) as [
    Vendor,
    Vendor,
  ];
  const entry = (version: string) => ({ use: join(folder, version), as: 'sorter', trust: true });
  const config = (canary: object | undefined, stable = 'v1') => ({
    model_list: [
      openAiDeployment('house', one),
      openAiDeployment('house', two),
      ...(stream === undefined ? [] : [openAiDeployment('slow', stream)]),
    ],
    general_settings: { drain_timeout: 30 },
    plugins: [entry(stable)],
    ...(canary && { canary }),
  });
  const gateway = await startGateway({
    config: config({ share, plugins: [entry('v2')] }),
    args,
    startMs: 60_000,
  });
  const ask = async (key: string | undefined) => {
    const headers: Record<string, string> = { 'content-type': 'application/json', connection: 'close' };
    if (key !== undefined) headers.authorization = `Bearer ${key}`;
    const body = JSON.stringify({ model: 'house', messages: [{ role: 'user', content: 'hello' }] });
    const response = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers, body });
    const reply = (await response.json()) as { choices: { message: { content: string } }[] };
    return { text: String(reply.choices?.[0]?.message.content), route: response.headers.get('x-rutter-route') ?? '' };
  };
  return { gateway, config, ask, folder };
}

const composition = (gateway: Gateway) => plugins(gateway) as unknown as Promise<Composition>;

async function post(gateway: Gateway, path: string) {
  const response = await fetch(gateway.url + path, { method: 'POST' });
  return { code: response.status, ...((await response.json()) as { status?: string; error?: { message: string } }) };
}

/** Each caller, twice, by whom `serves` says. */
async function expectServed({ ask }: Scene, serves: (key: string) => string): Promise<void> {
  for (const key of [...keys, ...keys.slice(0, 3)]) expect((await ask(key)).text, key).toBe(serves(key));
}

const rutter = (gateway: Gateway, ...args: string[]) =>
  promisify(execFile)(process.execPath, [join(repository, 'node_modules/.bin/rutter'), ...args, '--url', gateway.url]);

it('serves the same share of the credentials each time, told in routes, the composition and the log', async () => {
  const set = await scene();
  expect(keys.filter(isChosen).length).toBeGreaterThan(2);
  await expectServed(set, (key) => (isChosen(key) ? 'two' : 'one'));
  const chosen = keys.find(isChosen) as string;
  expect((await set.ask(chosen)).route).toMatch(/^canary \(generation 2\): .*chosen by sorter.*sorter 2\.0\.0/);
  const nameless = await set.ask(undefined);
  expect(nameless.text).toBe('one');
  expect(nameless.route).toMatch(/^house.*sorter 1\.0\.0/);
  const { generation, canary, plugins: rows } = await composition(set.gateway);
  expect(generation).toBe(1);
  expect(canary).toMatchObject({ generation: 2, share });
  const versionsOf = rows.filter(({ name }) => name === 'sorter');
  expect(versionsOf.map(({ version, state, generations }) => [version, state, generations])).toEqual([
    ['2.0.0', 'canary', [2]],
    ['1.0.0', 'running', [1]],
  ]);
  const line = await set.gateway.waitForLog(({ msg }) => msg === 'a canary serves its share of the credentials');
  expect(line).toMatchObject({ generation: 2, share });
  const told = await rutter(set.gateway, 'canary');
  expect(told.stdout).toMatch(/generation 1 is in force; generation 2 serves 40 % of the credentials since/);
});

it('is promoted for everybody, and the file has the word again when it is read next', async () => {
  const set = await scene();
  const { stdout } = await rutter(set.gateway, 'canary', 'promote');
  expect(stdout).toMatch(/applied: generation 2\nIt holds until the next change of a file/);
  await expectServed(set, () => 'two');
  expect((await set.ask(keys[0])).route).toMatch(/^house.*sorter 2\.0\.0/);
  const after = await composition(set.gateway);
  expect([after.generation, after.canary]).toEqual([2, undefined]);
  expect(await post(set.gateway, '/admin/canary/promote')).toMatchObject({
    code: 400,
    error: { message: 'There is no canary to promote.' },
  });
  await set.gateway.writeConfig(set.config(undefined, 'v2'));
  await postReload(set.gateway);
  await expectServed(set, () => 'two');
  const { plugins: rows } = await composition(set.gateway);
  expect(rows.filter(({ name, state }) => name === 'sorter' && state === 'running')).toHaveLength(1);
  await set.gateway.writeConfig(
    set.config({ share, plugins: [{ use: join(set.folder, 'v1'), as: 'sorter', trust: true }] }, 'v2'),
  );
  await postReload(set.gateway);
  await expectServed(set, (key) => (isChosen(key) ? 'one' : 'two'));
});

it('is reverted for everybody, and its last stream ends as it began', async () => {
  const slow = await startVendor(openAiVendor({ chunks: ['a ', 'b ', 'c ', 'd ', 'e'], delays: { betweenMs: 1500 } }));
  const set = await scene([], slow);
  const chosen = keys.find(isChosen) as string;
  const response = await fetch(`${set.gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${chosen}` },
    body: JSON.stringify({ model: 'slow', stream: true, messages: [{ role: 'user', content: 'hello' }] }),
  });
  expect((await composition(set.gateway)).canary).toMatchObject({ leases: 1 });
  expect(await post(set.gateway, '/admin/canary/revert')).toMatchObject({ code: 200, status: 'applied' });
  await expectServed(set, () => 'one');
  expect((await composition(set.gateway)).canary).toBeUndefined();
  expect(await response.text()).toContain('[DONE]');
  await until('the canary to be gone', async () =>
    (await composition(set.gateway)).plugins.every(({ generations }) => !generations.includes(2)),
  );
});

it('follows the file at a reload: it stays, is replaced, refused as a whole, or ends', async () => {
  const set = await scene();
  const sorter = (version: string) => ({ use: join(set.folder, version), as: 'sorter', trust: true });
  expect(await postReload(set.gateway)).toMatchObject({ status: 'unchanged' });
  expect((await composition(set.gateway)).canary).toMatchObject({ generation: 2 });
  await set.gateway.writeConfig(set.config({ share, plugins: [sorter('broken')] }, 'v2'));
  const refused = await postReload(set.gateway);
  expect(refused).toMatchObject({ httpStatus: 409, status: 'refused' });
  expect(refused.reasons.join()).toContain('not today');
  await expectServed(set, (key) => (isChosen(key) ? 'two' : 'one'));
  await set.gateway.writeConfig(set.config({ share: 1, plugins: [sorter('v2')] }));
  await postReload(set.gateway);
  await expectServed(set, () => 'two');
  await set.gateway.writeConfig(set.config({ share, plugins: [sorter('v1')] }));
  await postReload(set.gateway);
  await set.gateway.waitForLog(({ msg }) => String(msg).startsWith('The canary is what is in force already'));
  await expectServed(set, () => 'one');
  await set.gateway.writeConfig(set.config({ share: 2, plugins: [sorter('v2')] }));
  expect((await postReload(set.gateway)).reasons.join()).toMatch(/canary\.share/);
  await set.gateway.writeConfig(set.config({ share }));
  expect((await postReload(set.gateway)).reasons.join()).toMatch(/canary: The canary is not whole/);
  await set.gateway.writeConfig(set.config(undefined));
  expect(await postReload(set.gateway)).toMatchObject({ status: 'applied' });
  expect((await composition(set.gateway)).canary).toBeUndefined();
}, 60_000);

it('is one canary in all workers, promoted in all or in none', async () => {
  const set = await scene(['--workers', '2']);
  for (let turn = 0; turn < 3; turn += 1) await expectServed(set, (key) => (isChosen(key) ? 'two' : 'one'));
  const promoted = await post(set.gateway, '/admin/canary/promote');
  expect(promoted).toMatchObject({ code: 200, status: 'applied' });
  for (let turn = 0; turn < 3; turn += 1) await expectServed(set, () => 'two');
  expect(await post(set.gateway, '/admin/canary/revert')).toMatchObject({ code: 409, status: 'refused' });
  await expectServed(set, () => 'two');
}, 90_000);
