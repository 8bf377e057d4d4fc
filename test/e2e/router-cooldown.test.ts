/** When a deployment that fails is left alone, for how long, and what a caller reads meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { html, openAiDeployment, reset, startGateway, until } from '../support/index.ts';
import { ask, askOften, fleet, latenessMs, type Seat, tally } from './router-support.ts';

/** Deployments that are called by their ids, so that a test says which one fails; each pair has a healthy sibling. */
const pairs = ['busy', 'half', 'most', 'slow', 'unread', 'faults', 'lost', 'asked', 'none', 'again', 'kept', 'longer'];
const lones = ['alone', 'keyless', 'missing', 'refused', 'thousand', 'own', 'reload', 'told'];
const v: Record<string, Seat> = await fleet(...pairs, ...lones, 'sibling');
const w = await fleet('fails', 'fresh', 'strict', 'policed', 'unnamed', 'zero', 'tireless', 'spare');
const seat = (name: string) => v[name] as Seat;

const settings: Record<string, Record<string, number>> = {
  slow: { timeout: 0.1, cooldown_time: 30 },
  none: { cooldown_time: 0 },
  own: { cooldown_time: 2 },
  reload: { cooldown_time: 30 },
  ...Object.fromEntries(['busy', 'most', 'unread', 'thousand'].map((name) => [name, { cooldown_time: 30 }])),
};
const pair = (name: string) => [
  openAiDeployment(name, seat(name), settings[name], { id: `${name}-1` }),
  openAiDeployment(name, seat('sibling'), {}, { id: `${name}-2` }),
];
const config = {
  model_list: [
    ...pairs.flatMap(pair),
    ...lones.map((name) => openAiDeployment(name, seat(name), settings[name], { id: `${name}-1` })),
  ],
  router_settings: { num_retries: 0, cooldown_time: 1 },
};
const shared = { num_retries: 0, cooldown_time: 1 };
const [gateway, counted, policed, tireless] = await Promise.all([
  startGateway({ config }),
  startGateway({
    config: {
      model_list: ['fails', 'fresh', 'strict'].flatMap((name) => [
        openAiDeployment(name, w[name as 'fails'], {}, { id: `${name}-1` }),
        openAiDeployment(name, w.spare, {}, { id: `${name}-2` }),
      ]),
      router_settings: { ...shared, cooldown_time: 3, allowed_fails: 2 },
    },
  }),
  startGateway({
    config: {
      model_list: [
        openAiDeployment('policed', w.policed),
        openAiDeployment('unnamed', w.unnamed, { timeout: 0.1 }),
        openAiDeployment('zero', w.zero),
      ],
      router_settings: {
        ...shared,
        cooldown_time: 5,
        allowed_fails_policy: { RateLimitErrorAllowedFails: 1, InternalServerErrorAllowedFails: 0 },
      },
    },
  }),
  startGateway({
    config: {
      model_list: [
        openAiDeployment('tireless', w.tireless, {}, { id: 'tireless-1' }),
        openAiDeployment('tireless', w.spare),
      ],
      router_settings: { ...shared, disable_cooldowns: true },
    },
  }),
]);

/** Fails so often, one by one, by its own id. */
async function fails(name: string, count: number, options: Parameters<Seat['plays']>[0]) {
  seat(name).plays(options);
  for (let done = 0; done < count; done++) await ask(gateway, `${name}-1`);
}

/** Whether a deployment is left out of its group: of twelve requests one would go to it in all but 1 of 4,096 cases. */
async function rests(name: string, where = gateway): Promise<boolean> {
  const one = v[name] ?? (w as Record<string, Seat>)[name];
  const before = one?.calls();
  await askOften(where, name, 12);
  return one?.calls() === before;
}

