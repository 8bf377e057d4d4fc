/** What is told of decisions: records, headers, the log, dry runs, the command. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { type Gateway, openAiDeployment, root, startGateway, until } from '../support/index.ts';
import { ask, fleet } from './router-support.ts';

const run = promisify(execFile);
const folder = await mkdtemp(join(tmpdir(), 'rutter-decisions-'));
afterAll(() => rm(folder, { recursive: true }));
const at = (name: string) => join(folder, name);
const seats = await fleet('small', 'large');

const secretWords = 'zebra-crossing-at-midnight';

/** Outcomes by which `small` is right about sums and `large` about everything else. */
const outcomes = Array.from({ length: 200 }, (_, index) => {
  const isSum = index % 2 === 0;
  const query = isSum ? `Add ${index} and ${index + 7}, then halve it.` : `Write a poem about river number ${index}.`;
  return ['small', 'large'].map((model) =>
    JSON.stringify({
      ...{ query_id: `q${index}`, query, model },
      performance: (model === 'small') === isSum ? 1 : 0,
      cost: model === 'small' ? 0.00002 : 0.002,
    }),
  );
})
  .flat()
  .join('\n');
await writeFile(at('train.jsonl'), outcomes);
await writeFile(at('lab.yaml'), 'model_list:\n  - {model_name: m, litellm_params: {model: simulated/m}}\n');
const command = (...args: readonly string[]) =>
  run(process.execPath, [join(root, 'core/cli/rutter.mjs'), ...args], {
    env: { ...process.env, RUTTER_DATA: at('data'), LITELLM_CONFIG_PATH: at('lab.yaml') },
    cwd: folder,
  });
await command('train', 'llmrouter-knn', '--data', 'train.jsonl', '--out', 'knn.rra');

const prices = { input_cost_per_token: 0.000001, output_cost_per_token: 0.000002 };
const config = {
  model_list: [
    openAiDeployment('chat', seats.small, prices, { id: 'the-small' }),
    openAiDeployment('chat', seats.large, prices, { id: 'the-large' }),
    openAiDeployment('other', seats.large, {}, { id: 'alone' }),
  ].map((entry) => withModel(entry)),
  router_settings: {
    routing_strategy: 'llmrouter-knn',
    routing_strategy_args: { model_path: at('knn.rra') },
    num_retries: 1,
  },
  general_settings: { master_key: 'sk-boss' },
  plugins: [
    {
      use: join(root, 'test/contract/key-routing'),
      trust: true,
      config: {
        keys: [
          { key: 'sk-ann', id: 'ann', team: 'red' },
          { key: 'sk-bob', id: 'bob', team: 'blue', models: ['other'] },
        ],
      },
    },
  ],
};

/** The vendor's name of a model is the one that the outcomes have. */
function withModel(entry: ReturnType<typeof openAiDeployment>) {
  const { id } = entry.model_info as { id: string };
  return { ...entry, model_info: { ...entry.model_info, router_model: id === 'the-small' ? 'small' : 'large' } };
}

const as = (key: string) => ({ authorization: `Bearer ${key}` });
const chat = (gateway: Gateway, key: string, content: string, model = 'chat') =>
  ask(gateway, model, { headers: as(key), body: { messages: [{ role: 'user', content }] } });

interface Told {
  readonly request_id: string;
  readonly input: { readonly principal: string };
  readonly decisions: readonly Record<string, unknown>[];
  readonly outcome: Record<string, unknown>;
}

