/** Embedders a gateway is told to use, from training to decisions: a network beside the main thread, and an endpoint. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bertNetwork, bertVocabulary } from '@rutter/plugin-sdk/testing';
import { afterAll, expect, it, vi } from 'vitest';
import {
  type Gateway,
  openAiDeployment,
  root,
  startGateway,
  startVendor,
  until,
  type VendorExchange,
} from '../support/index.ts';
import { ask, fleet } from './router-support.ts';

// Several commands each, every one a process: on a busy machine that adds up.
vi.setConfig({ testTimeout: 180_000 });

const run = promisify(execFile);
const folder = await mkdtemp(join(tmpdir(), 'rutter-embedders-'));
afterAll(() => rm(folder, { recursive: true }));

const sums = (index: number) => `Please compute the sum of ${index * 7 + 3} and ${index * 5 + 2}.`;
const poems = (index: number) => `Write a tender poem about autumn leaves and letter number ${index}.`;
const outcomes = Array.from({ length: 200 }, (_none, index) =>
  ['counter', 'poet'].map((model, place) =>
    JSON.stringify({
      ...{ query_id: `q${index}`, query: index % 2 === 0 ? sums(index) : poems(index), model },
      performance: index % 2 === place ? 1 : 0,
    }),
  ),
).flat();
await writeFile(join(folder, 'train.jsonl'), outcomes.join('\n'));

const pieces = bertVocabulary(['compute', 'sum', 'poem', 'leaves']);
await mkdir(join(folder, 'net'));
await writeFile(join(folder, 'net/vocab.txt'), pieces.join('\n'));
const shape = { pieces: pieces.length, width: 32, layers: 2, heads: 4 };
await writeFile(join(folder, 'net/model.onnx'), bertNetwork({ ...shape, isInt8: true }));

const seats = await fleet('counter', 'poet');
/** How often each text was sent to the endpoint. */
const asked = new Map<string, number>();
let statusOfEndpoint = 200;
const endpoint = await startVendor(({ request, response }: VendorExchange) => {
  const { input = [] } = (request.json ?? {}) as { readonly input?: readonly string[] };
  for (const text of [input].flat()) asked.set(text, (asked.get(text) ?? 0) + 1);
  const data = [input].flat().map((text, index) => ({
    ...{ object: 'embedding', index },
    embedding: [/compute/.test(text) ? 1 : 0, /poem/.test(text) ? 1 : 0, 0.1],
  }));
  response.writeHead(statusOfEndpoint, { 'content-type': 'application/json' });
  response.end(
    JSON.stringify({ object: 'list', model: 'vectors', data, usage: { prompt_tokens: 1, total_tokens: 1 } }),
  );
});

const onnx = { use: 'embedder-onnx', config: { path: join(folder, 'net') } };
const http = (base: string, more: object = {}) => ({
  use: 'embedder-http',
  config: { api_base: base, model: 'vectors', dimensions: 3, api_key: 'sk-of-the-endpoint', ...more },
});

const configFor = (
  plugins: readonly object[],
  artefact: string,
  strategies: readonly string[] = ['llmrouter-knn'],
) => ({
  model_list: [
    openAiDeployment('auto', seats.counter, {}, { id: 'auto-counter', router_model: 'counter' }),
    openAiDeployment('auto', seats.poet, {}, { id: 'auto-poet', router_model: 'poet' }),
  ],
  general_settings: { allowed_addresses: ['127.0.0.1'] },
  router_settings: { num_retries: 0 },
  plugins: [
    ...plugins,
    ...strategies.map((use) => ({ use, for: ['auto'], config: { model_path: join(folder, artefact) } })),
  ],
});

/** `rutter …` under a configuration that holds these plugins. */
async function command(plugins: readonly object[], ...args: readonly string[]): Promise<string> {
  const file = join(folder, 'lab.yaml');
  const config = {
    model_list: [{ model_name: 'm', litellm_params: { model: 'simulated/m' } }],
    general_settings: { allowed_addresses: ['127.0.0.1'] },
    plugins,
  };
  await writeFile(file, JSON.stringify(config));
  const env = { ...process.env, RUTTER_DATA: join(folder, 'data'), LITELLM_CONFIG_PATH: file };
  const { stdout } = await run(process.execPath, [join(root, 'core/cli/rutter.mjs'), ...args], { env, cwd: folder });
  return stdout;
}

