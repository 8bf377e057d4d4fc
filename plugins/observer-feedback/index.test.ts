import type { Feedback, FeedbackMark, HandlerRoute, RequestContext, State, Store } from '@rutter/plugin-sdk';
import { packFeatures, unpackFeatures } from '@rutter/plugin-sdk/learning';
import { fakeHost, outcome, principal, requestContext } from '@rutter/plugin-sdk/testing';
import { expect, it } from 'vitest';
import { localState, memoryStore } from './database.fixture.ts';
import plugin from './index.ts';
import { subjectOf } from './marks.ts';

const dayMs = 86_400_000;
const embedder = {
  dimensions: 3,
  version: 'three',
  embed: async (texts: readonly string[]) => texts.map((text) => Float32Array.of(text.length / 100, -0.5, 0.25)),
};

async function started(options: object = {}, store: Store = memoryStore(), state = localState()) {
  const services = { store, state: state as State, embedder };
  const host = fakeHost({ services });
  const instance = await plugin.setup(host, plugin.config.parse(options));
  const feedback = instance.services?.feedback as Feedback;
  const contextOf = (id: string, change: Partial<RequestContext> = {}): RequestContext => {
    const context: RequestContext = requestContext({
      id,
      receivedAt: host.clock.now(),
      ...change,
      features: {
        get: () => undefined,
        want: async (name) => host.defined.get(name)?.(context, `the words of ${id}`),
      },
    });
    return context;
  };
  const route = async (method: string, path: string, given: { json?: unknown; params?: object; context?: object }) => {
    const found = instance.routes?.find((one) => one.path === path && one.method === method) as HandlerRoute;
    return found.handler({
      json: given.json,
      params: given.params ?? {},
      context: contextOf('rating', given.context),
    } as never);
  };
  return {
    ...{ host, instance, feedback, store, state, route },
    answer: (id: string, change: Partial<RequestContext> = {}) =>
      instance.settled?.(outcome({ context: contextOf(id, change) })),
    rate: (json: object, context: object = {}) => route('POST', '/v1/feedback', { json, context }),
  };
}

/** A state that is easy to read: what was said of which request, in order. */
const listed = (feedback: Feedback) =>
  feedback.follow<string[]>(
    () => [],
    (state, { requestId, score }) => void state.push(`${requestId}=${score}`),
  );

it('follows each mark in order, and makes the sum anew without what was changed or erased', async () => {
  const { feedback, answer, rate, route } = await started();
  for (const id of ['a', 'b', 'c']) await answer(id, { endUser: id === 'b' ? 'eve' : 'max' });
  await rate({ request_id: 'a', score: 1 });
  const followed = await listed(feedback);
  expect(followed.current).toEqual(['a=1']);
  await rate({ request_id: 'b', score: 0 });
  await rate({ request_id: 'c', score: 0.5 });
  expect(followed.current).toEqual(['a=1', 'b=0', 'c=0.5']);
  const before = followed.current;
  await rate({ request_id: 'a', score: 0.25 });
  expect(followed.current).toEqual(['b=0', 'c=0.5', 'a=0.25']);
  expect(followed.current).not.toBe(before);
  await route('DELETE', '/v1/feedback/users/:user', { params: { user: 'eve' } });
  expect(followed.current).toEqual(['c=0.5', 'a=0.25']);
  await route('DELETE', '/v1/feedback/:request_id', { params: { request_id: 'c' } });
  expect(followed.current).toEqual(['a=0.25']);
  followed.stop();
  await rate({ request_id: 'c', score: 1 });
  expect(followed.current).toEqual(['a=0.25']);
});

it('takes the number of an erased last mark again without losing the new one', async () => {
  const { feedback, answer, rate, route } = await started();
  for (const id of ['a', 'b', 'c']) await answer(id);
  const followed = await listed(feedback);
  await rate({ request_id: 'a', score: 1 });
  await rate({ request_id: 'b', score: 1 });
  await route('DELETE', '/v1/feedback/:request_id', { params: { request_id: 'b' } });
  await rate({ request_id: 'c', score: 0 });
  expect(followed.current).toEqual(['a=1', 'c=0']);
});

it('brings workers that share a store to the same sum, by a word of the state or by looking', async () => {
  const [store, state] = [memoryStore(), localState()];
  const one = await started({}, store, state);
  const two = await started({}, store, state);
  const apart = await started({}, store);
  const all = await Promise.all([one, two, apart].map(({ feedback }) => listed(feedback)));
  await one.answer('a');
  await two.answer('b');
  await one.rate({ request_id: 'a', score: 1 });
  await two.rate({ request_id: 'b', score: 0 });
  await expect
    .poll(() => [all[0]?.current, all[1]?.current])
    .toEqual([
      ['a=1', 'b=0'],
      ['a=1', 'b=0'],
    ]);
  expect(all[2]?.current).toEqual([]);
  await apart.host.advance(5_000);
  await expect.poll(() => all[2]?.current).toEqual(['a=1', 'b=0']);
});

it('counts only the latest marks where there are more than it may', async () => {
  const { feedback, answer, rate } = await started({ most_marks: 2 });
  for (const id of ['a', 'b', 'c']) {
    await answer(id);
    await rate({ request_id: id, score: 1 });
  }
  expect((await listed(feedback)).current).toEqual(['b=1', 'c=1']);
  expect((await feedback.marks(0, 10)).map(({ requestId }) => requestId)).toEqual(['a', 'b', 'c']);
});

