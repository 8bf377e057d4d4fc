/** Learnt strategies from training to decisions, all by the commands and files a user has. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { type Gateway, openAiDeployment, root, startGateway, until } from '../support/index.ts';
import { ask, fleet } from './router-support.ts';

// Training is work, and on a busy machine it takes its time.
vi.setConfig({ testTimeout: 180_000 });

const run = promisify(execFile);
const folder = await mkdtemp(join(tmpdir(), 'rutter-learned-'));
afterAll(() => rm(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

const sums = (index: number) => `Please compute the sum of ${index * 7 + 3} and ${index * 5 + 2}, then divide it by 4.`;
const poems = (index: number) => `Write a tender poem about autumn leaves, a river and letter number ${index}.`;

/** Two models of known strengths, seeded by arithmetic. */
function outcomes(count: number, names: readonly [string, string]): string {
  const lines: string[] = [];
  for (let index = 0; index < count; index++) {
    const isSum = index % 2 === 0;
    for (const [place, model] of names.entries()) {
      const isRight = (place === 0) === isSum ? index % 20 > 0 : index % 10 === 1;
      const query = isSum ? sums(index) : poems(index);
      lines.push(JSON.stringify({ query_id: `q${index}`, query, model, performance: isRight ? 1 : 0 }));
    }
  }
  return lines.join('\n');
}

const environment = { ...process.env, RUTTER_DATA: at('data'), LITELLM_CONFIG_PATH: at('lab.yaml') };
const command = (...args: readonly string[]) =>
  run(process.execPath, [join(root, 'core/cli/rutter.mjs'), ...args], { env: environment, cwd: folder });

await writeFile(at('lab.yaml'), 'model_list:\n  - {model_name: m, litellm_params: {model: simulated/m}}\n');
await writeFile(at('train.jsonl'), outcomes(400, ['counter', 'poet']));

const seats = await fleet('counter', 'poet');
const configFor = (strategy: string, path: string | undefined) => ({
  model_list: [
    openAiDeployment('auto', seats.counter, {}, { id: 'auto-counter', router_model: 'counter' }),
    openAiDeployment('auto', seats.poet, {}, { id: 'auto-poet', router_model: 'poet' }),
  ],
  router_settings: {
    routing_strategy: strategy,
    routing_strategy_args: { ...(path === undefined ? {} : { model_path: path }), reload_interval: 1 },
    num_retries: 0,
  },
});

const said = async (gateway: Gateway, content: string) =>
  (await ask(gateway, 'auto', { body: { messages: [{ role: 'user', content }] } })).said;

const strategies = [
  'rutter-auto',
  'llmrouter-knn',
  'llmrouter-mlp',
  'llmrouter-svm',
  'llmrouter-mf',
  'llmrouter-hybrid',
];

/** What a learner has to be told beside the outcomes. */
const told: Readonly<Record<string, readonly string[]>> = { 'llmrouter-hybrid': ['--set', 'router_threshold=0.5'] };

describe.each(strategies)('%s', (strategy) => {
  it('is trained by one command, and sends each question to the model that is right about it', async () => {
    const { stdout } = await command(
      ...['train', strategy, '--data', 'train.jsonl', '--out', `${strategy}.rra`, ...(told[strategy] ?? [])],
    );
    expect(stdout).toContain('400 questions, 2 models');
    const gateway = await startGateway({ config: configFor(strategy, at(`${strategy}.rra`)) });
    const answers: (string | undefined)[] = [];
    for (let index = 1000; index < 1020; index++) answers.push(await said(gateway, sums(index)));
    for (let index = 1000; index < 1020; index++) answers.push(await said(gateway, poems(index)));
    expect(answers.slice(0, 20).filter((answer) => answer === 'counter').length).toBeGreaterThanOrEqual(18);
    expect(answers.slice(20).filter((answer) => answer === 'poet').length).toBeGreaterThanOrEqual(18);
    const reply = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'auto', messages: [{ role: 'user', content: sums(5) }] }),
    });
    expect(reply.headers.get('x-rutter-route')).toContain(`chosen by ${strategy}`);
  });
});

it('takes another artefact up while it runs', async () => {
  await writeFile(at('swapped.jsonl'), outcomes(400, ['poet', 'counter']));
  await command('train', 'llmrouter-knn', '--data', 'train.jsonl', '--out', 'live.rra');
  const gateway = await startGateway({ config: configFor('llmrouter-knn', at('live.rra')) });
  expect(await said(gateway, sums(2001))).toBe('counter');
  await command('train', 'llmrouter-knn', '--data', 'swapped.jsonl', '--out', 'live.rra');
  await until('the other artefact to decide', async () =>
    (await said(gateway, sums(2003))) === 'poet' ? true : undefined,
  );
});

