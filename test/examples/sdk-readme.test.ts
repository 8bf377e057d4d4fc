import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../support/index.ts';
import { blocksOf, makeCheckout } from './readme.ts';

describe("the SDK's README", () => {
  it('has a plugin and a test of it that pass every step of a check', async () => {
    const blocks = blocksOf(await readFile(join(root, 'plugin-sdk/README.md'), 'utf8'));
    const [plugin, test, ...more] = blocks.filter(({ language }) => language === 'ts');
    expect(more).toEqual([]);
    const checkout = await makeCheckout();
    await checkout.write('mine/index.ts', plugin?.text ?? '');
    await checkout.write('mine/index.test.ts', test?.text ?? '');
    const told = await checkout.run('npx rutter-plugin check ./mine');
    for (const step of ['types', 'pack', 'conformance', 'tests']) expect(told).toMatch(new RegExp(`^ok +${step}`, 'm'));
  });

  it('shows commands that there are', async () => {
    const blocks = blocksOf(await readFile(join(root, 'plugin-sdk/README.md'), 'utf8'));
    const checkout = await makeCheckout();
    const lines = (blocks.find(({ language }) => language === 'sh')?.text ?? '').trim().split('\n');
    expect(lines.map((line) => line.split(' ')[1])).toEqual(['create', 'check', 'dev', 'pack']);
    // `dev` runs until it is stopped, and has tests of its own.
    for (const line of lines.filter((one) => !one.includes(' dev '))) await checkout.run(`npx ${line}`);
    expect(await readFile(join(checkout.folder, 'mine/dist/plugin.cjs'), 'utf8')).not.toBe('');
  });
});
