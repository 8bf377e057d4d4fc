/** usage-based-routing: tokens from the choice on, limits that hold for any number of requests at once. */
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { openAiDeployment, startGateway } from '../support/index.ts';
import { ask, askOften, fleet, leave, tally } from './router-support.ts';

const v = await fleet('a', 'b', 'c', 'd', 'rpm1', 'rpm2', 'tpm', 'given', 'failing', 'spare', 'left', 'shared', 'late');
const seats = (group: string, list: readonly (typeof v.a)[], params: Readonly<Record<string, unknown>> = {}) =>
  list.map((seat) => openAiDeployment(group, seat, { cooldown_time: 0, ...params }, { id: `${group}-${seat.name}` }));

const models = [
  ...seats('even', [v.a, v.b, v.c, v.d]),
  ...seats('requests', [v.rpm1, v.rpm2], { rpm: 5 }),
  ...seats('tokens', [v.tpm], { tpm: 1000 }),
  ...seats('given', [v.given], { tpm: 1000 }),
  ...seats('failing', [v.failing], { rpm: 3, tpm: 1000 }),
  ...seats('full', [v.late], { rpm: 0 }),
  ...seats('spare', [v.spare]),
  ...seats('left', [v.left], { tpm: 1000 }),
];
const router_settings = {
  routing_strategy: 'usage-based-routing-v2',
  num_retries: 0,
  fallbacks: [{ full: ['spare'] }],
};
const [gateway, workers] = await Promise.all([
  startGateway({ config: { model_list: models, router_settings } }),
  startGateway({
    config: {
      model_list: seats('shared', [v.shared], { rpm: 7 }),
      router_settings: { routing_strategy: 'usage-based-routing', num_retries: 0 },
    },
    args: ['--workers', '2'],
  }),
]);

/** A prompt of 2 tokens and a reply of at most 98. */
const hundred = { body: { max_tokens: 98 } };
const second = () => (Date.now() / 1000) % 60;

// The rule is about minutes of the clock: a test must not lie in two.
beforeEach(async () => {
  if (second() > 45) await sleep((60.1 - second()) * 1000);
}, 30_000);

describe('usage-based-routing', () => {
  it('spreads a burst by tokens before anything has come back', async () => {
    for (const seat of [v.a, v.b, v.c, v.d]) seat.plays({ delays: { headMs: 700 } });
    const answers = await Promise.all(Array.from({ length: 40 }, () => ask(gateway, 'even', hundred)));
    expect(tally(answers)).toEqual({ a: 10, b: 10, c: 10, d: 10 });
  });

  it('prefers the fewest tokens, as the vendors counted them', async () => {
    v.a.plays({ usage: { prompt_tokens: 5000, completion_tokens: 5000 } });
    for (const seat of [v.b, v.c, v.d]) seat.plays({});
    const counts = tally(await askOften(gateway, 'even', 60, hundred));
    // Once it has shown what it takes, nobody else comes near: at most the calls of that moment went there.
    expect(counts.a ?? 0).toBeLessThanOrEqual(16);
    expect(tally(await askOften(gateway, 'even', 30, hundred)).a).toBeUndefined();
  });

  it('never exceeds rpm, and tells with 429 every limit and the time to the end of the minute', async () => {
    for (const seat of [v.rpm1, v.rpm2]) seat.plays({ delays: { headMs: 300 } });
    const answers = await Promise.all(Array.from({ length: 30 }, () => ask(gateway, 'requests')));
    expect(tally(answers)).toEqual({ rpm1: 5, rpm2: 5, 429: 20 });
    expect([v.rpm1.calls(), v.rpm2.calls()]).toEqual([5, 5]);
    const refused = await ask(gateway, 'requests');
    for (const id of ['requests-rpm1', 'requests-rpm2'])
      expect(refused.error?.message).toContain(`requests a minute of deployment ${id}: limit 5, used 5, needed 1`);
    expect(Math.abs(Number(refused.headers.get('retry-after')) - (60 - second()))).toBeLessThan(2.5);
  });

  it('never exceeds tpm: tokens are reserved ahead of the call', async () => {
    v.tpm.plays({ delays: { headMs: 500 }, usage: { prompt_tokens: 2, completion_tokens: 98 } });
    const answers = await Promise.all(Array.from({ length: 25 }, () => ask(gateway, 'tokens', hundred)));
    expect(tally(answers)).toEqual({ tpm: 10, 429: 15 });
    expect((await ask(gateway, 'tokens', hundred)).error?.message).toContain('limit 1000, used 1000, needed 100');
  });

  it('gives back what was reserved and not used', async () => {
    v.given.plays({ usage: { prompt_tokens: 2, completion_tokens: 8 } });
    // Each reserves 900 of 1,000 and takes 10.
    for (let call = 0; call < 10; call++)
      expect((await ask(gateway, 'given', { body: { max_tokens: 898 } })).status).toBe(200);
    expect((await ask(gateway, 'given', { body: { max_tokens: 899 } })).status).toBe(429);
  });

  it('counts a failed call as a request without tokens', async () => {
    v.failing.plays({ status: 500 });
    const big = { body: { max_tokens: 900 } };
    const statuses = [];
    for (let call = 0; call < 4; call++) statuses.push((await ask(gateway, 'failing', big)).status);
    expect(statuses).toEqual([500, 500, 500, 429]);
  });

  it('counts what a stream took when its client has left', async () => {
    v.left.plays({ chunks: ['one ', 'two ', 'three ', 'four'], delays: { betweenMs: 150 } });
    await leave(gateway, 'left', { after: 'one', id: 'left-early' });
    await gateway.waitForLog(({ request }) => request === 'left-early');
    v.left.plays({});
    const open = await ask(gateway, 'left', { body: { max_tokens: 960 } });
    expect(open.status).toBe(200);
  });

  it('leaves a full group to its fallback', async () => {
    const answer = await ask(gateway, 'full');
    expect([answer.status, answer.said]).toEqual([200, 'spare']);
    expect(v.late.calls()).toBe(0);
  });

  it('keeps limits over several processes together', async () => {
    v.shared.plays({ delays: { headMs: 200 } });
    const answers = await Promise.all(Array.from({ length: 40 }, () => ask(workers, 'shared')));
    expect(tally(answers)).toEqual({ shared: 7, 429: 33 });
  });
});
