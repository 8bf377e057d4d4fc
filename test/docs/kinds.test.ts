/** The page of each kind: there, complete, linked, and its example holds to the suite of its kind. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kindNames, packPlugin } from '@rutter/plugin-sdk/pack';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkConformance } from '../../plugin-sdk/cli/check-conformance.ts';
import { starterFiles } from '../../plugin-sdk/cli/starter.ts';
import { blocksOf } from '../examples/readme.ts';
import { root } from '../support/index.ts';

const read = (path: string) => readFile(join(root, path), 'utf8');

describe.each(kindNames)('the page of %s', (kind) => {
  it('tells contract, example, what may not be done and cost, and is linked', async () => {
    const page = await read(`core/docs/kinds/${kind}.md`);
    const headings = [...page.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading);
    expect(headings).toEqual(['Contract', 'Example', 'What may not be done', 'Cost']);
    expect(await read('README.md')).toContain(`core/docs/kinds/${kind}.md`);
    expect(await read('core/docs/README.md')).toContain(`kinds/${kind}.md`);
  });

  it('shows an example that packs and passes the suite of its kind', async () => {
    const [example, ...more] = blocksOf(await read(`core/docs/kinds/${kind}.md`)).filter(
      ({ language }) => language === 'ts',
    );
    expect(more).toEqual([]);
    const folder = await mkdtemp(join(tmpdir(), 'rutter-kind-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const files = starterFiles({ kind, name: 'mine', language: 'typescript' });
    await writeFile(join(folder, 'package.json'), files['package.json'] ?? '');
    await writeFile(join(folder, 'index.ts'), example?.text ?? '');
    const packed = await packPlugin(folder, { outDir: join(folder, 'dist') });
    const found = await checkConformance({
      folder,
      entry: 'index.ts',
      packed,
      options: undefined,
      dataFolder: folder,
    });
    expect(found).toMatchObject({ result: 'ok' });
  });
});
