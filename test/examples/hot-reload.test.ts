/** The example of hot reload: its files, its edit and its commands, as its README tells them. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root, startGateway, until } from '../support/index.ts';
import { rutter } from './commands.ts';

const folder = join(root, 'examples/hot-reload');
const read = (name: string) => readFile(join(folder, name), 'utf8');

it('takes up new code, goes back to the old by the commands of its README, and says what the files would do', async () => {
  const source = await read('greeting/index.ts');
  const gateway = await startGateway({ config: await read('config.yaml'), files: { 'greeting/index.ts': source } });
  const greeting = async () =>
    ((await (await fetch(`${gateway.url}/greeting`)).json()) as { greeting: string }).greeting;
  const commands = [...(await read('README.md')).matchAll(/^npx rutter (generations|rollback|diff)$/gm)].map(
    ([, name]) => name as string,
  );
  expect(commands).toEqual(['generations', 'rollback', 'diff']);
  const run = async (name: string) => {
    const said = await rutter([name], { folder: gateway.folder, env: { RUTTER_URL: gateway.url } });
    expect([said.code, said.stderr], name).toEqual([0, '']);
    return said.stdout;
  };
  expect(await greeting()).toBe('Good morning');
  await writeFile(join(gateway.folder, 'greeting/index.ts'), source.replace('Good morning', 'Good night'));
  await until('the new word', async () => (await greeting()) === 'Good night', 15_000);
  expect(await run('generations')).toMatch(/^1 +ended[\s\S]*^2 +current/m);
  expect(await run('rollback')).toContain('applied: generation 3');
  expect(await greeting()).toBe('Good morning');
  expect(await run('diff')).toContain('+ start greeting 0.0.0: its code differs');
  await gateway.stop();
});
