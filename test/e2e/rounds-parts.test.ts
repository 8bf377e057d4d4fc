/** Strategies that answer in parts: llmrouter-llm-multiround and llmrouter-knn-multiround, live. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { innerRows, ledgerRow } from '../contract/ledger.ts';
import { root, until, type VendorRequest } from '../support/index.ts';
import { type Case, question, questions, type Said, stage, wordsOf } from './rounds-support.ts';

const run = promisify(execFile);
const folder = await mkdtemp(join(tmpdir(), 'rutter-parts-'));
afterAll(() => rm(folder, { recursive: true }));

/** The strong model is right about sums, the weak one about poems. */
const sum = (index: number) => `Please compute the sum of ${index * 7 + 3} and ${index * 5 + 2}, then divide it by 4.`;
const poem = (index: number) => `Write a tender poem about autumn leaves, a river and letter number ${index}.`;
const outcomes = Array.from({ length: 200 }, (_none, index) =>
  ['strong-1', 'weak-1'].map((model) => {
    const query = index % 2 === 0 ? sum(index) : poem(index);
    const performance = (model === 'strong-1') === (index % 2 === 0) ? 1 : 0;
    return JSON.stringify({ query_id: `q${index}`, query, model, performance });
  }),
).flat();
await writeFile(join(folder, 'lab.yaml'), 'model_list:\n  - {model_name: m, litellm_params: {model: simulated/m}}\n');
await writeFile(join(folder, 'outcomes.jsonl'), outcomes.join('\n'));
await run(
  process.execPath,
  [join(root, 'core/cli/rutter.mjs'), ...['train', 'llmrouter-knn', '--data', 'outcomes.jsonl', '--out', 'knn.rra']],
  {
    env: { ...process.env, RUTTER_DATA: join(folder, 'data'), LITELLM_CONFIG_PATH: join(folder, 'lab.yaml') },
    cwd: folder,
  },
);

const llm = (config: object = {}): Case => ({
  strategy: 'llmrouter-llm-multiround',
  config: { base_model: 'thinker', ...config },
});
const knn = (config: object = {}): Case => ({
  strategy: 'llmrouter-knn-multiround',
  config: { base_model: 'thinker', model_path: join(folder, 'knn.rra'), ...config },
});

const cast = await stage({
  planned: llm(),
  calls: llm({ max_calls: 4 }),
  narrow: llm({ max_calls: 2 }),
  words: llm({ max_tokens: 12 }),
  money: llm({ max_cost: 0.00001 }),
  time: llm({ timeout: 1 }),
  lines: llm({ upstream: 'faithful' }),
  inside: llm({ base_model: 'strong-1' }),
  brief: llm({ min_characters: 30 }),
  split: knn(),
  untrained: knn({ model_path: join(folder, 'nothing.rra') }),
  pickled: knn({ model_path: join(folder, 'knn.pkl') }),
});
const { weak, strong, thinker, gateway } = cast;

const isJoining = (words: string) => words.includes('Parts of the question above');
/** What each part brought, as the last call was told. */
const brought = (words: string) =>
  [...words.matchAll(/^\d+\. (.*)\n(.*)$/gm)].map(([, part, text]) => `${part}=${text}`);
const joins = (words: string) => `joined ${brought(words).join(' ')}`;

/** The thinker plans with this and joins what came. */
const plans = (plan: (words: string) => string) =>
  thinker.plays({
    reply: (request) => (isJoining(wordsOf(request)) ? joins(wordsOf(request)) : plan(wordsOf(request))),
  });
const two = JSON.stringify([
  { subquery: 'first: part?', model: 'weak-1' },
  { subquery: 'second part?', model: 'strong-1' },
]);

beforeEach(() => {
  for (const seat of [weak, strong, thinker]) seat.plays({});
});

