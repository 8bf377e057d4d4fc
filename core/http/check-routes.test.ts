import type { Dialect, Route } from '@rutter/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { BuildFault } from '../plugins/build-fault.ts';
import { checkRoutes } from './check-routes.ts';

const dialects = new Map([['known', {} as Dialect]]);
const route = (path: unknown, more: object = {}) =>
  ({ method: 'GET', mode: 'json', permission: 'public', handler: () => ({}), path, ...more }) as unknown as Route;
const mount = (...routes: readonly (readonly [owner: string, route: Route])[]) =>
  checkRoutes(
    routes.map(([owner, one]) => ({ owner, route: one })),
    dialects,
  );

function faultOf(work: () => void): BuildFault {
  try {
    work();
  } catch (error) {
    if (error instanceof BuildFault) return error;
    throw error;
  }
  throw new Error('The routes were accepted.');
}

describe('routes that can be mounted', () => {
  it.each(['/', '/a', '/a/:id', '/a/:id/b', '/files/*rest', '/v1beta/models/:model:generateContent', '/a.b/c-d_e'])(
    'may have the path %s',
    (path) => expect(() => mount(['one', route(path)])).not.toThrow(),
  );

  it('may share a path under different methods, and differ in text where another has a parameter', () => {
    mount(['one', route('/a')], ['two', route('/a', { method: 'POST' })], ['two', route('/:x')]);
    mount(['one', route('/a/:id')], ['two', route('/a/list')]);
  });

  it('may call models in a dialect that a plugin has', () => {
    mount(['one', route('/chat', { method: 'POST', mode: 'model', dialect: 'known', handler: undefined })]);
  });
});

describe('routes that cannot be mounted', () => {
  it.each([
    [route('a'), 'the path "a"'],
    [route(''), 'the path ""'],
    [route(undefined), 'the path undefined'],
    [route('/a b'), 'the path "/a b"'],
    [route('/a?b'), 'the path "/a?b"'],
    [route('/a/(b)'), 'the path "/a/(b)"'],
    [route('/a', { method: 'FETCH' }), 'the method "FETCH" at /a; expected one of GET, POST, PUT, PATCH, DELETE'],
    [route('/a', { mode: 'fast' }), 'the mode "fast" at /a; expected one of json, raw, multipart, upgrade, model'],
    [route('/a', { permission: undefined }), 'the permission undefined at /a'],
    [route('/a', { permission: '' }), 'the permission "" at /a'],
    [route('/a', { handler: undefined }), 'no handler at /a'],
    [route('/a', { mode: 'model', dialect: 'odd' }), 'the dialect "odd" at /a; expected one that a plugin has: known'],
  ])('are told with their owner: %j', (one, reason) => {
    const fault = faultOf(() => mount(['fine', route('/fine')], ['odd-one', one]));
    expect(fault.instances).toEqual(['odd-one']);
    expect(fault.message).toContain(`Plugin "odd-one" offers a route with ${reason}`);
    expect(fault.cause).toMatchObject({ code: 'ERR_PLUGIN_INVALID' });
  });

  it.each([
    ['/a', '/a'],
    ['/a/:id', '/a/:name'],
    ['/a/*rest', '/a/*all'],
  ])('stand twice: %s and %s', (first, second) => {
    const fault = faultOf(() => mount(['one', route(first)], ['two', route(second)]));
    expect(fault.instances).toEqual(['one', 'two']);
    expect(fault.message).toBe(`Both one and two offer GET ${second}; expected one of them.`);
    expect(fault.cause).toMatchObject({ code: 'ERR_CONFIG_CONFLICT' });
  });
});
