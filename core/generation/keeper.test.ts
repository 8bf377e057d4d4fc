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

it('starts a composition of shipped plugins well within a second', async () => {
  for (let index = 0; index < 20; index += 1)
    await bench.ship(`plugin-${index}`, { kind: 'observer' }, tellingSource(`plugin-${index}`));
  await bench.configure(`plugins: [${Array.from({ length: 20 }, (_, index) => `plugin-${index}`).join(', ')}]\n`);
  const report = await bench.keeper().apply({ source: 'boot' });
  expect(report.ok).toBe(true);
  expect(report.durationMs).toBeLessThan(1000);
});

describe('instances that run elsewhere', () => {
  it('are reached instead of set up, when they are shared and there is a supervisor', async () => {
    await bench.ship('shared', { kind: 'observer', shared: true, provides: ['tools'] }, tellingSource('shared'));
    await bench.ship('user', { kind: 'observer', uses: ['tools'] }, tellingSource('user'));
    await bench.configure('plugins: [user, shared]\n');
    const keeper = bench.keeper({
      async supervise({ name }) {
        happened.push(`reach ${name}`);
        return { value: { services: { tools: {} } } as never, end: () => void happened.push(`leave ${name}`) };
      },
    });
    await boot(keeper);
    expect(keeper.list().find(({ name }) => name === 'shared')?.place).toBe('supervisor');
    await keeper.close(0);
    expect(happened).toEqual(['reach shared', 'setup user', 'dispose user', 'leave shared']);
  });
});

describe('closing', () => {
  it('ends a change that is on its way, and leaves nothing of it', async () => {
    await bench.ship('one', { kind: 'observer' }, tellingSource('one'));
    await bench.configure('plugins: [one]\n');
    const keeper = bench.keeper();
    const booting = keeper.apply({ source: 'boot' });
    await keeper.close(0);
    expect(await booting).toMatchObject({ ok: false, reasons: ['The gateway is stopping.'] });
    expect(happened).toEqual(['setup one', 'dispose one']);
    expect(keeper.current).toBeUndefined();
  });

  it('gives up what was prepared and not committed, as does a minute of waiting', async () => {
    const clock = manualClock();
    const manual = await Bench.create(clock);
    await manual.ship('one', { kind: 'observer' }, tellingSource('one'));
    await manual.configure('plugins: [one]\n');
    const keeper = manual.keeper();
    const prepared = await keeper.prepare({ source: 'admin' });
    await clock.advance(60_000);
    expect(happened).toEqual(['setup one', 'dispose one']);
    expect(() => keeper.commit(prepared)).toThrow('waited too long');
    await manual.end();
  });
});
