/** `rutter train` and `rutter eval` with every source and sink they know, by the commands a user has. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  factorsLearner,
  inSpace,
  networkLearner,
  rawFeatures,
  readArtefact,
  restorePredictor,
} from '@rutter/plugin-sdk/learning';
import { writeOnnx } from '@rutter/plugin-sdk/onnx';
import { fakeHost } from '@rutter/plugin-sdk/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import embedderStatic from '../../plugins/embedder-static/index.ts';
import { openAiDeployment, root, startGateway } from '../support/index.ts';
import { rate } from './feedback-support.ts';
import { ask, fleet } from './router-support.ts';

// Several commands each, every one a process: on a busy machine that adds up.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const run = promisify(execFile);
const folder = await mkdtemp(join(tmpdir(), 'rutter-lab-'));
afterAll(() => rm(folder, { recursive: true }));
const at = (name: string) => join(folder, name);
const text = (name: string) => readFile(at(name), 'utf8');

const sums = (index: number) => `Please compute the sum of ${index * 7 + 3} and ${index * 5 + 2}.`;
const poems = (index: number) => `Write a tender poem about autumn leaves and letter number ${index}.`;
const question = (index: number) => (index % 2 === 0 ? sums(index) : poems(index));
/** The counter is right about sums, the poet about poems, but for a few. */
const score = (index: number, place: number) =>
  index % 2 === place ? Number(index % 20 > 1) : Number(index % 10 === 1);
const names = ['counter', 'poet'] as const;
const rows = (count: number, fields: (index: number, place: number) => object = () => ({})) =>
  Array.from({ length: count }, (_none, index) =>
    names.map((model, place) => ({
      query_id: `q${index}`,
      query: question(index),
      model,
      performance: score(index, place),
      ...fields(index, place),
    })),
  ).flat();
const lines = (all: readonly object[]) => all.map((one) => JSON.stringify(one)).join('\n');

await writeFile(at('lab.yaml'), 'model_list:\n  - {model_name: m, litellm_params: {model: simulated/m}}\n');
await writeFile(at('train.jsonl'), lines(rows(120)));
await writeFile(
  at('test.jsonl'),
  lines(rows(40, (_index, place) => ({ task: 'mixed', cost: place === 0 ? 0.001 : 0.004 }))),
);

const environment = { ...process.env, RUTTER_DATA: at('data'), LITELLM_CONFIG_PATH: at('lab.yaml') };
const command = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  run(process.execPath, [join(root, 'core/cli/rutter.mjs'), ...args], { env: { ...environment, ...env }, cwd: folder });
const refusal = async (...args: readonly string[]) => {
  const failure = (await command(args).catch((error: unknown) => error)) as {
    stderr: string;
    stdout: string;
    code?: number;
  };
  expect(failure.code).toBe(1);
  return `${failure.stderr}${failure.stdout}`;
};

const seats = await fleet(...names);
const configFor = (strategy: string, artefact: string) => ({
  model_list: names.map((name) =>
    openAiDeployment('auto', seats[name], {}, { id: `auto-${name}`, router_model: name }),
  ),
  router_settings: { routing_strategy: strategy, routing_strategy_args: { model_path: at(artefact) }, num_retries: 0 },
});
const content = (words: string) => ({ body: { messages: [{ role: 'user', content: words }] } });

