/** Which groups stand in for one that failed, in which order, and what the caller reads. */
import { describe, expect, it } from 'vitest';
import { openAiDeployment, startGateway } from '../support/index.ts';
import { ask, fleet } from './router-support.ts';

const v = await fleet('bad', 'second', 'third', 'wide', 'lenient', 'catch', 'resting', 'shaky');
const c = await fleet('c1', 'c2', 'c3', 'c4', 's1', 's2', 's3', 's4', 'general', 'default', 'x', 'y');

const long = { error: { message: 'This is too long.', code: 'context_length_exceeded' } };
const refused = { error: { message: 'This is refused.', code: 'content_policy_violation' } };
const tooLong = { failures: Array.from({ length: 99 }, () => ({ status: 400, body: long })) };
const tooRude = { failures: Array.from({ length: 99 }, () => ({ status: 400, body: refused })) };

/** All groups whose only deployment is the vendor that fails. */
const failing = ['main', 'house/bare', 'orphan', 'circular', 'ghost', 'same', 'ctx', 'pol', 'ctx-only', 'pol-only'];

/** A guard that knows one key, which may call two groups alone. */
const keys = {
  'keys/package.json': JSON.stringify({
    name: 'keys',
    version: '1.0.0',
    type: 'module',
    rutter: { api: 1, kind: 'guard', name: 'keys', entry: './index.js' },
  }),
  'keys/index.js': `
    import { definePlugin } from '@rutter/plugin-sdk';
    const principal = { id: 'some', kind: 'key', permissions: ['model.call'], models: ['main', 'third'] };
    export default definePlugin({ kind: 'guard', setup: () => ({ identify: () => principal }) });`,
};

const [gateway, plain, keyed] = await Promise.all([
  startGateway({
    config: {
      model_list: [
        ...failing.map((name) => openAiDeployment(name, v.bad, { cooldown_time: 0 }, { id: `${name}-1` })),
        openAiDeployment('second', v.second, { cooldown_time: 0 }),
        openAiDeployment('third', v.third),
        openAiDeployment('wide', v.wide),
        openAiDeployment('lenient', v.lenient),
        openAiDeployment('catch', v.catch),
        openAiDeployment('resting', v.resting, { cooldown_time: 60 }, { id: 'resting-1' }),
        openAiDeployment('shaky', v.shaky),
      ],
      router_settings: {
        num_retries: 0,
        fallbacks: [
          { main: ['second', 'third'] },
          { bare: ['third'] },
          { nick: ['wide'] },
          { circular: ['same'] },
          { same: ['circular', 'same'] },
          { ghost: ['nobody', 'third'] },
          { 'ctx-only': ['third'] },
          { 'pol-only': ['third'] },
          { '*': ['catch'] },
        ],
        model_group_alias: { nick: 'main', other: 'main' },
        context_window_fallbacks: [{ ctx: ['wide'] }],
        content_policy_fallbacks: [{ pol: ['lenient'] }],
      },
    },
  }),
  startGateway({
    config: {
      model_list: [
        ...(['c1', 'c2', 'c3', 'c4', 's1', 's2', 's3', 's4', 'general', 'default', 'x', 'y'] as const).map((name) =>
          openAiDeployment(name, c[name], { cooldown_time: 0 }),
        ),
        openAiDeployment('full', c.x, {}, { id: 'full-1' }),
        openAiDeployment('full', c.y, {}, { id: 'full-2' }),
      ],
      router_settings: {
        num_retries: 0,
        max_fallbacks: 2,
        fallbacks: [
          { c1: ['c2'] },
          { c2: ['c3'] },
          { c3: ['c4'] },
          { s1: ['s2', 's3', 's4', 'general'] },
          { x: ['general'] },
          { full: ['general'] },
        ],
        default_fallbacks: ['default'],
      },
    },
  }),
  startGateway({
    config: {
      model_list: [
        openAiDeployment('main', v.bad, { cooldown_time: 0 }),
        openAiDeployment('second', v.second),
        openAiDeployment('third', v.third),
      ],
      router_settings: { num_retries: 0, model_group_alias: { '3rd': 'third' } },
      plugins: [{ use: './keys', trust: true }],
    },
    files: keys,
  }),
]);

