/** The example of a plugin nobody vouches for: its file and its commands run as they are written. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root, startGateway } from '../support/index.ts';

const folder = join(root, 'examples/untrusted-plugin');
const readme = readFileSync(join(folder, 'README.md'), 'utf8');
const inFolder = (name: string): [string, string] => [name, readFileSync(join(folder, name), 'utf8')];
const gateway = await startGateway({
  config: readFileSync(join(folder, 'config.yaml'), 'utf8'),
  files: Object.fromEntries(['steady-first/package.json', 'steady-first/index.js'].map(inFolder)),
});

const commands = [...readme.matchAll(/```sh\n(curl .*?)```/gs)].map(([, command = '']) =>
  command.replace('http://localhost:4000', gateway.url),
);
const run = (command: string) => execFileSync('sh', ['-c', command], { encoding: 'utf8' });

it('decides from the sandbox, by the size of what is asked', () => {
  const [ask = ''] = commands;
  expect(run(ask)).toMatch(/x-rutter-route: echo: simulated\/small \(small\), chosen by steady-first/);
  expect(run(ask.replace('Hello', 'Hello '.repeat(200)))).toMatch(/simulated\/large \(large\), chosen by steady-first/);
});

it('tells where it is, and lets it be released', () => {
  const [, list = '', release = ''] = commands;
  const { plugins } = JSON.parse(run(list)) as { plugins: readonly Record<string, unknown>[] };
  expect(plugins.find(({ name }) => name === 'steady-first')).toMatchObject({
    place: 'sandbox',
    state: 'running',
    sandbox: { falls: 0 },
  });
  expect(JSON.parse(run(release))).toEqual({ name: 'steady-first', released: false, state: 'running' });
});
