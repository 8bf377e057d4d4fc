/** Experiments with strategies: shares, shadows, steps by operators, and what is switched off by its ratings. */
import { describe, expect, it } from 'vitest';
import { type Gateway, openAiDeployment, startGateway, startRefused, until } from '../support/index.ts';
import { ask, fleet } from './router-support.ts';

const seats = await fleet('small', 'large');

const usual = { variant: 'usual', weight: 80 };
const learnt = { variant: 'learnt', weight: 20, routing_strategy: 'llmrouter-smallest' };
const experiment = { experiment: 'size', models: ['chat'], variants: [usual, learnt], guard: { min_marks: 8 } };

const configWith = (experiments: unknown, change: object = {}) => ({
  model_list: [
    openAiDeployment('chat', seats.small, { model: 'openai/small' }, { id: 'the-small', size: '7B' }),
    openAiDeployment('chat', seats.large, { model: 'openai/large' }, { id: 'the-large', size: '70B' }),
    openAiDeployment('other', seats.small, {}, { id: 'other-small', size: '7B' }),
    openAiDeployment('other', seats.large, {}, { id: 'other-large', size: '70B' }),
  ],
  router_settings: { routing_strategy: 'llmrouter-largest', num_retries: 0, experiments },
  plugins: [{ use: 'observer-experiments', config: { interval: 0.2 } }],
  ...change,
});

/** The vendor that answers tells the variant: the usual strategy prefers the large one, the learnt one the small one. */
const asUser = (gateway: Pick<Gateway, 'url'>, user: string, group = 'chat') => ask(gateway, group, { body: { user } });

async function drawn(gateway: Gateway, count: number): Promise<ReadonlyMap<string, string>> {
  const users = Array.from({ length: count }, (_, index) => `user-${index}`);
  const said = new Map<string, string>();
  const ask8 = async (from: number) => {
    for (const user of users.slice(from, from + 8)) said.set(user, (await asUser(gateway, user)).said as string);
  };
  await Promise.all(Array.from({ length: Math.ceil(count / 8) }, (_, part) => ask8(8 * part)));
  return said;
}
const share = (said: ReadonlyMap<string, string>) =>
  [...said.values()].filter((name) => name === 'small').length / said.size;