describe('llmrouter-llm-multiround', () => {
  it('sends the parts of 300 questions to the models that its planner names, and says so', async () => {
    const hard = JSON.stringify([
      { subquery: 'a?', model: 'strong-1' },
      { subquery: 'b?', model: 'strong-1' },
    ]);
    plans((words) => (words.includes('hard') ? hard : two));
    const texts = Array.from(
      { length: 300 },
      (_none, index) => `${index % 3 === 0 ? 'hard' : 'mixed'} one, number ${index}`,
    );
    for (const [index, { said, route }] of (await questions(cast, 'planned', texts)).entries()) {
      const isHard = (texts[index] as string).startsWith('hard');
      expect(said).toBe(isHard ? 'joined a?=strong b?=strong' : 'joined first: part?=weak second part?=strong');
      expect(route).toContain(
        isHard ? 'planned in 4 calls: 2 parts, by strong-1 2' : 'planned in 4 calls: 2 parts, by weak-1 1, strong-1 1',
      );
    }
  });

  it('asks all parts at the same time, and streams the joining alone', async () => {
    plans(() => two);
    for (const seat of [weak, strong]) seat.plays({ delays: { headMs: 700 } });
    const answer = await question(cast, 'planned', 'both', { stream: true, stream_options: { include_usage: true } });
    expect(answer.said).toBe('joined first: part?=weak second part?=strong');
    const [first, second] = [weak, strong].map(({ requests }) => requests.at(-1)?.at as number) as [number, number];
    expect(Math.abs(first - second)).toBeLessThan(600);
    const streamed = (request: VendorRequest | undefined) => request?.json?.stream ?? false;
    expect([weak, strong].map(({ requests }) => streamed(requests.at(-1)))).toEqual([false, false]);
    expect(thinker.requests.slice(-2).map(streamed)).toEqual([false, true]);
    // Nine tokens in and three out, four times.
    expect(answer.text).toContain('"prompt_tokens":36,"completion_tokens":12');
  });

  it('has a row of the ledger for each call, under the request’s id, and gives the caller the usage of all', async () => {
    plans(() => two);
    const answer = await question(cast, 'planned', 'rows');
    const row = await ledgerRow(gateway, answer.id);
    const inner = await innerRows(gateway, answer.id);
    expect(inner.map(({ deployment, is_part }) => `${deployment} ${is_part}`).sort()).toEqual([
      'planned-strong 1',
      'planned-weak 1',
      'thinker 0',
      'thinker 0',
    ]);
    // Twelve tokens at ten dollars a million and at one.
    expect(row.cost_nano_usd).toBe(120_000 + 12_000);
    expect(JSON.parse(answer.text).usage).toMatchObject({ prompt_tokens: 36, completion_tokens: 12 });
  });

  it('asks the next model where the first fails, and tells the last call of a part that nobody answered', async () => {
    plans(() => two);
    weak.plays({ status: 500 });
    expect((await question(cast, 'planned', 'half')).said).toBe('joined first: part?=strong second part?=strong');
    // Both fail at the second part alone.
    const picky = { reply: (request: VendorRequest) => (wordsOf(request).includes('The part: second') ? '' : 'ok') };
    for (const seat of [weak, strong]) seat.plays(picky);
    const answer = await question(cast, 'planned', 'half');
    expect(answer.said).toBe('joined first: part?=ok second part?=(nobody answered this part)');
    expect(answer.route).toContain('2 parts, by weak-1 1, 1 unanswered');
  });

  it('answers a question of one part as it came, by the model it was planned for', async () => {
    plans(() => JSON.stringify([{ subquery: 'reworded', model: 'weak-1' }]));
    const answer = await question(cast, 'planned', 'simple', { stream: true });
    expect(answer.said).toBe('weak');
    expect(answer.route).toContain('planned in 2 calls: one part, by weak-1');
    expect(wordsOf(weak.requests.at(-1) as VendorRequest)).toBe('simple');
    expect(weak.requests.at(-1)?.json?.stream).toBe(true);
  });

  it.each([
    ['is down', { status: 500 }, 'its planner failed (ERR_PROVIDER_INTERNAL)'],
    ['talks nonsense', { reply: 'Let us see.' }, 'its planner made no plan'],
  ])('routes plainly where its planner %s, and says why', async (_what, playing, told) => {
    thinker.plays(playing);
    for (const stream of [false, true]) {
      const answer = await question(cast, 'planned', 'any', { stream });
      expect(answer).toMatchObject({ status: 200, said: 'strong' });
      expect(answer.route).toContain(`planned: ${told}, then chosen by planned`);
    }
  });

  it('routes plainly where nobody answers a part, or nobody can join them', async () => {
    plans(() => two);
    // They answer the question and no part of it.
    const whole = { reply: (request: VendorRequest) => (wordsOf(request).includes('The part:') ? ' ' : 'whole') };
    for (const seat of [weak, strong]) seat.plays(whole);
    const unanswered = await question(cast, 'planned', 'any');
    expect(unanswered.said).toBe('whole');
    expect(unanswered.route).toContain('2 parts, by nobody, 2 unanswered, then chosen by planned');

    for (const seat of [weak, strong]) seat.plays({});
    let count = 0;
    thinker.use(({ response }) => {
      const isFailing = ++count > 1;
      response.writeHead(isFailing ? 503 : 200, { 'content-type': 'application/json' });
      const choices = [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: two } }];
      response.end(JSON.stringify(isFailing ? { error: { message: 'no' } } : { choices }));
    });
    const unjoined = await question(cast, 'planned', 'any');
    expect(unjoined).toMatchObject({ status: 200, said: 'strong' });
    expect(unjoined.route).toContain('which could not be joined, then chosen by planned');
  });

  it.each([
    // Four calls: the plan, the joining, and two for parts.
    ['calls', 'calls', 2, 'joined first: part?=weak second part?=strong'],
    ['tokens', 'words', 0, 'strong'],
    ['money', 'money', 0, 'strong'],
  ])('stays within its bound of %s', async (_what, group, asked, said) => {
    const three = JSON.stringify([...JSON.parse(two), { subquery: 'third', model: 'weak-1' }]);
    plans(() => three);
    const before = weak.calls() + strong.calls();
    const answer = await question(cast, group, 'bounded');
    expect(answer).toMatchObject({ status: 200, said });
    expect(weak.calls() + strong.calls() - before).toBe(said === 'strong' ? 1 : asked);
  });

  it('joins what has come when its time is up', async () => {
    plans(() => two);
    weak.plays({ delays: { headMs: 20_000 } });
    const answer = await question(cast, 'time', 'slow');
    expect(answer).toMatchObject({
      status: 200,
      said: 'joined first: part?=(nobody answered this part) second part?=strong',
    });
    expect(answer.ms).toBeLessThan(15_000);
  });

  it('has no calls for parts where two are all it may make', async () => {
    plans(() => two);
    const answer = await question(cast, 'narrow', 'two calls');
    expect(answer).toMatchObject({ status: 200, said: 'strong' });
  });

  it('reads lines where it is faithful, colons and all', async () => {
    plans(() => '1. first: part? : weak-1\n2. second part?: strong-1');
    expect((await question(cast, 'lines', 'both')).said).toBe('joined first: part?=weak second part?=strong');
  });

  it('may plan and join by a model of its own group', async () => {
    strong.plays({
      reply: (request) => {
        const words = wordsOf(request);
        if (isJoining(words)) return joins(words);
        return words.includes('The plan:') ? two : 'strong';
      },
    });
    const answer = await question(cast, 'inside', 'own', { stream: true });
    expect(answer.said).toBe('joined first: part?=weak second part?=strong');
    expect(strong.requests.at(-1)?.json?.stream).toBe(true);
    expect((await innerRows(gateway, answer.id)).map(({ is_part }) => is_part)).toEqual([1, 1, 1, 1]);
  });

  it('leaves alone what is too short to split, and what has tools', async () => {
    plans(() => two);
    const before = thinker.calls();
    expect((await question(cast, 'brief', 'short')).route).toContain('no parts, since the question is short');
    const tools = [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }];
    expect((await question(cast, 'planned', 'x', { tools })).route).toContain('no parts, since the request has tools');
    expect(thinker.calls()).toBe(before);
  });

  it('asks no planner that the caller may not call', async () => {
    const before = thinker.calls();
    const answer = await question(cast, 'planned', 'mine', {}, 'sk-narrow');
    expect(answer).toMatchObject({ status: 200, said: 'strong' });
    expect(answer.route).toContain('its planner failed (ERR_REQUEST_FORBIDDEN)');
    expect(thinker.calls()).toBe(before);
  });
});

