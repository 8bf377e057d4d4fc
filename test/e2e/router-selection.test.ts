/** Who is chosen of those that may be: shares, load, order, limits and tags. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { openAiDeployment, startGateway, until } from '../support/index.ts';
import { ask, askOften, fleet, tally } from './router-support.ts';

const v = await fleet('a', 'b', 'c', 'first', 'next', 'last', 'full');
const w = await fleet('small', 'large', 'once');
const t = await fleet('free', 'paid', 'both', 'default', 'agent', 'plain');

const shares = (group: string, name: string, [a, b, c]: readonly [number, number, number]) => [
  openAiDeployment(group, v.a, { [name]: a }),
  openAiDeployment(group, v.b, { [name]: b }),
  openAiDeployment(group, v.c, { [name]: c }),
];
const ordered = (group: string, seats: readonly [typeof v.first, number?][], more: object = {}) =>
  seats.map(([seat, order]) =>
    openAiDeployment(
      group,
      seat,
      { ...(order === undefined ? {} : { order }), ...more },
      { id: `${group}-${seat.name}` },
    ),
  );
const tagged = (group: string, names: Readonly<Record<string, readonly string[]>>) =>
  Object.entries(names).map(([name, tags]) =>
    openAiDeployment(group, t[name as 'free'], tags.length > 0 ? { tags } : {}, { id: `${group}-${name}` }),
  );
const tagGroups = [
  ...tagged('tiers', { free: ['free', 'eu'], paid: ['paid', 'eu'], default: ['default'] }),
  ...tagged('closed', { free: ['free'], paid: ['paid'] }),
  ...tagged('mixed', { free: ['free'], plain: [] }),
  openAiDeployment('agents', t.agent, { tag_regex: ['^User-Agent: claude-code/'] }),
  openAiDeployment('agents', t.free, { tag_regex: ['^curl/[78]'] }),
  openAiDeployment('agents', t.paid, { tags: ['paid'] }),
  openAiDeployment('agents', t.default, { tags: ['default'] }),
];
const router_settings = { num_retries: 0 };

const [gateway, busy, checked, tags, allTags] = await Promise.all([
  startGateway({
    config: {
      model_list: [
        ...shares('weights', 'weight', [1, 3, 6]),
        ...shares('requests', 'rpm', [10_000, 30_000, 60_000]),
        ...shares('tokens', 'tpm', [600_000, 300_000, 100_000]),
        ...shares('even', 'order', [1, 1, 1]),
        openAiDeployment('both', v.a, { weight: 1, rpm: 90_000 }),
        openAiDeployment('both', v.b, { weight: 3, rpm: 10_000 }),
        openAiDeployment('none', v.a, { weight: 0 }),
        openAiDeployment('none', v.b, { weight: 1 }),
        ...ordered('levels', [[v.next, 2], [v.first, 1], [v.last]]),
        ...ordered(
          'cooled',
          [
            [v.first, 1],
            [v.next, 2],
          ],
          { cooldown_time: 30 },
        ),
        ...ordered('climb', [[v.first, 1], [v.next, 2], [v.last]], { cooldown_time: 0 }),
        openAiDeployment('full', v.full, { max_parallel_requests: 1 }),
      ],
      router_settings,
    },
  }),
  startGateway({
    config: {
      model_list: shares('idle', 'order', [1, 1, 1]),
      router_settings: { ...router_settings, routing_strategy: 'least-busy' },
    },
  }),
  startGateway({
    config: {
      model_list: [
        openAiDeployment('window', w.small, {}, { max_input_tokens: 20 }),
        openAiDeployment('window', w.large, {}, { max_input_tokens: 200 }),
        openAiDeployment('narrow', w.small, {}, { max_input_tokens: 20 }),
        openAiDeployment('once', w.once, { rpm: 1 }, { max_input_tokens: 200 }),
      ],
      router_settings: {
        ...router_settings,
        enable_pre_call_checks: true,
        context_window_fallbacks: [{ narrow: ['window'] }],
      },
    },
  }),
  startGateway({
    config: { model_list: tagGroups, router_settings: { ...router_settings, enable_tag_filtering: true } },
  }),
  startGateway({
    config: {
      model_list: [...tagGroups, ...tagged('both', { free: ['free'], both: ['free', 'eu', 'more'] })],
      router_settings: { ...router_settings, enable_tag_filtering: true, tag_filtering_match_any: false },
    },
  }),
]);

/** How far counts stray from their shares (Pearson's chi-squared). */
function strays(counts: Readonly<Record<string, number>>, expected: Readonly<Record<string, number>>): number {
  const drawn = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const whole = Object.values(expected).reduce((sum, share) => sum + share, 0);
  return Object.entries(expected).reduce((sum, [name, share]) => {
    const due = (drawn * share) / whole;
    return sum + ((counts[name] ?? 0) - due) ** 2 / due;
  }, 0);
}

