/** `/v1/feedback`: who may say what of which answer, and that what was said lasts until it is taken back. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, expect, it } from 'vitest';
import { type Gateway, openAiDeployment, startGateway } from '../support/index.ts';
import { bearer, call, keys, rate } from './feedback-support.ts';
import { type Asking, ask, fleet } from './router-support.ts';

const folder = await mkdtemp(join(tmpdir(), 'rutter-feedback-'));
afterAll(() => rm(folder, { recursive: true }));

const seats = await fleet('one', 'two');
const config = (options: object = {}) => ({
  model_list: [openAiDeployment('chat', seats.one), openAiDeployment('other', seats.two)],
  plugins: [{ use: 'observer-feedback', config: options }, keys('ann', 'bob', 'root')],
});
const gateway = await startGateway({ config: config() });

/** Asks, and gives the id by which the answer can be rated. */
async function answered(key: string, asking: Asking = {}, at: Pick<Gateway, 'url'> = gateway): Promise<string> {
  const { status, headers } = await ask(at, 'chat', { ...asking, headers: { ...bearer(key), ...asking.headers } });
  expect(status).toBe(200);
  return headers.get('x-request-id') as string;
}

const rows = (dataFolder: string, sql: string): Record<string, unknown>[] => {
  const file = join(dataFolder, 'instances', 'store-sqlite', 'rutter.db');
  const database = new DatabaseSync(file, { readOnly: true, timeout: 5000 });
  try {
    return database.prepare(sql).all() as Record<string, unknown>[];
  } finally {
    database.close();
  }
};
const kept = (sql: string) => rows(join(gateway.folder, 'data'), sql);

it.each([
  [{ rating: 4 }, 0.8],
  [{ rating: 'up' }, 1],
  [{ rating: 'down' }, 0],
  [{ score: 0.25 }, 0.25],
])('takes %j on a request the moment it is answered, as score %d', async (word, score) => {
  const id = await answered('ann');
  const { status, body } = await rate(gateway, { request_id: id, ...word }, 'ann');
  expect({ status, body }).toMatchObject({
    status: 201,
    body: { object: 'feedback', request_id: id, score, preference: null, model: 'chat' },
  });
  expect((await call(gateway, 'GET', `/v1/feedback/${id}`, { key: 'ann' })).body).toEqual(body);
});

it('takes a preference for one answer over another of the same key', async () => {
  const [better, worse] = [await answered('ann'), await answered('ann')];
  const { status, body } = await rate(gateway, { request_id: better, preference: { over: worse } }, 'ann');
  expect(status).toBe(201);
  expect(body).toMatchObject({ request_id: better, score: null, preference: { over: worse, strength: 1 } });
});

it('takes a stream’s id as it takes a whole reply’s', async () => {
  const id = await answered('ann', { body: { stream: true } });
  expect((await rate(gateway, { request_id: id, rating: 5 }, 'ann')).status).toBe(201);
});

it('knows no request of another key, nor one that never was, and tells the two not apart', async () => {
  const id = await answered('ann');
  const foreign = await rate(gateway, { request_id: id, rating: 1 }, 'bob');
  const unknown = await rate(gateway, { request_id: 'never-was', rating: 1 }, 'bob');
  expect([foreign.status, unknown.status]).toEqual([404, 404]);
  expect(foreign.body.error?.message).toBe(unknown.body.error?.message.replace('never-was', id));
  expect(foreign.body.error?.param).toBe('request_id');
  const over = await rate(gateway, { request_id: await answered('bob'), preference: { over: id } }, 'bob');
  expect([over.status, over.body.error?.param]).toEqual([404, 'preference.over']);
  expect(kept(`SELECT * FROM feedback WHERE principal = 'bob'`)).toEqual([]);
  expect((await call(gateway, 'GET', `/v1/feedback/${id}`, { key: 'bob' })).status).toBe(404);
  expect((await call(gateway, 'DELETE', `/v1/feedback/${id}`, { key: 'bob' })).status).toBe(404);
});