async function get(gateway: Gateway, path: string, key = 'sk-boss') {
  const response = await fetch(`${gateway.url}${path}`, { headers: as(key) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function records(gateway: Gateway, query = '', key = 'sk-boss'): Promise<readonly Told[]> {
  const { body } = await get(gateway, `/router/decisions${query}`, key);
  return body.decisions as readonly Told[];
}

describe('decisions of a running gateway', async () => {
  const gateway = await startGateway({ config });

  it('are told with candidates, scores, quality, cost, versions, reason and microseconds', async () => {
    const answer = await chat(gateway, 'sk-ann', `Add 4 and 18, then halve it. ${secretWords}`);
    expect(answer.said).toBe('small');
    const id = answer.headers.get('x-request-id');
    const [record] = await until('the record', async () => {
      const found = await records(gateway, `?request_id=${id}`);
      return found.length > 0 ? found : undefined;
    });
    expect(record).toMatchObject({
      request_id: id,
      input: { requested_model: 'chat', operation: 'chat', principal: 'ann', team: 'red' },
      decisions: [
        {
          model_group: 'chat',
          strategy_name: 'llmrouter-knn',
          strategy_version: '0.1.0',
          artefact: expect.stringMatching(/^[0-9a-f]{16}$/),
          selected_deployment: 'the-small',
          selection_reason: expect.stringContaining('chosen by llmrouter-knn'),
          candidate_deployments: [
            { deployment: 'the-small', expected_quality: expect.any(Number), expected_cost_usd: expect.any(Number) },
            { deployment: 'the-large', score: expect.any(Number) },
          ],
        },
      ],
      outcome: { status: 200, served_by: 'the-small', attempts: 1, fallbacks: 0 },
    });
    const { candidate_deployments: judged, timings } = (record as Told).decisions[0] as unknown as {
      candidate_deployments: { score: number; expected_cost_usd: number }[];
      timings: { total_us: number; features_us: number };
    };
    expect(judged[0]?.score).toBeGreaterThan(judged[1]?.score as number);
    expect(judged[0]?.expected_cost_usd).toBeLessThan(judged[1]?.expected_cost_usd as number);
    expect(timings.total_us).toBeGreaterThan(0);
    expect(timings.total_us).toBeGreaterThanOrEqual(timings.features_us);
  });

  it('stand in the header x-rutter-route and in the log, with the same version', async () => {
    const answer = await chat(gateway, 'sk-ann', 'Write a poem about river number 77.');
    const route = answer.headers.get('x-rutter-route') ?? '';
    const line = await gateway.waitForLog(
      ({ name, request }) => name === 'observer-log' && request === answer.headers.get('x-request-id'),
    );
    const { by, candidates, us, chosen } = line.decision as Record<string, unknown>;
    expect(chosen).toBe('the-large');
    expect(candidates).toMatchObject([
      { deployment: 'the-large', quality: expect.any(Number) },
      { deployment: 'the-small' },
    ]);
    expect(us).toEqual(expect.any(Number));
    const version = /^llmrouter-knn 0\.1\.0 ([0-9a-f]{16})$/.exec((by as string[])[0] as string)?.[1];
    expect(version).toBeDefined();
    expect(route).toMatch(
      /of 2 in \d+ us; llmrouter-knn 0\.1\.0, artefact [0-9a-f]{16}: \S+ [\d.-]+ quality [\d.]+ \$[\d.e-]+, /,
    );
    expect(route).toContain(version as string);
  });

  it('hold no word of any request', async () => {
    const { body } = await get(gateway, '/router/decisions?limit=200');
    expect(JSON.stringify(body)).not.toContain(secretWords);
    expect(JSON.stringify(body)).toContain('the-small');
    expect(gateway.output()).not.toContain(secretWords);
  });

  it('are shown to whoever asked and to administrators, and to nobody else', async () => {
    await chat(gateway, 'sk-bob', 'Add 1 and 2.', 'other');
    const all = await until('records of both', async () => {
      const found = await records(gateway);
      return found.some(({ input }) => input.principal === 'bob') ? found : undefined;
    });
    expect(new Set(all.map(({ input }) => input.principal))).toEqual(new Set(['ann', 'bob']));
    expect((await records(gateway, '', 'sk-bob')).every(({ input }) => input.principal === 'bob')).toBe(true);
    const ofAnn = all.find(({ input }) => input.principal === 'ann');
    expect(await records(gateway, `?request_id=${ofAnn?.request_id}`, 'sk-bob')).toEqual([]);
    expect(await records(gateway, `?request_id=${ofAnn?.request_id}`, 'sk-ann')).toHaveLength(1);
    expect((await get(gateway, '/router/decisions', 'sk-nobody')).status).toBe(401);
  });

  it('are narrowed by what is asked, and anything else that is asked is refused', async () => {
    expect((await records(gateway, '?limit=1')).length).toBe(1);
    const ofOthers = await records(gateway, '?model_group=other');
    expect(ofOthers.length).toBeGreaterThan(0);
    for (const { decisions } of ofOthers) expect(decisions[0]?.model_group).toBe('other');
    expect(await records(gateway, '?strategy=least-busy')).toEqual([]);
    for (const [query, word] of [
      ['?limit=0', 'limit'],
      ['?limit=many', 'limit'],
      ['?modle_group=x', 'modle_group'],
    ]) {
      const { status, body } = await get(gateway, `/router/decisions${query}`);
      expect(status).toBe(400);
      expect((body.error as { message: string }).message).toContain(word);
    }
  });

  it('are made without a call where they are only asked for, by the same rights', async () => {
    const before = seats.small.calls() + seats.large.calls();
    const dry = async (key: string, body: object) => {
      const response = await fetch(`${gateway.url}/router/route`, {
        method: 'POST',
        headers: { ...as(key), 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    };
    expect(await dry('sk-ann', { model: 'chat', query: 'Add 4 and 20, then halve it.' })).toMatchObject({
      status: 200,
      body: { dry_run: true, selected_deployment: 'the-small', strategy_name: 'llmrouter-knn' },
    });
    const poem = [{ role: 'user', content: 'Write a poem about river number 9.' }];
    expect(await dry('sk-ann', { model: 'chat', messages: poem })).toMatchObject({
      body: { selected_deployment: 'the-large' },
    });
    expect((await dry('sk-bob', { model: 'chat', query: 'Add 4 and 20.' })).status).toBe(403);
    expect((await dry('sk-ann', { model: 'none', query: 'Add 4 and 20.' })).body).toMatchObject({
      error: { message: expect.stringContaining('Invalid model name') },
    });
    expect((await dry('sk-ann', { model: 'chat' })).body).toMatchObject({
      error: { message: expect.stringContaining('"messages"') },
    });
    expect(seats.small.calls() + seats.large.calls()).toBe(before);
  });

  it('are made by what /router/info names', async () => {
    const { body } = await get(gateway, '/router/info');
    expect(body).toMatchObject({
      strategies: [{ name: 'llmrouter-knn', plugin: 'llmrouter-knn', version: '0.1.0' }],
      groups: [
        { name: 'chat', strategies: ['llmrouter-knn'], deployments: 2 },
        { name: 'other' },
        { name: 'auto', groups: ['chat', 'other'], deployments: 3 },
      ],
      decisions_kept: expect.any(Number),
    });
    const ofBob = await get(gateway, '/router/info', 'sk-bob');
    expect((ofBob.body.groups as { name: string }[]).map(({ name }) => name)).toEqual(['other', 'auto']);
  });

  it('name each try of a request, and the fallback', async () => {
    seats.small.plays({ failures: [500] });
    const answer = await chat(gateway, 'sk-ann', 'Add 40 and 8, then halve it.');
    seats.small.plays({});
    expect(answer.said).toBe('large');
    const [record] = await until('the record', async () => {
      const found = await records(gateway, `?request_id=${answer.headers.get('x-request-id')}`);
      return found.length > 0 ? found : undefined;
    });
    expect(record?.decisions.map((one) => one.selected_deployment)).toEqual(['the-small', 'the-large']);
    expect(record?.outcome).toMatchObject({ attempts: 2, served_by: 'the-large' });
  });
});

it('say why a strategy had nothing to say, without the paths of the machine', async () => {
  const gateway = await startGateway({
    config: {
      ...config,
      router_settings: { routing_strategy: 'llmrouter-knn', routing_strategy_args: { model_path: at('missing.rra') } },
    },
  });
  const answer = await chat(gateway, 'sk-ann', 'Add 4 and 18, then halve it.');
  expect(answer.status).toBe(200);
  expect(answer.headers.get('x-rutter-route')).toMatch(/llmrouter-knn 0\.1\.0, .*missing\.rra.*: left to others/);
  expect(answer.headers.get('x-rutter-route')).not.toContain(folder);
});

it('rank models, and share the requests among the deployments of one by their weights', async () => {
  const more = await fleet('second', 'third');
  const entry = (name: string, seat: (typeof more)['second'], model: string, weight?: number) => {
    const params = { model: `openai/${model}`, ...(weight !== undefined && { weight }) };
    return openAiDeployment('chat', seat, params, { id: name, router_model: model });
  };
  const gateway = await startGateway({
    config: {
      ...config,
      model_list: [
        entry('large-1', seats.large, 'large'),
        entry('small-1', seats.small, 'small', 1),
        entry('small-2', more.second, 'small', 2),
        entry('small-3', more.third, 'small', 1),
      ],
    },
  });
  const served: string[] = [];
  for (let index = 0; index < 40; index++) {
    const { headers } = await chat(gateway, 'sk-ann', `Add ${2 * index} and ${2 * index + 7}, then halve it.`);
    served.push(headers.get('x-rutter-deployment') as string);
    expect(headers.get('x-rutter-route')).toContain('chosen by llmrouter-knn, then in turn');
  }
  const counts = Object.fromEntries(
    ['large-1', 'small-1', 'small-2', 'small-3'].map((id) => [id, served.filter((one) => one === id).length]),
  );
  expect(counts['large-1']).toBe(0);
  expect(counts['small-2']).toBeGreaterThanOrEqual(18);
  expect(counts['small-2']).toBeLessThanOrEqual(22);
  for (const id of ['small-1', 'small-3']) expect(counts[id]).toBeGreaterThanOrEqual(8);
});

it('keep as many as they are told to', async () => {
  const gateway = await startGateway({
    config: { ...config, plugins: [...config.plugins, { use: 'observer-decisions', config: { keep: 3 } }] },
  });
  for (let index = 0; index < 5; index++) await chat(gateway, 'sk-ann', `Add ${index} and 1.`);
  await until('the info', async () =>
    (await get(gateway, '/router/info')).body.decisions_kept === 3 ? true : undefined,
  );
  expect(await records(gateway, '?limit=200')).toHaveLength(3);
});

/** Over a connection of its own, so that any worker may take it. */
function alone(gateway: Gateway, path: string, body?: object): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { ...as('sk-boss'), 'content-type': 'application/json' };
    const method = body === undefined ? 'GET' : 'POST';
    const sent = request(`${gateway.url}${path}`, { method, headers, agent: false }, (response) => {
      let text = '';
      response.on('data', (piece: Buffer) => {
        text += piece.toString();
      });
      response.once('end', () => resolve(text));
    });
    sent.once('error', reject).end(body && JSON.stringify(body));
  });
}

it('are gathered from all workers, whichever is asked', async () => {
  const gateway = await startGateway({ config, args: ['--workers', '2'], startMs: 60_000 });
  const body = { model: 'other', messages: [{ role: 'user', content: 'hello' }] };
  for (let index = 0; index < 24; index++) await alone(gateway, '/v1/chat/completions', body);
  for (let index = 0; index < 8; index++)
    await until('the records of both', async () => {
      const { count } = JSON.parse(await alone(gateway, '/router/decisions?limit=200')) as { count: number };
      return count === 24 ? true : undefined;
    });
  // Unless one of them has taken every connection, which neither does.
  const kept = new Set<number>();
  await until('another worker to answer', async () => {
    const info = JSON.parse(await alone(gateway, '/router/info')) as { decisions_kept: number };
    kept.add(info.decisions_kept);
    return kept.size > 1 || info.decisions_kept === 12 ? true : undefined;
  });
  expect([...kept].every((count) => count < 24)).toBe(true);
});

describe('rutter route', () => {
  it('explains one decision of a configuration', async () => {
    await writeFile(at('route.yaml'), JSON.stringify(config));
    const { stdout } = await command('route', 'Add 4 and 18, then halve it.', '--config', 'route.yaml', '-m', 'chat');
    expect(stdout).toMatch(/^chat goes to the-small: chosen by llmrouter-knn.*, in \d+ us/);
    expect(stdout).toMatch(/llmrouter-knn 0\.1\.0, artefact [0-9a-f]{16}/);
    expect(stdout).toMatch(/the-small +chat +openai\/\S+ +[\d.]+ +[\d.]+/);
    const json = await command(
      ...['route', 'Write a poem about river number 3.', '-c', 'route.yaml', '-m', 'chat', '--json'],
    );
    expect(JSON.parse(json.stdout)).toMatchObject({ group: 'chat', chosen: 'the-large' });
  });

  it.each([
    [['route'], 'Found 0 questions'],
    [['route', 'a', 'b'], 'Found 2 questions'],
    [['route', 'a', '--modle', 'x'], '--modle'],
    [['route', 'a', '-c', 'route.yaml', '-m', 'none'], 'Invalid model name'],
  ])('refuses %j', async (args, message) => {
    const failure = (await command(...args).catch((error: unknown) => error)) as { stderr: string; code: number };
    expect(failure.code).toBe(1);
    expect(failure.stderr).toContain(message);
  });
});
