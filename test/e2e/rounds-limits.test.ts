/** Calls inside strategies: on the caller's limits, ended by its leaving, with the fallbacks and the load balancing of its group. */
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { innerRows, ledgerRow } from '../contract/ledger.ts';
import {
  openAiDeployment,
  openAiVendor,
  root,
  stall,
  stallStream,
  startGateway,
  until,
  within,
} from '../support/index.ts';
import { question, wordsOf } from './rounds-support.ts';
import { fleet } from './router-support.ts';

const { weak, strong, thinker, spare } = await fleet('weak', 'strong', 'thinker', 'spare');
const keys = ['judged', 'tied', 'counted', 'leaving', 'failing'].map((id) => ({
  key: `sk-${id}`,
  id,
  team: id,
  organization: id,
}));
const pair = (group: string) => [
  openAiDeployment(
    group,
    strong,
    { model: 'openai/strong-1', input_cost_per_token: 0.001, output_cost_per_token: 0.001 },
    { id: `${group}-strong`, mode: 'chat' },
  ),
  openAiDeployment(
    group,
    weak,
    { model: 'openai/weak-1', input_cost_per_token: 0.0001, output_cost_per_token: 0.0001 },
    { id: `${group}-weak`, mode: 'chat' },
  ),
];
const gateway = await startGateway({
  config: {
    model_list: [
      ...['judged', 'cascade', 'parts'].flatMap(pair),
      ...pair('tied'),
      // The same model once more, cheaper and last.
      openAiDeployment(
        'tied',
        spare,
        { model: 'openai/weak-1', input_cost_per_token: 0.00001, output_cost_per_token: 0.00001 },
        { id: 'tied-spare' },
      ),
      openAiDeployment('thinker', thinker, {}, { id: 'thinker' }),
      openAiDeployment('spare', spare, {}, { id: 'spare' }),
    ],
    general_settings: { master_key: 'sk-admin' },
    router_settings: {
      num_retries: 0,
      disable_cooldowns: true,
      fallbacks: [{ cascade: ['spare'] }],
      model_group_lists: { any: ['judged', 'spare'] },
    },
    plugins: [
      { use: 'llmjudge', as: 'judged', for: ['judged'], config: { judge_model: 'thinker' } },
      { use: 'llmjudge', as: 'any', for: ['any'], config: { judge_model: 'thinker' } },
      {
        ...{ use: 'llmrouter-llm-multiround', as: 'parts', for: ['parts'] },
        config: { base_model: 'thinker' },
      },
      { use: 'llmjudge', as: 'tied', for: ['tied'], config: { judge_model: 'thinker' } },
      { use: 'cost-based-routing', as: 'cheapest', for: ['tied'] },
      { use: 'llmrouter-automix', as: 'cascade', for: ['cascade'] },
      { use: join(root, 'test/contract/tenant-limits'), trust: true, config: { keys } },
    ],
  },
});
const limit = async (id: string, measure: string, most: number) => {
  const reply = await fetch(`${gateway.url}/tenant-limits/key/${id}/${measure}`, {
    method: 'PUT',
    headers: { authorization: 'Bearer sk-admin', 'content-type': 'application/json' },
    body: JSON.stringify({ most, windowMs: 3_600_000 }),
  });
  expect(reply.status).toBe(200);
};

beforeEach(() => {
  for (const seat of [weak, strong, thinker, spare]) seat.plays({});
});

it('charges the caller for the request of a judge, and does without one where its limit is used up', async () => {
  thinker.plays({ reply: '{"model": "weak-1", "confidence": 1}' });
  await limit('judged', 'requests', 3);
  expect((await question({ gateway }, 'judged', 'one', {}, 'sk-judged')).said).toBe('weak');
  const before = thinker.calls();
  const second = await question({ gateway }, 'judged', 'two', {}, 'sk-judged');
  expect(second).toMatchObject({ status: 200, said: 'strong' });
  expect(second.route).toContain('judge thinker failed (ERR_LIMIT_RATE), so the strongest answers');
  expect(thinker.calls()).toBe(before);
  expect(await question({ gateway }, 'judged', 'three', {}, 'sk-judged')).toMatchObject({ status: 429 });
});

it('charges the caller for all tokens of the calls inside a request', async () => {
  weak.plays({ reply: (request) => (wordsOf(request).endsWith('Check:') ? 'Verdict: Incorrect' : 'weak') });
  await limit('counted', 'tokens', 300);
  const first = await question({ gateway }, 'cascade', 'one', {}, 'sk-counted');
  expect(first.said).toBe('strong');
  await ledgerRow(gateway, first.id);
  // Four calls of twelve tokens; the next request reserves more than what is left.
  const second = await question({ gateway }, 'cascade', 'two', {}, 'sk-counted');
  expect(second.status).toBe(429);
  expect(second.error?.message).toContain('used: 48');
});

