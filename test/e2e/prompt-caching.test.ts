/** Affinity by the beginning of a prompt: staying where it is cached, unless leaving is worth its price. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { type Gateway, openAiDeployment, root, startGateway, until } from '../support/index.ts';
import { ask, fleet } from './router-support.ts';

const run = promisify(execFile);
const folder = await mkdtemp(join(tmpdir(), 'rutter-affinity-'));
afterAll(() => rm(folder, { recursive: true }));
const at = (name: string) => join(folder, name);
const seats = await fleet('small', 'large');

const sums = (index: number) => `Add ${index} and ${index + 7}, then halve the sum and tell the number.`;
const poems = (index: number) => `Write a tender poem about the autumn river called ${index}.`;
const opening = (from: number) => Array.from({ length: 10 }, (_, index) => sums(from + index)).join(' ');
const turning = (from: number) => Array.from({ length: 40 }, (_, index) => poems(from + index)).join(' ');
/** Outcomes by which `small` is right as long as it is about sums, and `large` once it has turned to poems. */
const outcomes = Array.from({ length: 200 }, (_, index) =>
  ['small', 'large'].map((model) =>
    JSON.stringify({
      query_id: `q${index}`,
      query: index % 2 === 0 ? opening(index) : `${opening(index)}\nDone.\n${turning(index)}`,
      model,
      performance: (model === 'small') === (index % 2 === 0) ? 1 : 0,
    }),
  ),
)
  .flat()
  .join('\n');
await writeFile(at('train.jsonl'), outcomes);
await writeFile(at('lab.yaml'), 'model_list:\n  - {model_name: m, litellm_params: {model: simulated/m}}\n');
await run(
  process.execPath,
  [join(root, 'core/cli/rutter.mjs'), 'train', 'llmrouter-knn', '--data', 'train.jsonl', '--out', 'knn.rra'],
  { env: { ...process.env, RUTTER_DATA: at('data'), LITELLM_CONFIG_PATH: at('lab.yaml') }, cwd: folder },
);

/** A dollar a thousand tokens, a tenth of it where cached. */
const priced = { input_cost_per_token: 0.001, cache_read_input_token_cost: 0.0001, output_cost_per_token: 0.001 };
const deployment = (name: keyof typeof seats, params: Readonly<Record<string, unknown>>) =>
  openAiDeployment(
    'chat',
    seats[name],
    { model: `openai/${name}-of-the-test`, ...params },
    { id: name, router_model: name },
  );

const configWith = (params: Readonly<Record<string, unknown>>, options: object = {}, router: object = {}) => ({
  model_list: [deployment('small', params), deployment('large', params)],
  router_settings: {
    routing_strategy: 'llmrouter-knn',
    routing_strategy_args: { model_path: at('knn.rra') },
    optional_pre_call_checks: ['prompt_caching'],
    num_retries: 0,
    ...router,
  },
  plugins: [{ use: 'prompt-caching', config: { min_tokens: 64, ...options } }],
});

interface Turn {
  readonly role: string;
  readonly content: string;
}

const first: readonly Turn[] = [{ role: 'user', content: opening(0) }];
const second: readonly Turn[] = [
  ...first,
  { role: 'assistant', content: 'Done.' },
  { role: 'user', content: turning(0) },
];

async function say(gateway: Pick<Gateway, 'url'>, messages: readonly Turn[], headers: Record<string, string> = {}) {
  const answer = await ask(gateway, 'chat', { body: { messages }, headers });
  return {
    said: answer.said,
    route: answer.headers.get('x-rutter-route') ?? '',
    id: answer.headers.get('x-request-id'),
  };
}

