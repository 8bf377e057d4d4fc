/** Plugins that fail where their entries, or good sense, say that nobody else shall suffer for it. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Gateway, openAiDeployment, openAiVendor, startGateway, startVendor, until } from '../support/index.ts';
import { ask, plugins, postReload } from './admin.ts';

const isSlowRun = process.env.RUTTER_TEST_SLOW === '1';

const manifest = (name: string, more: object = {}) =>
  JSON.stringify({ name, version: '1.0.0', rutter: { api: 1, kind: 'observer', name, entry: 'index.ts', ...more } });

const observer = (setup: string) =>
  `import { definePlugin } from '@rutter/plugin-sdk';\nexport default definePlugin({ kind: 'observer', setup(host) {\n  ${setup}\n} });\n`;

interface Started {
  readonly gateway: Gateway;
  /** Puts the plugin's entry, with more fields, into the configuration. */
  use(more: object): Promise<void>;
  rewrite(setup: string): Promise<void>;
}

/** A gateway that serves `house`, with a plugin beside its configuration that is not yet part of it. */
async function startBeside(setup: string, more: object = {}): Promise<Started> {
  const vendor = await startVendor(openAiVendor({ reply: 'a fine day' }));
  const config = { model_list: [openAiDeployment('house', vendor)], general_settings: { drain_timeout: 1 } };
  const gateway = await startGateway({
    config,
    files: { 'bad/package.json': manifest('bad', more), 'bad/index.ts': observer(setup) },
  });
  return {
    gateway,
    use: (fields) => gateway.writeConfig({ ...config, plugins: [{ use: './bad', trust: true, ...fields }] }),
    rewrite: (text) => writeFile(join(gateway.folder, 'bad/index.ts'), observer(text)),
  };
}

const served = { status: 200, text: 'a fine day' };
const rowOf = async (gateway: Gateway) => (await plugins(gateway)).plugins.find(({ name }) => name === 'bad');

describe('a plugin that fails to set up', () => {
  it('is left out where its entry says continue, and tried again with every reload', async () => {
    const { gateway, use, rewrite } = await startBeside("throw new Error('no luck');");
    await use({ on_failure: 'continue' });
    expect(await postReload(gateway)).toMatchObject({ httpStatus: 200, started: [] });
    expect(await rowOf(gateway)).toMatchObject({
      state: 'failed',
      generations: [],
      lastError: { message: expect.stringContaining('no luck') },
    });
    expect(await gateway.waitForLog(({ msg }) => msg === 'a plugin was left out')).toMatchObject({
      plugin: 'bad',
      state: 'failed',
      error: expect.stringContaining('no luck'),
    });
    expect(await ask(gateway)).toEqual(served);
    await rewrite('return {};');
    await postReload(gateway);
    expect(await rowOf(gateway)).toMatchObject({ state: 'running' });
  });

  it('is quarantined where its entry says so, until it is another one', async () => {
    const { gateway, use, rewrite } = await startBeside("host.log.info({}, 'tried'); throw new Error('no luck');");
    const tries = () => gateway.log().filter(({ msg }) => msg === 'tried').length;
    await use({ on_failure: 'quarantine' });
    await until('the gateway to have tried', async () => (await rowOf(gateway))?.state === 'quarantined');
    for (let count = 0; count < 3; count += 1)
      expect(await postReload(gateway)).toMatchObject({ httpStatus: 200, status: 'unchanged' });
    await gateway.waitForLog(({ msg }) => msg === 'tried');
    expect(tries()).toBe(1);
    expect(await ask(gateway)).toEqual(served);
    await rewrite("host.log.info({}, 'mended'); return {};");
    await until('the mended plugin to run', async () => (await rowOf(gateway))?.state === 'running');
    expect(tries()).toBe(1);
  });

  it('is left out too when what it returned cannot be put together with the rest', async () => {
    const { gateway, use } = await startBeside(
      "return { routes: [{ method: 'GET', path: '/admin/plugins', mode: 'json', permission: 'public', handler: () => ({}) }], dispose() { host.log.info({}, 'disposed'); } };",
    );
    await use({});
    expect((await postReload(gateway)).reasons.join()).toContain('Both kernel and bad offer GET /admin/plugins');
    await use({ on_failure: 'continue' });
    expect(await postReload(gateway)).toMatchObject({ httpStatus: 200, reasons: [] });
    expect(await rowOf(gateway)).toMatchObject({ state: 'failed' });
    await gateway.waitForLog(({ msg }) => msg === 'disposed');
    expect(await ask(gateway)).toEqual(served);
  });
});

describe.concurrent('a plugin that never ends', () => {
  const cases = [
    ['to set up', 'return new Promise(() => {});', 'took longer to set up than 10000 ms', false],
    [
      'to say that it is well',
      'return { health: () => new Promise(() => {}) };',
      'took longer to say that it is healthy than 5000 ms',
      false,
    ],
    ['to be loaded', 'return {};\n} });\nfor (;;) {}\n({ setup() {', 'expected a top level that ends', true],
  ] as const;

  for (const [title, setup, reason, isSlow] of cases)
    it.skipIf(isSlow && !isSlowRun)(
      `${title} is refused at its deadline, and requests go on all the while`,
      async ({ expect: check }) => {
        const { gateway, use } = await startBeside(setup);
        await use({});
        const reloading = postReload(gateway);
        let isOver = false;
        void reloading.then(() => {
          isOver = true;
        });
        let count = 0;
        while (!isOver) {
          check(await ask(gateway)).toEqual(served);
          count += 1;
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
        const answer = await reloading;
        check(answer).toMatchObject({ httpStatus: 409, status: 'refused', generation: 1 });
        check(answer.reasons.join()).toContain(reason);
        check(answer.reasons.join()).toMatch(/config\.yaml:\d+:/);
        check(count).toBeGreaterThan(10);
      },
      60_000,
    );

  it('to dispose keeps neither its successor nor the end of the gateway waiting', async ({ expect: check }) => {
    const { gateway, use, rewrite } = await startBeside('return { dispose: () => new Promise(() => {}) };');
    await use({});
    check(await postReload(gateway)).toMatchObject({ httpStatus: 200 });
    await rewrite('return {};');
    check(await postReload(gateway)).toMatchObject({ httpStatus: 200 });
    check(await ask(gateway)).toEqual(served);
    check((await rowOf(gateway))?.state).toBe('running');
    check(await gateway.stop(15_000)).toEqual({ code: 0, signal: null });
  }, 30_000);
});

describe('a plugin that throws where nobody catches', () => {
  it.each([
    ['a promise it let go', "void Promise.reject(new Error('let go')); return {};"],
    ['a timer of its own', "setTimeout(() => { throw new Error('let go'); }, 10); return {};"],
    ['a timer of the host', "host.every(20, () => { throw new Error('let go'); }); return {};"],
    [
      'an event of the kernel',
      "return { changed() { throw new Error('let go'); }, settled() { throw new Error('let go'); } };",
    ],
  ])('in %s ends neither requests nor the gateway', async (_title, setup) => {
    const { gateway, use } = await startBeside(setup, { needs: ['node'] });
    await use({});
    expect(await postReload(gateway)).toMatchObject({ httpStatus: 200 });
    expect(await ask(gateway)).toEqual(served);
    const line = await gateway.waitForLog(
      (entry) => Number(entry.level) >= 50 && JSON.stringify(entry).includes('let go'),
    );
    expect(JSON.stringify(line)).toContain('bad/index.ts');
    expect(await ask(gateway)).toEqual(served);
    expect(await gateway.stop()).toEqual({ code: 0, signal: null });
  });
});