describe('llmrouter-knn-multiround', () => {
  it('sends the parts of 300 questions to the models that fared best on their like, and says so', async () => {
    const numberOf = (words: string) => Number(/number (\d+)/.exec(words)?.[1]);
    plans((words) => JSON.stringify([sum(numberOf(words)), poem(numberOf(words))]));
    const texts = Array.from({ length: 300 }, (_none, index) => `Do both, number ${1000 + index}`);
    const right = (await questions(cast, 'split', texts)).filter(({ said, route }: Said, index) => {
      expect(route).toContain('split in 4 calls: 2 parts');
      return said === `joined ${sum(1000 + index)}=strong ${poem(1000 + index)}=weak`;
    });
    expect(right.length).toBeGreaterThanOrEqual(270);
  });

  it('answers a question of one part by the model that fared best on its like', async () => {
    plans(() => '["reworded"]');
    const answer = await question(cast, 'split', poem(3));
    expect(answer.said).toBe('weak');
    expect(answer.route).toContain('one part, by weak-1');
    expect((await question(cast, 'split', sum(3))).said).toBe('strong');
  });

  it.each([
    ['is down', { status: 500 }, 'its base model failed (ERR_PROVIDER_INTERNAL)'],
    ['talks nonsense', { reply: 'Sing!' }, 'its base model named no parts'],
  ])('routes the whole by its neighbours where its base model %s, and says why', async (_what, playing, told) => {
    thinker.plays(playing);
    for (const [text, said] of [
      [sum(8), 'strong'],
      [poem(9), 'weak'],
    ] as const) {
      const answer = await question(cast, 'split', text);
      expect(answer).toMatchObject({ status: 200, said });
      expect(answer.route).toContain(`split: ${told}, then chosen by split`);
    }
  });

  it.each([
    ['is not there', 'untrained', 'ENOENT'],
    ['is a pickle', 'pickled', 'rutter train llmrouter-knn'],
  ])('splits nothing where its artefact %s, and says why', async (_what, group, reason) => {
    plans(() => two);
    const before = thinker.calls();
    const answer = await question(cast, group, 'any');
    // The next strategy decides.
    expect(['weak', 'strong']).toContain(answer.said);
    expect(answer.route).toContain('no artefact that knows these models');
    expect(thinker.calls()).toBe(before);
    await until('the reason in the log', () => gateway.output().includes(reason) || undefined);
  });
});
