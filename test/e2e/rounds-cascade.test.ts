/** A cheap model that checks its own answers before a dear one is asked: llmrouter-automix, live, from training to decisions. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { innerRows, ledgerRow } from '../contract/ledger.ts';
import { openAiVendor, root, stall, until, type VendorRequest } from '../support/index.ts';
import { type Case, mixed, question, questions, stage, wordsOf } from './rounds-support.ts';

const run = promisify(execFile);
const folder = await mkdtemp(join(tmpdir(), 'rutter-cascade-'));
afterAll(() => rm(folder, { recursive: true }));
const at = (name: string) => join(folder, name);
const command = (...args: readonly string[]) =>
  run(process.execPath, [join(root, 'core/cli/rutter.mjs'), ...args], {
    env: { ...process.env, RUTTER_DATA: at('data'), LITELLM_CONFIG_PATH: at('lab.yaml') },
    cwd: folder,
  });
await writeFile(at('lab.yaml'), 'model_list:\n  - {model_name: m, litellm_params: {model: simulated/m}}\n');

/** Where the small model is sure that it is wrong nobody is right; where it is in doubt the large one is. */
const rows = Array.from({ length: 120 }, (_none, index) => {
  const [p_ver, small, large] = [
    [0, 0, 0],
    [0.5, 0, 1],
    [1, 1, 1],
  ][index % 3] as [number, number, number];
  return { p_ver, small, large };
});
await writeFile(at('rows.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'));
const { stdout: trained } = await command(
  ...['train', 'llmrouter-automix', '--data', 'rows.jsonl', '--out', 'table.rra'],
  ...['--set', 'models=["weak-1","strong-1"]', '--set', 'num_bins=4'],
);
const table = await readFile(at('table.rra'));
await writeFile(at('damaged.rra'), table.subarray(0, table.length - 3));
await writeFile(at('version.rra'), Buffer.from(table.toString('latin1').replace('"format":1', '"format":9'), 'latin1'));
await writeFile(at('foreign.rra'), Buffer.from(table.toString('latin1').replace('weak-1', 'weak-2'), 'latin1'));

const automix = (config: object = {}): Case => ({ strategy: 'llmrouter-automix', config: { ...config } });
const cast = await stage({
  cascade: automix(),
  keep: automix({ on_unknown: 'keep' }),
  table: automix({ model_path: at('table.rra') }),
  live: automix({ model_path: at('live.rra'), reload_interval: 1 }),
  missing: automix({ model_path: at('nowhere.rra') }),
  pickled: automix({ model_path: at('table.pkl') }),
  damaged: automix({ model_path: at('damaged.rra') }),
  version: automix({ model_path: at('version.rra') }),
  foreign: automix({ model_path: at('foreign.rra') }),
  calls: automix({ max_calls: 3 }),
  words: automix({ max_tokens: 12 }),
  money: automix({ max_cost: 0.000012 }),
  time: automix({ call_timeout: 0.3 }),
  reversed: automix({ models: ['strong-1', 'weak-1'] }),
  faithful: automix({ upstream: 'faithful', checks: 8 }),
});
const { weak, strong, gateway } = cast;

const isCheck = (request: VendorRequest) => wordsOf(request).endsWith('Check:');
/** The weak model answers with its name, and says this of its answer. */
const checks = (verdict: (request: VendorRequest, count: number) => string) => {
  let count = 0;
  weak.plays({ reply: (request) => (isCheck(request) ? verdict(request, count++) : 'weak') });
};
const correct = 'Sound. Verdict: Correct';
const incorrect = 'Wrong. Verdict: Incorrect';

beforeEach(() => {
  for (const seat of [weak, strong]) seat.plays({});
});

it('keeps the answers of 300 questions that hold before their own model, asks the larger one for the others, and says so', async () => {
  checks((request) => (wordsOf(request).includes('hard question') ? incorrect : correct));
  const texts = mixed(300);
  for (const [index, { said, route }] of (await questions(cast, 'cascade', texts)).entries()) {
    const isHard = (texts[index] as string).startsWith('hard');
    expect(said).toBe(isHard ? 'strong' : 'weak');
    // Two checks against an answer decide; two for it do not.
    expect(route).toContain(
      isHard
        ? 'cascade in 4 calls: weak-1 doubted (p 0.00 of 2, threshold 0.50), asked strong-1'
        : 'cascade in 5 calls: weak-1 kept (p 1.00 of 4, threshold 0.50)',
    );
  }
});

