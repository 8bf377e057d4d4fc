/** Strategies that ask one model which other shall answer: llmjudge and llmrouter-causallm, live. */
import { beforeEach, describe, expect, it } from 'vitest';
import { innerRows, ledger, ledgerRow } from '../contract/ledger.ts';
import { stall, type VendorRequest } from '../support/index.ts';
import { mixed, question, questions, stage, wordsOf } from './rounds-support.ts';

const judge = (config: object = {}) => ({
  strategy: 'llmjudge',
  config: { judge_model: 'thinker', ...config } as Record<string, unknown>,
});
const label = (config: object = {}) => ({
  strategy: 'llmrouter-causallm',
  config: { router_model: 'thinker', ...config } as Record<string, unknown>,
});

const cast = await stage({
  judged: judge(),
  hasty: judge({ call_timeout: 0.2 }),
  thrifty: judge({ fallback: 'weakest' }),
  faithful: judge({ upstream: 'faithful', most_characters: 40 }),
  inside: judge({ judge_model: 'weak-1' }),
  labelled: label(),
  written: label({ upstream: 'faithful' }),
  weights: label({ router_model: undefined, model_path: './llama/adapter_model.pt' }),
  swapped: label({ labels: { Q: 'strong-1', Z: 'weak-1' } }),
});
const { weak, strong, thinker, gateway } = cast;

const isHard = (request: VendorRequest) => wordsOf(request).includes('hard question');
/** Of each label its probability, as OpenAI tells it. */
const tokens = (shares: Readonly<Record<string, number>>) => ({
  content: [
    {
      token: Object.keys(shares)[0],
      logprob: Math.log(Object.values(shares)[0] as number),
      top_logprobs: Object.entries(shares).map(([token, share]) => ({ token, logprob: Math.log(share) })),
    },
  ],
});

beforeEach(() => {
  for (const seat of [weak, strong, thinker]) seat.plays({});
});

