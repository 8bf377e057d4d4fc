/**
 * Each learnt strategy, by its name in a configuration, before two vendors of
 * known strengths: 300 questions go where its rule says, and where its
 * artefact is missing or wrong they are answered all the same, and why is told.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, openAiDeployment, root, startGateway, until } from '../support/index.ts';
import { type Asked, balancers, type Fault, type FaultTools, type LearnedRow, rows } from './learned-rows.ts';
import { type Answer, ask, fleet } from './router-support.ts';

const run = promisify(execFile);
const folder = await mkdtemp(join(tmpdir(), 'rutter-table-'));
const at = (name: string) => join(folder, name);
const seats = await fleet('counter', 'poet');
afterAll(() => rm(folder, { recursive: true }));

const sum = (index: number) => `Please compute the sum of ${index * 7 + 3} and ${index * 5 + 2}, then divide it by 4.`;
const poem = (index: number) => `Write a tender poem about autumn leaves, a river and letter number ${index}.`;
const asked = (index: number): Asked =>
  index % 2 === 0 ? { text: sum(index), kind: 'sum' } : { text: poem(index), kind: 'poem' };

/** The counter is right about nearly all sums and a fifth of the poems, the poet about nearly all poems alone. */
function outcomes(count: number): string {
  const lines: string[] = [];
  for (let index = 0; index < count; index++) {
    const { text: query, kind } = asked(index);
    const rights = {
      counter: kind === 'sum' ? index % 20 > 0 : index % 10 === 1,
      poet: kind === 'poem' && index % 20 > 1,
    };
    for (const [model, isRight] of Object.entries(rights)) {
      const cost = model === 'counter' ? 0.002 : 0.001;
      lines.push(JSON.stringify({ query_id: `q${index}`, query, model, performance: isRight ? 1 : 0, cost }));
    }
  }
  return lines.join('\n');
}

/** Its header says otherwise; lengths stay. */
const edited = (artefact: Buffer, ...changes: readonly (readonly [RegExp, string])[]) =>
  Buffer.from(
    changes.reduce((text, [from, to]) => text.replace(from, to), artefact.toString('latin1')),
    'latin1',
  );

const pointed = (name: string, content: (artefact: Buffer) => Buffer, reason: string): Fault => ({
  name,
  reason,
  config: async ({ artefact, write }) => ({ model_path: await write(`${name}.rra`, content(artefact)) }),
});

