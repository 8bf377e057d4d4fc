/** Tries after the first: how many, for which errors, where they go and how long they wait. */
import { describe, expect, it } from 'vitest';
import { openAiDeployment, reset, startGateway } from '../support/index.ts';
import { ask, askOften, fleet, gaps, latenessMs, tally } from './router-support.ts';

const v = await fleet('lone', 'first', 'second', 'third', 'denied', 'own', 'zero', 'keyless', 'keyed', 'bad', 'good');
const w = await fleet('waits', 'doubles', 'ignores', 'full-a', 'full-b', 'slow', 'cut', 'garbled', 'patient', 'leaves');
const p = await fleet('ruled', 'special', 'kept', 'window', 'policy', 'limited', 'unruled', 'stands-by');
const s = await fleet('floor', 'storm-a', 'storm-b');

const [gateway, ruled, floored, tight] = await Promise.all([
  startGateway({
    config: {
      model_list: [
        openAiDeployment('lone', v.lone),
        openAiDeployment('denied', v.denied, { cooldown_time: 0 }),
        openAiDeployment('trio', v.first, { cooldown_time: 0 }),
        openAiDeployment('trio', v.second, { cooldown_time: 0 }),
        openAiDeployment('trio', v.third, { cooldown_time: 0 }),
        openAiDeployment('own', v.own, { num_retries: 1 }),
        openAiDeployment('zero', v.zero, { max_retries: 0 }),
        openAiDeployment('keys', v.keyless, { order: 1 }),
        openAiDeployment('keys', v.keyed, { order: 2 }),
        openAiDeployment('bad-first', v.bad, { weight: 1_000_000_000 }, { id: 'bad' }),
        openAiDeployment('bad-first', v.good, { weight: 1 }, { id: 'good' }),
        openAiDeployment('waits', w.waits),
        openAiDeployment('doubles', w.doubles),
        openAiDeployment('ignores', w.ignores),
        openAiDeployment('full', w['full-a'], {}, { id: 'full-a' }),
        openAiDeployment('full', w['full-b'], {}, { id: 'full-b' }),
        openAiDeployment('slow', w.slow, { timeout: 0.3 }),
        openAiDeployment('cut', w.cut),
        openAiDeployment('garbled', w.garbled),
        openAiDeployment('patient', w.patient),
        openAiDeployment('leaves', w.leaves),
      ],
      router_settings: { num_retries: 1, cooldown_time: 1 },
      general_settings: { retry_budget: 100 },
    },
  }),
  startGateway({
    config: {
      model_list: [
        openAiDeployment('ruled', p.ruled),
        openAiDeployment('special', p.special),
        openAiDeployment('kept', p.kept, { num_retries: 1 }),
        openAiDeployment('window', p.window),
        openAiDeployment('policy', p.policy),
        openAiDeployment('limited', p.limited),
        openAiDeployment('unruled', p.unruled, { weight: 1_000_000_000, cooldown_time: 0 }),
        openAiDeployment('unruled', p['stands-by'], { weight: 1 }),
      ],
      router_settings: {
        num_retries: 1,
        retry_policy: {
          BadRequestErrorRetries: 1,
          TimeoutErrorRetries: 0,
          RateLimitErrorRetries: 2,
          ContentPolicyViolationErrorRetries: 1,
          InternalServerErrorRetries: 0,
        },
        model_group_retry_policy: { special: { InternalServerErrorRetries: 2 } },
        context_window_fallbacks: [{ nobody: ['ruled'] }],
      },
      general_settings: { retry_budget: 100 },
    },
  }),
  startGateway({
    config: {
      model_list: [openAiDeployment('floor', s.floor)],
      router_settings: { num_retries: 1, retry_after: 1.5 },
    },
  }),
  startGateway({
    config: {
      model_list: [openAiDeployment('storm', s['storm-a']), openAiDeployment('storm', s['storm-b'])],
      router_settings: { num_retries: 1, disable_cooldowns: true },
      general_settings: { retry_budget: 0 },
    },
  }),
]);

const soon = { status: 500, headers: { 'retry-after-ms': '1' } };

