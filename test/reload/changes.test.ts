/** How changes on disk reach a running gateway: all of them, each once, and never half. */
import { appendFile, mkdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import {
  type Gateway,
  openAiDeployment,
  openAiVendor,
  startGateway,
  startVendor,
  until,
  type Vendor,
} from '../support/index.ts';
import { ask, getJson, plugins, postReload } from './admin.ts';

/** A change must be in force this soon; it is measured once, since the machine may have more to do. */
const soonMs = 2000;
const sometimeMs = 15_000;

let gateway: Gateway;
afterEach(() => gateway?.stop());

const vendorOf = (reply: string): Promise<Vendor> => startVendor(openAiVendor({ reply }));
const housed = (vendor: Vendor) => ({ model_list: [openAiDeployment('house', vendor)] });

const configFile = () => join(gateway.folder, 'config.yaml');
const generation = async () => (await plugins(gateway)).generation;
const inForce = (reply: string, ms = sometimeMs) =>
  until(`"${reply}" to be in force`, async () => (await ask(gateway)).text === reply, ms);
/** What the log says of changes. */
const changes = () => gateway.log().filter(({ name }) => name === 'reload');

it('are in force within two seconds, each once', async () => {
  const [one, two, three] = await Promise.all([vendorOf('one'), vendorOf('two'), vendorOf('three')]);
  gateway = await startGateway({ config: housed(one) });
  expect(await ask(gateway)).toEqual({ status: 200, text: 'one' });
  await gateway.writeConfig(housed(two));
  await inForce('two', soonMs);
  await writeFile(configFile(), JSON.stringify(housed(three)));
  await inForce('three', soonMs);
  expect(await generation()).toBe(3);
  expect(changes().filter(({ level }) => Number(level) > 30)).toEqual([]);
});

it('are told by SIGHUP and by three routes as well, and say so where nothing has changed', async () => {
  const [one, two] = await Promise.all([vendorOf('one'), vendorOf('two')]);
  gateway = await startGateway({ config: housed(one) });
  for (const path of ['/admin/reload', '/config/reload', '/llmrouter/reload'] as const)
    expect(await postReload(gateway, path)).toMatchObject({ httpStatus: 200, status: 'unchanged', generation: 1 });
  await gateway.writeConfig(housed(two));
  gateway.signal('SIGHUP');
  await inForce('two');
  // Many at once are taken together: whoever asks gets the same answer.
  await gateway.writeConfig(housed(one));
  for (let count = 0; count < 10; count += 1) gateway.signal('SIGHUP');
  const answers = await Promise.all(Array.from({ length: 30 }, () => postReload(gateway)));
  expect(new Set(answers.map(({ httpStatus, generation: number }) => `${httpStatus} ${number}`))).toEqual(
    new Set(['200 3']),
  );
  await gateway.waitForLog(({ msg, generation: number }) => msg === 'a new generation is in force' && number === 3);
  expect(changes().filter(({ msg }) => msg === 'a new generation is in force')).toHaveLength(3);
});

it('of a file written in pieces are read once, when it has come to rest', async () => {
  const vendor = await vendorOf('one');
  const entry = (name: string) => `  - ${JSON.stringify(openAiDeployment(name, vendor))}\n`;
  gateway = await startGateway({ config: `model_list:\n${entry('house')}` });
  // Each piece leaves a file that could be read, and must not be. A writer whom a busy machine keeps
  // waiting for as long as a file has to rest has not been quick, and tries again.
  const pieces = (turn: number) => Array.from({ length: 30 }, (_, piece) => entry(`room-${turn}-${piece}`));
  await quickly(async (turn) => {
    const before = await generation();
    const worstMs = await writePieces([`model_list:\n${entry('house')}`, ...pieces(turn)]);
    const last = `room-${turn}-29`;
    await until('the last piece to be in force', async () => (await ask(gateway, last)).status === 200, sometimeMs);
    if (worstMs < restMs) expect(await generation()).toBe(before + 1);
    return worstMs;
  });
  // Cut short in the middle of a line, which alone would be refused.
  await quickly(async (turn) => {
    const before = await generation();
    const refused = () => changes().filter(({ level }) => level === 50).length;
    const refusedBefore = refused();
    const worstMs = await writePieces([
      '',
      'model_list:\n  - {model_name: hall',
      `-${turn}, litellm_par`,
      `ams: {model: "openai/a", api_base: "${vendor.url}/v1", api_key: sk-x}}\n`,
    ]);
    await until('the hall to be there', async () => (await ask(gateway, `hall-${turn}`)).status === 200, sometimeMs);
    if (worstMs >= restMs) return worstMs;
    expect(await generation()).toBe(before + 1);
    expect(refused()).toBe(refusedBefore);
    return worstMs;
  });
});

/** Shorter than a file has to rest, by what the machine may take to look at it. */
const restMs = 80;

/** Gives the longest time between two pieces. */
async function writePieces([first = '', ...rest]: readonly string[]): Promise<number> {
  let worstMs = 0;
  let lastAt = performance.now();
  const wrote = () => {
    worstMs = Math.max(worstMs, performance.now() - lastAt);
    lastAt = performance.now();
  };
  await writeFile(configFile(), first);
  lastAt = performance.now();
  for (const piece of rest) {
    await sleep(20);
    await appendFile(configFile(), piece);
    wrote();
  }
  return worstMs;
}

async function quickly(attempt: (turn: number) => Promise<number>): Promise<void> {
  let worstMs = Number.POSITIVE_INFINITY;
  for (let turn = 1; turn <= 8 && worstMs >= restMs; turn += 1) worstMs = await attempt(turn);
  expect(worstMs).toBeLessThan(restMs);
}

it('that change nothing do nothing', async () => {
  const vendor = await vendorOf('one');
  const text = JSON.stringify(housed(vendor));
  gateway = await startGateway({ config: text });
  const before = changes().length;
  await utimes(configFile(), 1, 1);
  await sleep(300);
  await writeFile(configFile(), text);
  await writeFile(join(gateway.folder, 'unrelated.yaml'), 'model_list: [');
  await sleep(1500);
  expect(await generation()).toBe(1);
  expect(changes().length).toBe(before);
});

it('are seen whichever way an editor writes', async () => {
  const [one, two, three, four] = await Promise.all(['one', 'two', 'three', 'four'].map(vendorOf));
  if (!(one && two && three && four)) throw new Error('Four vendors were started.');
  gateway = await startGateway({ config: housed(one) });
  // As vim does: the old file becomes a copy, a new one takes its name, the copy goes.
  await rename(configFile(), `${configFile()}~`);
  await writeFile(configFile(), JSON.stringify(housed(two)));
  await rm(`${configFile()}~`);
  await inForce('two');
  // Away for a moment, as with some file systems in between.
  await rm(configFile());
  await sleep(40);
  await writeFile(configFile(), JSON.stringify(housed(three)));
  await inForce('three');
  // Emptied, then written through the same file.
  await writeFile(configFile(), '');
  await writeFile(configFile(), JSON.stringify(housed(four)));
  await inForce('four');
  expect(changes().filter(({ level }) => level === 50)).toEqual([]);
});

it('are seen when a link is swapped, as Kubernetes does with its volumes', async () => {
  const [one, two, three] = await Promise.all([vendorOf('one'), vendorOf('two'), vendorOf('three')]);
  gateway = await startGateway({ config: housed(one) });
  const volume = join(gateway.folder, 'volume');
  const version = async (name: string, vendor: Vendor) => {
    await mkdir(join(volume, name), { recursive: true });
    await writeFile(join(volume, name, 'config.yaml'), JSON.stringify(housed(vendor)));
  };
  await version('..1', two);
  await symlink('..1', join(volume, '..data'));
  await symlink('volume/..data/config.yaml', `${configFile()}.link`);
  await rename(`${configFile()}.link`, configFile());
  await inForce('two');
  await version('..2', three);
  await symlink('..2', join(volume, '..data_tmp'));
  await rename(join(volume, '..data_tmp'), join(volume, '..data'));
  await inForce('three');
});

it('of an include are seen, of one too that was missing when it was first named', async () => {
  const vendor = await vendorOf('one');
  gateway = await startGateway({ config: housed(vendor) });
  await gateway.writeConfig({ include: ['more.yaml'] });
  await gateway.waitForLog(({ level, msg }) => level === 50 && String(msg).includes('does not exist'));
  expect(await ask(gateway)).toEqual({ status: 200, text: 'one' });
  await writeFile(
    join(gateway.folder, 'more.yaml'),
    JSON.stringify({ model_list: [openAiDeployment('more', vendor)] }),
  );
  await until('the include to be in force', async () => (await ask(gateway, 'more')).status === 200, sometimeMs);
  await writeFile(
    join(gateway.folder, 'more.yaml'),
    JSON.stringify({ model_list: [openAiDeployment('most', vendor)] }),
  );
  await until('its change to be in force', async () => (await ask(gateway, 'most')).status === 200, sometimeMs);
});

const greeter = (word: string) => `
import { definePlugin } from '@rutter/plugin-sdk';
import { greeting } from './words/greeting.ts';
export default definePlugin({ kind: 'observer', setup: () => ({
  routes: [{ method: 'GET', path: '/greeting', mode: 'json', permission: 'public', handler: () => ({ body: { word: '${word}', greeting } }) }],
}) });`;
const manifest = (name: string, more: object = {}) =>
  JSON.stringify({ name, version: '1.0.0', rutter: { api: 1, kind: 'observer', name, entry: 'index.ts', ...more } });

it("of a trusted plugin's sources have it packed anew and replaced", async () => {
  gateway = await startGateway({
    config: { plugins: [{ use: './greeter', trust: true }] },
    files: {
      'greeter/package.json': manifest('greeter'),
      'greeter/index.ts': greeter('one'),
      'greeter/words/greeting.ts': "export const greeting = 'hello';\n",
    },
  });
  const greeting = () => getJson(gateway, '/greeting');
  const says = (word: string, said: string) =>
    until(
      `the plugin to say ${word} ${said}`,
      async () => JSON.stringify(await greeting()) === JSON.stringify({ word, greeting: said }),
      sometimeMs,
    );
  await says('one', 'hello');
  const [before] = (await plugins(gateway)).plugins.filter(({ name }) => name === 'greeter');
  await writeFile(join(gateway.folder, 'greeter/index.ts'), greeter('two'));
  await says('two', 'hello');
  await writeFile(join(gateway.folder, 'greeter/words/greeting.ts'), "export const greeting = 'good day';\n");
  await says('two', 'good day');
  const after = await plugins(gateway);
  expect(after.plugins.filter(({ name }) => name === 'greeter')).toMatchObject([
    { state: 'running', generations: [after.generation] },
  ]);
  expect(after.plugins.find(({ name }) => name === 'greeter')?.digest).not.toBe(before?.digest);

  // A slip of the pen changes nothing, and says where it is.
  await writeFile(join(gateway.folder, 'greeter/words/greeting.ts'), "export const greeting = 'good\n");
  const line = await gateway.waitForLog(({ level, msg }) => level === 50 && String(msg).includes('greeting.ts:1:'));
  expect(line).toMatchObject({ file: configFile() });
  expect(await greeting()).toEqual({ word: 'two', greeting: 'good day' });
  expect(await generation()).toBe(after.generation);
  await writeFile(join(gateway.folder, 'greeter/words/greeting.ts'), "export const greeting = 'farewell';\n");
  await says('two', 'farewell');
});

it('made while the gateway starts are not missed', async () => {
  const [one, two] = await Promise.all([vendorOf('one'), vendorOf('two')]);
  // Rewrites the configuration once it has been read, and before the gateway listens.
  const meddler = `
import { existsSync, writeFileSync } from 'node:fs';
import { definePlugin } from '@rutter/plugin-sdk';
export default definePlugin({ kind: 'observer', setup() {
  if (!existsSync('meddled')) writeFileSync('config.yaml', ${JSON.stringify(JSON.stringify(housed(two)))});
  writeFileSync('meddled', '');
  return {};
} });`;
  gateway = await startGateway({
    config: { ...housed(one), plugins: [{ use: './meddler', trust: true }] },
    files: { 'meddler/package.json': manifest('meddler', { needs: ['node'] }), 'meddler/index.ts': meddler },
  });
  await inForce('two');
  expect(await generation()).toBe(2);
});

it('wait, visibly, while eight generations still serve, and come when one of them has ended', async () => {
  const chunks = Array.from({ length: 5000 }, (_none, index) => `w${index} `);
  const vendor = await startVendor(openAiVendor({ chunks, delays: { betweenMs: 50 } }));
  const config = (timeout: number) => ({ ...housed(vendor), router_settings: { timeout } });
  gateway = await startGateway({ config: config(100) });
  const leaving = new AbortController();
  const open = async () => {
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'house', stream: true, messages: [{ role: 'user', content: 'hello' }] }),
      signal: leaving.signal,
    });
    await response.body?.getReader().read();
  };
  await open();
  for (let number = 2; number <= 8; number += 1) {
    await gateway.writeConfig(config(100 + number));
    expect(await postReload(gateway)).toMatchObject({ httpStatus: 200, generation: number });
    await open();
  }
  await gateway.writeConfig(config(200));
  let answer: Awaited<ReturnType<typeof postReload>> | undefined;
  void postReload(gateway).then((given) => {
    answer = given;
  });
  const { waiting } = await until('the change to wait', async () => {
    const now = await plugins(gateway);
    return now.waiting && now;
  });
  expect(waiting?.sources).toContain('admin');
  await sleep(300);
  expect(answer).toBeUndefined();
  expect(await generation()).toBe(8);
  leaving.abort();
  expect(await until('the change to be in force', () => answer, sometimeMs)).toMatchObject({
    httpStatus: 200,
    generation: 9,
  });
  expect((await plugins(gateway)).waiting).toBeUndefined();
}, 90_000);
