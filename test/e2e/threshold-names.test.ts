/** Names with a threshold in them, `router-mf-0.116`: which of two models answers, and which names are none. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readArtefact } from '../../plugin-sdk/learning/index.ts';
import { type Gateway, openAiDeployment, root, startGateway } from '../support/index.ts';
import { ask, fleet } from './router-support.ts';

const run = promisify(execFile);
const folder = await mkdtemp(join(tmpdir(), 'rutter-threshold-'));
afterAll(() => rm(folder, { recursive: true }));
const seats = await fleet('strong', 'weak');

const sums = (index: number) => `Please compute the sum of ${index * 7 + 3} and ${index * 5 + 2}, then divide it by 4.`;
const poems = (index: number) => `Write a tender poem about autumn leaves, a river and letter number ${index}.`;
const question = (index: number) => (index % 2 === 0 ? sums(index) : poems(index));

beforeAll(async () => {
  const lines: string[] = [];
  for (let index = 0; index < 300; index++) {
    const isSum = index % 2 === 0;
    // Only the strong one can do sums; poems both can.
    const performance = { strong: index % 20 === 0 ? 0 : 1, weak: isSum ? 0 : 1 };
    for (const model of ['strong', 'weak'] as const)
      lines.push(
        JSON.stringify({ query_id: `q${index}`, query: question(index), model, performance: performance[model] }),
      );
  }
  await writeFile(join(folder, 'train.jsonl'), lines.join('\n'));
  await writeFile(join(folder, 'lab.yaml'), 'model_list:\n  - {model_name: m, litellm_params: {model: simulated/m}}\n');
});

describe.each([
  ['routellm-mf', 'router-mf-'],
  ['routellm-sw', 'router-sw-'],
])('%s', (strategy, prefix) => {
  let gateway: Gateway;
  beforeAll(async () => {
    const path = join(folder, `${strategy}.rra`);
    const env = { ...process.env, RUTTER_DATA: join(folder, 'data'), LITELLM_CONFIG_PATH: join(folder, 'lab.yaml') };
    const args = ['train', strategy, '--data', join(folder, 'train.jsonl'), '--out', path];
    await run(process.execPath, [join(root, 'core/cli/rutter.mjs'), ...args], { env, cwd: folder });
    expect(readArtefact(await readFile(path), path).header.facts).toMatchObject({ strong: 0, weak: 1 });
    const pair = (group: string) => [
      openAiDeployment(group, seats.weak, {}, { id: `${group}-weak`, router_model: 'weak' }),
      openAiDeployment(group, seats.strong, {}, { id: `${group}-strong`, router_model: 'strong' }),
    ];
    gateway = await startGateway({
      startMs: 60_000,
      config: {
        model_list: [...pair(`${prefix}*`), ...pair('set'), ...pair('own')],
        plugins: [
          { use: strategy, for: [`${prefix}*`, 'own'], config: { model_path: path } },
          { use: strategy, as: 'always-weak', for: ['set'], config: { model_path: path, threshold: 1 } },
        ],
        router_settings: { num_retries: 0 },
      },
    });
  }, 120_000);

  /** Who answers twelve questions, sums and poems by turns. */
  const answers = async (model: string) => {
    const found: (string | undefined)[] = [];
    for (let index = 1000; index < 1012; index++) {
      const { said, status, text } = await ask(gateway, model, {
        body: { messages: [{ role: 'user', content: question(index) }] },
      });
      expect(status, text).toBe(200);
      found.push(said);
    }
    return found;
  };
  const all = (name: string) => Array.from({ length: 12 }, () => name);

  const byKind = Array.from({ length: 12 }, (_none, at) => (at % 2 === 0 ? 'strong' : 'weak'));

  it('asks the strong model always at 0, the weak one always at 1', async () => {
    expect(await answers(`${prefix}0`)).toEqual(all('strong'));
    expect(await answers(`${prefix}1`)).toEqual(all('weak'));
  });

  it('asks the strong model less the higher the threshold, and about sums first', async () => {
    const strong: number[] = [];
    for (const threshold of ['0.1', '0.3', '0.7', '0.9', '0.99']) {
      const found = await answers(`${prefix}${threshold}`);
      strong.push(found.filter((said) => said === 'strong').length);
      const poemsByStrong = found.filter((said, at) => at % 2 === 1 && said === 'strong').length;
      const sumsByStrong = found.filter((said, at) => at % 2 === 0 && said === 'strong').length;
      expect(sumsByStrong).toBeGreaterThanOrEqual(poemsByStrong);
    }
    expect(strong).toEqual([...strong].sort((a, b) => b - a));
    expect(strong[0]).toBeGreaterThan(strong.at(-1) as number);
    expect(await answers(`${prefix}0.7`)).toEqual(byKind);
  });

  it('goes by the configuration’s threshold, else by the artefact’s, where the name has none', async () => {
    expect(await answers('set')).toEqual(all('weak'));
    expect(await answers('own')).toEqual(byKind);
  });

  it.each(['', '1.5', '-1', 'high', '0.1x'])('knows no model by its prefix and %j', async (rest) => {
    const { status, error } = await ask(gateway, `${prefix}${rest}`);
    expect({ status, param: error?.param }).toEqual({ status: 400, param: 'model' });
    expect(error?.message).toContain(`${prefix}0.116`);
  });

  it('says who chose', async () => {
    const { headers } = await ask(gateway, `${prefix}0.5`);
    expect(headers.get('x-rutter-route')).toContain(`chosen by ${strategy}`);
  });
});
