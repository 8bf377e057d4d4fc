/** Strategies that learn from feedback while they serve: what is said changes decisions, and taking it back undoes that. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readArtefact } from '../../plugin-sdk/learning/index.ts';
import { type Gateway, openAiDeployment, root, startGateway, until } from '../support/index.ts';
import { call, rate } from './feedback-support.ts';
import { ask, fleet } from './router-support.ts';

const run = promisify(execFile);
const folder = await mkdtemp(join(tmpdir(), 'rutter-online-'));
afterAll(() => rm(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

const sums = (index: number) => `Please compute the sum of ${index * 7 + 3} and ${index * 5 + 2}, then divide it by 4.`;
const poems = (index: number) => `Write a tender poem about autumn leaves, a river and letter number ${index}.`;
const seats = await fleet('counter', 'poet');

type Right = (index: number, isSum: boolean) => Readonly<Record<'counter' | 'poet', boolean>>;

function outcomes(count: number, right: Right): string {
  const lines: string[] = [];
  for (let index = 0; index < count; index++) {
    const isSum = index % 2 === 0;
    for (const [model, isRight] of Object.entries(right(index, isSum))) {
      const query = isSum ? sums(index) : poems(index);
      const cost = model === 'counter' ? 0.002 : 0.001;
      lines.push(JSON.stringify({ query_id: `q${index}`, query, model, performance: isRight ? 1 : 0, cost }));
    }
  }
  return lines.join('\n');
}

const environment = { ...process.env, RUTTER_DATA: at('data'), LITELLM_CONFIG_PATH: at('lab.yaml') };
async function train(strategy: string, data: string, ...more: readonly string[]): Promise<string> {
  const out = at(`${strategy}.rra`);
  const args = [join(root, 'core/cli/rutter.mjs'), 'train', strategy, '--data', at(data), '--out', out, ...more];
  await run(process.execPath, args, { env: environment, cwd: folder });
  return out;
}

beforeAll(async () => {
  await writeFile(at('lab.yaml'), 'model_list:\n  - {model_name: m, litellm_params: {model: simulated/m}}\n');
  // Each is right about its own kind, the poet about some sums too.
  await writeFile(
    at('kinds.jsonl'),
    outcomes(300, (index, isSum) => ({
      counter: isSum ? index % 20 > 0 : index % 10 === 1,
      poet: isSum ? index % 8 === 0 : index % 20 > 1,
    })),
  );
  // Hardly apart, the counter ahead.
  await writeFile(
    at('even.jsonl'),
    outcomes(200, (index) => ({ counter: index % 20 < 12, poet: index % 20 >= 9 })),
  );
}, 60_000);

const start = (strategy: string, path: string, config: object = {}, args: readonly string[] = []) =>
  startGateway({
    startMs: 60_000,
    args,
    config: {
      model_list: [
        openAiDeployment('auto', seats.counter, {}, { id: 'auto-counter', router_model: 'counter' }),
        openAiDeployment('auto', seats.poet, {}, { id: 'auto-poet', router_model: 'poet' }),
      ],
      router_settings: {
        routing_strategy: strategy,
        routing_strategy_args: { model_path: path, ...config },
        num_retries: 0,
      },
    },
  });

interface Said {
  readonly said: string | undefined;
  readonly id: string;
}

async function say(gateway: Pick<Gateway, 'url'>, content: string, user: string): Promise<Said> {
  const { said, status, headers } = await ask(gateway, 'auto', {
    body: { user, messages: [{ role: 'user', content }] },
  });
  expect(status).toBe(200);
  return { said, id: headers.get('x-request-id') as string };
}

const erase = (gateway: Gateway, user: string) => call(gateway, 'DELETE', `/v1/feedback/users/${user}`);
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

it('llmrouter-elo goes to whom Elo’s formula says after each word, in each worker, and back when the user is erased', async () => {
  const path = await train('llmrouter-elo', 'even.jsonl');
  const { learnt } = readArtefact(await readFile(path), path);
  const ratings = Object.fromEntries(
    ['counter', 'poet'].map((name, place) => [name, (learnt.blocks['elo.ratings'] as Float32Array)[place] as number]),
  ) as Record<'counter' | 'poet', number>;
  expect(ratings.counter).toBeGreaterThan(ratings.poet);
  const gateway = await start('llmrouter-elo', path, { k_factor: 48 }, ['--workers', '2']);
  const step = (48 * Math.LN10) / 400;
  // Elo's own rule, written down once more: each answer is given 0, against a field that has the mean of all scores.
  let [sum, count] = [1, 2];
  const gone = { counter: 0, poet: 0 };
  for (let turn = 0; turn < 16; turn++) {
    const expected = ratings.counter >= ratings.poet ? 'counter' : 'poet';
    // The other worker hears of a word a moment later.
    const { said, id } = await until('the answer of whom the formula says', async () => {
      const answer = await say(gateway, sums(turn), 'ann');
      return answer.said === expected ? answer : undefined;
    });
    gone[said as 'counter' | 'poet']++;
    expect((await rate(gateway, { request_id: id, rating: 'down' })).status).toBe(201);
    const mean = (ratings.counter + ratings.poet) / 2;
    const middling = Math.log(sum / count / (1 - sum / count));
    ratings[expected] -= step * sigmoid(ratings[expected] - mean + middling);
    [sum, count] = [sum + 0.02, count + 1];
  }
  expect(Math.min(gone.counter, gone.poet)).toBeGreaterThan(0);
  expect((await erase(gateway, 'ann')).body).toMatchObject({ feedback: 16 });
  await until('all workers to have forgotten', async () => {
    for (let turn = 0; turn < 12; turn++)
      if ((await say(gateway, sums(turn), 'bob')).said !== 'counter') return undefined;
    return true;
  });
}, 180_000);

it('rutter-auto leaves a model on the kind of question that its answers are called bad on, and comes back', async () => {
  const path = await train('rutter-auto', 'kinds.jsonl');
  const gateway = await start('rutter-auto', path, { feedback_prior: 1 });
  const answers = async (question: (index: number) => string, user: string) => {
    const found: (string | undefined)[] = [];
    for (let index = 500; index < 508; index++) found.push((await say(gateway, question(index), user)).said);
    return found;
  };
  const all = (name: string) => Array.from({ length: 8 }, () => name);
  expect([await answers(sums, 'eve'), await answers(poems, 'eve')]).toEqual([all('counter'), all('poet')]);
  for (let index = 0; index < 40; index++) {
    const { said, id } = await say(gateway, sums(500 + (index % 8)), 'eve');
    await rate(gateway, { request_id: id, score: said === 'counter' ? 0 : 1 });
  }
  expect([await answers(sums, 'max'), await answers(poems, 'max')]).toEqual([all('poet'), all('poet')]);
  await erase(gateway, 'eve');
  expect([await answers(sums, 'max'), await answers(poems, 'max')]).toEqual([all('counter'), all('poet')]);
}, 180_000);

it.each([
  ['llmrouter-gmt', 8],
  ['personalizedrouter', 8],
])(
  '%s answers the one user otherwise who called %d answers bad, and as everybody once he is erased',
  async (strategy, times) => {
    const path = await train(strategy, 'kinds.jsonl');
    const gateway = await start(strategy, path);
    const who = async (question: (index: number) => string, user: string) =>
      (await say(gateway, question(500), user)).said;
    expect([await who(sums, 'eve'), await who(sums, 'max'), await who(poems, 'eve')]).toEqual([
      'counter',
      'counter',
      'poet',
    ]);
    for (let index = 0; index < times; index++) {
      const { said, id } = await say(gateway, sums(500 + index), 'eve');
      await rate(gateway, { request_id: id, rating: said === 'counter' ? 'down' : 'up' });
    }
    expect([await who(sums, 'eve'), await who(sums, 'max'), await who(poems, 'eve')]).toEqual([
      'poet',
      'counter',
      'poet',
    ]);
    expect((await erase(gateway, 'eve')).body).toMatchObject({ feedback: times });
    expect([await who(sums, 'eve'), await who(sums, 'max'), await who(poems, 'eve')]).toEqual([
      'counter',
      'counter',
      'poet',
    ]);
  },
  180_000,
);