it('ends every call inside a request whose client leaves, and begins none', async () => {
  weak.use((exchange) =>
    (wordsOf(exchange.request).endsWith('Check:') ? stall() : openAiVendor({ reply: 'weak' }))(exchange),
  );
  const [calls, strongCalls] = [weak.calls(), strong.calls()];
  const leaving = new AbortController();
  const id = 'leaves-in-the-midst';
  const asked = fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: 'Bearer sk-leaving', 'content-type': 'application/json', 'x-request-id': id },
    body: JSON.stringify({ model: 'cascade', messages: [{ role: 'user', content: 'slow' }] }),
    signal: leaving.signal,
  }).catch((error: unknown) => error);
  // The draft, and the first half of the checks.
  await weak.waitForRequests(calls + 3);
  leaving.abort();
  await asked;
  await within('the checks to be closed', Promise.all(weak.requests.slice(-2).map(({ closed }) => closed)), 10_000);
  expect(await ledgerRow(gateway, id)).toMatchObject({ status: 499, ending: 'client' });
  const endings = (await innerRows(gateway, id)).map(({ ending }) => ending).sort();
  expect(endings).toEqual(['client', 'client', 'complete']);
  expect([weak.calls() - calls, strong.calls() - strongCalls]).toEqual([3, 0]);
});

it('follows the fallbacks of the group where nobody in it answers', async () => {
  for (const seat of [weak, strong]) seat.plays({ status: 500 });
  const answer = await question({ gateway }, 'cascade', 'who is there?', {}, 'sk-failing');
  expect(answer).toMatchObject({ status: 200, said: 'spare' });
  const rows = await until('the rows of both', async () => {
    const inner = await innerRows(gateway, answer.id);
    return inner.length === 2 ? inner : undefined;
  });
  expect(rows.map(({ error_code: code }) => code)).toEqual(['ERR_PROVIDER_INTERNAL', 'ERR_PROVIDER_INTERNAL']);
});

it('leaves the deployments of the chosen model to the strategies behind', async () => {
  thinker.plays({ reply: '{"model": "weak-1", "confidence": 1}' });
  for (let time = 0; time < 10; time++) {
    const answer = await question({ gateway }, 'tied', `tie ${time}`, {}, 'sk-tied');
    expect(answer.said).toBe('spare');
    const [last] = (await innerRows(gateway, answer.id)).filter(({ deployment }) => deployment === 'tied-spare');
    expect(last?.route).toContain('chosen by cheapest');
  }
});

it('chooses among the models of several groups', async () => {
  thinker.plays({ reply: '{"model": "gpt-4o-mini", "confidence": 1}' });
  const answer = await question({ gateway }, 'any', 'whoever', {}, 'sk-tied');
  expect(answer.said).toBe('spare');
  expect(wordsOf(thinker.requests.at(-1) as (typeof thinker.requests)[number])).toContain(
    '- strong-1\n- weak-1\n- gpt-4o-mini',
  );
});

it('closes the last call, of a group of its own, when the client leaves in the middle of its words', async () => {
  const plan = JSON.stringify(['a', 'b'].map((subquery) => ({ subquery, model: 'weak-1' })));
  const words = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: 'Well, ' } }] })}\n\n`;
  thinker.use((exchange) =>
    (wordsOf(exchange.request).includes('The plan:') ? openAiVendor({ reply: plan }) : stallStream(words))(exchange),
  );
  const id = 'leaves-while-joining';
  const leaving = new AbortController();
  const reply = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: 'Bearer sk-leaving', 'content-type': 'application/json', 'x-request-id': id },
    body: JSON.stringify({ model: 'parts', stream: true, messages: [{ role: 'user', content: 'join' }] }),
    signal: leaving.signal,
  });
  const reader = reply.body?.getReader();
  let seen = '';
  while (!seen.includes('Well, ')) seen += Buffer.from((await reader?.read())?.value ?? []).toString();
  leaving.abort();
  await within('the joining to be closed', thinker.requests.at(-1)?.closed as Promise<void>, 10_000);
  expect(await ledgerRow(gateway, id)).toMatchObject({ status: 499, ending: 'client' });
  const joining = (await innerRows(gateway, id)).filter(({ deployment }) => deployment === 'thinker').at(-1);
  expect(joining).toMatchObject({ ending: 'client', is_part: 0 });
});