const said = async (gateway: Gateway, content: string) =>
  (await ask(gateway, 'auto', { body: { messages: [{ role: 'user', content }] } })).said;

const train = (plugins: readonly object[], out: string) =>
  command(plugins, 'train', 'llmrouter-knn', '--data', 'train.jsonl', '--out', out);

async function expectSense(gateway: Gateway): Promise<void> {
  for (const index of [1001, 1002, 1003]) {
    expect(await said(gateway, sums(index))).toBe('counter');
    expect(await said(gateway, poems(index))).toBe('poet');
  }
}

it('routes by the vectors of an int8 network that runs beside the main thread', async () => {
  await train([onnx], 'by-onnx.rra');
  const gateway = await startGateway({ config: configFor([onnx], 'by-onnx.rra') });
  await expectSense(gateway);
});

it('routes by the vectors of an endpoint, asks for each text once whoever wants it, and hides the key', async () => {
  await train([http(`${endpoint.url}/v1`)], 'by-http.rra');
  const strategies = ['llmrouter-knn'];
  const gateway = await startGateway({ config: configFor([http(`${endpoint.url}/v1`)], 'by-http.rra', strategies) });
  asked.clear();
  await expectSense(gateway);
  await expectSense(gateway);
  expect([...asked.values()]).toEqual([1, 1, 1, 1, 1, 1]);
  expect(endpoint.requests.at(-1)?.headers.authorization).toBe('Bearer sk-of-the-endpoint');
  expect(gateway.output()).not.toContain('sk-of-the-endpoint');
  // While it is away, the next in line chooses: nobody waits, nobody fails.
  statusOfEndpoint = 500;
  expect(['counter', 'poet']).toContain(await said(gateway, sums(4004)));
  statusOfEndpoint = 200;
  await until('the endpoint to be asked again', async () =>
    (await said(gateway, poems(Math.floor(performance.now())))) === 'poet' ? true : undefined,
  );
});

it('routes by the vectors of another gateway', async () => {
  const other = await startGateway({
    config: { model_list: [openAiDeployment('vectors', endpoint)], router_settings: { num_retries: 0 } },
  });
  // The same model and dimensions: what was trained by the endpoint itself is good.
  const gateway = await startGateway({ config: configFor([http(`${other.url}/v1`)], 'by-http.rra') });
  await expectSense(gateway);
});

it('refuses an artefact that was trained with another embedder, in serving and in measuring', async () => {
  const gateway = await startGateway({ config: configFor([], 'by-onnx.rra') });
  expect(['counter', 'poet']).toContain(await said(gateway, sums(1)));
  await until(
    'the reason in the log',
    () => /trained with embedder onnx-[0-9a-f]{16}; the gateway has/.test(gateway.output()) || undefined,
  );
  const failure = await command([], 'eval', '--artefact', 'by-onnx.rra', '--data', 'train.jsonl').catch(
    (error: { stderr: string }) => error.stderr,
  );
  expect(failure).toMatch(/trained with embedder onnx-[0-9a-f]{16}; found minilm-static/);
});

it('learns a table of token vectors from a network, the same for the same texts, that routes like it', async () => {
  const texts = Array.from({ length: 300 }, (_none, index) => (index % 2 === 0 ? sums(index * 3) : poems(index * 3)));
  await writeFile(join(folder, 'texts.txt'), texts.join('\n'));
  const table = (out: string) =>
    command(
      [onnx],
      ...['train', 'embedder-static', '--from', 'onnx', '--data', 'texts.txt', '--out', out, '--set', 'dims=24'],
    );
  const told = await table('table');
  const [, after, before] =
    /mean cosine to the teacher on texts kept aside ([\d.]+) \(([-\d.]+) before/.exec(told) ?? [];
  expect(Number(after)).toBeGreaterThan(0.9);
  expect(Number(after)).toBeGreaterThan(Number(before));
  expect(told).toMatch(/pass \d+, loss 0\.\d+, at most \d+ s left/);
  await table('again');
  for (const file of ['static.bin', 'vocab.txt', 'manifest.json'])
    expect(await readFile(join(folder, 'again', file))).toEqual(await readFile(join(folder, 'table', file)));
  const own = { use: 'embedder-static', config: { path: join(folder, 'table') } };
  await train([own], 'by-table.rra');
  await expectSense(await startGateway({ config: configFor([own], 'by-table.rra') }));
});