describe('the general list', () => {
  it('is followed in its order when the group has failed, and the headers say how far', async () => {
    v.bad.plays({ status: 500 });
    v.second.plays({ failures: [503] });
    const answer = await ask(gateway, 'main');
    expect(answer.said).toBe('third');
    expect(v.second.calls()).toBe(1);
    expect(answer.headers.get('x-litellm-attempted-fallbacks')).toBe('2');
    expect(answer.headers.get('x-litellm-max-fallbacks')).toBe('5');
    expect(answer.headers.get('x-litellm-model-group')).toBe('third');
  });

  it("has the reply show the fallback's name, in a stream too", async () => {
    const whole = await ask(gateway, 'main');
    expect(whole.said).toBe('second');
    expect(whole.model).toBe('second');
    const stream = await ask(gateway, 'main', { body: { stream: true } });
    expect(stream.said).toBe('second');
    expect(stream.model).toBe('second');
    expect(stream.text).not.toContain('"model":"main"');
  });

  it("is looked up by the group's name without its provider where the whole name has no entry", async () => {
    expect((await ask(gateway, 'house/bare')).said).toBe('third');
  });

  it('is looked up by the alias that was asked, and then by the group behind it', async () => {
    expect((await ask(gateway, 'nick')).said).toBe('wide');
    expect((await ask(gateway, 'other')).said).toBe('second');
  });

  it('holds for every group without an entry of its own under *', async () => {
    expect((await ask(gateway, 'orphan')).said).toBe('catch');
  });

  it('gives way to default_fallbacks where no entry fits', async () => {
    c.y.plays({ status: 500 });
    expect((await ask(plain, 'y')).said).toBe('default');
    c.y.plays({});
  });

  it('is not followed back to a group that has failed already', async () => {
    const before = v.bad.calls();
    const answer = await ask(gateway, 'circular');
    expect(answer.status).toBe(500);
    // Once for each of the two names.
    expect(v.bad.calls() - before).toBe(2);
  });

  it('is followed past a name that nobody knows', async () => {
    expect((await ask(gateway, 'ghost')).said).toBe('third');
  });

  it('is followed when no deployment is available', async () => {
    v.resting.plays({ failures: [401] });
    expect((await ask(gateway, 'resting', { body: { disable_fallbacks: true } })).status).toBe(401);
    const answer = await ask(gateway, 'resting');
    expect(answer.said).toBe('catch');
    expect(v.resting.calls()).toBe(1);
  });

  it('is followed at once, without retries, when every deployment has been told to slow down', async () => {
    c.x.plays({ status: 429 });
    c.y.plays({ status: 429 });
    const before = c.x.calls() + c.y.calls();
    const answer = await ask(plain, 'full', { body: { num_retries: 5 } });
    expect(answer.said).toBe('general');
    expect(c.x.calls() + c.y.calls() - before).toBe(2);
    c.x.plays({});
    c.y.plays({});
  });

  it('is not followed for a request that is wrong in itself', async () => {
    const before = v.bad.calls() + v.second.calls();
    const answer = await ask(gateway, 'main', { body: { messages: 'none' } });
    expect(answer.status).toBe(400);
    expect(answer.error?.param).toBe('messages');
    expect(v.bad.calls() + v.second.calls()).toBe(before);
  });
});

describe('depth', () => {
  it("goes on with a fallback's own fallbacks, max_fallbacks deep", async () => {
    for (const name of ['c1', 'c2', 'c3'] as const) c[name].plays({ status: 500 });
    const answer = await ask(plain, 'c1');
    expect(answer.status).toBe(500);
    expect([c.c1.calls(), c.c2.calls(), c.c3.calls(), c.c4.calls()]).toEqual([1, 1, 1, 0]);
    expect((await ask(plain, 'c2')).said).toBe('c4');
  });

  it('does not count the targets of one list', async () => {
    for (const name of ['s1', 's2', 's3', 's4'] as const) c[name].plays({ status: 500 });
    const answer = await ask(plain, 's1');
    expect(answer.said).toBe('general');
    expect(answer.headers.get('x-litellm-attempted-fallbacks')).toBe('4');
    expect(answer.headers.get('x-litellm-max-fallbacks')).toBe('2');
  });

  it('tries all that a list names for the group ahead of what stands in for those in it', async () => {
    c.general.plays({ failures: [500] });
    const before = c.default.calls();
    expect((await ask(plain, 's1')).said).toBe('default');
    expect(c.default.calls() - before).toBe(1);
    expect(c.general.calls()).toBeGreaterThan(0);
  });

  it('gives each target its own retries', async () => {
    v.shaky.plays({ failures: [{ status: 500, headers: { 'retry-after-ms': '1' } }] });
    const answer = await ask(gateway, 'main', { body: { fallbacks: ['shaky'], num_retries: 1 } });
    expect(answer.said).toBe('shaky');
    expect(v.shaky.calls()).toBe(2);
  });

  it('tells the first error, with the last one appended, when all have failed', async () => {
    v.bad.plays({ status: 503 });
    v.second.plays({ status: 429 });
    const answer = await ask(gateway, 'main', { body: { fallbacks: ['second'] } });
    expect(answer.status).toBe(503);
    expect(answer.error?.message).toMatch(/simulated failure 503.*simulated failure 429/);
    expect(answer.headers.get('x-litellm-model-group')).toBe('main');
    v.bad.plays({ status: 500 });
    v.second.plays({});
  });
});