describe('how often', () => {
  it("tries again as often as the router's num_retries says, and tells how often that was", async () => {
    v.lone.plays({ failures: [soon] });
    const before = v.lone.calls();
    const answer = await ask(gateway, 'lone');
    expect(answer.said).toBe('lone');
    expect(v.lone.calls() - before).toBe(2);
    expect(answer.headers.get('x-litellm-attempted-retries')).toBe('1');
    expect(answer.headers.get('x-litellm-max-retries')).toBe('1');
  });

  it('gives up with the last error when all tries have failed', async () => {
    v.lone.plays({ failures: [soon, soon, soon] });
    const before = v.lone.calls();
    const answer = await ask(gateway, 'lone');
    expect(answer.status).toBe(500);
    expect(answer.error?.message).toContain('simulated failure 500');
    expect(v.lone.calls() - before).toBe(2);
  });

  it("lets the request's num_retries stand ahead of the router's", async () => {
    v.lone.plays({ failures: [soon, soon, soon] });
    const before = v.lone.calls();
    const none = await ask(gateway, 'lone', { body: { num_retries: 0 } });
    expect(v.lone.calls() - before).toBe(1);
    expect(none.headers.get('x-litellm-max-retries')).toBe('0');
    expect((await ask(gateway, 'lone', { body: { num_retries: 2 } })).said).toBe('lone');
    expect(v.lone.calls() - before).toBe(4);
    expect(v.lone.requests.at(-1)?.json).not.toHaveProperty('num_retries');
  });

  it('reads the number from the header x-litellm-num-retries', async () => {
    v.lone.plays({ failures: [soon, soon, soon] });
    expect((await ask(gateway, 'lone', { headers: { 'x-litellm-num-retries': '3' } })).said).toBe('lone');
  });

  it("lets a deployment's num_retries stand ahead of the request's", async () => {
    v.own.plays({ failures: [soon, soon, soon] });
    expect((await ask(gateway, 'own', { body: { num_retries: 5 } })).status).toBe(500);
    expect(v.own.calls()).toBe(2);
  });

  it("reads a deployment's max_retries as its num_retries", async () => {
    v.zero.plays({ failures: [soon] });
    expect((await ask(gateway, 'zero')).status).toBe(500);
    expect(v.zero.calls()).toBe(1);
  });
});

describe('for which errors', () => {
  it.each([400, 422, 404, 401, 403])('never tries a lone deployment again after a %i', async (status) => {
    v.denied.plays({ status });
    const before = v.denied.calls();
    expect((await ask(gateway, 'denied', { body: { num_retries: 3 } })).status).toBe(status);
    expect(v.denied.calls() - before).toBe(1);
  });

  it('goes to another deployment after a 401 where there is one', async () => {
    v.keyless.plays({ status: 401 });
    expect((await ask(gateway, 'keys')).said).toBe('keyed');
    expect(v.keyless.calls()).toBe(1);
  });

  it('tries again after its own timeout', async () => {
    w.slow.plays({ failures: [() => undefined] });
    const answer = await ask(gateway, 'slow');
    expect(answer.said).toBe('slow');
    expect(w.slow.calls()).toBe(2);
  });

  it('tries again after a connection that was reset', async () => {
    w.cut.plays({ failures: [reset('body')] });
    expect((await ask(gateway, 'cut')).said).toBe('cut');
    expect(w.cut.calls()).toBe(2);
  });

  it('tries again after a reply that cannot be read', async () => {
    w.garbled.plays({ failures: [{ status: 200, body: 'no JSON at all' }] });
    expect((await ask(gateway, 'garbled')).said).toBe('garbled');
    expect(w.garbled.calls()).toBe(2);
  });

  it('stops when no healthy deployment remains, and tells the last error', async () => {
    for (const one of [w['full-a'], w['full-b']]) one.plays({ status: 429 });
    const answer = await ask(gateway, 'full', { body: { num_retries: 5 } });
    expect(answer.status).toBe(429);
    expect(answer.error?.message).toContain('simulated failure 429');
    expect(w['full-a'].calls() + w['full-b'].calls()).toBe(2);
  });
});

describe('by policy', () => {
  const unwell = { status: 500 };

  it("lets the policy for an error's class stand ahead of the request's and the router's number", async () => {
    p.ruled.plays({ failures: [unwell] });
    expect((await ask(ruled, 'ruled', { body: { num_retries: 4 } })).status).toBe(500);
    expect(p.ruled.calls()).toBe(1);
  });

  it('tries a plain 400 again only where the policy says so', async () => {
    const before = p.ruled.calls();
    p.ruled.plays({ failures: [{ status: 400, headers: { 'retry-after-ms': '1' } }] });
    expect((await ask(ruled, 'ruled')).said).toBe('ruled');
    expect(p.ruled.calls() - before).toBe(2);
  });

  it("lets a group's policy stand ahead of the general one", async () => {
    p.special.plays({ failures: [soon, soon] });
    expect((await ask(ruled, 'special')).said).toBe('special');
    expect(p.special.calls()).toBe(3);
  });

  it("lets a deployment's num_retries stand ahead of the policy", async () => {
    p.kept.plays({ failures: [soon] });
    expect((await ask(ruled, 'kept')).said).toBe('kept');
  });

  it('has a class for rate limits', async () => {
    const busy = { status: 429, headers: { 'retry-after-ms': '1' } };
    p.limited.plays({ failures: [busy, busy, busy] });
    expect((await ask(ruled, 'limited')).status).toBe(429);
    expect(p.limited.calls()).toBe(3);
  });

  it('has a class for timeouts', async () => {
    const before = p.ruled.calls();
    p.ruled.plays({ failures: [{ status: 504 }] });
    expect((await ask(ruled, 'ruled')).status).toBe(408);
    expect(p.ruled.calls() - before).toBe(1);
  });

  it('has a class for refusals of content', async () => {
    const refusal = { error: { message: 'no', code: 'content_policy_violation' } };
    p.policy.plays({ failures: [{ status: 400, body: refusal, headers: { 'retry-after-ms': '1' } }] });
    expect((await ask(ruled, 'policy')).said).toBe('policy');
    expect(p.policy.calls()).toBe(2);
  });

  it("falls to the request's number for a class that the policy leaves out", async () => {
    p.unruled.plays({ status: 401 });
    expect((await ask(ruled, 'unruled', { body: { num_retries: 0 } })).status).toBe(401);
    expect((await ask(ruled, 'unruled', { body: { num_retries: 1 } })).said).toBe('stands-by');
  });

  it('never tries a prompt that is too long again where the context-window list is set', async () => {
    const tooLong = { error: { message: 'too long', code: 'context_length_exceeded' } };
    p.window.plays({ failures: [{ status: 400, body: tooLong }] });
    expect((await ask(ruled, 'window')).status).toBe(400);
    expect(p.window.calls()).toBe(1);
  });
});

