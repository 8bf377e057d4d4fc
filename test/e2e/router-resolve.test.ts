/** What a model's name means: ids, aliases, groups, wildcards, vendors' names, defaults, and nothing at all. */
import { expect, it } from 'vitest';
import { openAiDeployment, startGateway } from '../support/index.ts';
import { ask, fleet } from './router-support.ts';

const v = await fleet('one', 'two', 'shadow', 'taken', 'cool', 'exact', 'wild', 'wilder', 'pairs', 'bare', 'starry');
const w = await fleet('alpha', 'beta', 'safe', 'spare', 'any', 'known');

const [gateway, named, open] = await Promise.all([
  startGateway({
    config: {
      model_list: [
        openAiDeployment('plain', v.one, {}, { id: 'plain-one' }),
        openAiDeployment('plain', v.two, {}, { id: 'plain-two' }),
        openAiDeployment('shadow', v.one),
        openAiDeployment('elsewhere', v.shadow, {}, { id: 'shadow' }),
        openAiDeployment('taken', v.taken),
        openAiDeployment('cool', v.cool, { cooldown_time: 60 }, { id: 'cool-one' }),
        openAiDeployment('vendor/exact', v.exact),
        openAiDeployment('vendor/*', v.wild, { model: 'openai/of-*' }),
        openAiDeployment('vendor/big-*', v.wilder, { model: 'openai/*' }),
        openAiDeployment('from-*-to-*', v.pairs, { model: 'openai/*/*' }),
        openAiDeployment('even*ab', v.wild, { model: 'openai/*' }),
        openAiDeployment('even*a*', v.starry, { model: 'openai/*-*' }),
        openAiDeployment('openai/*', v.bare, { model: 'openai/*' }),
        { model_name: 'simulated/*', litellm_params: { model: 'simulated/*' } },
      ],
      router_settings: {
        num_retries: 0,
        model_group_alias: {
          nick: 'plain',
          object: { model: 'plain', hidden: false },
          veiled: { model: 'plain', hidden: true },
          taken: 'plain',
          short: 'vendor/tiny',
        },
      },
    },
  }),
  startGateway({
    config: {
      model_list: [
        openAiDeployment('mixed', w.alpha, { model: 'openai/alpha' }),
        openAiDeployment('mixed', w.beta, { model: 'openai/beta' }),
        openAiDeployment('twin', w.spare),
        openAiDeployment('twins', w.alpha, {}, { id: 'twin' }),
        openAiDeployment('safe', w.safe),
        openAiDeployment('spare', w.spare),
      ],
      litellm_settings: { default_fallbacks: ['safe', 'spare'] },
    },
  }),
  startGateway({
    config: {
      model_list: [openAiDeployment('known', w.known), openAiDeployment('*', w.any, { model: 'openai/*' })],
      router_settings: { default_fallbacks: ['known'] },
    },
  }),
]);

const askedOf = (vendor: { requests: readonly { json: Readonly<Record<string, unknown>> | undefined }[] }) =>
  vendor.requests.at(-1)?.json?.model;

it('reaches one deployment alone by its id', async () => {
  for (let count = 0; count < 6; count++) expect((await ask(gateway, 'plain-two')).said).toBe('two');
  const { headers, model } = await ask(gateway, 'plain-one');
  expect(headers.get('x-litellm-model-id')).toBe('plain-one');
  expect(model).toBe('plain-one');
});

it('reaches a deployment by its id although it cools down', async () => {
  v.cool.plays({ failures: [401] });
  expect((await ask(gateway, 'cool')).status).toBe(401);
  expect((await ask(gateway, 'cool')).status).toBe(429);
  expect(v.cool.calls()).toBe(1);
  expect((await ask(gateway, 'cool-one')).said).toBe('cool');
});

it('takes a name for an id ahead of a group of that name', async () => {
  expect((await ask(gateway, 'shadow')).said).toBe('shadow');
  // The same where there are no aliases to look up.
  expect((await ask(named, 'twin')).said).toBe('alpha');
});

it('follows an alias to its group and shows the alias in the reply', async () => {
  const answer = await ask(gateway, 'nick');
  expect(['one', 'two']).toContain(answer.said);
  expect(answer.model).toBe('nick');
  expect(answer.headers.get('x-litellm-model-group')).toBe('plain');
});