it('knows no request that failed', async () => {
  const { status, headers } = await ask(gateway, 'unheard-of', { headers: bearer('ann') });
  expect(status).toBe(400);
  expect((await rate(gateway, { request_id: headers.get('x-request-id'), rating: 1 }, 'ann')).status).toBe(404);
});

it('keeps one mark a request and key: the same again changes nothing, another one takes its place', async () => {
  const id = await answered('ann');
  const first = await rate(gateway, { request_id: id, score: 0.5 }, 'ann');
  const again = await rate(gateway, { request_id: id, score: 0.5 }, 'ann');
  const changed = await rate(gateway, { request_id: id, score: 1 }, 'ann');
  expect([first.status, again.status, changed.status]).toEqual([201, 200, 200]);
  expect(again.body).toEqual(first.body);
  expect(changed.body.score).toBe(1);
  expect(kept(`SELECT score, revisions FROM feedback WHERE request_id = '${id}'`)).toEqual([
    { score: 1, revisions: 1 },
  ]);
});

it('takes many at once, each with a number of its own', async () => {
  const ids = await Promise.all(Array.from({ length: 24 }, () => answered('root')));
  const replies = await Promise.all(ids.map((id) => rate(gateway, { request_id: id, rating: 'up' }, 'root')));
  expect(replies.map(({ status }) => status)).toEqual(ids.map(() => 201));
  const [{ all, different }] = kept(
    'SELECT COUNT(*) AS "all", COUNT(DISTINCT sequence) AS different FROM feedback',
  ) as [{ all: number; different: number }];
  expect(different).toBe(all);
});

it('changes one mark twenty times and no more', async () => {
  const id = await answered('root');
  for (let count = 0; count <= 20; count++)
    expect((await rate(gateway, { request_id: id, score: (count % 2) / 2 }, 'root')).status).toBe(count ? 200 : 201);
  expect(await rate(gateway, { request_id: id, score: 1 }, 'root')).toMatchObject({
    status: 429,
    body: { error: { message: expect.stringContaining('20 times') } },
  });
});

it.each([
  [{}, 'request_id'],
  [{ request_id: 7 }, 'request_id'],
  [{ request_id: 'a b', rating: 1 }, 'request_id'],
  [{ request_id: 'x' }, 'rating'],
  [{ request_id: 'x', rating: 6 }, 'rating'],
  [{ request_id: 'x', rating: 'good' }, 'rating'],
  [{ request_id: 'x', score: -0.1 }, 'score'],
  [{ request_id: 'x', score: 1.1 }, 'score'],
  [{ request_id: 'x', rating: 1, score: 1 }, 'score'],
  [{ request_id: 'x', preference: { over: 'x' } }, 'preference.over'],
  [{ request_id: 'x', preference: { over: 'y', strength: 2 } }, 'preference.strength'],
  [{ request_id: 'x', rating: 1, comment: 'nice' }, 'comment'],
])('refuses %j, naming %s', async (body, param) => {
  const refused = await rate(gateway, body, 'ann');
  expect({ status: refused.status, param: refused.body.error?.param }).toEqual({ status: 400, param });
});

it.each([
  ['no JSON', '{', 400],
  ['a list', '[]', 400],
  ['too much', JSON.stringify({ request_id: 'x'.repeat(20_000) }), 413],
])('refuses a body that is %s', async (_what, body, status) => {
  expect((await rate(gateway, body, 'ann')).status).toBe(status);
});

it('asks who comes without a key', async () => {
  expect((await rate(gateway, { request_id: 'x', rating: 1 })).status).toBe(401);
});