describe('where to and when', () => {
  it('selects anew for each retry, and goes to one that has not failed yet', async () => {
    for (const one of [v.first, v.second]) one.plays({ status: 500 });
    const answers = await askOften(gateway, 'trio', 12, { body: { num_retries: 2 } });
    expect(tally(answers)).toEqual({ third: 12 });
    expect(v.first.calls()).toBeLessThanOrEqual(12);
    expect(v.second.calls()).toBeLessThanOrEqual(12);
  });

  it('does not wait when another deployment is healthy, whatever the vendor asks for', async () => {
    v.bad.plays({ status: 429, headers: { 'retry-after': '30' } });
    const answer = await ask(gateway, 'bad-first');
    expect(answer.said).toBe('good');
    expect(v.bad.calls()).toBe(1);
    expect(answer.ms).toBeLessThan(450);
  });

  it("waits as long as a lone deployment's vendor asks for", async () => {
    w.waits.plays({ failures: [{ status: 429, headers: { 'retry-after': '1' } }] });
    expect((await ask(gateway, 'waits')).said).toBe('waits');
    const [gap = 0] = gaps(w.waits);
    expect(gap).toBeGreaterThanOrEqual(990);
    expect(gap).toBeLessThan(1000 + latenessMs);
  });

  it('backs off instead when the vendor asks for more than a minute', async () => {
    w.ignores.plays({ failures: [{ status: 429, headers: { 'retry-after': '61' } }] });
    expect((await ask(gateway, 'ignores')).said).toBe('ignores');
    const [gap = 0] = gaps(w.ignores);
    expect(gap).toBeGreaterThanOrEqual(490);
    expect(gap).toBeLessThan(1250 + latenessMs);
  });

  it('backs off for half a second, then for twice as long, each with up to three quarters of chance', async () => {
    w.doubles.plays({ failures: [500, 500] });
    expect((await ask(gateway, 'doubles', { body: { num_retries: 2 } })).said).toBe('doubles');
    const [first = 0, second = 0] = gaps(w.doubles);
    expect(first).toBeGreaterThanOrEqual(490);
    expect(first).toBeLessThan(1250 + latenessMs);
    expect(second).toBeGreaterThanOrEqual(990);
    expect(second).toBeLessThan(1750 + latenessMs);
  });

  it('waits at least for retry_after', async () => {
    s.floor.plays({ failures: [{ status: 500, headers: { 'retry-after-ms': '1' } }] });
    expect((await ask(floored, 'floor')).said).toBe('floor');
    const [gap = 0] = gaps(s.floor);
    expect(gap).toBeGreaterThanOrEqual(1490);
    expect(gap).toBeLessThan(1500 + latenessMs);
  });

  it('ends the waiting when the client leaves', async () => {
    w.leaves.plays({ failures: [{ status: 500, headers: { 'retry-after': '1' } }] });
    const controller = new AbortController();
    const asking = ask(gateway, 'leaves', { signal: controller.signal });
    await w.leaves.waitForRequests(1);
    setTimeout(() => controller.abort(), 100);
    await expect(asking).rejects.toThrow();
    w.patient.plays({ failures: [{ status: 500, headers: { 'retry-after': '1.2' } }] });
    expect((await ask(gateway, 'patient')).said).toBe('patient');
    expect(w.leaves.calls()).toBe(1);
  });

  it('keeps retries within the budget: ten are allowed however few first tries there were', async () => {
    for (const one of [s['storm-a'], s['storm-b']]) one.plays({ status: 500 });
    const answers = await askOften(tight, 'storm', 14);
    expect(tally(answers)).toEqual({ 500: 14 });
    expect(s['storm-a'].calls() + s['storm-b'].calls()).toBe(24);
  });
});