async function call(gateway: Pick<Gateway, 'url'>, path: string, body?: object) {
  const response = await fetch(`${gateway.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

type Variant = Record<string, unknown>;
const variantsIn = (body: Record<string, unknown>) => body.variants as Variant[];

describe('an experiment', async () => {
  const gateway = await startGateway({ config: configWith([experiment]) });

  it('gives each user one variant, again and again, in shares by weight', async () => {
    const first = await drawn(gateway, 120);
    expect(share(first)).toBeGreaterThan(0.08);
    expect(share(first)).toBeLessThan(0.34);
    for (const user of ['user-1', 'user-2', 'user-3', 'user-4', 'user-5'])
      expect((await asUser(gateway, user)).said).toBe(first.get(user));
    // The same users, asked of another group, are in no experiment.
    for (const user of ['user-1', 'user-2', 'user-3', 'user-4', 'user-5'])
      expect((await asUser(gateway, user, 'other')).said).toBe('large');
  });

  it('tells of the variant in a header, in the route, in the log and in the record', async () => {
    const answer = await asUser(gateway, 'somebody');
    const variant = answer.said === 'small' ? 'learnt' : 'usual';
    expect(answer.headers.get('x-rutter-experiment')).toBe(`size=${variant}`);
    expect(answer.headers.get('x-rutter-route')).toContain(`experiment size: ${variant}`);
    const id = answer.headers.get('x-request-id');
    const line = await gateway.waitForLog(({ name, request }) => name === 'observer-log' && request === id);
    expect(line.decision).toMatchObject({ experiment: 'size', variant });
    const { body } = await call(gateway, `/router/decisions?request_id=${id}`);
    expect(body.decisions).toMatchObject([
      { decisions: [{ experiment: { experiment_id: 'size', variant, hash_key_type: 'user', total_weight: 100 } }] },
    ]);
    const { body: narrowed } = await call(gateway, `/router/decisions?experiment=size&variant=${variant}&limit=3`);
    expect(narrowed.count).toBe(3);
    expect((await asUser(gateway, 'somebody', 'other')).headers.get('x-rutter-experiment')).toBeNull();
  });

  it('is staged, promoted and rolled back over the admin routes, and only those move who must', async () => {
    const before = await drawn(gateway, 60);
    const staged = await call(gateway, '/router/experiments/size/stage', { variant: 'learnt', weight: 60 });
    expect([staged.status, variantsIn(staged.body).map(({ weight }) => weight)]).toEqual([200, [40, 60]]);
    const after = await drawn(gateway, 60);
    expect(share(after)).toBeGreaterThan(share(before));
    for (const [user, name] of before) if (name === 'small') expect(after.get(user)).toBe('small');
    await call(gateway, '/router/experiments/size/promote', { variant: 'learnt' });
    expect(share(await drawn(gateway, 20))).toBe(1);
    await call(gateway, '/router/experiments/size/rollback', {});
    expect(await drawn(gateway, 60)).toEqual(after);
    const { body } = await call(gateway, '/router/experiments/size/rollback', {});
    expect(variantsIn(body).map(({ weight }) => weight)).toEqual([80, 20]);
    expect(await drawn(gateway, 60)).toEqual(before);
    const none = await call(gateway, '/router/experiments/size/rollback', {});
    expect([none.status, (none.body.error as { message: string }).message]).toEqual([
      400,
      expect.stringContaining('Nothing has been changed'),
    ]);
  });

  it.each([
    ['nothing/stage', { variant: 'learnt', weight: 5 }, 404, 'expected one of size'],
    ['size/stage', { variant: 'learned', weight: 5 }, 400, 'expected one of size: usual, learnt'],
    ['size/stage', { variant: 'learnt', weight: 101 }, 400, '0 to 100'],
    ['size/promote', {}, 400, 'variant is missing'],
    ['size/resume', { variant: 'learnt' }, 400, 'is not switched off'],
  ])('refuses %s with %j', async (path, body, status, message) => {
    const refused = await call(gateway, `/router/experiments/${path}`, body);
    expect([refused.status, (refused.body.error as { message: string }).message]).toEqual([
      status,
      expect.stringContaining(message),
    ]);
  });
});

describe('the guard', () => {
  const rated = async (gateway: Gateway, variant: string, count: number, score: number) => {
    let left = count;
    for (let index = 0; left > 0 && index < 40 * count; index++) {
      const answer = await asUser(gateway, `rater-${variant}-${index}`);
      if (answer.headers.get('x-rutter-experiment') !== `size=${variant}`) continue;
      const id = answer.headers.get('x-request-id');
      await until('the request to be known', async () =>
        (await call(gateway, '/v1/feedback', { request_id: id, score })).status === 201 ? true : undefined,
      );
      left--;
    }
  };
  const variantNow = async (gateway: Gateway, name: string): Promise<Variant> => {
    const { body } = await call(gateway, '/router/info');
    const [found] = body.experiments as { variants: Variant[] }[];
    return found?.variants.find(({ variant }) => variant === name) as Variant;
  };
  const fair = {
    ...experiment,
    variants: [
      { ...usual, weight: 50 },
      { ...learnt, weight: 50 },
    ],
  };

  it('switches a variant off that is rated worse, tells it everywhere, and an operator can undo it', async () => {
    const gateway = await startGateway({ config: configWith([fair]) });
    const before = await drawn(gateway, 30);
    await rated(gateway, 'usual', 10, 1);
    expect(await variantNow(gateway, 'learnt')).not.toHaveProperty('off');
    await rated(gateway, 'learnt', 8, 0.2);
    const off = await until('the variant to be off', async () => (await variantNow(gateway, 'learnt')).off);
    expect(off).toContain('measured lift -0.800');
    await gateway.waitForLog(({ msg, variant }) => msg === 'a variant was switched off' && variant === 'learnt');
    expect(share(await drawn(gateway, 30))).toBe(0);
    const moved = [...before].find(([, name]) => name === 'small')?.[0] as string;
    const answer = await asUser(gateway, moved);
    expect(answer.headers.get('x-rutter-experiment')).toBe('size=usual');
    expect(answer.headers.get('x-rutter-route')).toContain('size: usual in place of learnt, which is off');
    const { body } = await call(gateway, `/router/decisions?request_id=${answer.headers.get('x-request-id')}`);
    expect(body.decisions).toMatchObject([
      { decisions: [{ experiment: { withheld: { variant: 'learnt', reason: off } } }] },
    ]);
    const { body: told } = await call(gateway, '/router/experiments');
    expect((told.experiments as { variants: Variant[] }[])[0]?.variants[1]).toMatchObject({
      ...{ variant: 'learnt', ratings: 8, lift: expect.closeTo(-0.8), off: { reason: off } },
    });
    const resumed = await call(gateway, '/router/experiments/size/resume', { variant: 'learnt' });
    expect(resumed.status).toBe(200);
    expect(await drawn(gateway, 30)).toEqual(before);
    // What was rated before does not count against it again; what is rated now does.
    await rated(gateway, 'usual', 9, 0.5);
    await rated(gateway, 'learnt', 9, 0.9);
    expect(await variantNow(gateway, 'learnt')).not.toHaveProperty('off');
  });

  it('is kept over a restart and a reload, and leaves alone what is rated better', async () => {
    const config = configWith([fair]);
    const first = await startGateway({ config });
    await rated(first, 'usual', 8, 0);
    await rated(first, 'learnt', 8, 1);
    const { body } = await call(first, '/router/experiments');
    expect((body.experiments as { variants: Variant[] }[])[0]?.variants[1]).toMatchObject({ ratings: 8, lift: 1 });
    expect(await variantNow(first, 'learnt')).not.toHaveProperty('off');
    await call(first, '/router/experiments/size/promote', { variant: 'learnt' });
    await first.writeConfig({ ...config, router_settings: { ...config.router_settings, num_retries: 1 } });
    await first.waitForLog(({ msg }) => msg === 'a new generation is in force', 30_000);
    expect(share(await drawn(first, 10))).toBe(1);
    // Another process on the same store stands for the one that is started again.
    const again = await startGateway({ config, env: { RUTTER_DATA: `${first.folder}/data` } });
    expect(share(await drawn(again, 10))).toBe(1);
    expect((await variantNow(again, 'learnt')).weight).toBe(100);
  });
});

it('a change by an operator holds in all workers', async () => {
  const gateway = await startGateway({
    config: configWith([experiment]),
    args: ['--workers', '2'],
    startMs: 60_000,
  });
  await call(gateway, '/router/experiments/size/promote', { variant: 'learnt' });
  await until('both workers to know', async () => {
    for (let index = 0; index < 12; index++) {
      // A connection of its own each, so that both are asked.
      const response = await fetch(`${gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', connection: 'close' },
        body: JSON.stringify({ model: 'chat', user: `u${index}`, messages: [{ role: 'user', content: 'hi' }] }),
      });
      await response.text();
      if (response.headers.get('x-rutter-experiment') !== 'size=learnt') return undefined;
    }
    return true;
  });
});