describe('what brings it about', () => {
  it('rests at once after a 429 when it has a sibling', async () => {
    await fails('busy', 1, { status: 429 });
    expect(tally(await askOften(gateway, 'busy', 12))).toEqual({ sibling: 12 });
  });

  it('goes on after a 429 when it stands alone', async () => {
    await fails('alone', 3, { status: 429 });
    expect(await rests('alone')).toBe(false);
  });

  it.each([
    ['keyless', 401],
    ['missing', 404],
  ])('rests at once, even alone, when %s gets it a %i', async (name, status) => {
    await fails(name, 1, { status });
    expect((await ask(gateway, name)).error?.message).toContain('No deployments available');
    expect(seat(name).calls()).toBe(1);
  });

  it('rests when more than half of at least five calls in a minute have failed', async () => {
    await fails('most', 5, { status: 500 });
    // Four of four would have said so.
    const line = await gateway.waitForLog(({ deployment }) => deployment === 'most-1');
    expect(line.reason).toBe('5 of 5 calls failed this minute');
    expect(await rests('most')).toBe(true);
  });

  it('goes on when half of its calls have failed and half have not', async () => {
    for (let done = 0; done < 4; done++) await ask(gateway, 'half-1');
    await fails('half', 4, { status: 500 });
    seat('half').plays({});
    expect(await rests('half')).toBe(false);
  });

  it('counts its own timeouts', async () => {
    await fails('slow', 5, { failures: Array.from({ length: 99 }, () => () => undefined) });
    expect(await rests('slow')).toBe(true);
  });

  it('counts replies that cannot be read', async () => {
    await fails('unread', 5, { failures: Array.from({ length: 99 }, () => html(200)) });
    expect(await rests('unread')).toBe(true);
  });

  it('neither rests for what a caller got wrong nor counts it', async () => {
    for (const status of [400, 403, 422, 400, 413]) await fails('faults', 1, { status });
    await fails('faults', 1, { status: 500 });
    seat('faults').plays({});
    expect(await rests('faults')).toBe(false);
  });

  it('never rests for connections that were lost', async () => {
    await fails('lost', 8, { failures: Array.from({ length: 99 }, () => reset()) });
    expect(await rests('lost')).toBe(false);
  });

  it('rests alone only when a thousand calls in a minute have failed and none has not', async () => {
    seat('thousand').plays({ status: 500 });
    await askOften(gateway, 'thousand-1', 999);
    expect((await ask(gateway, 'thousand')).status).toBe(500);
    expect((await ask(gateway, 'thousand')).status).toBe(429);
    expect(seat('thousand').calls()).toBe(1000);
  });
});

describe('how long it lasts', () => {
  it("lasts as long as the router's cooldown_time says, and then ends by itself", async () => {
    await fails('again', 1, { failures: [429] });
    const startedAt = performance.now();
    expect(await rests('again')).toBe(true);
    await until('the deployment to be called again', async () => !(await rests('again')), 1000 + latenessMs);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(900);
  });

  it("lasts as long as the vendor's Retry-After says, ahead of the router's", async () => {
    await fails('asked', 1, { failures: [{ status: 429, headers: { 'retry-after': '3' } }] });
    await sleep(1500);
    expect(await rests('asked')).toBe(true);
    await until('the deployment to be called again', async () => !(await rests('asked')), 1500 + latenessMs);
  });

  it("lasts as long as the deployment's own cooldown_time says, ahead of the vendor's Retry-After", async () => {
    await fails('own', 1, { failures: [{ status: 401, headers: { 'retry-after': '60' } }] });
    const startedAt = performance.now();
    await until('the deployment to be called again', async () => !(await rests('own')), 2000 + latenessMs);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(1900);
  });

  it('does not begin where the deployment has a cooldown_time of 0', async () => {
    await fails('none', 8, { failures: [401, 404, 429, 500, 500, 500, 500, 500] });
    expect(await rests('none')).toBe(false);
  });

  it('is not shortened by a failure that asks for less', async () => {
    await fails('longer', 1, { failures: [{ status: 429, headers: { 'retry-after': '3' } }] });
    await fails('longer', 1, { failures: [{ status: 429, headers: { 'retry-after': '1' } }] });
    await sleep(1300);
    expect(await rests('longer')).toBe(true);
  });
});