describe('llmjudge', () => {
  const says = (model: string, confidence: number) => JSON.stringify({ model, confidence, reason: 'so it seems' });

  it('sends each of 300 questions to the model that its judge names, and says so', async () => {
    thinker.plays({ reply: (request) => (isHard(request) ? says('strong-1', 0.9) : says('weak-1', 0.8)) });
    const texts = mixed(300);
    const answers = await questions(cast, 'judged', texts);
    for (const [index, answer] of answers.entries()) {
      const isStrong = (texts[index] as string).startsWith('hard');
      expect(answer.said).toBe(isStrong ? 'strong' : 'weak');
      expect(answer.route).toContain(
        isStrong ? 'judge thinker named strong-1 at 0.90' : 'judge thinker named weak-1 at 0.80',
      );
    }
    expect(answers.filter(({ said }) => said === 'strong')).toHaveLength(100);
  });

  it('shows the judge names and descriptions, and none of the caller’s own wishes', async () => {
    thinker.plays({ reply: says('weak-1', 1) });
    await question(cast, 'judged', 'easy one', { max_tokens: 7, temperature: 1.5, stop: ['x'] });
    const asked = thinker.requests.at(-1) as VendorRequest;
    expect(wordsOf(asked)).toContain('- strong-1: Knows everything and is dear.');
    expect(asked.json).toMatchObject({ max_tokens: 64 });
    expect(asked.json).not.toHaveProperty('temperature');
    expect(asked.json).not.toHaveProperty('stop');
    expect(weak.requests.at(-1)?.json).toMatchObject({ max_tokens: 7, temperature: 1.5 });
  });

  it.each([
    ['is down', { status: 500 }, 'judge thinker failed (ERR_PROVIDER_INTERNAL)'],
    ['talks nonsense', { reply: 'I would rather sing.' }, 'judge thinker named no model'],
    ['names a stranger', { reply: says('gpt-99', 1) }, 'judge thinker named no model'],
    ['is unsure', { reply: says('weak-1', 0.2) }, 'judge thinker was unsure of weak-1 at 0.20'],
    ['sends half of its JSON', { reply: '{"model": ' }, 'judge thinker named no model'],
  ])('is answered by the strongest where the judge %s, and says why', async (_what, playing, told) => {
    thinker.plays(playing);
    for (const stream of [false, true]) {
      const answer = await question(cast, 'judged', 'easy one', { stream });
      expect(answer).toMatchObject({ status: 200, said: 'strong' });
      expect(answer.route).toContain(`${told}, so the strongest answers`);
    }
    expect((await question(cast, 'thrifty', 'easy one')).said).toBe('weak');
  });

  it('waits for a judge that hangs no longer than it may', async () => {
    thinker.use(stall());
    const answer = await question(cast, 'hasty', 'easy one');
    expect(answer).toMatchObject({ status: 200, said: 'strong' });
    expect(answer.route).toContain('judge thinker failed (ERR_PROVIDER_TIMEOUT)');
  });

  it('tells the caller how the chosen model failed, where nothing is tried again', async () => {
    thinker.plays({ reply: says('weak-1', 1) });
    weak.plays({ status: 500 });
    expect(await question(cast, 'judged', 'easy one')).toMatchObject({ status: 500 });
  });

  it('judges no conversation that is too long where it is faithful', async () => {
    thinker.plays({ reply: says('weak-1', 1) });
    const before = thinker.calls();
    const answer = await question(cast, 'faithful', `easy ${'and long '.repeat(10)}`);
    expect(answer.said).toBe('strong');
    expect(answer.route).toContain('too long to judge');
    expect(thinker.calls()).toBe(before);
    expect((await question(cast, 'faithful', 'easy and short')).said).toBe('weak');
  });

  it('may have one of the group’s own models judge', async () => {
    weak.plays({ reply: (request) => (wordsOf(request).includes('Which model?') ? says('strong-1', 1) : 'weak') });
    const answer = await question(cast, 'inside', 'hard question');
    expect(answer.said).toBe('strong');
    const row = await ledgerRow(gateway, answer.id);
    const inner = await innerRows(gateway, answer.id);
    expect(inner.map(({ deployment, is_part }) => [deployment, is_part])).toEqual([
      ['inside-weak', 1],
      ['inside-strong', 1],
    ]);
    expect(row.cost_nano_usd).toBe(inner.reduce((sum, { cost_nano_usd }) => sum + (cost_nano_usd ?? 0), 0));
  });

  it('has records of the request and of each call in it, which say why', async () => {
    thinker.plays({ reply: says('weak-1', 1) });
    const answer = await question(cast, 'judged', 'easy one');
    await ledgerRow(gateway, answer.id);
    const asked = await fetch(`${gateway.url}/router/decisions?limit=20`, {
      headers: { authorization: 'Bearer sk-all' },
    });
    const { decisions: records } = (await asked.json()) as { decisions: Record<string, unknown>[] };
    const own = records.find(({ request_id: id }) => id === answer.id) as { decisions: Record<string, unknown>[] };
    expect(own.decisions).toEqual([
      expect.objectContaining({
        strategy_name: 'judged',
        selected_deployment: 'judged-weak',
        selection_reason: 'judged in 2 calls: judge thinker named weak-1 at 1.00',
      }),
    ]);
    const inner = records.filter(({ parent_id: id }) => id === answer.id);
    expect(inner.map(({ outcome }) => (outcome as { served_by: string }).served_by).sort()).toEqual([
      'judged-weak',
      'thinker',
    ]);
  });

  it('has a row of the ledger for the judge, of a group of its own, under the request’s id', async () => {
    thinker.plays({ reply: says('weak-1', 1) });
    const answer = await question(cast, 'judged', 'easy one', { stream: true });
    expect(answer.said).toBe('weak');
    const { trace_id: trace } = await ledgerRow(gateway, answer.id);
    const inner = await innerRows(gateway, answer.id);
    expect(inner.map(({ model_group, deployment, is_part }) => [model_group, deployment, is_part])).toEqual([
      ['thinker', 'thinker', 0],
      ['judged', 'judged-weak', 1],
    ]);
    expect(new Set(inner.map(({ trace_id }) => trace_id))).toEqual(new Set([trace]));
    expect(inner.map(({ principal }) => principal)).toEqual(['all', 'all']);
  });

  it('asks no judge that the caller may not call', async () => {
    thinker.plays({ reply: says('weak-1', 1) });
    const before = thinker.calls();
    const answer = await question(cast, 'judged', 'easy one', {}, 'sk-narrow');
    expect(answer).toMatchObject({ status: 200, said: 'strong' });
    expect(answer.route).toContain('judge thinker failed (ERR_REQUEST_FORBIDDEN)');
    expect(thinker.calls()).toBe(before);
    expect(
      ledger(gateway).some(({ parent_id, model_group }) => parent_id === answer.id && model_group === 'thinker'),
    ).toBe(false);
  });
});

