/** Lists of addresses and routes, and access groups, each by a request through a live gateway. */
import { expect, it } from 'vitest';
import { ask, fleet } from '../e2e/router-support.ts';
import { type Gateway, openAiDeployment, startGateway } from '../support/index.ts';

const v = await fleet('one', 'two', 'wild');

/** Knows one key, which may call what carries an access group. */
const guard = `
import { definePlugin } from '@rutter/plugin-sdk';
export default definePlugin({
  kind: 'guard',
  setup: () => ({
    identify: (credential) =>
      credential?.equals('sk-limited')
        ? { id: 'limited', kind: 'key', models: ['beta'], permissions: ['model.call', 'model.read'] }
        : undefined,
  }),
});
`;

const model_list = [
  openAiDeployment('one', v.one, {}, { access_groups: ['beta'] }),
  openAiDeployment('two', v.two),
  { ...openAiDeployment('wild/*', v.wild, { model: 'openai/*' }), access_groups: ['beta'] },
  openAiDeployment('wild/two', v.two),
];
const start = (general: object, more: object = {}) =>
  startGateway({
    config: { model_list, general_settings: { master_key: 'sk-master', ...general }, ...more },
    files: { 'key-guard/index.ts': guard },
  });

const [open, nowhere, forwarded, routes, groups] = await Promise.all([
  start({ allowed_ips: ['127.0.0.0/8'] }),
  start({ allowed_ips: ['10.0.0.0/8', '2001:db8::1'] }),
  start({ allowed_ips: ['203.0.113.7'], use_x_forwarded_for: true }),
  start(
    {
      public_routes: ['LiteLLMRoutes.public_routes', '/v1/models'],
      admin_only_routes: ['/v1/embeddings', '/engines/*'],
      allowed_routes: ['/v1/*', '/chat/completions', '/engines/*', '/routes'],
    },
    { plugins: [{ use: './key-guard', trust: true }] },
  ),
  start({}, { plugins: [{ use: './key-guard', trust: true }] }),
]);

const call = (gateway: Gateway, path: string, key: string | undefined, headers: Record<string, string> = {}) =>
  fetch(`${gateway.url}${path}`, {
    method: path.includes('models') || path === '/routes' ? 'GET' : 'POST',
    headers: { 'content-type': 'application/json', ...(key ? { authorization: `Bearer ${key}` } : {}), ...headers },
    ...(path.includes('models') || path === '/routes'
      ? {}
      : { body: JSON.stringify({ model: 'one', input: 'a', messages: [{ role: 'user', content: 'hi' }] }) }),
  }).then(({ status }) => status);

it('lets in callers of a listed address and nobody else', async () => {
  expect(await call(open, '/v1/chat/completions', 'sk-master')).toBe(200);
  expect(await call(nowhere, '/v1/chat/completions', 'sk-master')).toBe(403);
  expect(await call(nowhere, '/v1/models', 'sk-master')).toBe(403);
});

it('answers probes from everywhere', async () => {
  for (const path of ['/_health/live', '/health/readiness']) expect((await fetch(nowhere.url + path)).status).toBe(200);
});

it('believes what a caller says of its address only where a proxy stands before it, and then the last word', async () => {
  const says = { 'x-forwarded-for': '203.0.113.7' };
  expect(await call(nowhere, '/v1/models', 'sk-master', { 'x-forwarded-for': '10.1.2.3' })).toBe(403);
  expect(await call(forwarded, '/v1/models', 'sk-master', says)).toBe(200);
  expect(await call(forwarded, '/v1/models', 'sk-master', { 'x-forwarded-for': '203.0.113.7, 198.51.100.1' })).toBe(
    403,
  );
  expect(await call(forwarded, '/v1/models', 'sk-master', { 'x-forwarded-for': 'nonsense' })).toBe(403);
  expect(await call(forwarded, '/v1/models', 'sk-master')).toBe(403);
});

it('asks for no key on public routes, and for one on all others', async () => {
  expect(await call(routes, '/v1/models', undefined)).toBe(200);
  expect(await call(routes, '/v1/models/one', undefined)).toBe(401);
  expect(await call(routes, '/v1/chat/completions', undefined)).toBe(401);
});

it.each(['/v1/embeddings', '/engines/one/embeddings', '/ENGINES/one/embeddings'])(
  'keeps %s for administrators',
  async (path) => {
    expect(await call(routes, path, 'sk-limited')).toBe(403);
    expect(await call(routes, path, 'sk-master')).toBe(200);
  },
);

it('serves no route that is not among the allowed', async () => {
  expect(await call(routes, '/chat/completions', 'sk-master')).toBe(200);
  expect(await call(routes, '/v1/chat/completions', 'sk-limited')).toBe(200);
  expect(await call(routes, '/embeddings', 'sk-master')).toBe(403);
  expect(await call(routes, '/routes', 'sk-master')).toBe(200);
});

it('lets a key with an access group call what carries it, and nothing else', async () => {
  const key = { headers: { authorization: 'Bearer sk-limited' } };
  expect((await ask(groups, 'one', key)).said).toBe('one');
  expect((await ask(groups, 'wild/anything', key)).said).toBe('wild');
  expect((await ask(groups, 'two', key)).status).toBe(403);
  expect((await ask(groups, 'wild/two', key)).status).toBe(403);
  expect((await ask(groups, 'one', { ...key, body: { fallbacks: ['two'] } })).status).toBe(403);
  expect((await ask(groups, 'one', { ...key, body: { fallbacks: ['wild/x'] } })).status).toBe(200);
});

it('lists for such a key what it may call', async () => {
  const reply = await fetch(`${groups.url}/v1/models`, { headers: { authorization: 'Bearer sk-limited' } });
  const { data } = (await reply.json()) as { data: { id: string }[] };
  expect(data.map(({ id }) => id)).toEqual(['one']);
});