describe('meanwhile', () => {
  it('tells with 429 in how many seconds to try again when all rest', async () => {
    await fails('told', 1, { failures: [{ status: 401, headers: { 'retry-after': '7' } }] });
    const answer = await ask(gateway, 'told');
    expect(answer.status).toBe(429);
    expect(answer.error?.message).toContain('No deployments available for selected model, Try again in 7 seconds');
    expect(answer.headers.get('retry-after')).toBe('7');
    expect(answer.headers.get('x-litellm-model-group')).toBe('told');
  });

  it('says in the log which deployment rests, until when and why', async () => {
    await fails('refused', 1, { failures: [404] });
    const line = await gateway.waitForLog(({ deployment }) => deployment === 'refused-1');
    expect(line).toMatchObject({ reason: 'the vendor answered 404' });
    expect(Number(line.untilMs)).toBeGreaterThan(Date.now() - 5000);
  });

  it('outlives a reload of the configuration', async () => {
    await fails('reload', 1, { failures: [401] });
    expect((await ask(gateway, 'reload')).status).toBe(429);
    const added = openAiDeployment('added', seat('sibling'));
    await gateway.writeConfig({ ...config, model_list: [...config.model_list, added] });
    await until('the new configuration', async () => (await ask(gateway, 'added')).status === 200);
    expect((await ask(gateway, 'reload')).status).toBe(429);
    expect(seat('reload').calls()).toBe(1);
  });
});

describe('by number of failures', () => {
  const failing = async (name: 'fails' | 'fresh' | 'strict', count: number, status: number) => {
    w[name].plays({ status });
    for (let done = 0; done < count; done++) await ask(counted, `${name}-1`);
  };

  it('rests once more than allowed_fails have failed, in place of every other rule', async () => {
    await failing('fails', 2, 500);
    w.fails.plays({});
    expect(await rests('fails', counted)).toBe(false);
    await failing('fails', 1, 500);
    expect(await rests('fails', counted)).toBe(true);
  });

  it('counts failures within the cooldown time only', async () => {
    await failing('fresh', 2, 500);
    await sleep(3050);
    await failing('fresh', 2, 500);
    w.fresh.plays({});
    expect(await rests('fresh', counted)).toBe(false);
  });

  it('bears a 429 and a 401 as long as allowed_fails allows them', async () => {
    await failing('strict', 1, 429);
    await failing('strict', 1, 401);
    w.strict.plays({});
    expect(await rests('strict', counted)).toBe(false);
  });

  it('takes the number from the policy for the class of the error', async () => {
    w.policed.plays({ status: 429 });
    expect((await ask(policed, 'policed')).error?.message).toContain('simulated failure 429');
    expect((await ask(policed, 'policed')).error?.message).toContain('simulated failure 429');
    expect((await ask(policed, 'policed')).error?.message).toContain('No deployments available');
    w.zero.plays({ status: 500 });
    await ask(policed, 'zero');
    expect((await ask(policed, 'zero')).error?.message).toContain('No deployments available');
  });

  it('allows three failures to a class that the policy leaves out', async () => {
    w.unnamed.plays({ failures: Array.from({ length: 9 }, () => () => undefined) });
    const statuses: number[] = [];
    for (let done = 0; done < 5; done++) statuses.push((await ask(policed, 'unnamed')).status);
    expect(statuses).toEqual([408, 408, 408, 408, 429]);
  });

  it('never rests where disable_cooldowns is set', async () => {
    w.tireless.plays({ failures: [401, 404, 429, 500, 500, 500, 500, 500, 500] });
    for (let done = 0; done < 9; done++) await ask(tireless, 'tireless-1');
    expect(await rests('tireless', tireless)).toBe(false);
  });
});
