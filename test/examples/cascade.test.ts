/** The cascade of the examples: its stand-in models, its file and its commands run as they are written. */
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { root, startGateway, until } from '../support/index.ts';

const folder = join(root, 'examples/cascade');
const readme = readFileSync(join(folder, 'README.md'), 'utf8');

const models = spawn(process.execPath, [join(folder, 'models.mjs')], { env: { PATH: process.env.PATH, PORT: '0' } });
afterAll(() => models.kill());
let told = '';
models.stdout.on('data', (chunk: Buffer) => {
  told += chunk;
});
const port = await until('the models to listen', () => /port (\d+)/.exec(told)?.[1], 20_000);
const gateway = await startGateway({
  config: readFileSync(join(folder, 'config.yaml'), 'utf8').replaceAll(
    'http://localhost:4100',
    `http://localhost:${port}`,
  ),
});

const [easy = '', hard = '', records = ''] = [...readme.matchAll(/```sh\n(curl .*?)```/gs)].map(([, command = '']) =>
  command.replace('http://localhost:4000', gateway.url),
);
const run = (command: string) => execFileSync('sh', ['-c', command], { encoding: 'utf8' });
const header = (reply: string, name: string) => new RegExp(`^${name}: (.*?)\\r?$`, 'm').exec(reply)?.[1];

it('keeps what the cheap model knows, and says what its calls cost together', () => {
  const reply = run(easy);
  expect(reply).toContain('"content":"46"');
  expect(header(reply, 'x-rutter-route')).toContain('small kept (p 1.00 of 4');
  // Five calls of twenty tokens in and two out.
  expect(Number(header(reply, 'x-litellm-response-cost'))).toBeCloseTo(5 * (20 * 1e-7 + 2 * 4e-7), 12);
});

it('asks the dear one where the cheap one notices that it was wrong', () => {
  const reply = run(hard);
  expect(reply).toContain('"content":"125"');
  expect(header(reply, 'x-rutter-route')).toContain('small doubted (p 0.00 of 2, threshold 0.50), asked large');
});

it('has a record of each call', async () => {
  const all = () => (JSON.parse(run(records)) as { decisions: readonly { parent_id?: string }[] }).decisions;
  // Two requests, five calls in the one and four in the other.
  await until('the records of both', () =>
    all().filter(({ parent_id: id }) => id !== undefined).length === 9 ? true : undefined,
  );
});