describe('what is learnt', () => {
  it('is the same to the last byte for the same seed and outcomes, with a card that says what it is', async () => {
    const train = (out: string, seed: string) =>
      command(['train', 'llmrouter-mlp', '--data', 'train.jsonl', '--out', out, '--seed', seed, '--set', 'epochs=12']);
    const [{ stdout }] = [await train('a.rra', '5'), await train('b.rra', '5'), await train('c.rra', '6')];
    expect(stdout).toMatch(/pass \d+, loss 0\.\d+, at most \d+ s left/);
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((name) => readFile(at(`${name}.rra`))));
    expect(a?.equals(b as Buffer)).toBe(true);
    expect(a?.equals(c as Buffer)).toBe(false);
    const card = await text('a.rra.md');
    expect(card).toBe(await text('b.rra.md'));
    for (const part of [
      `| SHA-256 of that | ${createHash('sha256')
        .update(await text('train.jsonl'))
        .digest('hex')} |`,
      `| SHA-256 of the artefact | ${createHash('sha256')
        .update(a as Buffer)
        .digest('hex')} |`,
      '| models | counter, poet |',
      '| seed, options | 5, {"epochs":12} |',
    ])
      expect(card).toContain(part);
    expect(card).toMatch(/On the 18 questions that were kept aside.*\n\n- quality \d+\.\d\d %/);
  });

  it('may come from a table of RouterBench, costs and all', async () => {
    const csv = [
      'sample_id,prompt,eval_name,counter,poet,counter|model_response,counter|total_cost,poet|model_response,poet|total_cost',
    ];
    for (let index = 0; index < 80; index++)
      csv.push(
        `mixed.${index},"['${question(index)}']",mixed,${score(index, 0)},${score(index, 1)},"x, y",0.001,z,0.004`,
      );
    await writeFile(at('bench.csv'), csv.join('\n'));
    await command(['train', 'llmrouter-knn', '--data', 'bench.csv', '--out', 'bench.rra']);
    await command(['eval', '--artefact', 'bench.rra', '--data', 'bench.csv', '--json', 'bench.json']);
    const figures = JSON.parse(await text('bench.json')) as Record<string, number>;
    expect(figures.quality).toBeGreaterThan(0.85);
    expect(figures.questions).toBe(80);
    expect(figures.meanCostUsd).toBeGreaterThan(0.0019);
    expect(figures.meanCostUsd).toBeLessThan(0.0031);
    // At some weight everything goes to the cheap one.
    expect(Math.min(...(figures.curve as unknown as { cost: number }[]).map(({ cost }) => cost))).toBeCloseTo(0.001, 6);
  });

  it('may come from a folder of LLMRouter, of its candidates alone and at their prices', async () => {
    await mkdir(at('theirs'), { recursive: true });
    const theirs = (count: number) =>
      rows(count).flatMap(({ query_id: _id, model, ...row }) => [
        { ...row, model_name: model, prompt_tokens: 100, completion_tokens: 50 },
        { ...row, model_name: 'stranger', prompt_tokens: 1, completion_tokens: 1 },
      ]);
    await writeFile(at('theirs/routing_data_train.jsonl'), lines(theirs(60)));
    await writeFile(at('theirs/routing_data_test.jsonl'), lines(theirs(20)));
    await writeFile(at('theirs/query_data_test.jsonl'), lines([{ task_name: 'poems', query: poems(1) }]));
    const prices = {
      counter: { input_price: 1, output_price: 2 },
      poet: { size: '7B', input_price: 10, output_price: 20 },
    };
    await writeFile(at('theirs/default_llm.json'), JSON.stringify(prices));
    const { stdout } = await command(['train', 'llmrouter-elo', '--data', 'theirs', '--out', 'theirs.rra']);
    expect(stdout).toContain('60 questions, 2 models');
    await command([
      'eval',
      '--artefact',
      'theirs.rra',
      '--data',
      'theirs',
      '--json',
      'theirs.json',
      '--cost-weight',
      '900',
    ]);
    expect(JSON.parse(await text('theirs.json'))).toMatchObject({
      questions: 20,
      meanCostUsd: expect.closeTo(200 / 1e6, 9),
    });
  });

  it('may come from feedback on the gateway’s own calls', async () => {
    const gateway = await startGateway({
      config: {
        model_list: names.map((name) =>
          openAiDeployment(
            name,
            seats[name],
            {},
            { router_model: name, input_cost_per_token: 1e-6, output_cost_per_token: 1e-6 },
          ),
        ),
        plugins: [{ use: 'observer-feedback', config: { store_prompts: true } }],
        router_settings: { num_retries: 0 },
      },
    });
    for (let index = 0; index < 24; index++)
      for (const [place, name] of names.entries()) {
        const { headers } = await ask(gateway, name, content(question(index)));
        const { status } = await rate(gateway, { request_id: headers.get('x-request-id'), score: score(index, place) });
        expect(status).toBe(201);
      }
    const env = { RUTTER_DATA: join(gateway.folder, 'data') };
    const { stdout } = await command(
      ['train', 'llmrouter-knn', '--data', 'ledger', '--out', 'own.rra', '--set', 'k=8'],
      env,
    );
    expect(stdout).toContain('24 questions, 2 models');
    const learnt = readArtefact(await readFile(at('own.rra')), 'own.rra');
    // What calls cost was learnt as well: the ledger knows.
    expect(learnt.learnt.blocks['cost.weights']).toBeDefined();
    const served = await startGateway({ config: configFor('llmrouter-knn', 'own.rra') });
    expect((await ask(served, 'auto', content(sums(50)))).said).toBe('counter');
    expect((await ask(served, 'auto', content(poems(51)))).said).toBe('poet');
    expect(await refusal('train', 'llmrouter-knn', '--data', 'ledger', '--out', 'none.rra')).toContain(
      'holds no feedback to learn from',
    );
  });
});