/** Of fair draws among three, one in a million strays farther. */
const farthest = 27.6;
const draws = 400;

describe('simple-shuffle', () => {
  it('spreads by weight', async () => {
    expect(strays(tally(await askOften(gateway, 'weights', draws)), { a: 1, b: 3, c: 6 })).toBeLessThan(farthest);
  });

  it('spreads by rpm where no weight is set', async () => {
    expect(strays(tally(await askOften(gateway, 'requests', draws)), { a: 1, b: 3, c: 6 })).toBeLessThan(farthest);
  });

  it('spreads by tpm where neither is set', async () => {
    expect(strays(tally(await askOften(gateway, 'tokens', draws)), { a: 6, b: 3, c: 1 })).toBeLessThan(farthest);
  });

  it('spreads evenly where nothing is set', async () => {
    expect(strays(tally(await askOften(gateway, 'even', draws)), { a: 1, b: 1, c: 1 })).toBeLessThan(farthest);
  });

  it('lets the weight stand ahead of rpm', async () => {
    expect(strays(tally(await askOften(gateway, 'both', draws)), { a: 1, b: 3 })).toBeLessThan(farthest);
  });

  it('sends nothing to a weight of 0 while another is there', async () => {
    expect(tally(await askOften(gateway, 'none', 40))).toEqual({ b: 40 });
  });
});

describe('least-busy', () => {
  it('chooses the one with the fewest calls under way', async () => {
    for (const seat of [v.a, v.b, v.c]) seat.plays({ delays: { headMs: 1500 } });
    const before = [v.a.calls(), v.b.calls(), v.c.calls()];
    const asking = Array.from({ length: 9 }, () => ask(busy, 'idle'));
    await Promise.all(asking);
    const after = [v.a.calls(), v.b.calls(), v.c.calls()];
    expect(after.map((count, index) => count - (before[index] ?? 0))).toEqual([3, 3, 3]);
    for (const seat of [v.a, v.b, v.c]) seat.plays({});
  });

  it('counts a stream as under way until its last byte', async () => {
    for (const seat of [v.a, v.b, v.c]) seat.plays({ delays: { betweenMs: 200 }, chunks: ['one', 'two'] });
    const before = [v.a.calls(), v.b.calls(), v.c.calls()];
    const streams = [1, 2, 3].map(() => ask(busy, 'idle', { body: { stream: true } }));
    const taken = () => [v.a, v.b, v.c].map((seat, index) => seat.calls() - (before[index] ?? 0));
    await until('three calls', () => taken().reduce((sum, count) => sum + count, 0) === 3);
    expect(taken()).toEqual([1, 1, 1]);
    await Promise.all(streams);
    for (const seat of [v.a, v.b, v.c]) seat.plays({});
  });
});

describe('order', () => {
  it('uses the lowest alone, wherever it stands in the file', async () => {
    expect(tally(await askOften(gateway, 'levels', 20))).toEqual({ first: 20 });
  });

  it('uses the next while the lowest cools down', async () => {
    v.first.plays({ failures: [401] });
    expect((await ask(gateway, 'cooled-first')).status).toBe(401);
    expect(tally(await askOften(gateway, 'cooled', 10))).toEqual({ next: 10 });
  });

  it('lets the next stand in when the lowest has failed, without retries and without waiting', async () => {
    v.first.plays({ status: 500 });
    const answer = await ask(gateway, 'climb');
    expect(answer.said).toBe('next');
    expect(answer.ms).toBeLessThan(450);
    expect(answer.headers.get('x-litellm-attempted-retries')).toBe('1');
    expect(answer.headers.get('x-litellm-attempted-fallbacks')).toBe('0');
    expect(answer.model).toBe('climb');
  });

  it('ends with the deployments that have no order', async () => {
    v.next.plays({ status: 404 });
    expect((await ask(gateway, 'climb')).said).toBe('last');
    v.next.plays({});
  });

  it('lets nobody stand in for a request that is wrong in itself, or with disable_fallbacks', async () => {
    v.first.plays({ failures: [400, 500] });
    const before = v.next.calls();
    expect((await ask(gateway, 'climb')).status).toBe(400);
    expect((await ask(gateway, 'climb', { body: { disable_fallbacks: true } })).status).toBe(500);
    expect(v.next.calls()).toBe(before);
  });
});