it('follows an alias that is written as an object', async () => {
  expect(['one', 'two']).toContain((await ask(gateway, 'object')).said);
});

it('follows a hidden alias but does not list it', async () => {
  expect(['one', 'two']).toContain((await ask(gateway, 'veiled')).said);
  const list = (await (await fetch(`${gateway.url}/v1/models`)).json()) as { data: { id: string }[] };
  const names = list.data.map(({ id }) => id);
  expect(names).toContain('nick');
  expect(names).toContain('plain');
  expect(names).not.toContain('veiled');
});

it('takes a name for an alias ahead of a group of that name', async () => {
  expect(['one', 'two']).toContain((await ask(gateway, 'taken')).said);
  expect(v.taken.calls()).toBe(0);
});

it('follows an alias to a name that only a wildcard covers', async () => {
  const answer = await ask(gateway, 'short');
  expect(answer.said).toBe('wild');
  expect(answer.model).toBe('short');
  expect(askedOf(v.wild)).toBe('of-tiny');
});

it('prefers an exact name to a wildcard that covers it', async () => {
  expect((await ask(gateway, 'vendor/exact')).said).toBe('exact');
});

it("puts what a wildcard's star stood for into the vendor's model name", async () => {
  const answer = await ask(gateway, 'vendor/middle/v2');
  expect(answer.said).toBe('wild');
  expect(askedOf(v.wild)).toBe('of-middle/v2');
  expect(answer.model).toBe('vendor/middle/v2');
});

it('puts what several stars stood for in their order', async () => {
  expect((await ask(gateway, 'from-here-to-there')).said).toBe('pairs');
  expect(askedOf(v.pairs)).toBe('here/there');
});

it('prefers the longest wildcard that fits', async () => {
  expect((await ask(gateway, 'vendor/big-one')).said).toBe('wilder');
  expect(askedOf(v.wilder)).toBe('one');
});

it('prefers, of wildcards as long, the one with more stars', async () => {
  expect((await ask(gateway, 'even-xab')).said).toBe('starry');
  expect(askedOf(v.starry)).toBe('-x-b');
});

it('tries a bare model of a known family as provider/model', async () => {
  const answer = await ask(gateway, 'gpt-4o');
  expect(answer.said).toBe('bare');
  expect(askedOf(v.bare)).toBe('gpt-4o');
  expect(answer.model).toBe('gpt-4o');
});

it('does not guess a vendor for a bare name of no known family', async () => {
  expect((await ask(gateway, 'nonsense-4o')).status).toBe(400);
});

it('refuses an unknown name with 400 that names it', async () => {
  const answer = await ask(gateway, 'nobody/knows-this');
  expect(answer.status).toBe(400);
  expect(answer.error).toMatchObject({ code: '400', param: 'model' });
  expect(answer.error?.message).toContain('Invalid model name passed in model=nobody/knows-this');
});

it("takes the vendor's own model name to the deployments that run that model, and no others", async () => {
  const before = w.alpha.calls();
  for (let count = 0; count < 6; count++) expect((await ask(named, 'openai/beta')).said).toBe('beta');
  expect(w.alpha.calls()).toBe(before);
});

it('takes an unknown name to the first default fallback', async () => {
  const answer = await ask(named, 'nobody-knows-this');
  expect(answer.said).toBe('safe');
  expect(w.spare.calls()).toBe(0);
});

it('takes what nothing else names to the default deployment, under the name that was asked', async () => {
  const answer = await ask(open, 'anything-at-all');
  expect(answer.said).toBe('any');
  expect(askedOf(w.any)).toBe('anything-at-all');
  expect(answer.model).toBe('anything-at-all');
});

it("has the default deployment stand ahead of vendors' names and of default fallbacks", async () => {
  expect((await ask(open, 'known')).said).toBe('known');
  expect((await ask(open, 'openai/gpt-4o-mini')).said).toBe('any');
  expect(askedOf(w.any)).toBe('openai/gpt-4o-mini');
});

it('shows the name that was asked in every chunk of a stream', async () => {
  const { text, said } = await ask(gateway, 'nick', { body: { stream: true } });
  expect(['one', 'two']).toContain(said);
  const models = [...text.matchAll(/"model":"([^"]*)"/g)].map(([, name]) => name);
  expect(models.length).toBeGreaterThan(1);
  expect(new Set(models)).toEqual(new Set(['nick']));
});