describe('networks as ONNX', () => {
  type Tensor = { readonly data: Float32Array };
  interface Runtime {
    readonly InferenceSession: {
      create(path: string): Promise<{ run(feeds: object): Promise<Readonly<Record<string, Tensor>>> }>;
    };
    readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => object;
  }
  const runtime = createRequire(join(root, 'plugins/embedder-onnx/package.json'))('onnxruntime-node') as Runtime;

  it.each([
    ['llmrouter-mlp', networkLearner],
    ['llmrouter-mf', factorsLearner],
  ])('give the scores of %s to 1e-5 in another runtime', async (strategy, learner) => {
    await command([
      'train',
      strategy,
      '--data',
      'train.jsonl',
      '--out',
      `${strategy}.rra`,
      '--onnx',
      `${strategy}.onnx`,
    ]);
    const artefact = readArtefact(await readFile(at(`${strategy}.rra`)), strategy);
    const { predictor } = restorePredictor(learner, artefact);
    const session = await runtime.InferenceSession.create(at(`${strategy}.onnx`));
    const embedder = await embedderStatic.setup(fakeHost(), {});
    for (const words of [sums(900), poems(901), 'x', '¿Qué? '.repeat(300)]) {
      const [embedding] = (await embedder.embed([words])) as [Float32Array];
      const raw = rawFeatures(words, embedding);
      const { quality } = await session.run({
        embedding: new runtime.Tensor('float32', embedding, [1, embedding.length]),
        traits: new runtime.Tensor('float32', raw.traits, [1, raw.traits.length]),
      });
      predictor.quality(inSpace(artefact.space, raw)).forEach((expected, model) => {
        expect(Math.abs((quality?.data[model] as number) - expected)).toBeLessThan(1e-5);
      });
    }
  });

  it('that were learnt elsewhere route here', async () => {
    const embedder = await embedderStatic.setup(fakeHost(), {});
    const [sum, poem] = (await embedder.embed([sums(1), poems(1)])) as [Float32Array, Float32Array];
    const width = sum.length;
    // Two hidden units that know a sum and a poem when they see one.
    const hidden = new Float32Array(2 * width);
    hidden.set(sum, 0);
    hidden.set(poem, width);
    const network = writeOnnx({
      nodes: [
        { op: 'Gemm', inputs: ['x', 'w0', 'b0'], outputs: ['h'], attributes: { transB: { int: 1 } } },
        { op: 'Relu', inputs: ['h'], outputs: ['r'] },
        { op: 'MatMul', inputs: ['r', 'w1'], outputs: ['m'] },
        { op: 'Add', inputs: ['m', 'b1'], outputs: ['z'] },
        { op: 'Softmax', inputs: ['z'], outputs: ['y'] },
      ],
      tensors: [
        { name: 'w0', dims: [2, width], data: hidden },
        { name: 'b0', dims: [2], data: Float32Array.of(-0.3, -0.3) },
        { name: 'w1', dims: [2, 2], data: Float32Array.of(0, 8, 8, 0) },
        { name: 'b1', dims: [2], data: Float32Array.of(-1, -1) },
      ],
      inputs: [{ name: 'x', type: 'float', dims: ['n', width] }],
      outputs: [{ name: 'y', type: 'float', dims: ['n', 2] }],
    });
    await writeFile(at('foreign.onnx'), network);
    await command([
      'train',
      'llmrouter-mlp',
      '--from-onnx',
      'foreign.onnx',
      '--models',
      'poet,counter',
      '--out',
      'foreign.rra',
    ]);
    const gateway = await startGateway({ config: configFor('llmrouter-mlp', 'foreign.rra') });
    for (const index of [70, 71]) {
      expect((await ask(gateway, 'auto', content(sums(index)))).said).toBe('counter');
      expect((await ask(gateway, 'auto', content(poems(index)))).said).toBe('poet');
    }
    const other = (...args: readonly string[]) =>
      refusal('train', 'llmrouter-mlp', '--from-onnx', ...args, '--out', 'no.rra');
    expect(await other('foreign.onnx')).toContain('expected --models A,B');
    expect(await other('foreign.onnx', '--models', 'a,b,c')).toContain(
      'has 2 outputs; expected one for each of a, b, c',
    );
    expect(await other('llmrouter-mlp.onnx')).toContain(
      'has the inputs embedding, traits; expected the embedding alone',
    );
    expect(
      await refusal('train', 'llmrouter-knn', '--data', 'train.jsonl', '--out', 'no.rra', '--onnx', 'x'),
    ).toContain('llmrouter-knn is no network');
  });
});

