/** The example of a strategy of one's own: its file and its commands run as they are written, in both places. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root, startGateway } from '../support/index.ts';

const folder = join(root, 'examples/custom-strategy');
const readme = readFileSync(join(folder, 'README.md'), 'utf8');
const config = readFileSync(join(folder, 'config.yaml'), 'utf8');
const files = Object.fromEntries(
  readdirSync(join(folder, 'thrifty')).map((name) => [
    `thrifty/${name}`,
    readFileSync(join(folder, 'thrifty', name), 'utf8'),
  ]),
);
const commands = [...readme.matchAll(/```sh\n(.*?)```/gs)].map(([, command = '']) => command);
const run = (command: string) => execFileSync('sh', ['-c', command], { encoding: 'utf8', cwd: root });

it('passes its check', () => {
  const told = run(commands[0] ?? '');
  for (const step of ['types', 'pack', 'conformance', 'tests']) expect(told).toMatch(new RegExp(`^ok +${step}`, 'm'));
}, 60_000);

it.each([
  ['inside', config],
  ['in the sandbox', config.replace(/trust: true[^\n]*/, 'trust: false')],
])('decides by tag %s', async (_place, text) => {
  const gateway = await startGateway({ config: text, files });
  const [hurry = '', waits = ''] = commands
    .filter((command) => command.startsWith('curl'))
    .map((command) => command.replace('http://localhost:4000', gateway.url));
  expect(run(hurry)).toMatch(/x-rutter-route: echo: simulated\/quick \(quick\), chosen by thrifty/);
  expect(run(waits)).toMatch(/x-rutter-route: echo: simulated\/cheap \(cheap\), chosen by thrifty/);
});
