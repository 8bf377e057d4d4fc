import { OutcomeTable, rawFeatures, readArtefact, trainArtefact } from '@rutter/plugin-sdk/learning';
import { expect, it } from 'vitest';
import { learnerOf } from './learners.ts';
import { inTurn, type Progress, trainBeside } from './thread.ts';

const table = new OutcomeTable();
for (let at = 0; at < 60; at++)
  for (const [place, model] of ['one', 'other'].entries())
    table.add({
      query_id: `q${at}`,
      query: `${at % 2 ? 'sum' : 'poem'} ${at}`,
      model,
      performance: at % 2 === place ? 1 : 0,
    });
const outcomes = table.finish();
const raw = outcomes.questions.map(({ text }) => rawFeatures(text, Float32Array.of(text.startsWith('sum') ? 1 : 0, 1)));
const options = { seed: 7, validationShare: 0.2, embedder: 'test-2', dataHash: 'data', settings: {} };

it('learns beside the main thread what it learns in it, byte for byte, and tells how far it is', async () => {
  const told: Progress[] = [];
  const job = { learner: 'llmrouter-mlp', data: { outcomes, raw }, options };
  const bytes = await trainBeside(job, (progress) => told.push(progress));
  expect(bytes.equals(trainArtefact(learnerOf('llmrouter-mlp'), outcomes, raw, options))).toBe(true);
  expect(told[0]).toMatchObject({ step: 'pass 1', loss: expect.any(Number) });
  expect(readArtefact(bytes, 'x').header.metrics).toMatchObject({
    questions: 60,
    keptAside: 12,
    keptAsideBestSingle: expect.any(Number),
  });
});

it('passes on what a learner refuses, and what goes wrong', async () => {
  const job = {
    learner: 'llmrouter-hybrid',
    data: { outcomes, raw },
    options: { ...options, settings: { ladder: ['one', 'none'] } },
  };
  await expect(trainBeside(job, () => {})).rejects.toMatchObject({
    code: 'ERR_CONFIG_INVALID',
    message: expect.stringContaining('none'),
  });
  const broken = { ...job, options, data: { outcomes, raw: [] } };
  await expect(trainBeside(broken, () => {})).rejects.toMatchObject({ code: 'ERR_PLUGIN_FAILED' });
});

it('keeps so many under way and no more, and the results in order', async () => {
  let [running, most] = [0, 0];
  const tasks = [5, 1, 3, 2].map((turns, at) => async () => {
    most = Math.max(most, ++running);
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    running--;
    return at;
  });
  expect(await inTurn(tasks, 2)).toEqual([0, 1, 2, 3]);
  expect(most).toBe(2);
});
