import { join } from 'node:path';
import { RutterError } from '@rutter/plugin-sdk';
import { manualClock } from '@rutter/plugin-sdk/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BuildFault } from '../plugins/build-fault.ts';
import { Bench, happened, tellingSource } from './fixtures/bench.ts';
import type { BuildParts, GenerationKeeper } from './keeper.ts';

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

describe('a plugin that cannot be put together with the others', () => {
  const fault = new BuildFault(['one', 'two'], new RutterError('ERR_CONFIG_CONFLICT', 'Both offer the same.'));

  /** A keeper whose path cannot be compiled while `two` is part of it. */
  async function keeperOf(configuration: string) {
    for (const name of ['one', 'two', 'user'])
      await bench.ship(
        name,
        { kind: 'observer', ...(name === 'two' ? { provides: ['pair'] } : name === 'user' ? { uses: ['pair'] } : {}) },
        tellingSource(name, 'observer', name === 'two' ? 'services: { pair: {} },' : ''),
      );
    await bench.configure(configuration);
    return bench.keeper({
      build(parts: BuildParts) {
        if (parts.instances.some(({ name }) => name === 'two')) throw fault;
        return parts;
      },
    });
  }

  it('is told at the entry of the last one at fault', async () => {
    const keeper = await keeperOf('plugins:\n  - one\n  - two\n');
    const { reasons } = await keeper.apply({ source: 'boot' });
    expect(reasons).toEqual([
      expect.stringContaining('config.yaml:3:5: plugins[3]: Both offer the same. Found ERR_CONFIG_CONFLICT'),
    ]);
    expect(happened.filter((what) => what.startsWith('dispose')).toSorted()).toEqual(['dispose one', 'dispose two']);
  });

  it('is left out where its entry allows that, and disposed of', async () => {
    const keeper = await keeperOf('plugins:\n  - one\n  - { use: two, on_failure: continue }\n');
    expect(await keeper.apply({ source: 'boot' })).toMatchObject({
      ok: true,
      started: expect.not.arrayContaining(['two']),
      leftOut: [{ name: 'two', state: 'failed', error: 'Both offer the same.' }],
    });
    expect(happened).toEqual(['setup one', 'setup two', 'dispose two']);
    await keeper.close(0);
  });

  it('is not left out when another uses it', async () => {
    const keeper = await keeperOf('plugins:\n  - one\n  - { use: two, on_failure: continue }\n  - user\n');
    expect(await keeper.apply({ source: 'boot' })).toMatchObject({ ok: false, leftOut: [] });
    expect(keeper.current).toBeUndefined();
  });

  it('of which nothing is known fails the change without a place', async () => {
    const keeper = bench.keeper({
      build() {
        throw new BuildFault(['kernel'], new Error('off the hook'));
      },
    });
    expect((await keeper.apply({ source: 'boot' })).reasons).toEqual([expect.stringMatching(/^off the hook\. Found/)]);
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
