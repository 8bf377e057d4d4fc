/** `npm run bench`: compares Rutter with a bare pipe and a Koa stand-in, and holds it to `budget.json`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { hasRequiredNode, requireNode, run } from '../../core/cli/launch.mjs';
import { prepare } from '../../core/cli/prepare.mjs';
import { ownNames, readExtra, root } from './contestants.mjs';
import { canPin } from './processes.mjs';
import { labels, measure, tests } from './readings.mjs';
import { judge, resultsTable, summary, targetsTable } from './statistics.mjs';

const help = `npm run bench -- [options]

  --reps N        repetitions, interleaved (3)
  --secs N        seconds of each reading (4)
  --noise N       cores that others may use during a reading before it is taken again (0.1)
  --only A,B      contestants (${ownNames.join(', ')}) and tests (${Object.keys(tests).join(', ')}); all when left out
  --extra FILE    a further contestant: {"name", "cmd", "env", "headers"}; may be given more than once
  --json FILE     writes every reading there
  --report        ends with 0 whatever was missed
`;

function positive(name, text) {
  const value = Number(text);
  if (!(value > 0 && value <= 600)) throw new Error(`--${name} is "${text}"; expected a number above 0, 600 at most.`);
  return value;
}

/** Names of contestants and of tests may stand in any order; where one sort is left out, all of it is meant. */
function selection(text, names) {
  const given = (text ?? '').split(',').filter(Boolean);
  const known = [...names, ...Object.keys(tests)];
  const unknown = given.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`--only names "${unknown}"; expected some of ${known.join(', ')}.`);
  const among = (all) => (all.some((name) => given.includes(name)) ? all.filter((name) => given.includes(name)) : all);
  return { contestants: among(names), only: among(Object.keys(tests)) };
}

function readOptions(args) {
  const text = { type: 'string' };
  const flag = { type: 'boolean', default: false };
  const list = { ...text, multiple: true, default: [] };
  const options = {
    reps: text,
    secs: text,
    noise: text,
    only: text,
    json: text,
    extra: list,
    report: flag,
    help: flag,
  };
  const { values } = parseArgs({ args, options });
  const extras = new Map(values.extra.map(readExtra).map((extra) => [extra.name, extra]));
  const chosen = selection(values.only, [...ownNames, ...extras.keys()]);
  const secs = positive('secs', values.secs ?? 4);
  const mostForeign = positive('noise', values.noise ?? 0.1);
  const reps = Math.ceil(positive('reps', values.reps ?? 3));
  return { ...values, ...chosen, extras, reps, secs, mostForeign };
}

const say = (text) => process.stdout.write(`${text}\n`);

async function takeAll({ reps, contestants, ...options }) {
  const readings = [];
  for (let repetition = 1; repetition <= reps; repetition++)
    for (const contestant of contestants)
      await measure(contestant, {
        ...options,
        tell(test, values) {
          readings.push({ repetition, contestant, test, values });
          process.stderr.write(`${repetition}/${reps} ${contestant} ${test} ${JSON.stringify(values)}\n`);
        },
      });
  return readings;
}

function tellSurroundings() {
  const cores = canPin ? 'contestant on core 1, vendor and load on core 0' : 'NOT pinned: no taskset, or one core only';
  say(`${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${cores}\n`);
}

function tellTrouble(readings) {
  const errors = readings.filter(({ values }) => values.errors > 0);
  for (const { repetition, contestant, test, values } of errors)
    say(`${contestant}, ${test}, repetition ${repetition}: ${values.errors} errors; the first: ${values.firstError}`);
  const noise = summary(readings.map(({ values }) => values.foreign));
  if (noise)
    say(`Other processes used ${noise.median.toFixed(2)} cores at the median, ${noise.max.toFixed(2)} at most.`);
  return errors.length;
}

async function bench(args) {
  const options = readOptions(args);
  if (options.help) return say(help) ?? 0;
  await prepare();
  const readings = await takeAll(options);
  const measured = [...labels].filter(([name]) => readings.some(({ test }) => name.startsWith(`${test}.`)));
  tellSurroundings();
  say(resultsTable(measured, readings, options.contestants));
  const { targets } = JSON.parse(readFileSync(new URL('budget.json', import.meta.url), 'utf8'));
  const judged = targets.map((target) => judge(target, readings));
  say(`\n${targetsTable(judged, labels)}\n`);
  const errors = tellTrouble(readings);
  if (options.json)
    writeFileSync(options.json, `${JSON.stringify({ node: process.version, canPin, readings, judged }, null, 1)}\n`);
  const hasMissed = errors > 0 || judged.some(({ verdict }) => verdict === 'missed');
  return hasMissed && !options.report ? 1 : 0;
}

if (!hasRequiredNode()) {
  const { code } = await run(requireNode(root), [import.meta.filename, ...process.argv.slice(2)]);
  process.exit(code ?? 1);
}
try {
  process.exitCode = await bench(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