it('ranks by ratings alone, whatever is asked, where llmrouter-elo decides', async () => {
  const lines = outcomes(400, ['counter', 'poet']).split('\n');
  // Poems are left out: what remains, the counter wins.
  await writeFile(at('sums.jsonl'), lines.filter((line) => line.includes('compute')).join('\n'));
  await command('train', 'llmrouter-elo', '--data', 'sums.jsonl', '--out', 'elo.rra');
  const gateway = await startGateway({ config: configFor('llmrouter-elo', at('elo.rra')) });
  expect(await said(gateway, poems(1))).toBe('counter');
  expect(await said(gateway, sums(1))).toBe('counter');
});

it.each([
  ['llmrouter-smallest', {}, 'counter'],
  ['llmrouter-largest', {}, 'poet'],
  ['llmrouter-largest', { by: 'quality' }, 'counter'],
])('ranks by what is told of each model where %s decides, with %j', async (strategy, args, expected) => {
  const gateway = await startGateway({
    config: {
      model_list: [
        openAiDeployment('auto', seats.poet, {}, { id: 'auto-poet', size: '70B', quality: 0.2 }),
        openAiDeployment('auto', seats.counter, {}, { id: 'auto-counter', size: '7B', quality: 0.6 }),
      ],
      router_settings: { routing_strategy: strategy, routing_strategy_args: args, num_retries: 0 },
    },
  });
  for (let index = 0; index < 5; index++) expect(await said(gateway, sums(index))).toBe(expected);
});

describe('the commands', () => {
  it('train every strategy at once, compare them on questions none of them saw, and leave artefacts that serve', async () => {
    const { stdout } = await command('train', 'all', '--data', 'train.jsonl', '--out', 'fleet');
    expect(stdout).toContain('Learnt from 320 questions, measured on 80');
    for (const strategy of [...strategies, 'llmrouter-elo'])
      expect(stdout).toMatch(new RegExp(`^${strategy} +\\d+\\.`, 'm'));
    // Ratings alone know half of the answers; who reads the question knows nearly all.
    const quality = (strategy: string) => Number(new RegExp(`^${strategy} +([\\d.]+)`, 'm').exec(stdout)?.[1]);
    expect(quality('rutter-auto')).toBeGreaterThan(85);
    expect(quality('llmrouter-elo')).toBeLessThan(70);
    const gateway = await startGateway({ config: configFor('llmrouter-mf', at('fleet/llmrouter-mf.rra')) });
    expect(await said(gateway, poems(1))).toBe('poet');
  });

  it('learn from the files of LLMRouter as they are', async () => {
    const lines = outcomes(400, ['counter', 'poet'])
      .split('\n')
      .map((line) => {
        const { query, model, performance } = JSON.parse(line) as Record<string, unknown>;
        const rest = {
          response: 'text',
          token_num: 12,
          embedding_id: 3,
          metric: 'em_mc',
          choices: null,
          ground_truth: 'A',
        };
        return JSON.stringify({ task_name: 'mixed', query, model_name: model, performance, ...rest });
      });
    await writeFile(at('routing_data_train.jsonl'), lines.join('\n'));
    await command('train', 'llmrouter-knn', '--data', 'routing_data_train.jsonl', '--out', 'theirs.rra');
    const gateway = await startGateway({ config: configFor('llmrouter-knn', at('theirs.rra')) });
    expect(await said(gateway, sums(3001))).toBe('counter');
    expect(await said(gateway, poems(3001))).toBe('poet');
  });

  it('measure an artefact on outcomes it has not seen, and write every decision', async () => {
    await command('train', 'rutter-auto', '--data', 'train.jsonl', '--out', 'measured.rra');
    await writeFile(at('test.jsonl'), outcomes(100, ['counter', 'poet']));
    const { stdout } = await command(
      ...[
        'eval',
        '--artefact',
        'measured.rra',
        '--data',
        'test.jsonl',
        '--json',
        'figures.json',
        '--decisions',
        'd.jsonl',
      ],
    );
    expect(stdout).toMatch(/quality +9\d\./);
    expect(stdout).toContain('APGR');
    const { readFile } = await import('node:fs/promises');
    const figures = JSON.parse(await readFile(at('figures.json'), 'utf8')) as Record<string, unknown>;
    expect(figures).toMatchObject({ strategy: 'rutter-auto', questions: 100 });
    const decisions = (await readFile(at('d.jsonl'), 'utf8')).trim().split('\n');
    expect(decisions).toHaveLength(100);
    expect(JSON.parse(decisions[0] as string)).toEqual({ query_id: 'q0', model: 'counter' });
  });

  it.each([
    [['train', 'llmrouter-none', '--data', 'train.jsonl', '--out', 'x.rra'], 'There is no strategy "llmrouter-none"'],
    [['train', 'rutter-auto', '--data', 'absent.jsonl', '--out', 'x.rra'], 'absent.jsonl is no file'],
    [['train', 'llmrouter-mlp', '--data', 'train.jsonl', '--out', 'x.rra', '--set', 'hidden'], 'expected NAME=JSON'],
    [['eval', '--artefact', 'lab.yaml', '--data', 'train.jsonl'], 'is no router artefact'],
  ])('refuse %j', async (args, message) => {
    const failure = (await command(...args).catch((error: unknown) => error)) as {
      stderr: string;
      stdout: string;
      code: number;
    };
    expect(failure.code).toBe(1);
    expect(`${failure.stderr}${failure.stdout}`).toContain(message);
  });
});

