/**
 * Every trainable strategy on outcomes it has not seen, one table a source: learnt on `train`, measured on `test`.
 *
 * The outcomes are not part of the product: without them this says so and does nothing.
 */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  inSpace,
  pairedInterval,
  rankModels,
  readArtefact,
  restorePredictor,
  trainArtefact,
} from '@rutter/plugin-sdk/learning';
import { fakeHost } from '@rutter/plugin-sdk/testing';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const { values } = parseArgs({
  options: {
    sources: { type: 'string' },
    strategies: { type: 'string' },
    json: { type: 'string' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(`npm run bench:routing -- [--sources A,B] [--strategies A,B] [--json FILE] [--write]

  RUTTER_ROUTING_DATA   folder of SOURCE/train.jsonl.gz and SOURCE/test.jsonl.gz; ../shared/data/routing when absent
  --write               puts the tables into core/docs/routing.md
`);
  process.exit(0);
}
const folder = process.env.RUTTER_ROUTING_DATA ?? join(root, '../shared/data/routing');
if (!existsSync(folder)) {
  process.stdout.write(`SKIPPED: there are no outcomes in ${folder}; RUTTER_ROUTING_DATA names another folder.\n`);
  process.exit(0);
}

const { default: embedderPlugin } = await import(join(root, 'plugins/embedder-static/index.ts'));
const { readData } = await import(join(root, 'plugins/extension-router-lab/data.ts'));
const { figures, prepared } = await import(join(root, 'plugins/extension-router-lab/measure.ts'));
const { learners } = await import(join(root, 'plugins/extension-router-lab/learners.ts'));
const embedder = await embedderPlugin.setup(fakeHost(), embedderPlugin.config.parse({}));

const listed = (text, all) => (text === undefined ? all : text.split(','));
const sources = listed(
  values.sources,
  readdirSync(folder).filter((name) => existsSync(join(folder, name, 'test.jsonl.gz'))),
);
const names = listed(values.strategies, [...learners.keys()]);
const percent = (value) => (100 * value).toFixed(2);
const fixed = (value, digits) => (value === undefined || Number.isNaN(value) ? '' : value.toFixed(digits));

/** Mean quality by task and model, told by `train`; the model a task goes to. */
function bestPerTask({ outcomes }) {
  const width = outcomes.models.length;
  const sums = new Map();
  outcomes.questions.forEach(({ task }, row) => {
    const own = sums.get(task) ?? new Float64Array(width);
    for (let model = 0; model < width; model++) own[model] += outcomes.quality[row * width + model] || 0;
    sums.set(task, own);
  });
  return new Map([...sums].map(([task, own]) => [task, own.indexOf(Math.max(...own))]));
}

/** Median microseconds of one decision, the features at hand. */
function decisionUs(bytes, raw) {
  const artefact = readArtefact(bytes, 'artefact');
  const { header, space } = artefact;
  const { predictor, costUnit } = restorePredictor(learners.get(header.strategy), artefact);
  const options = { costWeight: 0, costUnit };
  const times = raw.slice(0, 200).map((one) => {
    const start = process.hrtime.bigint();
    rankModels(predictor, inSpace(space, one), options);
    return Number(process.hrtime.bigint() - start) / 1000;
  });
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
}

const blank = ['', '', '', '', ''];

function references(train, test) {
  const { outcomes } = test;
  const width = outcomes.models.length;
  const means = (data) =>
    data.outcomes.models.map(
      (_model, model) =>
        data.outcomes.questions.reduce((sum, _one, row) => sum + (data.outcomes.quality[row * width + model] || 0), 0) /
        data.outcomes.questions.length,
    );
  const known = means(train);
  const best = outcomes.models.indexOf(train.outcomes.models[known.indexOf(Math.max(...known))]);
  const single = Float64Array.from(outcomes.questions, (_one, row) => outcomes.quality[row * width + best]);
  const byTask = bestPerTask(train);
  const tasked = Float64Array.from(outcomes.questions, ({ task }, row) => {
    const model = byTask.has(task) ? outcomes.models.indexOf(train.outcomes.models[byTask.get(task)]) : best;
    return outcomes.quality[row * width + model];
  });
  const oracle = Float64Array.from(outcomes.questions, (_one, row) =>
    Math.max(...outcomes.quality.subarray(row * width, (row + 1) * width)),
  );
  const mean = (values_) => values_.reduce((sum, value) => sum + value, 0) / values_.length;
  const line = (name, own) => {
    const { mean: gain, low, high } = pairedInterval(own, single);
    return [name, percent(mean(own)), `${percent(gain)} (${percent(low)} to ${percent(high)})`, ...blank];
  };
  // What a draw gives on average, question by question: as many zeros as are not known.
  const chance = Float64Array.from(outcomes.questions, (_one, row) =>
    mean(outcomes.quality.slice(row * width, (row + 1) * width).map((value) => value || 0)),
  );
  const rows = [
    line('a model by chance', chance),
    [`best single, told by train: ${outcomes.models[best]}`, percent(mean(single)), '0.00', '0', ...blank.slice(1)],
    line('best per task, told by train and the label', tasked),
    line('oracle', oracle),
  ];
  return { rows, single };
}

const head = [
  'strategy',
  'quality',
  'gain over the best single (95 %)',
  'moved',
  'AIQ',
  'APGR',
  'trained in s',
  'decides in µs',
];
const markdown = (rows) =>
  [head, head.map((_name, at) => (at === 0 ? '---' : '---:')), ...rows]
    .map((row) => `| ${row.join(' | ')} |\n`)
    .join('');

const report = {};
let text = '';
for (const source of sources) {
  const [train, test] = [
    await readData(embedder, join(folder, source, 'train.jsonl.gz')),
    await readData(embedder, join(folder, source, 'test.jsonl.gz')),
  ];
  const { rows, single } = references(train, test);
  report[source] = {};
  for (const name of names) {
    const start = performance.now();
    const bytes = trainArtefact(learners.get(name), train.outcomes, train.raw, {
      ...{ seed: 1, validationShare: 0.15, embedder: embedder.version, dataHash: train.sha256 },
    });
    const seconds = (performance.now() - start) / 1000;
    const loaded = prepared(bytes, test, { path: name, embedder: embedder.version });
    const { result, own } = figures(loaded, test, 0);
    report[source][name] = result;
    const { aiq, apgr, moved } = result;
    const gain = pairedInterval(own.quality, single);
    rows.push([
      `\`${name}\``,
      percent(result.quality),
      `${percent(gain.mean)} (${percent(gain.low)} to ${percent(gain.high)})`,
      `${fixed(100 * moved, 0)} %`,
      ...[fixed(aiq, 4), fixed(apgr, 3), fixed(seconds, 0), fixed(decisionUs(bytes, test.raw), 0)],
    ]);
    process.stderr.write(`${source} ${name}: ${percent(result.quality)}\n`);
  }
  const first = Object.values(report[source])[0] ?? {};
  text += `### ${source}: ${train.outcomes.models.length} models, ${train.outcomes.questions.length} questions learnt, ${test.outcomes.questions.length} measured\n\n${markdown(rows)}\n`;
  if (first.aiqOfSingles !== undefined) text += `AIQ of the single models: ${fixed(first.aiqOfSingles, 4)}.\n\n`;
  for (const [name, { apgrByTask }] of Object.entries(report[source]))
    if (apgrByTask)
      text += `APGR of \`${name}\`: ${Object.entries(apgrByTask)
        .map(([task, value]) => `${task} ${fixed(value, 3)}`)
        .join(', ')}.\n\n`;
}
if (report.routellm)
  text += `Published for RouteLLM's best (Ong et al. 2024, arXiv:2406.18665; learnt from arena battles with augmentation, other questions and answers): APGR on MT-Bench 0.802 (matrix factorisation), on MMLU 0.603 (similarity-weighted ranking), on GSM8K 0.622 (causal model). A router by chance has 0.5, give or take 0.02 on MMLU, 0.04 on GSM8K and 0.07 on MT-Bench.\n\n`;
process.stdout.write(text);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
if (values.write) {
  const { readFileSync } = await import('node:fs');
  const page = join(root, 'core/docs/routing.md');
  const [begin, end] = ['<!-- tables: npm run bench:routing -- --write -->\n', '<!-- end of tables -->\n'];
  const old = readFileSync(page, 'utf8');
  if (!old.includes(begin) || !old.includes(end)) throw new Error(`${page} lacks the marks between which tables go.`);
  writeFileSync(page, `${old.slice(0, old.indexOf(begin) + begin.length)}\n${text}${old.slice(old.indexOf(end))}`);
}