describe('a cascade', () => {
  it('streams the larger model’s answer, and gives a kept one as a stream', async () => {
    checks(() => incorrect);
    expect((await question(cast, 'cascade', 'q', { stream: true })).said).toBe('strong');
    expect(strong.requests.at(-1)?.json?.stream).toBe(true);
    expect(weak.requests.slice(-3).map(({ json }) => json?.stream ?? false)).toEqual([false, false, false]);
    checks(() => correct);
    expect((await question(cast, 'cascade', 'q', { stream: true })).said).toBe('weak');
  });

  it('asks the small model what the caller asked, and shows it the question and the answer in each check', async () => {
    checks(() => correct);
    await question(cast, 'cascade', 'why is it so?', { max_tokens: 77, temperature: 0.3 });
    const [draft, ...made] = weak.requests.slice(-5);
    expect(draft?.json).toMatchObject({ max_tokens: 77, temperature: 0.3 });
    expect(made).toHaveLength(4);
    for (const check of made) {
      expect(check.json).toMatchObject({ max_tokens: 250 });
      expect(check.json).not.toHaveProperty('temperature');
      expect(wordsOf(check)).toContain('<conversation>\nwhy is it so?\n</conversation>\n<answer>\nweak\n</answer>');
    }
  });

  it('has a row of the ledger for each call, whose sum the request is', async () => {
    checks(() => incorrect);
    const answer = await question(cast, 'cascade', 'rows');
    const row = await ledgerRow(gateway, answer.id);
    const inner = await innerRows(gateway, answer.id);
    expect(inner.map(({ deployment, is_part }) => `${deployment} ${is_part}`)).toEqual([
      'cascade-weak 1',
      'cascade-weak 1',
      'cascade-weak 1',
      'cascade-strong 1',
    ]);
    expect(row).toMatchObject({ deployment: 'cascade-strong', cost_nano_usd: 3 * 12_000 + 120_000, input_tokens: 36 });
    expect(Number(answer.headers.get('x-litellm-response-cost'))).toBeCloseTo(0.000156, 9);
  });

  it('goes by the checks that say something', async () => {
    // One of the first two fails, one of the others talks: two of two are for it.
    let count = 0;
    weak.use(({ request, response }) => {
      const number = isCheck(request) ? count++ : -1;
      response.writeHead(number === 0 ? 500 : 200, { 'content-type': 'application/json' });
      const content = number < 0 ? 'weak' : number === 2 ? 'Hm.' : correct;
      const choices = [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content } }];
      response.end(JSON.stringify(number === 0 ? { error: { message: 'no' } } : { choices }));
    });
    const answer = await question(cast, 'cascade', 'partial');
    expect(answer.said).toBe('weak');
    expect(answer.route).toContain('weak-1 kept (p 1.00 of 2, threshold 0.50)');
  });

  it.each([
    ['fail', { status: 500 }, 'ERR_PROVIDER_INTERNAL'],
    ['say nothing', { reply: 'Who knows?' }, 'no check said correct or incorrect'],
  ])('asks the larger model where all checks %s, or keeps the answer where it shall', async (_what, playing, told) => {
    weak.use(async (exchange) => {
      return openAiVendor(isCheck(exchange.request) ? playing : { reply: 'weak' })(exchange);
    });
    const asked = await question(cast, 'cascade', 'unknown');
    expect(asked.said).toBe('strong');
    expect(asked.route).toContain(`weak-1 unverified (${told}), asked strong-1`);
    expect((await question(cast, 'keep', 'unknown')).said).toBe('weak');
  });

  it('asks the larger model where the small one fails, and keeps the small one’s answer where the larger fails', async () => {
    weak.plays({ status: 503 });
    const without = await question(cast, 'cascade', 'no small one');
    expect(without.said).toBe('strong');
    expect(without.route).toContain('weak-1 failed (ERR_PROVIDER_UNAVAILABLE), asked strong-1');

    checks(() => incorrect);
    strong.plays({ status: 500 });
    for (const stream of [false, true]) {
      const kept = await question(cast, 'cascade', 'no large one', { stream });
      expect(kept).toMatchObject({ status: 200, said: 'weak' });
      expect(kept.route).toContain('asked strong-1, which failed (ERR_PROVIDER_INTERNAL), so the answer was kept');
    }
    weak.plays({ status: 500 });
    expect((await question(cast, 'cascade', 'nobody')).status).toBe(500);
  });

  it.each([
    ['calls', 'calls', 'weak', 'weak-1 kept (p 1.00 of 1', 2],
    ['tokens', 'words', 'strong', 'weak-1 unverified (the 12 tokens allowed), asked strong-1', 1],
    ['money', 'money', 'strong', 'weak-1 unverified (the $0.000012 allowed), asked strong-1', 1],
  ])('stays within its bound of %s, and answers', async (_what, group, said, told, asked) => {
    checks(() => correct);
    const before = weak.calls();
    const answer = await question(cast, group, 'bounded');
    expect(answer).toMatchObject({ status: 200, said });
    expect(answer.route).toContain(told);
    expect(weak.calls() - before).toBe(asked);
  });

  it('waits for no check that hangs', async () => {
    weak.use(async (exchange) => {
      return (isCheck(exchange.request) ? stall() : openAiVendor({ reply: 'weak' }))(exchange);
    });
    const answer = await question(cast, 'time', 'late');
    expect(answer).toMatchObject({ status: 200, said: 'strong' });
    expect(answer.route).toContain('weak-1 unverified (ERR_PROVIDER_TIMEOUT)');
  });

  it('goes up the ladder that it is given', async () => {
    strong.plays({ reply: (request) => (isCheck(request) ? incorrect : 'strong') });
    const answer = await question(cast, 'reversed', 'upside down');
    expect(answer.said).toBe('weak');
    expect(answer.route).toContain('strong-1 doubted (p 0.00 of 2, threshold 0.50), asked weak-1');
  });

  it('makes all checks, at temperature 1, where it is faithful; silence is no check that said correct', async () => {
    checks(() => incorrect);
    const before = weak.calls();
    expect((await question(cast, 'faithful', 'thorough')).said).toBe('strong');
    expect(weak.calls() - before).toBe(9);
    expect(weak.requests.at(-1)?.json).toMatchObject({ temperature: 1 });
    checks(() => 'Hm.');
    expect((await question(cast, 'faithful', 'silent')).route).toContain(
      'weak-1 said nothing of it, threshold 0.50, asked strong-1',
    );
  });

  it('lets a small model that calls a tool be looked at by nobody', async () => {
    weak.plays({ toolCalls: [{ id: 'c', name: 'f', arguments: '{}' }] });
    const tools = [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }];
    const asked = await question(cast, 'cascade', 'tools', { tools });
    expect(asked.said).toBe('strong');
    expect(asked.route).toContain('weak-1 unverified (it calls tools)');
    const kept = await question(cast, 'keep', 'tools', { tools });
    expect(JSON.parse(kept.text).choices[0].message.tool_calls[0].function.name).toBe('f');
  });
});