describe('without an artefact', () => {
  const untrained = (strategy: string, args: object, infos: readonly [object, object]) =>
    startGateway({
      config: {
        model_list: [
          openAiDeployment('auto', seats.counter, {}, { id: 'auto-counter', router_model: 'counter', ...infos[0] }),
          openAiDeployment('auto', seats.poet, {}, { id: 'auto-poet', router_model: 'poet', ...infos[1] }),
        ],
        router_settings: { routing_strategy: strategy, routing_strategy_args: args, num_retries: 0 },
      },
    });

  it('rutter-auto ranks by declared tier, then price, and says that it is untrained', async () => {
    const gateway = await untrained('rutter-auto', {}, [{ tier: 'economy' }, { tier: 'premium' }]);
    for (let index = 0; index < 4; index++) expect(await said(gateway, sums(index))).toBe('poet');
    await until('the reason', () => gateway.output().includes('untrained: by declared tier and price') || undefined);
  });

  it('rutter-auto takes the cheaper of one tier', async () => {
    const priced = (usd: number) => ({ tier: 2, input_cost_per_token: usd, output_cost_per_token: usd });
    const gateway = await untrained('rutter-auto', {}, [priced(2e-6), priced(1e-6)]);
    for (let index = 0; index < 4; index++) expect(await said(gateway, sums(index))).toBe('poet');
  });

  it('llmrouter-cost-aware goes by declared quality and price, the too dear last', async () => {
    const told = (quality: number, usd: number) => ({ quality, input_cost_per_token: usd, output_cost_per_token: usd });
    const infos = [told(0.9, 9e-6), told(0.8, 1e-6)] as const;
    const gateway = await untrained('llmrouter-cost-aware', {}, infos);
    expect(await said(gateway, sums(1))).toBe('poet');
    const keen = await untrained('llmrouter-cost-aware', { cost_weight: 0 }, infos);
    expect(await said(keen, sums(1))).toBe('counter');
    const capped = await untrained('llmrouter-cost-aware', { cost_weight: 0, max_cost_per_1k_tokens: 0.005 }, infos);
    expect(await said(capped, sums(1))).toBe('poet');
    await until('the reason', () => gateway.output().includes('by declared quality and price') || undefined);
  });

  it('taskaware goes by words and a table', async () => {
    const table = { mathematics: { simple: 'counter' }, writing: { simple: 'poet', complex: 'counter' } };
    const gateway = await untrained('taskaware', { table }, [{}, {}]);
    expect(await said(gateway, poems(1))).toBe('poet');
    expect(await said(gateway, sums(1))).toBe('counter');
    expect(await said(gateway, `${poems(2)} Work step by step.`)).toBe('counter');
    await until('the reason', () => gateway.output().includes('by its words simple writing') || undefined);
  });
});

it('knows deployments by the candidates of LLMRouter and by labels', async () => {
  await command('train', 'llmrouter-knn', '--data', 'train.jsonl', '--out', 'labels.rra');
  await writeFile(
    at('candidates.json'),
    JSON.stringify({ counter: { size: '7B', model: 'vendor/one' }, poet: { model: 'vendor/two' } }),
  );
  const start = (args: object) =>
    startGateway({
      config: {
        model_list: [
          openAiDeployment('auto', seats.poet, {}, { id: 'b', router_model: 'vendor/two' }),
          openAiDeployment('auto', seats.counter, {}, { id: 'a', router_model: 'vendor/one' }),
        ],
        router_settings: {
          routing_strategy: 'llmrouter-knn',
          routing_strategy_args: { model_path: at('labels.rra'), ...args },
          num_retries: 0,
        },
      },
    });
  const byFile = await start({ llm_data_path: at('candidates.json') });
  expect(await said(byFile, sums(1))).toBe('counter');
  expect(await said(byFile, poems(1))).toBe('poet');
  const byLabels = await start({ label_mapping: { counter: 'vendor/two', poet: 'vendor/one' } });
  expect(await said(byLabels, sums(1))).toBe('poet');
  await writeFile(at('broken.json'), '[1]');
  const broken = await start({ llm_data_path: at('broken.json') });
  expect(['counter', 'poet']).toContain(await said(broken, sums(1)));
  await until('the reason', () => broken.output().includes('found no object') || undefined);
});
