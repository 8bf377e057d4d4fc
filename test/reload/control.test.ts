/** Changes under an operator's hand: a look at what one would do, and the way back. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, expect, it } from 'vitest';
import {
  type Gateway,
  openAiDeployment,
  openAiVendor,
  root,
  startGateway,
  startVendor,
  until,
} from '../support/index.ts';
import { ask, getJson, plugins, postReload } from './admin.ts';

let gateway: Gateway;
afterEach(() => gateway?.stop());

const key = 'sk-test-secret-value';
/** A plugin whose text says what it answers. */
const guard = (word: string) => `
import { definePlugin } from '@rutter/plugin-sdk';
export default definePlugin({ kind: 'observer', setup: () => ({
  routes: [{ method: 'GET', path: '/word', mode: 'json', permission: 'public', handler: () => ({ body: { word: '${word}' } }) }],
}) });`;

const vendorOf = (reply: string) => startVendor(openAiVendor({ reply }));
const configuration = (vendor: Awaited<ReturnType<typeof vendorOf>>, settings: object = {}) => ({
  model_list: [openAiDeployment('house', vendor)],
  plugins: [{ use: './word', trust: true }],
  ...settings,
});

async function post(path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${gateway.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const found = (await response.json()) as Record<string, unknown>;
  return { httpStatus: response.status, ...found } as Record<string, unknown> & { httpStatus: number };
}

interface Generations {
  readonly current: number;
  readonly rollback?: { readonly to: number; readonly until: string };
  readonly generations: readonly { readonly number: number; readonly state: string; readonly rollbackOf?: number }[];
}
const generations = () => getJson<Generations>(gateway, '/admin/generations');
const word = async () => (await getJson<{ word: string }>(gateway, '/word')).word;
const wordIs = (text: string) => until(`the word ${text}`, async () => (await word()) === text, 15_000);

async function rutter(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const node = join(root, 'node_modules', '.bin', 'node');
  const script = join(root, 'core', 'cli', 'rutter.mjs');
  const env = { PATH: process.env.PATH, RUTTER_URL: gateway.url };
  return promisify(execFile)(node, [script, ...args], { cwd: gateway.folder, env }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
}

it('says what a candidate would start, stop and carry over, and why, and changes nothing', async () => {
  const vendor = await vendorOf('one');
  gateway = await startGateway({ config: configuration(vendor), files: { 'word/index.ts': guard('first') } });
  const next = configuration(vendor, {
    router_settings: { routing_strategy: 'least-busy', num_retries: 4 },
    plugins: [{ use: './word', as: 'renamed', trust: true }],
    general_settings: { master_key: key },
  });
  const plan = await post('/admin/reload?dry_run=true', { configuration: JSON.stringify(next) });
  expect(plan).toMatchObject({ httpStatus: 200, status: 'planned', generation: 1, reasons: [] });
  const steps = plan.steps as { action: string; name: string; because: string }[];
  const stepOf = (name: string) =>
    steps.filter((step) => step.name === name).map(({ action, because }) => [action, because]);
  expect(stepOf('least-busy')).toEqual([['start', 'new: router_settings.routing_strategy is least-busy']]);
  expect(stepOf('simple-shuffle')).toEqual([['stop', 'nothing calls for it any more']]);
  expect(stepOf('renamed')).toEqual([['start', expect.stringMatching(/^new: listed under "plugins"/)]]);
  expect(stepOf('word')).toEqual([['stop', 'nothing calls for it any more']]);
  expect(stepOf('provider-openai')).toEqual([['keep', 'nothing about it differs']]);
  expect(plan.settings).toEqual(expect.arrayContaining(['router_settings (added)', 'general_settings (added)']));
  expect(JSON.stringify(plan)).not.toContain(key);
  expect((await plugins(gateway)).generation).toBe(1);
  expect((await plugins(gateway)).plugins.map(({ name }) => name)).not.toContain('least-busy');
  // What stands in the file is what is in force.
  expect(await post('/admin/reload?dry_run=true')).toMatchObject({ status: 'unchanged', settings: [] });
});

it('says with file, line and path why a candidate would be refused, and what differs in one instance', async () => {
  const vendor = await vendorOf('one');
  gateway = await startGateway({ config: configuration(vendor), files: { 'word/index.ts': guard('first') } });
  const candidates: readonly (readonly [object, string])[] = [
    [{ router_settings: { num_retries: 'many' } }, 'not a whole number'],
    [{ router_settings: { routing_strategy: 'simple-shufle' } }, 'Did you mean'],
    [{ plugins: [{ use: 'observer-log', config: { levle: 'x' } }] }, 'has no option "levle"'],
    [{ plugins: ['./nowhere'] }, 'nowhere'],
  ];
  for (const [settings, reason] of candidates) {
    const configurationText = JSON.stringify(configuration(vendor, settings), undefined, 1);
    const plan = await post('/admin/reload?dry_run=true', { configuration: configurationText });
    expect(plan, reason).toMatchObject({ httpStatus: 409, status: 'refused', steps: expect.any(Array) });
    expect(String(plan.reasons)).toContain(reason);
    expect(String(plan.reasons)).toMatch(/config\.yaml:\d+:\d+: /);
  }
  const options = configuration(vendor, { plugins: [{ use: './word', trust: true, config: {}, for: ['house'] }] });
  const { steps } = await post('/admin/reload?dry_run=1', { configuration: JSON.stringify(options) });
  expect(steps).toContainEqual(
    expect.objectContaining({ name: 'word', action: 'keep', because: 'only the model groups it serves differ' }),
  );
  expect((await generations()).generations).toHaveLength(1);
});

it('goes back to what a plugin and a file were, though both are gone, until the files change', async () => {
  const [one, two] = await Promise.all([vendorOf('one'), vendorOf('two')]);
  gateway = await startGateway({ config: configuration(one), files: { 'word/index.ts': guard('first') } });
  await writeFile(join(gateway.folder, 'word', 'index.ts'), guard('second'));
  await wordIs('second');
  await gateway.writeConfig(configuration(two));
  await until('the other vendor', async () => (await ask(gateway)).text === 'two', 15_000);
  expect((await generations()).generations.map(({ number, state }) => [number, state])).toEqual([
    [1, 'ended'],
    [2, 'ended'],
    [3, 'current'],
  ]);
  const preview = await post('/admin/rollback?dry_run=true', { generation: 1 });
  expect(preview).toMatchObject({ status: 'planned', generation: 3 });
  expect(preview.steps).toContainEqual(
    expect.objectContaining({ name: 'word', action: 'start', because: 'its code differs' }),
  );
  expect(await post('/admin/rollback', { generation: 1 })).toMatchObject({
    httpStatus: 200,
    status: 'applied',
    generation: 4,
    holds_until: expect.stringContaining('next change of a file'),
  });
  expect([await word(), (await ask(gateway)).text]).toEqual(['first', 'one']);
  expect(await generations()).toMatchObject({ current: 4, rollback: { to: 1 } });
  await gateway.waitForLog(({ level, rollbackOf }) => level === 40 && rollbackOf === 1);
  // The watcher looks each second: a rollback that did not hold would be gone by its second look.
  await new Promise((resolve) => setTimeout(resolve, 2500));
  expect([await word(), (await generations()).current]).toEqual(['first', 4]);
  await writeFile(join(gateway.folder, 'word', 'index.ts'), guard('third'));
  await wordIs('third');
  expect((await ask(gateway)).text).toBe('two');
  expect((await generations()).rollback).toBeUndefined();
});

it('goes one back each time when no number is given, and takes up the files when a reload is asked for', async () => {
  const vendors = await Promise.all(['one', 'two', 'three'].map(vendorOf));
  const [one, two, three] = vendors as [(typeof vendors)[0], (typeof vendors)[0], (typeof vendors)[0]];
  gateway = await startGateway({ config: configuration(one), files: { 'word/index.ts': guard('first') } });
  for (const [vendor, text] of [
    [two, 'two'],
    [three, 'three'],
  ] as const) {
    await gateway.writeConfig(configuration(vendor));
    await until(text, async () => (await ask(gateway)).text === text, 15_000);
  }
  expect((await rutter('rollback')).stdout).toMatch(/^applied: generation 4\nIt holds until the next change of a file/);
  expect((await ask(gateway)).text).toBe('two');
  await post('/admin/rollback');
  expect((await ask(gateway)).text).toBe('one');
  expect(await post('/admin/rollback')).toMatchObject({ httpStatus: 400 });
  expect((await rutter('generations')).stdout).toContain('The composition of generation 1 holds until');
  expect((await rutter('diff')).stdout).toMatch(
    /^planned: generation 5 is in force\n[\s\S]*~ model_list\[0\]\.litellm_params\.api_base\n/,
  );
  expect(await postReload(gateway)).toMatchObject({ status: 'applied', generation: 6 });
  expect((await ask(gateway)).text).toBe('three');
  const candidate = join(gateway.folder, 'next.yaml');
  await writeFile(candidate, 'router_settings: { num_retries: many }\n');
  expect(await rutter('diff', candidate)).toMatchObject({ code: 1, stdout: expect.stringContaining('config.yaml:1:') });
  expect(await rutter('rollback', 'yesterday')).toMatchObject({ code: 1, stderr: expect.stringContaining('number') });
});

it('keeps ten generations, and says which when asked for another', async () => {
  const vendor = await vendorOf('one');
  gateway = await startGateway({ config: configuration(vendor), files: { 'word/index.ts': guard('first') } });
  for (let turn = 2; turn <= 12; turn += 1) {
    await gateway.writeConfig(configuration(vendor, { router_settings: { num_retries: turn } }));
    await until(`generation ${turn}`, async () => {
      await postReload(gateway);
      return (await generations()).current === turn;
    });
  }
  expect((await generations()).generations.map(({ number }) => number)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  const refused = await post('/admin/rollback', { generation: 2 });
  expect(refused).toMatchObject({ httpStatus: 400 });
  expect(JSON.stringify(refused)).toContain('Found 3, 4, 5');
  expect((await generations()).current).toBe(12);
});

it('goes back to each of the last ten generations, as they were', async () => {
  const vendor = await vendorOf('one');
  const named = (name: string) => ({ ...configuration(vendor), model_list: [openAiDeployment(name, vendor)] });
  gateway = await startGateway({ config: named('house-1'), files: { 'word/index.ts': guard('first') } });
  for (let turn = 2; turn <= 10; turn += 1) {
    await gateway.writeConfig(named(`house-${turn}`));
    // Left to the watch: what it has yet to see would be the next change of a file, which ends a rollback.
    await until(`generation ${turn}`, async () => (await generations()).current === turn);
  }
  // Each rollback is a generation too: the oldest of ten is the next in turn.
  for (let turn = 1; turn <= 10; turn += 1) {
    expect((await generations()).generations[0]?.number).toBe(turn);
    expect(await post('/admin/rollback', { generation: turn })).toMatchObject({
      httpStatus: 200,
      generation: turn + 10,
    });
    const statuses = [ask(gateway, `house-${turn}`), ask(gateway, `house-${turn === 1 ? 10 : turn - 1}`)];
    expect((await Promise.all(statuses)).map(({ status }) => status)).toEqual([200, 400]);
  }
});

it('refuses what it is asked in the wrong words, or by the wrong caller', async () => {
  const vendor = await vendorOf('one');
  const config = configuration(vendor, { general_settings: { master_key: key } });
  gateway = await startGateway({ config, files: { 'word/index.ts': guard('first') } });
  for (const path of ['/admin/rollback', '/admin/reload?dry_run=true'])
    expect(await post(path), path).toMatchObject({ httpStatus: 401 });
  const headers = { authorization: `Bearer ${key}` };
  const wrong: readonly (readonly [string, unknown])[] = [
    ['/admin/reload?dry_run=perhaps', undefined],
    ['/admin/reload?dry_run=true', { configuration: 7 }],
    ['/admin/reload', { configuration: 'model_list: []' }],
    ['/admin/rollback', { generation: 'first' }],
    ['/admin/rollback', { generation: -1 }],
    ['/admin/rollback', { generation: 1.5 }],
    ['/admin/rollback', [1]],
    ['/admin/rollback', '{'],
  ];
  for (const [path, body] of wrong)
    expect(await post(path, body, headers), `${path} ${JSON.stringify(body)}`).toMatchObject({ httpStatus: 400 });
  const response = await fetch(`${gateway.url}/admin/generations`, { headers });
  expect(((await response.json()) as Generations).current).toBe(1);
});

it('goes back in all workers or in none', async () => {
  const [one, two] = await Promise.all([vendorOf('one'), vendorOf('two')]);
  const files = { 'word/index.ts': guard('first') };
  gateway = await startGateway({ config: configuration(one), files, args: ['--workers', '2'], startMs: 30_000 });
  await gateway.writeConfig(configuration(two));
  const answers = async () =>
    new Set(await Promise.all(Array.from({ length: 8 }, async () => (await ask(gateway)).text)));
  await until('the other vendor', async () => [...(await answers())].join() === 'two', 15_000);
  expect(await post('/admin/rollback', { generation: 1 })).toMatchObject({ httpStatus: 200, generation: 3 });
  expect([...(await answers())]).toEqual(['one']);
  expect(await post('/admin/rollback', { generation: 9 })).toMatchObject({ status: 'refused', generation: 3 });
  expect([...(await answers())]).toEqual(['one']);
});