describe('a table', () => {
  it('is learnt by one command, which says where it asks', () => {
    expect(trained).toContain('120 rows, rule ');
    expect(trained).toMatch(/asks the larger model at [^\n]*0\.50/);
    expect(trained).not.toMatch(/asks the larger model at (?:0\.00|[^\n]*1\.00)/);
  });

  it('decides otherwise than a threshold: an answer that is surely wrong is kept, since nobody knows better', async () => {
    checks(() => incorrect);
    const hopeless = await question(cast, 'table', 'hopeless');
    expect(hopeless.said).toBe('weak');
    expect(hopeless.route).toMatch(/weak-1 kept \(p 0\.00 of [234], table of \w+\)/);
    checks((_request, count) => (count % 2 === 0 ? correct : incorrect));
    const doubtful = await question(cast, 'table', 'doubtful');
    expect(doubtful.said).toBe('strong');
    expect(doubtful.route).toMatch(/weak-1 doubted \(p 0\.50 of [24], table of \w+\)/);
  });

  it.each([
    ['is not there', 'missing', 'ENOENT', 'no table could be read'],
    ['is a pickle', 'pickled', 'rutter train llmrouter-automix', 'no table could be read'],
    ['is damaged', 'damaged', 'bytes of numbers', 'no table could be read'],
    ['is of another version', 'version', 'found format 9', 'no table could be read'],
    ['is of other models', 'foreign', 'router loaded', 'the table is of other models'],
  ])('that %s leaves it to the threshold, and that is told', async (_what, group, logged, told) => {
    checks(() => incorrect);
    const answer = await question(cast, group, 'hopeless');
    expect(answer).toMatchObject({ status: 200, said: 'strong' });
    expect(answer.route).toContain(`threshold 0.50, ${told}`);
    const line = await gateway.waitForLog((entry) => entry.name === group && JSON.stringify(entry).includes(logged));
    expect(line).toBeDefined();
  });

  it('is taken up while the gateway runs', async () => {
    checks(() => incorrect);
    expect((await question(cast, 'live', 'before')).said).toBe('strong');
    await writeFile(at('live.rra'), table);
    await until(
      'the table to decide',
      async () => ((await question(cast, 'live', 'after')).said === 'weak' ? true : undefined),
      20_000,
    );
  });

  it('is not learnt from a share that is none, and the command says where', async () => {
    await writeFile(at('bad.jsonl'), '{"p_ver": 1.5, "small": 0, "large": 1}');
    await expect(
      command('train', 'llmrouter-automix', '--data', 'bad.jsonl', '--out', 'bad.rra'),
    ).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('bad.jsonl, line 1: p_ver is 1.5; expected a number from 0 to 1'),
    });
  });
});