describe('a shadow', async () => {
  const shadows = [
    { routing_strategy: 'llmrouter-smallest' },
    { routing_strategy: 'llmrouter-largest' },
    { routing_strategy: 'llmrouter-knn' },
  ];
  const gateway = await startGateway({ config: configWith([{ experiment: 'beside', shadows }]) });

  it('says what it would have chosen, and the answer is as without it', async () => {
    const answer = await asUser(gateway, 'somebody');
    expect(answer.said).toBe('large');
    expect(answer.headers.get('x-rutter-route')).not.toContain('smallest');
    expect(answer.headers.get('x-rutter-experiment')).toBeNull();
    const told = await until('all shadows to have answered', async () => {
      const { body } = await call(gateway, `/router/decisions?request_id=${answer.headers.get('x-request-id')}`);
      const [record] = body.decisions as { decisions: { shadows: unknown[] }[] }[];
      const found = record?.decisions[0]?.shadows ?? [];
      return found.length === 3 ? found : undefined;
    });
    const by = (plugin: string) =>
      told.find((one) => (one as { strategy: { name: string } }).strategy.name.startsWith(plugin));
    expect(by('llmrouter-smallest')).toMatchObject({ selected_deployment: 'the-small', agrees: false });
    expect(by('llmrouter-largest')).toMatchObject({ selected_deployment: 'the-large', agrees: true });
    expect(by('llmrouter-knn')).toMatchObject({ agrees: false, strategy: { reason: 'no model_path is set' } });
    const { body } = await call(gateway, '/router/info');
    expect(body.experiments).toMatchObject([
      { experiment: 'beside', shadows: [{ agreed: 0, silent: 0 }, { agreed: expect.any(Number), silent: 0 }, {}] },
    ]);
    expect(
      seats.small.requests.some(({ headers }) => headers['x-request-id'] === answer.headers.get('x-request-id')),
    ).toBe(false);
  });
});

it('refuses every experiment that cannot be meant, and says where', async () => {
  const refused = await startRefused({
    config: configWith([
      { experiment: 'a', variants: [usual] },
      { experiment: 'b', shadows: [{ routing_strategy: 'best' }] },
      { variants: [usual, learnt] },
      { ...experiment, key: 'shoe' },
      { experiment: 'c', variants: [{ ...usual, weight: -1 }, learnt] },
      experiment,
      experiment,
    ]),
  });
  for (const [place, message] of [
    ['[0].variants', 'two variants at least'],
    ['[1].shadows[0].routing_strategy', 'No plugin is the routing strategy "best"'],
    ['[2].experiment', 'no usable "experiment"'],
    ['[3].key', 'some of user, session, key, team, request'],
    ['[4].variants[0].weight', 'a number from 0 to'],
    ['', 'have one name'],
  ])
    expect(refused.output).toMatch(
      new RegExp(`experiments${escaped(place as string)}[\\s\\S]*${escaped(message as string)}`),
    );
});

const escaped = (text: string) => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&');

it.each([
  ['a guard that is sure of everything', [{ ...experiment, guard: { confidence: 2 } }], 'confidence'],
  ['no list', 'size', 'no list'],
])('refuses experiments with %s', async (_what, experiments, message) => {
  const refused = await startRefused({ config: configWith(experiments) });
  expect(refused.output).toContain(message);
});
