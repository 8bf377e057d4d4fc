/** Candidates of several groups: lists in the configuration, and `auto` for all that a caller may use. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Gateway, openAiDeployment, root, startGateway, startRefused } from '../support/index.ts';
import { ask, fleet } from './router-support.ts';

const seats = await fleet('small', 'large', 'eyes', 'vectors');

const model = (
  group: keyof typeof seats,
  info: Readonly<Record<string, unknown>>,
  params: Readonly<Record<string, unknown>> = {},
) => openAiDeployment(group, seats[group], params, { id: `the-${group}`, ...info });

const config = {
  model_list: [
    model('small', {
      mode: 'chat',
      size: '7B',
      max_input_tokens: 200,
      supports_function_calling: false,
      supports_vision: false,
    }),
    model(
      'large',
      { mode: 'chat', size: '70B', supports_function_calling: true, supports_vision: false },
      { tags: ['paid'] },
    ),
    model('eyes', { mode: 'chat', size: '30B', supports_vision: true, supports_function_calling: false }),
    model('vectors', { mode: 'embedding', size: '1B' }),
  ],
  router_settings: {
    routing_strategy: 'llmrouter-smallest',
    num_retries: 0,
    model_group_lists: { both: ['large', 'small'], 'all-l': ['l*'] },
    model_group_alias: { best: 'both' },
    fallbacks: [{ 'all-l': ['both'] }],
  },
  general_settings: { master_key: 'sk-boss' },
  plugins: [
    {
      use: join(root, 'test/contract/key-routing'),
      trust: true,
      config: {
        keys: [
          { key: 'sk-large', id: 'on-large', models: ['large'] },
          { key: 'sk-both', id: 'on-both', models: ['both'] },
          { key: 'sk-pattern', id: 'on-pattern', models: ['all-l'] },
          { key: 'sk-none', id: 'on-none', models: ['somewhere-else'] },
        ],
      },
    },
  ],
};

const as = (key: string) => ({ authorization: `Bearer ${key}` });

describe('a list of groups', async () => {
  const gateway = await startGateway({ config });
  const said = async (name: string, body: object = {}, key = 'sk-boss') => {
    const answer = await ask(gateway, name, { headers: as(key), body: body as Record<string, unknown> });
    return answer.said ?? answer.error?.message;
  };

  it('is one choice among the deployments of all of them, by the strategy', async () => {
    expect(await said('both')).toBe('small');
    const answer = await ask(gateway, 'both', { headers: as('sk-boss') });
    expect(answer.headers.get('x-rutter-route')).toContain('both: openai/');
    expect(answer.headers.get('x-rutter-route')).toContain('chosen by llmrouter-smallest');
  });

  it('may be meant by an alias, and be a fallback', async () => {
    expect(await said('best')).toBe('small');
    seats.large.plays({ failures: [500] });
    expect(await said('all-l')).toBe('small');
    seats.large.plays({});
  });

  it('is auto for all that serve the kind of request, where nothing else has that name', async () => {
    expect(await said('auto')).toBe('small');
    const reply = await fetch(`${gateway.url}/v1/embeddings`, {
      method: 'POST',
      headers: { ...as('sk-boss'), 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'auto', input: 'hello' }),
    });
    expect(reply.status).toBe(200);
    expect(reply.headers.get('x-rutter-deployment')).toBe('the-vectors');
  });

  it('leaves out models that cannot see, call tools, or read so long a prompt', async () => {
    const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } };
    expect(await said('auto', { messages: [{ role: 'user', content: [image] }] })).toBe('eyes');
    const tool = { type: 'function', function: { name: 'f', parameters: { type: 'object', properties: {} } } };
    expect(await said('auto', { tools: [tool] })).toBe('large');
    expect(await said('both', { messages: [{ role: 'user', content: 'word '.repeat(2000) }] })).toBe('large');
    expect(await said('small-vectors', {})).toContain('Invalid model name');
  });

  it('tells what none of its models can do', async () => {
    const audio = { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } };
    // Nothing is known of hearing: whoever is asked will say so.
    expect(await said('auto', { messages: [{ role: 'user', content: [audio] }] })).toBe('small');
    const narrow = await startGateway({
      config: {
        model_list: [model('small', { supports_vision: false, max_input_tokens: 10 })],
        router_settings: { num_retries: 0 },
      },
    });
    const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } };
    const blind = await ask(narrow, 'auto', { body: { messages: [{ role: 'user', content: [image] }] } });
    expect(blind.error?.message).toContain('None of the models behind auto that are free takes images');
    const long = await ask(narrow, 'auto', { body: { messages: [{ role: 'user', content: 'word '.repeat(100) }] } });
    expect([long.status, long.error?.message]).toEqual([400, expect.stringContaining('the longest takes 10')]);
  });

  it('holds only what the caller may use: a list that a key names opens what it names, a pattern opens nothing', async () => {
    expect(await said('auto', {}, 'sk-large')).toBe('large');
    expect(await said('both', {}, 'sk-large')).toBe('large');
    expect(await said('both', {}, 'sk-both')).toBe('small');
    expect(await said('small', {}, 'sk-both')).toContain('may not call model small');
    expect(await said('auto', {}, 'sk-both')).toContain('may not call any of the models behind auto');
    expect(await said('all-l', {}, 'sk-pattern')).toContain('may not call any of the models behind all-l');
    for (const name of ['auto', 'both']) {
      const refused = await ask(gateway, name, { headers: as('sk-none') });
      expect([refused.status, refused.error?.message]).toEqual([403, expect.stringContaining('any of the models')]);
    }
    expect(await said('small', { fallbacks: ['both'] }, 'sk-none')).toContain('may not call');
  });

  it('is listed with what the caller may use', async () => {
    const listed = async (at: Gateway, key: string) => {
      const reply = await fetch(`${at.url}/v1/models`, { headers: as(key) });
      return ((await reply.json()) as { data: { id: string }[] }).data.map(({ id }) => id);
    };
    expect(await listed(gateway, 'sk-boss')).toEqual(['small', 'large', 'eyes', 'vectors', 'both', 'all-l', 'best']);
    expect(await listed(gateway, 'sk-large')).toEqual(['large', 'both', 'all-l', 'best']);
    const info = await fetch(`${gateway.url}/router/info`, { headers: as('sk-large') });
    expect((await info.json()) as object).toMatchObject({
      groups: [
        { name: 'large' },
        { name: 'both', groups: ['large'], deployments: 1 },
        { name: 'all-l' },
        { name: 'best' },
        { name: 'auto', groups: ['large'] },
      ],
    });
  });

  it('goes on with another model when one fails or rests', async () => {
    const resting = await startGateway({
      config: {
        ...config,
        general_settings: {},
        plugins: [],
        router_settings: { ...config.router_settings, num_retries: 1, cooldown_time: 60, allowed_fails: 0 },
      },
    });
    seats.small.plays({ status: 500 });
    const first = await ask(resting, 'both');
    const second = await ask(resting, 'both');
    seats.small.plays({});
    expect([first.said, second.said]).toEqual(['large', 'large']);
    expect(first.headers.get('x-rutter-attempts')).toBe('2');
    expect(second.headers.get('x-rutter-attempts')).toBe('1');
  });

  it('keeps to tags where these are filtered by', async () => {
    const tagged = await startGateway({
      config: {
        ...config,
        general_settings: {},
        plugins: [],
        router_settings: { ...config.router_settings, enable_tag_filtering: true },
      },
    });
    expect((await ask(tagged, 'both', { headers: { 'x-rutter-tags': 'paid' } })).said).toBe('large');
  });
});

it('orders stand within each group of a list', async () => {
  const gateway = await startGateway({
    config: {
      model_list: [
        openAiDeployment('a', seats.large, { order: 2 }, { id: 'a2', size: '1B' }),
        openAiDeployment('a', seats.eyes, { order: 1 }, { id: 'a1', size: '9B' }),
        openAiDeployment('b', seats.small, {}, { id: 'b', size: '3B' }),
      ],
      router_settings: { routing_strategy: 'llmrouter-smallest', num_retries: 0 },
    },
  });
  // By orders of all together b would be left out; without orders a2 would be the smallest.
  expect((await ask(gateway, 'auto')).said).toBe('small');
});

it.each([
  ['the name of a group', { large: ['small'] }, 'has the name of one of them'],
  ['no group', { both: [] }, 'is empty'],
  ['a text', 'large', 'not a block of lists'],
])('refuses a list with %s', async (_what, lists, message) => {
  const refused = await startRefused({
    config: { ...config, router_settings: { model_group_lists: lists } },
  });
  expect(refused.output).toContain(message);
});

it('leaves the name auto to whoever has it', async () => {
  const gateway = await startGateway({
    config: { model_list: [openAiDeployment('auto', seats.large), openAiDeployment('small', seats.small)] },
  });
  for (let index = 0; index < 4; index++) expect((await ask(gateway, 'auto')).said).toBe('large');
});
