import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packPlugin } from '@rutter/plugin-sdk/pack';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readPackedShipped } from './distribution.ts';
import { Evaluator } from './evaluate.ts';
import type { PluginPackage } from './types.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rutter-evaluate-'));
  Object.assign(globalThis, { evaluations: 0 });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const evaluations = () => (globalThis as unknown as { evaluations: number }).evaluations;

async function packed(body: string, manifest: object = {}): Promise<PluginPackage> {
  const text = `import { definePlugin } from '@rutter/plugin-sdk';\nglobalThis.evaluations += 1;\nexport default definePlugin({ kind: 'observer', setup() {\n  ${body}\n} });\n`;
  await writeFile(join(folder, 'index.ts'), text);
  const block = { api: 1, kind: 'observer', name: 'mine', entry: 'index.ts', ...manifest };
  await writeFile(join(folder, 'package.json'), JSON.stringify({ rutter: block }));
  await packPlugin(folder, { outDir: join(folder, 'dist') });
  Object.assign(globalThis, { evaluations: 0 });
  return (await readPackedShipped(join(folder, 'dist'), folder)) as PluginPackage;
}

describe('Evaluator', () => {
  it('runs a text once per digest while somebody holds it, and anew afterwards', async () => {
    const found = await packed('return {};');
    const evaluator = new Evaluator();
    const [first, second] = await Promise.all([evaluator.acquire(found), evaluator.acquire(found)]);
    expect(second.definition).toBe(first.definition);
    expect(evaluations()).toBe(1);
    first.release();
    first.release();
    expect(evaluator.size).toBe(1);
    second.release();
    expect(evaluator.size).toBe(0);
    (await evaluator.acquire(found)).release();
    expect(evaluations()).toBe(2);
  });

  it('leads traces back to the sources while it holds the text', async () => {
    const evaluator = new Evaluator();
    const loaded = await evaluator.acquire(await packed("throw new Error('here');"));
    const stack = await Promise.resolve()
      .then(() => loaded.definition.setup({} as never, {} as never))
      .then(
        () => '',
        (error: Error) => error.stack ?? '',
      );
    expect(stack).toContain('plugin.cjs');
    expect(evaluator.mapStack(stack)).toContain(`${join(folder, 'index.ts')}:4:9`);
    expect(evaluator.mapStack(stack)).not.toContain('plugin.cjs');
  });

  it('keeps nothing of a text that fails', async () => {
    const found = await packed('return {};');
    await writeFile(join(folder, 'dist', 'plugin.cjs'), '{');
    const evaluator = new Evaluator();
    await expect(evaluator.acquire(found)).rejects.toThrow('was changed after it was packed');
    await rm(join(folder, 'dist', 'plugin.cjs'));
    await expect(evaluator.acquire(found)).rejects.toThrow('Found no');
    expect(evaluator.size).toBe(0);
  });

  it('gives Node to those that need it, with the place of their source', async () => {
    const body =
      "globalThis.read = [import.meta.filename, import.meta.url, typeof process.getBuiltinModule('node:fs').readFileSync]; return {};";
    const found = await packed(body, { needs: ['node'] });
    const { definition, release } = await new Evaluator().acquire(found);
    await definition.setup({} as never, {} as never);
    const file = join(folder, 'index.ts');
    expect((globalThis as unknown as { read: unknown }).read).toEqual([file, `file://${file}`, 'function']);
    release();
  });

  it('refuses a plugin that is not packed', async () => {
    const found = await packed('return {};');
    await expect(new Evaluator().acquire({ ...found, packed: undefined })).rejects.toThrow(
      'is not packed. Run "npm run build".',
    );
  });
});