describe('a folder of artefacts', () => {
  beforeAll(async () => {
    await mkdir(at('fleet'), { recursive: true });
    for (const strategy of ['llmrouter-knn', 'llmrouter-elo'])
      await command(['train', strategy, '--data', 'train.jsonl', '--out', `fleet/${strategy}.rra`]);
  });

  it('is measured as one, with a table, all figures and a page that needs nothing from elsewhere', async () => {
    const { stdout } = await command([
      'eval',
      '--artefact',
      'fleet',
      '--data',
      'test.jsonl',
      '--json',
      'fleet.json',
      '--html',
      'fleet.html',
    ]);
    expect(stdout).toMatch(/^strategy +quality +gain/);
    expect(stdout).toMatch(/^llmrouter-knn +\d+\.\d\d/m);
    const { strategies } = JSON.parse(await text('fleet.json')) as { strategies: Record<string, unknown>[] };
    expect(strategies.map(({ strategy }) => strategy)).toEqual(['llmrouter-elo', 'llmrouter-knn']);
    const [elo, knn] = strategies as [Record<string, number>, Record<string, number>];
    // Of two models that are each right about their half, ratings alone win one half.
    expect(knn.quality).toBeGreaterThan((elo.quality as number) + 0.2);
    expect(knn.gapToOracle).toBeCloseTo((knn.oracle as number) - (knn.quality as number), 9);
    expect(knn).toMatchObject({
      robustness: { questions: 40, typos: { same: expect.any(Number) }, wording: { same: expect.any(Number) } },
      decisionUs: { p50: expect.any(Number), p99: expect.any(Number) },
      calibration: { bins: expect.any(Array), error: expect.any(Number) },
      cpt50: expect.any(Number),
      aiq: expect.any(Number),
    });
    expect(elo).toMatchObject({ moved: 0, robustness: { typos: { same: 1 }, wording: { same: 1 } } });
    const page = await text('fleet.html');
    expect(page.match(/<svg/g)).toHaveLength(2);
    for (const part of [
      'Cost and quality',
      'Calibration',
      'Where each strategy wins',
      'Confusion',
      'llmrouter-elo',
      'mixed (40)',
    ])
      expect(page).toContain(part);
    expect(page).not.toMatch(/<script|https?:|src=|@import|url\(|NaN/);
  });

  it('gives the decisions of one strategy', async () => {
    const args = ['eval', '--artefact', 'fleet', '--data', 'test.jsonl', '--decisions', 'd.jsonl'];
    expect(await refusal(...args)).toContain('expected --strategy with it');
    await command([...args, '--strategy', 'llmrouter-knn']);
    const decisions = (await text('d.jsonl'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(decisions).toHaveLength(40);
    expect(decisions.slice(2, 4)).toEqual([
      { query_id: 'q2', model: 'counter' },
      { query_id: 'q3', model: 'poet' },
    ]);
  });

  it.each([
    [['--artefact', 'nowhere', '--data', 'test.jsonl'], 'nowhere is not there'],
    [['--artefact', 'fleet', '--data', 'test.jsonl', '--strategy', 'llmrouter-mlp'], 'expected llmrouter-mlp.rra'],
    [['--artefact', 'fleet', '--data', 'test.jsonl', '--cost-weight', 'much'], '--cost-weight is much'],
    [['--artefact', 'fleet', '--data', 'test.jsonl', '--candidates', 'lab.yaml'], 'lab.yaml is not JSON'],
  ])('refuses %j', async (args, message) => {
    expect(await refusal('eval', ...args)).toContain(message);
  });
});