describe("the client's own list", () => {
  it('replaces all others', async () => {
    const answer = await ask(gateway, 'main', { body: { fallbacks: ['wide'] } });
    expect(answer.said).toBe('wide');
    expect(answer.model).toBe('wide');
    expect(v.wide.requests.at(-1)?.json).not.toHaveProperty('fallbacks');
  });

  it('replaces the lists for special errors too', async () => {
    v.bad.plays(tooLong);
    expect((await ask(gateway, 'ctx', { body: { fallbacks: ['third'] } })).said).toBe('third');
    v.bad.plays({ status: 500 });
  });

  it('is not extended by the configured fallbacks of its targets', async () => {
    const before = v.catch.calls();
    const answer = await ask(gateway, 'main', { body: { fallbacks: ['orphan'] } });
    expect(answer.status).toBe(500);
    expect(v.catch.calls()).toBe(before);
  });

  it('means no fallback at all when it is empty', async () => {
    expect((await ask(gateway, 'main', { body: { fallbacks: [] } })).status).toBe(500);
  });

  it('may hold objects, whose fields replace those of the request', async () => {
    const messages = [{ role: 'user', content: 'in short' }];
    const fallbacks = [{ model: 'third', temperature: 0.25, messages }];
    expect((await ask(gateway, 'main', { body: { fallbacks, temperature: 1 } })).said).toBe('third');
    expect(v.third.requests.at(-1)?.json).toMatchObject({ temperature: 0.25, messages, model: 'gpt-4o-mini' });
  });

  it('may ask the same group once more with other fields', async () => {
    v.bad.plays({ failures: [{ status: 400, body: long }] });
    const fallbacks = [{ messages: [{ role: 'user', content: 'short' }] }];
    expect((await ask(gateway, 'main', { body: { fallbacks } })).said).toBe('bad');
    expect(v.bad.requests.at(-1)?.json?.messages).toEqual(fallbacks[0]?.messages);
    v.bad.plays({ status: 500 });
  });

  it('may name a deployment by its id, which is called although it cools down', async () => {
    expect((await ask(gateway, 'resting', { body: { disable_fallbacks: true } })).status).toBe(429);
    const answer = await ask(gateway, 'main', { body: { fallbacks: ['resting-1'] } });
    expect(answer.said).toBe('resting');
    expect(answer.headers.get('x-litellm-model-id')).toBe('resting-1');
    expect(answer.model).toBe('resting');
  });

  it('is refused when it is no list of names and objects', async () => {
    const answer = await ask(gateway, 'main', { body: { fallbacks: [7] } });
    expect(answer.status).toBe(400);
    expect(answer.error?.param).toBe('fallbacks[0]');
  });

  it('may name only what the key may call, by whichever name', async () => {
    const headers = { authorization: 'Bearer some' };
    const before = v.bad.calls();
    for (const fallbacks of [['third', 'second'], [{ model: 'second' }]]) {
      const answer = await ask(keyed, 'main', { headers, body: { fallbacks } });
      expect(answer.status).toBe(403);
      expect(answer.error).toMatchObject({ param: 'fallbacks' });
      expect(answer.error?.message).toContain('second');
    }
    const special = await ask(keyed, 'main', { headers, body: { context_window_fallbacks: [{ main: ['second'] }] } });
    expect(special.status).toBe(403);
    expect(v.bad.calls()).toBe(before);
    expect((await ask(keyed, 'main', { headers, body: { fallbacks: ['3rd'] } })).said).toBe('third');
  });

  it('is followed as no other is when disable_fallbacks is set', async () => {
    const before = v.second.calls() + v.wide.calls();
    const answer = await ask(gateway, 'main', { body: { disable_fallbacks: true, fallbacks: ['wide'] } });
    expect(answer.status).toBe(500);
    expect(answer.headers.get('x-litellm-attempted-fallbacks')).toBe('0');
    expect(v.second.calls() + v.wide.calls()).toBe(before);
    expect(v.bad.requests.at(-1)?.json).not.toHaveProperty('disable_fallbacks');
  });
});

describe.each([
  {
    what: 'a prompt that is too long',
    special: ['ctx', 'wide'],
    only: 'ctx-only',
    field: 'context_window_fallbacks',
    fails: tooLong,
    says: 'This is too long.',
  },
  {
    what: 'a refusal of content',
    special: ['pol', 'lenient'],
    only: 'pol-only',
    field: 'content_policy_fallbacks',
    fails: tooRude,
    says: 'This is refused.',
  },
])('the list for $what', ({ special: [group = '', target = ''], only, field, fails, says }) => {
  it('is followed in place of the general one', async () => {
    v.bad.plays(fails);
    expect((await ask(gateway, group)).said).toBe(target);
  });

  it('ends the search when it is set and does not name the group, although the general one does', async () => {
    v.bad.plays(fails);
    const answer = await ask(gateway, only);
    expect(answer.status).toBe(400);
    expect(answer.error?.message).toBe(says);
  });

  it('leaves it to the general one when it is not set', async () => {
    c.x.plays(fails);
    expect((await ask(plain, 'x')).said).toBe('general');
    c.x.plays({});
  });

  it('is replaced by one that the client sends, by group or plain', async () => {
    v.bad.plays(fails);
    expect((await ask(gateway, group, { body: { [field]: [{ [group]: ['third'] }] } })).said).toBe('third');
    expect((await ask(gateway, group, { body: { [field]: ['second'] } })).said).toBe('second');
    expect((await ask(gateway, group, { body: { [field]: [{ elsewhere: ['third'] }] } })).status).toBe(400);
  });

  it('is not followed for any other error', async () => {
    v.bad.plays({ status: 500 });
    expect((await ask(gateway, group)).said).toBe('catch');
  });
});
