import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  cutStream,
  type Gateway,
  openAiDeployment,
  openAiVendor,
  stallStream,
  startGateway,
  startVendor,
  until,
  type Vendor,
} from '../../support/index.ts';
import { ledgerRow } from '../ledger.ts';

const admin = 'sk-admin';
const windowMs = 3_600_000;
const usage = { prompt_tokens: 7, completion_tokens: 5 };
const answer = openAiVendor({ reply: 'Hello.', usage });
const chunk = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: 'Hello there, ' } }] })}\n\n`;

/** Each test has an organization of its own, so that none is charged for another. */
const key = (id: string, team: string, organization: string) => ({ key: `sk-${id}`, id, team, organization });
const keys = [
  key('a1', 'acme-a', 'acme'),
  key('a2', 'acme-a', 'acme'),
  key('b1', 'acme-b', 'acme'),
  key('b2', 'acme-b', 'acme'),
  key('t1', 'tokens-t', 'tokens'),
  key('p1', 'slots-p', 'slots'),
  key('q1', 'slots-q', 'slots'),
  key('c1', 'changes-c', 'changes'),
];

let vendor: Vendor;
let gateway: Gateway;

const config = (more: readonly object[] = []) => ({
  model_list: [openAiDeployment('m', vendor)],
  general_settings: { master_key: admin },
  router_settings: { num_retries: 0, disable_cooldowns: true },
  plugins: [{ use: import.meta.dirname, trust: true, config: { keys: [...keys, ...more] } }],
});

beforeAll(async () => {
  vendor = await startVendor(answer);
  gateway = await startGateway({ config: config() });
});
afterAll(() => gateway.stop());
beforeEach(() => vendor.use(answer));

interface Asked {
  readonly status: number;
  readonly id: string;
  readonly code: string | undefined;
  readonly message: string;
}

let asking = 0;

async function ask(
  id: string,
  more: object = {},
  signal?: AbortSignal,
): Promise<Response & { readonly requestId: string }> {
  const requestId = `limits-${++asking}`;
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer sk-${id}`, 'x-request-id': requestId },
    body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'Hello there' }], ...more }),
    ...(signal === undefined ? {} : { signal }),
  });
  return Object.assign(response, { requestId });
}

/** One whole request, settled when this resolves. */
async function complete(id: string, more?: object): Promise<Asked> {
  const response = await ask(id, more);
  const text = await response.text();
  const { error } = (text.startsWith('{') ? JSON.parse(text) : {}) as {
    error?: { message: string; rutter_code: string };
  };
  if (response.status === 200 || response.status === 500) await ledgerRow(gateway, response.requestId);
  return { status: response.status, id: response.requestId, code: error?.rutter_code, message: error?.message ?? '' };
}

const passed = (answers: readonly Asked[]) => answers.filter(({ status }) => status === 200).length;