describe('llmrouter-causallm', () => {
  it('sends each of 300 questions to the label that is likeliest, by its probabilities, and says so', async () => {
    // By names: A is strong-1, B is weak-1. What is written is the other one: probabilities count.
    thinker.plays({
      reply: (request) => (isHard(request) ? 'B' : 'A'),
      logprobs: (request) => tokens(isHard(request) ? { A: 0.6, B: 0.2 } : { ' B': 0.5, A: 0.1, b: 0.3 }),
    });
    const texts = mixed(300);
    const answers = await questions(cast, 'labelled', texts);
    for (const [index, answer] of answers.entries()) {
      const isStrong = (texts[index] as string).startsWith('hard');
      expect(answer.said).toBe(isStrong ? 'strong' : 'weak');
      expect(answer.route).toContain(
        isStrong ? 'thinker says strong-1 0.75, weak-1 0.25' : 'thinker says weak-1 0.83, strong-1 0.17',
      );
    }
  });

  it('asks for one token with its probabilities', async () => {
    thinker.plays({ logprobs: () => tokens({ A: 1 }) });
    await question(cast, 'labelled', 'easy one');
    const asked = thinker.requests.at(-1) as VendorRequest;
    expect(asked.json).toMatchObject({ max_tokens: 1, logprobs: true, top_logprobs: 20 });
    expect(wordsOf(asked)).toContain('A: strong-1\nB: weak-1');
  });

  it('takes the label as it was written where a vendor tells no probabilities', async () => {
    thinker.plays({ reply: 'B' });
    const answer = await question(cast, 'labelled', 'easy one');
    expect(answer.said).toBe('weak');
    expect(answer.route).toContain('thinker says weak-1 1.00, strong-1 0.00');
  });

  it('asks with the labels that the model was trained with', async () => {
    thinker.plays({ logprobs: () => tokens({ Z: 0.9, A: 0.1 }) });
    expect((await question(cast, 'swapped', 'easy one')).said).toBe('weak');
    expect(wordsOf(thinker.requests.at(-1) as VendorRequest)).toContain('Q: strong-1\nZ: weak-1');
  });

  it.each([
    ['is down', { status: 503 }, 'thinker failed (ERR_PROVIDER_UNAVAILABLE)'],
    ['talks nonsense', { reply: 'Perhaps' }, 'thinker gave no label'],
    ['thinks all labels unlikely', { logprobs: () => tokens({ A: 0.05, B: 0.1, C: 0.85 }) }, 'thinker gave no label'],
    [
      'tells probabilities of another shape',
      { logprobs: () => ({ content: 'none' }), reply: '?' },
      'thinker gave no label',
    ],
  ])('is answered by the strongest where the fine-tuned model %s, and says why', async (_what, playing, told) => {
    thinker.plays(playing);
    const answer = await question(cast, 'labelled', 'easy one');
    expect(answer).toMatchObject({ status: 200, said: 'strong' });
    expect(answer.route).toContain(`${told}, so the strongest answers`);
  });

  it('has it write a name where it is faithful, and takes the first model where it writes none', async () => {
    thinker.plays({ reply: 'weak-1 is best' });
    expect((await question(cast, 'written', 'easy one')).said).toBe('weak');
    expect(thinker.requests.at(-1)?.json).toMatchObject({ max_tokens: 32, temperature: 0.1, stop: ['\n'] });
    // LLMRouter would take "1" for part of a name.
    thinker.plays({ reply: 'model 1' });
    const answer = await question(cast, 'written', 'easy one');
    expect(answer.said).toBe('strong');
    expect(answer.route).toContain('thinker wrote no name, so the first answers');
  });

  it('serves on where it is given weights, and says what to do with them', async () => {
    expect((await question(cast, 'weights', 'easy one')).said).toBe('strong');
    const line = await gateway.waitForLog(
      ({ msg, name }) => name === 'weights' && msg === 'the router could not be loaded',
    );
    expect(line.reason).toContain('rutter train llmrouter-causallm');
  });
});
