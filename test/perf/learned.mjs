/**
 * Times of learnt routing on one core, from the words of a prompt to the order of models, and of a sentence network on
 * its thread; each against its budget in `budget.json`.
 *
 * `node --conditions=@rutter/source test/perf/learned.mjs` prints them and ends with 1 when one is missed.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  inSpace,
  linearLearner,
  OutcomeTable,
  rankModels,
  rawFeatures,
  readArtefact,
  restorePredictor,
  trainArtefact,
} from '@rutter/plugin-sdk/learning';
import { bertNetwork, fakeHost, miniLmShape } from '@rutter/plugin-sdk/testing';
import { root } from './contestants.mjs';
import { prompt, random } from './prompts.mjs';
import { quantile } from './statistics.mjs';

export const { learned: budgets } = JSON.parse(readFileSync(new URL('budget.json', import.meta.url), 'utf8'));
const modelCount = 22;
const load = async (folder) => (await import(join(root, 'plugins', folder, 'index.ts'))).default;
const { learners } = await import(join(root, 'plugins/extension-router-lab/learners.ts'));
const staticPlugin = await load('embedder-static');
const embedder = await staticPlugin.setup(fakeHost(), staticPlugin.config.parse({}));

async function outcomes(questions, models) {
  const table = new OutcomeTable();
  for (let at = 0; at < questions; at++) {
    const query = prompt(40);
    for (let model = 0; model < models; model++)
      table.add({
        query_id: `q${at}`,
        query,
        model: `m${model}`,
        performance: random() < 0.5 ? 1 : 0,
        cost: 0.001 * (model + 1),
      });
  }
  const known = table.finish();
  const vectors = await embedder.embed(known.questions.map(({ text }) => text));
  return { known, raw: known.questions.map(({ text }, at) => rawFeatures(text, vectors[at])) };
}

async function trained(learner, questions) {
  const { known, raw } = await outcomes(questions, modelCount);
  const artefact = readArtefact(
    trainArtefact(learner, known, raw, {
      ...{ seed: 1, validationShare: 0.15, embedder: embedder.version, dataHash: '' },
      settings: learner.name === 'llmrouter-knn' ? {} : { epochs: 1 },
    }),
    learner.name,
  );
  return { artefact, ...restorePredictor(learner, artefact) };
}

/** Wall microseconds of one piece of work, over and over, and the mean CPU of it; what the compiler learns from is left out. */
async function timesOf(count, { inputs, run }) {
  const wall = [];
  for (let at = 0; at < count; at++) await run(inputs[at % inputs.length]);
  const before = process.threadCpuUsage();
  for (let at = count; at < 2 * count; at++) {
    const start = process.hrtime.bigint();
    const done = run(inputs[at % inputs.length]);
    if (done instanceof Promise) await done;
    wall.push(Number(process.hrtime.bigint() - start) / 1_000);
  }
  const { user, system } = process.threadCpuUsage(before);
  return { wall: { p50: quantile(wall, 0.5), p99: quantile(wall, 0.99) }, cpu: (user + system) / count };
}

/** Whole decisions of the linear predictor: tokenising, embedding, features, order. */
async function linear(count, tokens) {
  const { artefact, predictor, costUnit } = await trained(linearLearner, 400);
  return timesOf(count, {
    inputs: Array.from({ length: 2 * count }, () => prompt(tokens)),
    async run(text) {
      const [vector] = await embedder.embed([text]);
      rankModels(predictor, inSpace(artefact.space, rawFeatures(text, vector)), { costWeight: 0.1, costUnit });
    },
  });
}

/** What a learner takes when the features are there. */
async function onTop(count, name, questions) {
  const { artefact, predictor } = await trained(learners.get(name), questions);
  const [vector] = await embedder.embed([prompt(50)]);
  const features = inSpace(artefact.space, rawFeatures(prompt(50), vector));
  return timesOf(count, { inputs: [features], run: (one) => void predictor.quality(one) });
}

/** A network of MiniLM's size in int8, through the embedder that serves it. */
async function network(count, lengths) {
  const folder = mkdtempSync(join(tmpdir(), 'rutter-minilm-'));
  try {
    writeFileSync(join(folder, 'model.onnx'), bertNetwork({ ...miniLmShape, isInt8: true }));
    writeFileSync(join(folder, 'vocab.txt'), readFileSync(join(root, 'plugins/embedder-static/vocab.txt')));
    const plugin = await load('embedder-onnx');
    const onnx = await plugin.setup(fakeHost(), plugin.config.parse({ path: folder, cache_entries: 0 }));
    const found = {};
    for (const tokens of lengths) {
      const texts = Array.from({ length: count }, () => prompt(tokens - 2));
      for (const text of texts.slice(0, 3)) await onnx.embed([text]);
      const wall = [];
      const before = process.cpuUsage();
      for (const text of texts) {
        const start = process.hrtime.bigint();
        await onnx.embed([text]);
        wall.push(Number(process.hrtime.bigint() - start) / 1e6);
      }
      // Of the whole process: the network runs on another thread.
      const { user, system } = process.cpuUsage(before);
      const cpu = (user + system) / 1_000 / texts.length;
      found[tokens] = { wall: { p50: quantile(wall, 0.5), p99: quantile(wall, 0.99) }, cpu };
    }
    await onnx.dispose();
    return found;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Every budgeted time by name; `scale` 1 is the whole bench. */
export async function measureLearned(scale = 1) {
  const count = (most) => Math.max(40, Math.round(most * scale));
  const onnx = await network(Math.max(8, Math.round(100 * scale)), [50, 256]);
  return {
    'linear, 50 tokens, µs': await linear(count(4_000), 50),
    'linear, 2000 tokens, µs': await linear(count(2_000), 2_000),
    'MLP on top, µs': await onTop(count(4_000), 'llmrouter-mlp', 400),
    'kNN of 10,000 on top, µs': await onTop(count(1_000), 'llmrouter-knn', Math.ceil(10_000 / 0.85)),
    'MiniLM in int8, 50 tokens, ms': onnx[50],
    'MiniLM in int8, 256 tokens, ms': onnx[256],
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { delayUnderLoad } = await import('./loop-delay.mjs');
  const found = {
    ...(await measureLearned()),
    'event-loop delay at 200/s of 2,000 tokens, ms': await delayUnderLoad(10),
  };
  for (const [name, { wall, cpu }] of Object.entries(found)) {
    const { p50 = Number.POSITIVE_INFINITY, p99 = Number.POSITIVE_INFINITY } = budgets[name];
    const isMet = wall.p50 <= p50 && wall.p99 <= p99;
    const shown = (value) => value.toFixed(value < 100 ? 2 : 0);
    const spent = cpu === undefined ? '' : `, CPU ${shown(cpu)} on average`;
    process.stdout.write(
      `${isMet ? 'met   ' : 'MISSED'} ${name}: p50 ${shown(wall.p50)} (${p50}), p99 ${shown(wall.p99)} (${p99})${spent}\n`,
    );
    if (!isMet) process.exitCode = 1;
  }
}
