/** Microseconds of one learnt decision from the words of a prompt to the order of models, tokenising and embedding included. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
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
import { fakeHost } from '@rutter/plugin-sdk/testing';
import { root } from './contestants.mjs';
import { median } from './statistics.mjs';

const models = 22;
const questions = 400;
const decisions = 2000;
const { decideUs } = JSON.parse(readFileSync(new URL('budget.json', import.meta.url), 'utf8'));

const { default: embedderPlugin } = await import(join(root, 'plugins/embedder-static/index.ts'));
const { learners } = await import(join(root, 'plugins/extension-router-lab/learners.ts'));
const embedder = await embedderPlugin.setup(fakeHost(), embedderPlugin.config.parse({}));

const words = 'please explain how many green apples a farmer sells each week when the price of one falls by half'.split(
  ' ',
);
/** Fifty words, none of them in the same order twice. */
const prompt = (at) =>
  Array.from({ length: 50 }, (_none, place) => words[(at * 7 + place * (at + 3)) % words.length]).join(' ');

async function outcomes() {
  const table = new OutcomeTable();
  for (let at = 0; at < questions; at++)
    for (let model = 0; model < models; model++)
      table.add({
        query_id: `q${at}`,
        query: prompt(at),
        model: `m${model}`,
        performance: (at * 7 + model * 3) % 5 > 1 ? 1 : 0,
        cost: 0.001 * (model + 1),
      });
  const known = table.finish();
  const vectors = await embedder.embed(known.questions.map(({ text }) => text));
  return { known, raw: known.questions.map(({ text }, at) => rawFeatures(text, vectors[at])) };
}

/** Median of many decisions on prompts not seen before; a budget that is missed ends the run with 1. */
export async function decide() {
  const { known, raw } = await outcomes();
  for (const [name, budget] of Object.entries(decideUs)) {
    const learner = name === 'linear' ? linearLearner : learners.get(name);
    const bytes = trainArtefact(learner, known, raw, {
      ...{ seed: 1, validationShare: 0.15, embedder: embedder.version, dataHash: '' },
    });
    const artefact = readArtefact(bytes, name);
    const { predictor, costUnit } = restorePredictor(learner, artefact);
    const times = [];
    for (let at = 0; at < decisions; at++) {
      const text = prompt(questions + at);
      const start = process.hrtime.bigint();
      const [vector] = await embedder.embed([text]);
      rankModels(predictor, inSpace(artefact.space, rawFeatures(text, vector)), { costWeight: 0, costUnit });
      times.push(Number(process.hrtime.bigint() - start) / 1000);
    }
    // The first half is what the compiler learns from.
    const found = median(times.slice(decisions / 2));
    process.stdout.write(`${name}, decision among ${models} models: ${found.toFixed(1)} µs\n`);
    if (found <= budget) continue;
    process.stdout.write(`  missed: at most ${budget} µs\n`);
    process.exitCode = 1;
  }
}
