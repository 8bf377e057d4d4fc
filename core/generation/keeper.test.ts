import { join } from 'node:path';
import { setTimeout as realSleep } from 'node:timers/promises';
import { manualClock } from '@rutter/plugin-sdk/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bench, happened, tellingSource } from './fixtures/bench.ts';
import type { GenerationKeeper } from './keeper.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await Bench.create();
});
afterEach(() => bench.end());

const boot = async (keeper: GenerationKeeper<never> | GenerationKeeper<unknown>) => {
  const report = await keeper.apply({ source: 'boot' });
  expect(report.reasons).toEqual([]);
  return report;
};

const names = (keeper: { current: { instances: readonly { name: string }[] } | undefined }) =>
  keeper.current?.instances.map(({ name }) => name);

describe('a first generation', () => {
  it('takes what nothing has asked for from the defaults, and says so', async () => {
    const keeper = bench.keeper();
    expect(await boot(keeper)).toMatchObject({
      ok: true,
      changed: true,
      generation: 1,
      sources: ['boot'],
      started: ['store-none', 'state-none'],
    });
    expect(
      keeper.list().map(({ name, state, reason, place, leases }) => ({ name, state, reason, place, leases })),
    ).toEqual([
      { name: 'store-none', state: 'running', reason: 'default store', place: 'in-process', leases: 0 },
      { name: 'state-none', state: 'running', reason: 'default state', place: 'in-process', leases: 0 },
    ]);
    expect(bench.events).toEqual([{ type: 'generation-started', generation: 1 }]);
  });

  it('registers its instances under a token per kind, in a container of its own', async () => {
    await bench.ship('one', { kind: 'observer' }, tellingSource('one'));
    await bench.ship('two', { kind: 'observer' }, tellingSource('two'));
    await bench.configure('plugins: [two, one]\n');
    const keeper = bench.keeper();
    await boot(keeper);
    expect(keeper.current?.ofKind('observer').map(({ name }) => name)).toEqual(['two', 'one']);
    expect(keeper.current?.ofKind('guard')).toEqual([]);
  });

  it('hands services over, providers first, whatever the order in the file', async () => {
    const using = `import { definePlugin } from '@rutter/plugin-sdk';
      export default definePlugin({ kind: 'observer', setup(host) { globalThis.happened.push('using ' + host.use('greeting').hello); return {}; } });`;
    const providing = `import { definePlugin } from '@rutter/plugin-sdk';
      export default definePlugin({ kind: 'observer', setup: () => ({ services: { greeting: { hello: 'hello' } } }) });`;
    await bench.ship('using', { kind: 'observer', uses: ['greeting', 'models'] }, using);
    await bench.ship('providing', { kind: 'observer', provides: ['greeting'] }, providing);
    await bench.configure('plugins: [using]\n');
    const keeper = bench.keeper();
    await boot(keeper);
    expect(happened).toEqual(['using hello']);
    expect(keeper.list().find(({ name }) => name === 'providing')?.reason).toBe('provides greeting for using');
  });

  it('applies migrations before the first look at health', async () => {
    const parts = "migrations: [{ id: '0001-a', sql: '' }], health() { globalThis.happened.push('health'); },";
    await bench.ship('one', { kind: 'observer' }, tellingSource('one', 'observer', parts));
    await bench.configure('plugins: [one]\n');
    await boot(bench.keeper());
    expect(happened).toEqual(['setup one', 'migrate one 1', 'health']);
  });
});