async function manage(method: string, path: string, body?: object, as = admin) {
  const response = await fetch(`${gateway.url}/tenant-limits${path}`, {
    method,
    headers: { authorization: `Bearer ${as}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
}

async function limit(place: string, most: number): Promise<void> {
  expect(await manage('PUT', `/${place}`, { most, windowMs })).toMatchObject({ status: 200, body: { most } });
}

describe('limits of requests', () => {
  it('let exactly the allowed number of 200 at once through on every level, and charge the others nowhere', async () => {
    for (const id of ['a1', 'a2', 'b1', 'b2']) await limit(`key/${id}/requests`, 30);
    for (const id of ['acme-a', 'acme-b']) await limit(`team/${id}/requests`, 45);
    await limit('organization/acme/requests', 60);
    const seen = vendor.requests.length;
    const all = () =>
      Promise.all(['a1', 'a2', 'b1', 'b2'].flatMap((id) => Array.from({ length: 50 }, () => complete(id))));

    const first = await all();
    expect(passed(first)).toBe(60);
    expect(vendor.requests.length - seen).toBe(60);
    const refused = first.filter(({ status }) => status !== 200);
    expect(new Set(refused.map(({ status, code }) => `${status} ${code}`))).toEqual(new Set(['429 ERR_LIMIT_RATE']));
    expect(refused.some(({ message }) => message.includes('organization "acme"'))).toBe(true);

    // Had the 140 been charged to their keys or teams, nothing could pass where the organization gives way.
    await limit('organization/acme/requests', 10_000);
    const second = await all();
    expect(passed(second)).toBe(90 - 60);
    await limit('team/acme-a/requests', 10_000);
    await limit('team/acme-b/requests', 10_000);
    const third = await all();
    expect(passed(third)).toBe(120 - 90);
    expect(passed(await all())).toBe(0);
    expect(vendor.requests.length - seen).toBe(120);
  });
});

describe('limits of tokens', () => {
  // Three for the question and what the caller allows for the answer; twelve is what the vendor reports.
  const more = { max_tokens: 20 };
  const used = async () => Number(/used: (\d+)/.exec((await complete('t1', more)).message)?.[1]);

  it('are charged what a request took in the end, once, however it ended', async () => {
    await limit('key/t1/tokens', 100);
    await limit('team/tokens-t/tokens', 1000);
    await limit('organization/tokens/tokens', 2000);
    for (let index = 0; index < 7; index++) expect((await complete('t1', more)).status).toBe(200);
    expect(await complete('t1', more)).toMatchObject({ status: 429, code: 'ERR_LIMIT_RATE' });
    expect(await used()).toBe(84);

    await limit('key/t1/tokens', 84 + 23);
    vendor.use(openAiVendor({ status: 500 }));
    for (let index = 0; index < 3; index++) expect((await complete('t1', more)).status).toBe(500);
    vendor.use(answer);
    expect((await complete('t1', more)).status).toBe(200);
    expect(await used()).toBe(96);

    await limit('key/t1/tokens', 96 + 23);
    vendor.use(stallStream(chunk));
    const leaving = new AbortController();
    const half = await ask('t1', { ...more, stream: true }, leaving.signal);
    await half.body?.getReader().read();
    leaving.abort();
    const row = await ledgerRow(gateway, half.requestId);
    expect(row).toMatchObject({ status: 499, ending: 'client', principal: 't1' });
    const taken = Number(row.input_tokens) + Number(row.output_tokens);
    expect(taken).toBeGreaterThan(0);
    expect(await used()).toBe(96 + taken);

    // The levels above were charged the same, and nothing for what was refused below them.
    await limit('key/t1/tokens', 1_000_000);
    await limit('team/tokens-t/tokens', 0);
    expect(await used()).toBe(96 + taken);
    await limit('team/tokens-t/tokens', 1_000_000);
    await limit('organization/tokens/tokens', 0);
    expect(await used()).toBe(96 + taken);
  });
});

describe('parallel slots', () => {
  const open = async (id: string) => {
    const leaving = new AbortController();
    const response = await ask(id, { stream: true }, leaving.signal);
    if (response.status === 200) await response.body?.getReader().read();
    return { status: response.status, leave: () => leaving.abort(), id: response.requestId };
  };
  const openAll = async (id: string, count: number) => {
    const streams = await Promise.all(Array.from({ length: count }, () => open(id)));
    return streams.filter(({ status }) => status === 200);
  };
  const leaveAll = async (streams: readonly Awaited<ReturnType<typeof open>>[]) => {
    for (const { leave } of streams) leave();
    for (const { id } of streams) await ledgerRow(gateway, id);
  };

  it('are taken on every level or none, and given back however a request ends', async () => {
    await limit('key/p1/parallel', 10);
    await limit('team/slots-p/parallel', 3);
    await limit('organization/slots/parallel', 5);
    vendor.use(stallStream(chunk));
    const ours = await openAll('p1', 20);
    expect(ours).toHaveLength(3);
    // The 17 that their team refused hold none of the five slots above it.
    const theirs = await openAll('q1', 20);
    expect(theirs).toHaveLength(2);
    await leaveAll([...ours, ...theirs]);

    vendor.use(openAiVendor({ status: 500 }));
    for (let index = 0; index < 4; index++) expect((await complete('p1')).status).toBe(500);
    vendor.use(cutStream(chunk, chunk.length, 'reset'));
    for (let index = 0; index < 4; index++) {
      const broken = await ask('p1', { stream: true });
      expect(await broken.text()).toContain('ERR_PROVIDER_STREAM');
      expect(await ledgerRow(gateway, broken.requestId)).toMatchObject({ ending: 'broke' });
    }
    vendor.use(openAiVendor({ status: 500, delays: { headMs: 400 } }));
    const leaving = new AbortController();
    const waiting = ask('p1', {}, leaving.signal).catch(() => undefined);
    const asked = vendor.requests.length;
    await vendor.waitForRequests(asked + 1);
    leaving.abort();
    await waiting;
    await until('the upstream to be closed', () => vendor.requests.at(-1)?.abortedAt !== undefined);

    vendor.use(stallStream(chunk));
    const again = await until('three free slots', async () => {
      const streams = await openAll('p1', 20);
      if (streams.length === 3) return streams;
      await leaveAll(streams);
      expect(streams.length).toBeLessThan(3);
      return false;
    });
    const rest = await openAll('q1', 20);
    expect(rest).toHaveLength(2);
    await leaveAll([...again, ...rest]);
  });
});

describe('the routes', () => {
  it('are for administrators, and say what is wrong with a limit', async () => {
    const place = '/key/c1/requests';
    expect((await manage('PUT', place, { most: 1 }, 'sk-c1')).status).toBe(403);
    expect((await manage('GET', '', undefined, 'sk-c1')).status).toBe(403);
    expect((await manage('PUT', place, { most: 1 }, 'sk-nobody')).status).toBe(401);
    expect(await manage('PUT', place, { most: -1 })).toMatchObject({ status: 400, body: { error: { param: 'most' } } });
    expect(await manage('PUT', '/galaxy/c1/requests', { most: 1 })).toMatchObject({
      status: 400,
      body: { error: { param: 'level' } },
    });
    expect((await manage('DELETE', place)).status).toBe(404);
  });

  it('set, show and lift a limit, which a reload keeps', async () => {
    await limit('key/c1/requests', 1);
    const { body } = await manage('GET', '');
    expect(body.limits).toContainEqual({ level: 'key', id: 'c1', measure: 'requests', most: 1, windowMs });
    expect((await complete('c1')).status).toBe(200);
    expect((await complete('c1')).status).toBe(429);

    await gateway.writeConfig(config([key('d1', 'changes-d', 'changes')]));
    await until('the new key to be known', async () => (await complete('d1')).status === 200);
    expect(await complete('c1')).toMatchObject({ status: 429, message: expect.stringContaining('key "c1"') });

    expect((await manage('DELETE', '/key/c1/requests')).status).toBe(204);
    expect((await complete('c1')).status).toBe(200);
  });
});