it('goes on with what it knew while the store is away, and catches up', async () => {
  const store = memoryStore();
  let isAway = false;
  const query: Store['query'] = async (sql, values) => {
    if (isAway) throw new Error('away');
    return store.query(sql, values);
  };
  const one = await started({}, { ...store, query });
  const other = await started({}, store);
  await one.answer('a');
  await one.rate({ request_id: 'a', score: 1 });
  const followed = await listed(one.feedback);
  await other.answer('b');
  await other.rate({ request_id: 'b', score: 1 });
  isAway = true;
  await one.host.advance(5_000);
  await expect.poll(() => one.host.logged.some(({ message }) => message?.includes('cannot be read'))).toBe(true);
  expect(followed.current).toEqual(['a=1']);
  isAway = false;
  await one.host.advance(5_000);
  await expect.poll(() => followed.current).toEqual(['a=1', 'b=1']);
});

it('forgets requests after days, and feedback later, also in what was learnt', async () => {
  const { feedback, host, answer, rate, store } = await started({
    ...{ request_days: 0.05, feedback_days: 0.2, refresh_interval: 600 },
  });
  await answer('a');
  await rate({ request_id: 'a', score: 1 });
  const followed = await listed(feedback);
  const count = async (table: string) => (await store.query(`SELECT COUNT(*) AS n FROM ${table}`))[0]?.n;
  await host.advance(0.04 * dayMs);
  expect(await count('feedback_request')).toBe(1);
  await host.advance(0.02 * dayMs);
  await expect.poll(() => count('feedback_request')).toBe(0);
  expect(await count('feedback')).toBe(1);
  expect(followed.current).toEqual(['a=1']);
  await host.advance(0.15 * dayMs);
  await expect.poll(() => count('feedback')).toBe(0);
  await host.advance(600_000);
  await expect.poll(() => followed.current).toEqual([]);
});

it('lets whoever may do everything see to the users of all keys, and others to their own', async () => {
  const { answer, rate, route, store } = await started();
  const [ann, bob] = ['ann', 'bob'].map((id) => principal({ id }));
  const admin = principal({ id: 'master', kind: 'admin', permissions: ['*'] });
  for (const who of [ann, bob]) {
    const context = { principal: who, endUser: 'eve' } as Partial<RequestContext>;
    await answer(`of-${who?.id}`, context);
    await rate({ request_id: `of-${who?.id}`, rating: 'up' }, context);
  }
  const users = async (method: string, who: unknown) =>
    (
      await route(method, '/v1/feedback/users/:user', {
        params: { user: 'eve' },
        context: { principal: who } as object,
      })
    ).body as Record<string, unknown>;
  expect((await users('GET', ann)).data).toHaveLength(1);
  expect((await users('GET', admin)).data).toHaveLength(2);
  expect(await users('DELETE', bob)).toMatchObject({ feedback: 1, requests: 1 });
  expect(await users('DELETE', admin)).toMatchObject({ feedback: 1, requests: 1 });
  expect(await store.query('SELECT * FROM feedback')).toEqual([]);
});

it('tells a follower what answered, for whom, and what was seen of the question', async () => {
  const { feedback, answer, rate } = await started();
  await answer('a', { endUser: 'eve' });
  await answer('b', { endUser: 'eve' });
  await rate({ request_id: 'a', rating: 4, preference: { over: 'b', strength: 0.75 } });
  const [mark] = (await feedback.marks(0, 1)) as [FeedbackMark];
  const subject = feedback.subject(requestContext({ endUser: 'eve' }));
  expect(mark).toMatchObject({
    ...{ requestId: 'a', principal: 'key-1', user: 'eve', subject, score: 0.8, prompt: undefined },
    names: ['model', 'provider/model', 'model', 'group'],
    over: { requestId: 'b', strength: 0.75, names: ['model', 'provider/model', 'model', 'group'] },
    features: { embedder: 'three' },
  });
  expect(mark.features?.embedding[0]).toBeCloseTo(0.14, 2);
  expect(mark.features?.traits.length).toBeGreaterThan(10);
  expect(feedback.subject(requestContext({ endUser: 'eve', principal: principal({ id: 'other' }) }))).not.toBe(subject);
  expect(feedback.subject(requestContext())).toBe(subjectOf('key-1', 'key-1'));
  expect(
    feedback.subject(requestContext({ principal: principal({ id: 'anonymous', kind: 'anonymous' }) })),
  ).toBeUndefined();
});

it('remembers no inner call, no failure and no route without a model', async () => {
  const { instance, store } = await started();
  const at = (change: object, context: Partial<RequestContext> = {}) =>
    instance.settled?.({ ...outcome({ context: requestContext(context) }), ...change });
  await at({ status: 500 });
  await at({ group: '' });
  await at({}, { parent: 'outer' });
  expect(await store.query('SELECT * FROM feedback_request')).toEqual([]);
  await at({ deployment: undefined });
  expect(await store.query('SELECT model, features FROM feedback_request')).toEqual([{ model: null, features: null }]);
});

it('keeps an embedding within a 127th of its largest number, and reads nothing from what it did not write', () => {
  const embedding = Float32Array.from({ length: 128 }, (_none, at) => Math.sin(at) / 8);
  const traits = Float32Array.of(0, 1.5, 1e6);
  const read = unpackFeatures(packFeatures({ embedding, traits }));
  expect(read?.traits).toEqual(traits);
  read?.embedding.forEach((value, at) => {
    expect(Math.abs(value - (embedding[at] as number))).toBeLessThanOrEqual(0.125 / 127 / 2 + 1e-6);
  });
  expect(unpackFeatures(packFeatures({ embedding: new Float32Array(2), traits }))?.embedding).toEqual(
    new Float32Array(2),
  );
  expect(unpackFeatures('')).toBeUndefined();
  expect(unpackFeatures(Buffer.alloc(8, 0xff).toString('base64'))).toBeUndefined();
});