describe('a change', () => {
  beforeEach(async () => {
    await bench.ship('one', { kind: 'observer' }, tellingSource('one'));
    await bench.ship('two', { kind: 'observer' }, tellingSource('two'));
    await bench.configure('plugins: [one, two]\n');
  });

  it('carries over what it leaves alone, and ends the rest once nobody holds it', async () => {
    const keeper = bench.keeper();
    await boot(keeper);
    const first = keeper.current;
    const lease = first?.lease();
    await bench.configure('plugins: [one, { use: two, config: { label: second } }]\n');
    expect(await keeper.apply({ source: 'file' })).toMatchObject({
      ok: true,
      generation: 2,
      started: ['two'],
      kept: expect.arrayContaining(['one']),
    });
    expect(happened).toEqual(['setup one', 'setup two', 'setup second']);
    expect(
      keeper.list().map(({ name, state, generations, leases }) => [name, state, generations.join(), leases]),
    ).toContainEqual(['two', 'draining', '1', 1]);
    lease?.release();
    lease?.release();
    await first?.settled;
    expect(happened.at(-1)).toBe('dispose two');
    expect(keeper.live.map(({ number }) => number)).toEqual([2]);
    expect(() => first?.lease()).toThrow('Generation 1 has ended');
  });

  it('disposes in the reverse order of set-up', async () => {
    const keeper = bench.keeper();
    await boot(keeper);
    await keeper.close(0);
    expect(happened).toEqual(['setup one', 'setup two', 'dispose two', 'dispose one']);
  });

  it('that changes nothing makes no generation', async () => {
    const keeper = bench.keeper();
    await boot(keeper);
    expect(await keeper.apply({ source: 'file' })).toMatchObject({ ok: true, changed: false, generation: 1 });
    expect(keeper.live).toHaveLength(1);
  });

  it('of the store ends and begins anew whoever uses it', async () => {
    await bench.ship('user', { kind: 'observer', uses: ['store'] }, tellingSource('user'));
    await bench.ship(
      'store-other',
      { kind: 'store' },
      tellingSource('store-other', 'store', 'migrate() {}, query() {}, run() {}, append() {}, flush() {},'),
    );
    await bench.configure('plugins: [user]\n');
    const keeper = bench.keeper();
    await boot(keeper);
    const first = keeper.current;
    await bench.configure('plugins: [user, store-other]\n');
    expect(await keeper.apply({ source: 'file' })).toMatchObject({ ok: true, started: ['store-other', 'user'] });
    await first?.settled;
    expect(happened).toEqual(['setup user', 'setup store-other', 'setup user', 'dispose user']);
  });

  it('is taken together with others that come while it waits, and all get one answer', async () => {
    const keeper = bench.keeper();
    const reports = await Promise.all(['boot', 'file', 'admin', 'file'].map((source) => keeper.apply({ source })));
    expect(new Set(reports).size).toBeLessThanOrEqual(2);
    expect(new Set(reports.flatMap(({ sources }) => sources))).toEqual(new Set(['boot', 'file', 'admin']));
    expect(keeper.current?.number).toBe(1);
  });

  it('waits, visibly, while eight generations live', async () => {
    const keeper = bench.keeper();
    const leases = [];
    for (let index = 0; index < 8; index += 1) {
      await bench.configure(`plugins: [{ use: one, config: { label: 'turn ${index}' } }]\n`);
      await boot(keeper);
      leases.push(keeper.current?.lease());
    }
    await bench.configure('plugins: [{ use: one, config: { label: ninth } }]\n');
    const ninth = keeper.apply({ source: 'file' });
    await new Promise(setImmediate);
    expect(keeper.waiting?.sources).toEqual(['file']);
    expect(keeper.apply({ source: 'admin' })).toBe(ninth);
    expect(keeper.live).toHaveLength(8);
    leases[0]?.release();
    expect(await ninth).toMatchObject({ ok: true, generation: 9, sources: ['file', 'admin'] });
    expect(keeper.waiting).toBeUndefined();
  });

  it('tells whoever still holds the old generation to stop at the drain deadline', async () => {
    const clock = manualClock();
    const manual = await Bench.create(clock);
    const keeper = manual.keeper({ deadlines: { setupMs: 1e9, smokeMs: 1e9, disposeMs: 1e9 } });
    await boot(keeper);
    const first = keeper.current;
    const lease = first?.lease();
    await manual.ship('one', { kind: 'observer' }, tellingSource('one'));
    await manual.configure('plugins: [one]\ngeneral_settings: { drain_timeout: 60s }\n');
    await keeper.apply({ source: 'file' });
    await clock.advance(59_999);
    expect(lease?.signal.aborted).toBe(false);
    await clock.advance(1);
    expect(lease?.signal.reason).toMatchObject({ code: 'ERR_KERNEL_DRAINING' });
    expect(keeper.live).toContain(first);
    await clock.advance(5000);
    await first?.settled;
    expect(keeper.live).not.toContain(first);
    await manual.end();
  });
});

describe('two-phase changes', () => {
  beforeEach(async () => {
    await bench.ship('one', { kind: 'observer' }, tellingSource('one'));
  });

  it('put in force what was prepared, at commit and not before', async () => {
    const keeper = bench.keeper();
    await boot(keeper);
    await bench.configure('plugins: [one]\n');
    const prepared = await keeper.prepare({ source: 'admin' });
    expect(keeper.current?.number).toBe(1);
    expect(keeper.commit(prepared)).toMatchObject({ ok: true, generation: 2 });
    expect(names(keeper)).toEqual(['one', 'store-none', 'state-none']);
    expect(() => keeper.commit(prepared)).toThrow('no prepared generation');
  });

  it('leave nothing of what was aborted, and let the next change through', async () => {
    const keeper = bench.keeper();
    await boot(keeper);
    await bench.configure('plugins: [one]\n');
    const prepared = await keeper.prepare({ source: 'admin' });
    const next = keeper.apply({ source: 'file' });
    await keeper.abort(prepared);
    expect(happened).toEqual(['setup one', 'dispose one']);
    expect(await next).toMatchObject({ ok: true, generation: 2 });
  });
});

