import type { HandlerRoute, Models, RequestContext, RouteRequest } from '@rutter/plugin-sdk';
import { fakeHost } from '@rutter/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import definition from './index.ts';

const context = { id: 'req-1' } as RequestContext;
const asked: RequestContext[] = [];
const models: Models = {
  list(from) {
    asked.push(from);
    return [
      { id: 'gpt-4o', group: 'gpt-4o' },
      { id: 'openai/gpt-4o', group: 'gpt-4o' },
    ];
  },
  deployments: () => [],
  parameters: async () => undefined,
  cost: () => undefined,
};
const host = fakeHost({ services: { models }, startMs: 1_700_000_000_000 });
const { routes, dialects } = await definition.setup(host, definition.config.parse({}));

function get(path: string, params: Record<string, string> = {}): unknown {
  const route = routes.find(
    (one): one is HandlerRoute => one.method === 'GET' && one.path === path && one.mode === 'json',
  );
  return route?.handler({ context, params } as unknown as RouteRequest);
}

const entry = (id: string) => ({ id, object: 'model', created: 1_700_000_000, owned_by: 'rutter' });

describe('the protocol', () => {
  it('takes every operation under every path that clients use', () => {
    const calls = routes.flatMap((route) =>
      route.mode === 'model' ? [`${route.method} ${route.path} ${route.dialect}`] : [],
    );
    const expected = [
      ['chat/completions', 'openai-chat'],
      ['completions', 'openai-completions'],
      ['embeddings', 'openai-embeddings'],
    ].flatMap(([path, dialect]) =>
      ['', '/v1', '/engines/:model', '/openai/deployments/:model'].map((prefix) => `POST ${prefix}/${path} ${dialect}`),
    );
    expect(calls.sort()).toEqual(expected.sort());
  });

  it('brings the dialect of each of its routes', () => {
    const names = new Set(dialects!.map(({ name }) => name));
    for (const route of routes) if (route.mode === 'model') expect(names).toContain(route.dialect);
  });

  it('asks for permission to call and to list models', () => {
    for (const { mode, permission } of routes) expect(permission).toBe(mode === 'model' ? 'model.call' : 'model.read');
  });

  it.each(['/models', '/v1/models'])('lists at %s what the caller may call', (path) => {
    asked.length = 0;
    expect(get(path)).toEqual({ body: { object: 'list', data: [entry('gpt-4o'), entry('openai/gpt-4o')] } });
    expect(asked).toEqual([context]);
  });

  it('tells of one model, whose name may hold a slash', () => {
    expect(get('/v1/models/*id', { id: 'openai/gpt-4o' })).toEqual({ body: entry('openai/gpt-4o') });
    expect(get('/models/*id', { id: 'gpt-4o' })).toEqual({ body: entry('gpt-4o') });
  });

  it('knows no model that the caller may not call', () => {
    expect(() => get('/v1/models/*id', { id: 'secret' })).toThrow(
      expect.objectContaining({ code: 'ERR_REQUEST_NOT_FOUND', status: 404, param: 'model' }),
    );
  });

  it('gives models the same age after a reload', async () => {
    const later = fakeHost({ services: { models }, startMs: 1_800_000_000_000, kept: host.kept });
    const again = await definition.setup(later, definition.config.parse({}));
    const route = again.routes.find((one): one is HandlerRoute => one.path === '/v1/models' && one.mode === 'json');
    expect(route?.handler({ context, params: {} } as unknown as RouteRequest)).toMatchObject({
      body: { data: [entry('gpt-4o'), {}] },
    });
  });
});
