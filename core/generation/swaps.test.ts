import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { digestOf } from '@rutter/plugin-sdk/pack';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bench, happened, tellingSource } from './fixtures/bench.ts';
import type { GenerationLease } from './generation.ts';

// As the command does at boot; V8 reads the flag whenever it compiles.
setFlagsFromString('--no-compilation-cache');
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

let bench: Bench;
beforeEach(async () => {
  bench = await Bench.create();
});
afterEach(() => bench.end());

const settledBytes = async () => {
  for (let turn = 0; turn < 4; turn += 1) {
    await new Promise(setImmediate);
    collect();
  }
  return process.memoryUsage().heapUsed;
};

describe('a thousand swaps', () => {
  it('under leases dispose of each instance once, in reverse order, and keep memory flat', async () => {
    await bench.ship(
      'low',
      { kind: 'observer', provides: ['low'] },
      tellingSource('low', 'observer', 'services: { low: {} },'),
    );
    await bench.ship('high', { kind: 'observer', uses: ['low'] }, tellingSource('high'));
    const keeper = bench.keeper();
    const leases: GenerationLease[] = [];
    let before = 0;
    for (let turn = 0; turn < 1000; turn += 1) {
      await bench.configure(
        `plugins: [{ use: high, config: { label: high-${turn} } }, { use: low, config: { label: low-${turn} } }]\n`,
      );
      const report = await keeper.apply({ source: 'file' });
      expect(report).toMatchObject({ ok: true, generation: turn + 1 });
      const lease = keeper.current?.lease();
      if (lease) leases.push(lease);
      // A request that outlives a few generations, and then goes.
      if (leases.length > 5) leases.shift()?.release();
      if (turn === 200) before = await settledBytes();
    }
    const grown = (await settledBytes()) - before;
    expect(grown).toBeLessThan(4 * 1024 * 1024);
    expect(keeper.live.length).toBeLessThanOrEqual(7);
    for (const lease of leases) lease.release();
    await keeper.close(0);
    expect(keeper.live).toEqual([]);

    expect(happened).toHaveLength(4000);
    const seen = new Map(happened.map((what, index) => [what, index]));
    expect(seen.size).toBe(4000);
    for (let turn = 0; turn < 1000; turn += 1) {
      const at = (what: string) => seen.get(`${what}-${turn}`) as number;
      expect(at('setup low')).toBeLessThan(at('setup high'));
      expect(at('setup high')).toBeLessThan(at('dispose high'));
      expect(at('dispose high')).toBeLessThan(at('dispose low'));
    }
  }, 120_000);

  it('of the text itself keep no old text', async () => {
    const folder = join(bench.root, 'mine');
    await mkdir(folder);
    const filler = Array.from({ length: 1500 }, (_, index) => `function unused${index}() { return ${index}; }`).join(
      '\n',
    );
    const manifest = {
      api: 1,
      kind: 'observer',
      name: 'mine',
      entry: 'index.ts',
      version: '1.0.0',
      needs: [],
      claims: {},
      provides: [],
      uses: [],
      external: [],
      shared: false,
      stability: 'stable',
    };
    const keeper = bench.keeper();
    let before = 0;
    for (let turn = 0; turn < 300; turn += 1) {
      const text = `const { definePlugin } = require("@rutter/plugin-sdk");\n// ${turn}\n${filler}\nmodule.exports.default = definePlugin({ kind: 'observer', setup: () => ({ turn: ${turn} }) });`;
      await writeFile(join(folder, 'plugin.cjs'), text);
      await writeFile(join(folder, 'plugin.json'), JSON.stringify({ ...manifest, digest: digestOf(text) }));
      await bench.configure(`plugins: [{ use: ${folder}, trust: true }]\n# ${turn}\n`);
      expect(await keeper.apply({ source: 'file' })).toMatchObject({
        ok: true,
        started: turn === 0 ? expect.any(Array) : ['mine'],
      });
      if (turn === 100) before = await settledBytes();
    }
    // Two hundred texts of 60 kB each would be some 15 MB.
    expect((await settledBytes()) - before).toBeLessThan(4 * 1024 * 1024);
    await keeper.close(0);
    await rm(folder, { recursive: true });
  }, 120_000);
});