describe('a plugin that sets up wrongly', () => {
  const yaml = 'plugins:\n  - use: bad\n';
  const withSetup = (body: string, kind = 'observer') =>
    `import { definePlugin } from '@rutter/plugin-sdk';\nexport default definePlugin({ kind: '${kind}', async setup(host) {\n  ${body}\n} });`;

  /** The reasons of a refused change from a generation that serves to one with the plugin `bad`. */
  async function refusal(
    text: string,
    manifest: object = { kind: 'observer' },
    { configuration = yaml, setupMs = 10_000 } = {},
  ): Promise<string> {
    const keeper = bench.keeper({ deadlines: { setupMs } });
    await boot(keeper);
    const before = keeper.current;
    await bench.ship('bad', manifest, text);
    await bench.configure(configuration);
    const report = await keeper.apply({ source: 'file' });
    expect(report).toMatchObject({ ok: false, changed: false, generation: 1 });
    expect(keeper.current).toBe(before);
    expect(before?.isRetired).toBe(false);
    expect(bench.events.at(-1)).toMatchObject({ type: 'reload-refused', reasons: report.reasons });
    return report.reasons.join('\n');
  }

  const where = () => `${join(bench.root, 'config.yaml')}:2:5: plugins[2]: `;

  it('is refused with the line of its source when it throws', async () => {
    const reason = await refusal(withSetup("throw new Error('no luck');"));
    expect(reason).toContain(`${where()}Plugin "bad" failed to set up: no luck`);
    expect(reason).toContain(`${join(bench.root, 'plugins/bad/index.ts')}:3:9`);
  });

  it('is refused when it hangs, and ended should it come to itself later', async () => {
    const text = withSetup(
      "await new Promise((resolve) => { globalThis.wake = resolve; });\n return { dispose() { globalThis.happened.push('dispose late'); } };",
    );
    expect(await refusal(text, { kind: 'observer' }, { setupMs: 300 })).toContain(
      `${where()}Plugin "bad" took longer to set up than 300 ms.`,
    );
    (globalThis as unknown as { wake(): void }).wake();
    await new Promise(setImmediate);
    expect(happened).toContain('dispose late');
  });

  it('is refused when it says that it is not healthy, and disposed of', async () => {
    const text = withSetup(
      "return { health() { throw new Error('down'); }, dispose() { globalThis.happened.push('dispose bad'); } };",
    );
    expect(await refusal(text)).toContain('failed to set up: down');
    expect(happened).toEqual(['dispose bad']);
  });

  it('is refused when it returns less than its kind asks for', async () => {
    expect(await refusal(withSetup('return {};', 'strategy'), { kind: 'strategy' })).toContain(
      'returned an object without select',
    );
    await bench.end();
    bench = await Bench.create();
    expect(await refusal(withSetup('return {};'), { kind: 'observer', provides: ['tools'] })).toContain(
      'returned no services.tools',
    );
  });

  it('is refused when its options do not fit, each at its line', async () => {
    const text = `import { definePlugin, z } from '@rutter/plugin-sdk';
      export default definePlugin({ kind: 'observer', config: z.object({ limit: z.int().max(5), inner: z.object({ deep: z.string().optional() }).optional() }), setup: () => ({}) });`;
    const configuration =
      'plugins:\n  - use: bad\n    config:\n      limt: 3\n      limit: many\n      inner:\n        depp: x\n';
    const reason = await refusal(text, { kind: 'observer' }, { configuration });
    const file = join(bench.root, 'config.yaml');
    expect(reason).toContain(
      `${file}:4:7: plugins[2].config.limt: Plugin "bad" has no option "limt". Did you mean "limit"?`,
    );
    expect(reason).toMatch(
      /config\.yaml:5:\d+: plugins\[2\]\.config\.limit: .* Found a text; expected a value of type number/,
    );
    expect(reason).toContain('has no option "depp". Did you mean "deep"?');
    expect(reason).not.toContain('many');
  });

  it('is refused when the text was changed after packing', async () => {
    await bench.ship('bad', { kind: 'observer' }, withSetup('return {};'));
    await bench.write('plugins/bad/dist/plugin.cjs', 'module.exports = {};');
    await bench.configure(yaml);
    const report = await bench.keeper().apply({ source: 'boot' });
    expect(report.reasons.join()).toContain('was changed after it was packed');
  });

  it('is left out when its entry says continue, and tried again at the next change', async () => {
    const text = withSetup("globalThis.happened.push('try'); throw new Error('no luck');");
    await bench.ship('bad', { kind: 'observer' }, text);
    await bench.configure('plugins:\n  - { use: bad, on_failure: continue }\n');
    const keeper = bench.keeper();
    expect(await keeper.apply({ source: 'boot' })).toMatchObject({
      ok: true,
      leftOut: [{ name: 'bad', state: 'failed', error: expect.stringContaining('no luck') }],
    });
    expect(keeper.list().at(-1)).toMatchObject({
      name: 'bad',
      state: 'failed',
      lastError: { message: expect.stringContaining('no luck') },
    });
    await keeper.apply({ source: 'file' });
    expect(happened).toEqual(['try', 'try']);
  });

  it('is left out for good when its entry says quarantine', async () => {
    const text = withSetup("globalThis.happened.push('try'); throw new Error('no luck');");
    await bench.ship('bad', { kind: 'observer' }, text);
    await bench.configure('plugins:\n  - { use: bad, on_failure: quarantine }\n');
    const keeper = bench.keeper();
    await boot(keeper);
    await bench.configure(
      'plugins:\n  - { use: bad, on_failure: quarantine }\n  - { use: bad, as: other, on_failure: continue }\n',
    );
    expect(await keeper.apply({ source: 'file' })).toMatchObject({
      ok: true,
      leftOut: [{ name: 'bad', state: 'quarantined' }, { name: 'other' }],
    });
    expect(happened).toEqual(['try', 'try']);
  });

  it('is not left out when the gateway cannot do without it', async () => {
    await bench.ship('bad', { kind: 'store' }, withSetup("throw new Error('no disk');", 'store'));
    await bench.configure('plugins:\n  - { use: bad, on_failure: continue }\n');
    expect(await bench.keeper().apply({ source: 'boot' })).toMatchObject({
      ok: false,
      reasons: [expect.stringContaining('no disk')],
    });
  });
});