describe('limits', () => {
  it('leaves out a deployment with max_parallel_requests calls under way', async () => {
    v.full.plays({ delays: { headMs: 600 } });
    const held = ask(gateway, 'full');
    await v.full.waitForRequests(1);
    const refused = await ask(gateway, 'full');
    expect(refused.status).toBe(429);
    expect(refused.error?.message).toContain('No deployments available');
    expect((await held).said).toBe('full');
    expect((await ask(gateway, 'full')).said).toBe('full');
  });

  const prompt = (characters: number) => ({
    body: { messages: [{ role: 'user', content: 'word '.repeat(characters / 5) }] },
  });

  it('leaves out, in pre-call checks, deployments whose window the prompt exceeds', async () => {
    expect(tally(await askOften(checked, 'window', 10, prompt(400)))).toEqual({ large: 10 });
  });

  it('answers 400 ahead of any call when the prompt exceeds every window', async () => {
    const before = w.small.calls() + w.large.calls();
    const answer = await ask(checked, 'window', prompt(2000));
    expect(answer.status).toBe(400);
    expect(answer.error?.message).toMatch(/about 500 tokens.*window.*200/);
    expect(w.small.calls() + w.large.calls()).toBe(before);
  });

  it('follows the context-window list when pre-call checks leave nobody', async () => {
    expect((await ask(checked, 'narrow', prompt(400))).said).toBe('large');
  });

  it('leaves out, in pre-call checks, a deployment whose rpm is used up, and names the time until the minute ends', async () => {
    const second = () => (Date.now() / 1000) % 60;
    // The rule is about one minute: the two requests must not lie in two.
    if (second() > 57) await sleep((60.1 - second()) * 1000);
    expect((await ask(checked, 'once')).said).toBe('once');
    const answer = await ask(checked, 'once', prompt(2000));
    expect(answer.status).toBe(429);
    const left = 60 - second();
    expect(Math.abs(Number(answer.headers.get('retry-after')) - left)).toBeLessThan(2.5);
    expect(w.once.calls()).toBe(1);
  });
});

describe('tags', () => {
  const body = (...names: string[]) => ({ body: { tags: names } });

  it('choose the deployments that carry any of them', async () => {
    expect(tally(await askOften(tags, 'tiers', 6, body('free')))).toEqual({ free: 6 });
    expect(Object.keys(tally(await askOften(tags, 'tiers', 24, body('eu', 'none')))).toSorted()).toEqual([
      'free',
      'paid',
    ]);
  });

  it('may stand in metadata and in the header, and never reach the vendor', async () => {
    expect((await ask(tags, 'tiers', { body: { metadata: { tags: ['paid'] } } })).said).toBe('paid');
    expect((await ask(tags, 'tiers', { headers: { 'x-litellm-tags': 'other, paid' } })).said).toBe('paid');
    expect(t.paid.requests.at(-1)?.json).not.toHaveProperty('tags');
    expect(t.paid.requests.at(-1)?.json).not.toHaveProperty('metadata');
  });

  it('choose the deployments that carry all of them where tag_filtering_match_any is false', async () => {
    expect(tally(await askOften(allTags, 'both', 12, body('free', 'eu')))).toEqual({ both: 12 });
    expect((await ask(allTags, 'tiers', body('free', 'paid'))).said).toBe('default');
  });

  it('give way to the deployment tagged default where nobody carries them', async () => {
    expect((await ask(tags, 'tiers', body('unheard-of'))).said).toBe('default');
  });

  it('leave a request without any to the deployment tagged default', async () => {
    expect(tally(await askOften(tags, 'tiers', 6))).toEqual({ default: 6 });
  });

  it('leave a request without any to all deployments where none is tagged default', async () => {
    expect(Object.keys(tally(await askOften(tags, 'mixed', 24))).toSorted()).toEqual(['free', 'plain']);
  });

  it('are refused with 401 that lists the known ones where nobody carries them and none is default', async () => {
    const answer = await ask(tags, 'closed', body('unheard-of'));
    expect(answer.status).toBe(401);
    expect(answer.error?.message).toMatch(/unheard-of.*free, paid/);
  });

  it('give way to patterns over the User-Agent, written with the name of the header or without', async () => {
    const as = (agent: string) => ({ headers: { 'user-agent': agent } });
    expect((await ask(tags, 'agents', as('claude-code/2.1'))).said).toBe('agent');
    expect((await ask(tags, 'agents', as('curl/8.5.0'))).said).toBe('free');
    expect((await ask(tags, 'agents', as('not-claude-code/2.1'))).said).toBe('default');
  });

  it('stand ahead of patterns over the User-Agent, which stand ahead of default', async () => {
    const headers = { 'user-agent': 'claude-code/2.1' };
    expect((await ask(tags, 'agents', { headers, ...body('paid') })).said).toBe('paid');
    expect((await ask(tags, 'agents', { headers, ...body('unheard-of') })).said).toBe('agent');
  });

  it("wait for their own deployment while it cools down, and are not sent to another tag's", async () => {
    t.free.plays({ failures: [{ status: 401, headers: { 'retry-after': '30' } }] });
    expect((await ask(tags, 'closed', body('free'))).status).toBe(401);
    const answer = await ask(tags, 'closed', body('free'));
    expect(answer.status).toBe(429);
    expect(answer.headers.get('retry-after')).toBe('30');
    expect(answer.error?.message).toContain('No deployments available');
  });
});
