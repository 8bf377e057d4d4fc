import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCascade } from '@rutter/plugin-sdk/learning';
import { afterAll, describe, expect, it } from 'vitest';
import { trainCascade } from './cascade.ts';

const folder = await mkdtemp(join(tmpdir(), 'rutter-lab-'));
afterAll(() => rm(folder, { recursive: true }));
const data = join(folder, 'rows.jsonl');
const out = join(folder, 'table.rra');

async function learn(content: string, settings: Readonly<Record<string, unknown>> = {}) {
  await writeFile(data, content);
  const said: string[] = [];
  const output = { write: (text: string) => void said.push(text) };
  const code = await trainCascade({ data, out, seed: 1, settings }, output);
  return { code, said: said.join('') };
}

const rows = Array.from(
  { length: 60 },
  (_none, index) =>
    [
      { p_ver: 0, small: 0, large: 0 },
      { p_ver: 0.5, small: 0, large: 1 },
      { p_ver: 1, small: 1, large: 1 },
    ][index % 3],
);
const lines = (all: readonly unknown[]) => all.map((row) => JSON.stringify(row)).join('\n');

describe('a table', () => {
  it('asks in the bin where the larger model wins, and names its models', async () => {
    const { code, said } = await learn(lines(rows), { num_bins: 2, models: ['a', 'b'] });
    expect(code).toBe(0);
    expect(said).toContain('asks the larger model at 0.50 of checks that said correct');
    expect(readCascade(await readFile(out), out)).toMatchObject({ models: ['a', 'b'], actions: [false, true, false] });
  });

  it('is the same, byte for byte, for the same rows', async () => {
    await learn(lines(rows));
    const before = await readFile(out);
    await learn(lines(rows));
    expect((await readFile(out)).equals(before)).toBe(true);
  });

  it('is learnt from AutoMix’s own columns, without what they keep aside', async () => {
    const theirs = rows.map((row, index) => ({
      ...{ p_ver_13b: row?.p_ver, llama13b_f1: row?.small, llama70b_f1: row?.large },
      split: index < 30 ? 'train' : 'val',
    }));
    expect((await learn(lines(theirs), { upstream: 'faithful' })).said).toContain('30 rows, rule ');
  });

  it.each(['POMDP', 'POMDPSimple', 'GreedyPOMDP', 'DoubleThreshold', 'Threshold'])(
    'is learnt by %s',
    async (method) => {
      expect((await learn(lines(rows), { routing_method: method })).code).toBe(0);
    },
  );

  it.each([
    [
      'a share that is none',
      '{"p_ver": "1", "small": 0, "large": 1}',
      {},
      'line 1: p_ver is "1"; expected a number from 0 to 1',
    ],
    ['a column that is missing', '{"p_ver": 1, "small": 0}', {}, 'line 1: large is missing'],
    ['what is no JSON', '\np_ver', {}, 'line 2: found what is not JSON'],
    ['no rows', '', {}, 'holds no rows'],
    ['an unknown setting', lines(rows), { bins: 4 }, '--set'],
    ['an unknown method', lines(rows), { routing_method: 'Magic' }, '--set routing_method'],
    [
      'costs upside down',
      lines(rows),
      { costs: { large_model: 1 } },
      'large_model is 1; expected more than small_model, 1',
    ],
  ])('is not learnt from %s', async (_what, content, settings, told) => {
    await expect(learn(content, settings)).rejects.toMatchObject({
      code: 'ERR_CONFIG_INVALID',
      message: expect.stringContaining(told),
    });
  });
});