it('keeps what a router sees of a question and the hash of its words, and the words only where told to', async () => {
  const secret = 'a word that nobody else may read: xylophone-9482';
  const id = await answered('ann', { body: { messages: [{ role: 'user', content: secret }] } });
  await rate(gateway, { request_id: id, rating: 3 }, 'ann');
  const [row] = kept(`SELECT * FROM feedback WHERE request_id = '${id}'`);
  expect(row).toMatchObject({ embedder: 'minilm-static-128-v1', prompt: null });
  expect(row?.prompt_hash).toMatch(/^[0-9a-f]{64}$/);
  expect(String(row?.features).length).toBeGreaterThan(100);
  expect(JSON.stringify(kept('SELECT * FROM feedback_request'))).not.toContain('xylophone');

  const data = join(folder, 'with-prompts');
  const keeping = await startGateway({ config: config({ store_prompts: true }), env: { RUTTER_DATA: data } });
  const other = await answered('ann', { body: { messages: [{ role: 'user', content: secret }] } }, keeping);
  await rate(keeping, { request_id: other, rating: 3 }, 'ann');
  expect(rows(data, 'SELECT prompt FROM feedback')).toEqual([{ prompt: secret }]);
});

it('takes one mark back', async () => {
  const id = await answered('ann');
  await rate(gateway, { request_id: id, rating: 3 }, 'ann');
  expect(await call(gateway, 'DELETE', `/v1/feedback/${id}`, { key: 'ann' })).toMatchObject({
    status: 200,
    body: { request_id: id, deleted: true },
  });
  expect((await call(gateway, 'GET', `/v1/feedback/${id}`, { key: 'ann' })).status).toBe(404);
  expect((await rate(gateway, { request_id: id, rating: 4 }, 'ann')).status).toBe(201);
});

it('shows and erases what is kept of one user of a key, and leaves all others', async () => {
  const asUser = (key: string, user: string) => answered(key, { body: { user } });
  const own = [await asUser('ann', 'eve@example.com'), await asUser('ann', 'eve@example.com')];
  const others = { ann: await asUser('ann', 'max'), bob: await asUser('bob', 'eve@example.com') };
  for (const id of own) await rate(gateway, { request_id: id, rating: 5 }, 'ann');
  await rate(gateway, { request_id: others.ann, rating: 5 }, 'ann');
  await rate(gateway, { request_id: others.bob, rating: 5 }, 'bob');
  const path = `/v1/feedback/users/${encodeURIComponent('eve@example.com')}`;
  const shown = await call(gateway, 'GET', path, { key: 'ann' });
  expect((shown.body.data as { request_id: string }[]).map(({ request_id }) => request_id)).toEqual(own);
  expect(await call(gateway, 'DELETE', path, { key: 'ann' })).toMatchObject({
    status: 200,
    body: { user: 'eve@example.com', deleted: true, feedback: 2, requests: 2 },
  });
  for (const table of ['feedback', 'feedback_request'])
    expect(
      kept(`SELECT principal, user_id FROM ${table} WHERE user_id IN ('eve@example.com', 'max') ORDER BY principal`),
    ).toEqual([
      { principal: 'ann', user_id: 'max' },
      { principal: 'bob', user_id: 'eve@example.com' },
    ]);
  expect((await rate(gateway, { request_id: own[0], rating: 1 }, 'ann')).status).toBe(404);
});

it('has what it confirmed when it was killed, and every worker knows it', async () => {
  const data = join(folder, 'killed');
  const args = ['--workers', '2'];
  const killed = await startGateway({ config: config(), env: { RUTTER_DATA: data }, args, startMs: 60_000 });
  const ids: string[] = [];
  for (let count = 0; count < 8; count++) ids.push(await answered('ann', {}, killed));
  for (const id of ids) expect((await rate(killed, { request_id: id, rating: 'up' }, 'ann')).status).toBe(201);
  process.kill(-killed.pid, 'SIGKILL');
  await killed.exited;
  const again = await startGateway({ config: config(), env: { RUTTER_DATA: data }, args, startMs: 60_000 });
  for (const id of ids)
    expect((await call(again, 'GET', `/v1/feedback/${id}`, { key: 'ann' })).body).toMatchObject({ score: 1 });
});