describe('a conversation', () => {
  it('goes to another model where nothing is cached', async () => {
    const gateway = await startGateway({ config: configWith(priced) });
    expect((await say(gateway, second)).said).toBe('large');
  });

  it('stays where its beginning is cached, and the record says at what price', async () => {
    const gateway = await startGateway({ config: configWith(priced) });
    expect((await say(gateway, first)).said).toBe('small');
    const { said, route, id } = await say(gateway, second);
    expect(said).toBe('small');
    // 512 characters in common are 128 tokens, at $0.0009 each; a point of quality is worth a cent.
    expect(route).toMatch(/then changed by prompt-caching/);
    expect(route).toMatch(
      /stays: small has about 128 tokens of it cached; leaving it costs \$0\.115 and gains \$0\.00\d+ \(quality \+0\.\d+\)/,
    );
    const record = await until('the record', async () => {
      const reply = await fetch(`${gateway.url}/router/decisions?request_id=${id}`);
      const { decisions } = (await reply.json()) as { decisions: { decisions: unknown[] }[] };
      return decisions[0]?.decisions[0];
    });
    expect(record).toMatchObject({
      selected_deployment: 'small',
      strategies: [
        { name: 'llmrouter-knn' },
        { name: 'prompt-caching', reason: expect.stringMatching(/^stays: small/) },
      ],
      candidate_deployments: [{ deployment: 'small' }, { deployment: 'large' }],
    });
  });

  it('moves where the gain exceeds the price, and the record says so', async () => {
    const gateway = await startGateway({ config: configWith(priced, { quality_usd: 5 }) });
    expect((await say(gateway, first)).said).toBe('small');
    const { said, route } = await say(gateway, second);
    expect(said).toBe('large');
    expect(route).toMatch(
      /moves: small has about 128 tokens of it cached; leaving it costs \$0\.115 and gains \$[\d.]+/,
    );
  });

  it('asks for a clear gain where the price is unknown', async () => {
    for (const [unpricedGain, expected] of [
      [1, 'small'],
      [0.05, 'large'],
    ]) {
      const gateway = await startGateway({ config: configWith({}, { unpriced_gain: unpricedGain }) });
      expect((await say(gateway, first)).said).toBe('small');
      const { said, route } = await say(gateway, second);
      expect([said, route]).toEqual([expected, expect.stringContaining('its price is unknown')]);
      await gateway.stop();
    }
  });

  it('moves for any gain where the vendor has no discount to lose', async () => {
    const { cache_read_input_token_cost: _, ...plain } = priced;
    const gateway = await startGateway({ config: configWith(plain) });
    expect((await say(gateway, first)).said).toBe('small');
    expect(await say(gateway, second)).toMatchObject({ said: 'large', route: expect.stringContaining('costs $0 and') });
  });

  it('is another caller’s where the key is another one', async () => {
    const config = configWith(priced);
    const gateway = await startGateway({
      config: {
        ...config,
        plugins: [
          ...config.plugins,
          {
            use: join(root, 'test/contract/key-routing'),
            trust: true,
            config: { keys: ['ann', 'bob'].map((id) => ({ key: `sk-${id}`, id })) },
          },
        ],
        general_settings: { master_key: 'sk-boss' },
      },
    });
    expect((await say(gateway, first, { authorization: 'Bearer sk-ann' })).said).toBe('small');
    expect((await say(gateway, second, { authorization: 'Bearer sk-bob' })).said).toBe('large');
    expect((await say(gateway, second, { authorization: 'Bearer sk-ann' })).said).toBe('small');
  });

  it('goes on elsewhere when who has it cached fails', async () => {
    const gateway = await startGateway({ config: configWith(priced, {}, { num_retries: 1 }) });
    expect((await say(gateway, first)).said).toBe('small');
    seats.small.plays({ failures: [500] });
    expect((await say(gateway, second)).said).toBe('large');
    seats.small.plays({});
  });

  it('stays under a balancer, which claims no gain', async () => {
    const gateway = await startGateway({
      config: configWith(priced, {}, { routing_strategy: 'simple-shuffle', routing_strategy_args: {} }),
    });
    const began = await say(gateway, first);
    for (let turn = 0; turn < 8; turn++) {
      const next = await say(gateway, [...first, { role: 'user', content: `turn ${turn}` }]);
      expect(next.said).toBe(began.said);
    }
    const session = { 'x-rutter-session-id': 'short-words' };
    const hello = [{ role: 'user', content: 'hello' }];
    const opened = await say(gateway, hello, session);
    for (let turn = 0; turn < 8; turn++) expect((await say(gateway, hello, session)).said).toBe(opened.said);
  });
});