const faultsOfArtefacts: readonly Fault[] = [
  { name: 'missing', reason: 'ENOENT', config: async () => ({ model_path: at('nowhere.rra') }) },
  { name: 'pickled', reason: 'Run: rutter train', config: async () => ({ model_path: at('model.pkl') }) },
  pointed('corrupted', (artefact) => artefact.subarray(0, artefact.length - 5), 'bytes of numbers'),
  pointed('versioned', (artefact) => edited(artefact, [/"format":1/, '"format":9']), 'found format 9'),
  pointed('embedded', (artefact) => edited(artefact, [/"embedder":"./, '"embedder":"~']), 'was trained with embedder'),
  pointed(
    'foreign',
    (artefact) => edited(artefact, [/"counter"/g, '"cobbler"'], [/"poet"/g, '"bard"']),
    'knows none of',
  ),
];

/** Two deployments of a group, the smaller and cheaper one first. */
const pair = (group: string) => [
  openAiDeployment(group, seats.poet, {}, { id: `${group}-poet`, router_model: 'poet', size: '7B' }),
  openAiDeployment(group, seats.counter, {}, { id: `${group}-counter`, router_model: 'counter', size: '70B' }),
];

/** The strategy by `routing_strategy` for the group `asked`, and an instance of its own for each fault. */
async function start(row: LearnedRow, faults: readonly Fault[], tools: FaultTools, path: string | undefined) {
  const entries = await Promise.all(
    faults.map(async ({ name, config }) => ({
      ...{ use: row.strategy, as: name, for: [name] },
      config: { ...row.config, ...(await config(tools)) },
    })),
  );
  return startGateway({
    startMs: 60_000,
    config: {
      plugins: entries,
      model_list: ['asked', ...faults.map(({ name }) => name)].flatMap(pair),
      router_settings: {
        routing_strategy: row.strategy,
        routing_strategy_args: { ...row.config, ...(path === undefined ? {} : { model_path: path }) },
        num_retries: 0,
      },
    },
  });
}

/** As many questions, a few at a time, in order. */
async function answers(gateway: Gateway, group: string, from: number, count: number): Promise<Answer[]> {
  const found: Answer[] = [];
  let next = 0;
  const one = async () => {
    for (let index = next++; index < count; index = next++) {
      const content = asked(from + index).text;
      found[index] = await ask(gateway, group, { body: { messages: [{ role: 'user', content }] } });
    }
  };
  await Promise.all(Array.from({ length: 8 }, one));
  return found;
}

/** Where the artefact of a row is; undefined where it has none. */
async function artefactOf({ strategy, artefact }: LearnedRow): Promise<string | undefined> {
  if (artefact === undefined) return undefined;
  return artefact === 'trained' ? at(`fleet/${strategy}.rra`) : artefact(folder);
}

beforeAll(async () => {
  await writeFile(at('lab.yaml'), 'model_list:\n  - {model_name: m, litellm_params: {model: simulated/m}}\n');
  await writeFile(at('train.jsonl'), outcomes(240));
  const env = { ...process.env, RUTTER_DATA: at('data'), LITELLM_CONFIG_PATH: at('lab.yaml') };
  const args = ['train', 'all', '--data', 'train.jsonl', '--out', 'fleet'];
  await run(process.execPath, [join(root, 'core/cli/rutter.mjs'), ...args], { env, cwd: folder });
}, 600_000);

describe.each(rows)('$strategy', (row) => {
  let gateway: Gateway;
  let faults: readonly Fault[] = [];
  beforeAll(async () => {
    row.plays?.(seats);
    const path = await artefactOf(row);
    faults = row.faults ?? (path === undefined ? [] : faultsOfArtefacts);
    const tools: FaultTools = {
      artefact: path === undefined ? Buffer.alloc(0) : await readFile(path),
      async write(name, content) {
        await writeFile(at(`${row.strategy}-${name}`), content);
        return at(`${row.strategy}-${name}`);
      },
    };
    gateway = await start(row, faults, tools, path);
  }, 120_000);
  afterAll(async () => {
    await gateway?.stop();
    for (const seat of Object.values(seats)) seat.plays({});
  });

  it('sends 300 questions where its rule says, and says that it chose', async () => {
    const found = await answers(gateway, 'asked', 1000, 300);
    expect(found.map(({ status }) => status)).toEqual(found.map(() => 200));
    const right = found.filter(({ said, text, model }, index) => {
      const by = row.answeredBy ? row.answeredBy({ text, model }) : said;
      return by === row.expects(asked(1000 + index));
    });
    expect(right.length / 300).toBeGreaterThanOrEqual(row.agreement ?? 0.9);
    for (const { headers } of found)
      expect(headers.get('x-rutter-route')).toContain(row.why ?? `chosen by ${row.strategy}`);
    await row.also?.(gateway);
  }, 120_000);

  it('answers by the fallback where it lacks what it needs, and says why', async () => {
    for (const { name, reason } of faults) {
      const found = await answers(gateway, name, 2000, 6);
      expect(found.map(({ status, text }) => (status === 200 ? 200 : text))).toEqual(found.map(() => 200));
      const told = () => gateway.output() + found.map(({ headers }) => headers.get('x-rutter-route')).join('\n');
      await until(`${reason}, told of the group ${name}`, () => told().includes(reason), 10_000).catch((error) => {
        throw new Error(`${error.message} What was told:\n${told()}`);
      });
    }
  }, 120_000);
});

it('leaves no strategy out that is shipped and judges what is asked', async () => {
  const shipped = await readdir(join(root, 'strategies'));
  const tested = [...balancers, ...rows.map(({ strategy }) => strategy)];
  expect(shipped.filter((name) => !tested.includes(name))).toEqual([]);
});