describe('faults that happen later', () => {
  it('of timers are kept as the last error, with the line of the source', async () => {
    const clock = manualClock();
    const manual = await Bench.create(clock);
    const text = `import { definePlugin } from '@rutter/plugin-sdk';
export default definePlugin({ kind: 'observer', setup(host) { host.every(1000, () => {
  throw new Error('tick'); }); return {}; } });`;
    await manual.ship('one', { kind: 'observer' }, text);
    await manual.configure('plugins: [one]\n');
    const keeper = manual.keeper();
    await boot(keeper);
    await clock.advance(1000);
    expect(keeper.list()[0]?.lastError).toEqual({ at: clock.now(), message: 'tick' });
    const line = manual.lines.find(({ level }) => level === 'error');
    expect(line?.fields.error).toContain(`${join(manual.root, 'plugins/one/index.ts')}:3:9`);
    await manual.end();
  });

  it('of dispose are logged and keep nothing else from ending', async () => {
    await bench.ship('one', { kind: 'observer' }, tellingSource('one'));
    await bench.ship(
      'two',
      { kind: 'observer' },
      tellingSource('two', 'observer', 'get health() { return undefined; },').replace(
        "globalThis.happened.push('dispose ' + label);",
        "throw new Error('stuck');",
      ),
    );
    await bench.configure('plugins: [one, two]\n');
    const keeper = bench.keeper();
    await boot(keeper);
    await keeper.close(0);
    expect(happened.at(-1)).toBe('dispose one');
    expect(bench.lines.find(({ instance, level }) => instance === 'two' && level === 'error')?.message).toBe(
      'the plugin failed to dispose',
    );
  });
});

it('starts a composition of shipped plugins well within a second', async () => {
  for (let index = 0; index < 20; index += 1)
    await bench.ship(`plugin-${index}`, { kind: 'observer' }, tellingSource(`plugin-${index}`));
  await bench.configure(`plugins: [${Array.from({ length: 20 }, (_, index) => `plugin-${index}`).join(', ')}]\n`);
  await realSleep(0);
  const report = await bench.keeper().apply({ source: 'boot' });
  expect(report.ok).toBe(true);
  expect(report.durationMs).toBeLessThan(1000);
});
