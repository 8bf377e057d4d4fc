import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import {
  type Gateway,
  openAiClient,
  openAiVendor,
  sendJson,
  startGateway,
  startVendor,
  type Vendor,
  type VendorHandler,
} from '../../support/index.ts';

const lifetimeSeconds = 3;

/** When each token ends, by token. */
const tokens = new Map<string, number>();
const refusals: string[] = [];
let tokenServer: Vendor;
let vendor: Vendor;
let gateway: Gateway;
let tokenAnswer: { status: number; body: unknown } | undefined;

const issuing: VendorHandler = ({ request, response }) => {
  if (tokenAnswer) return sendJson(response, tokenAnswer.status, tokenAnswer.body);
  const form = Object.fromEntries(new URLSearchParams(request.body.toString()));
  const expected = {
    grant_type: 'client_credentials',
    client_id: 'gateway',
    client_secret: 's3cr3t&=+',
    scope: 'models.call',
    audience: 'models',
  };
  if (request.path !== '/a%20tenant/token' || JSON.stringify(form) !== JSON.stringify(expected))
    return sendJson(response, 400, { error: 'invalid_request', error_description: JSON.stringify(form) });
  const token = `token-${tokens.size}-${randomBytes(12).toString('hex')}`;
  tokens.set(token, Date.now() + lifetimeSeconds * 1000);
  return sendJson(response, 200, { access_token: token, token_type: 'Bearer', expires_in: lifetimeSeconds });
};

const speaking = openAiVendor({ reply: 'let in' });
const guarding: VendorHandler = (exchange) => {
  const token = /^Bearer (.+)$/.exec(exchange.request.headers.authorization ?? '')?.[1] ?? '';
  const endsAt = tokens.get(token);
  if (endsAt !== undefined && Date.now() < endsAt) return speaking(exchange);
  refusals.push(endsAt === undefined ? 'unknown' : `late by ${Date.now() - endsAt} ms`);
  return sendJson(
    exchange.response,
    401,
    { error: { message: 'token refused' } },
    { 'www-authenticate': 'Bearer error="invalid_token"' },
  );
};

beforeAll(async () => {
  tokenServer = await startVendor(issuing);
  vendor = await startVendor(guarding);
  const deployment = (group: string, secret: string, more: object = {}) => ({
    model_name: group,
    litellm_params: {
      model: 'tokened/grande',
      api_base: vendor.url,
      tenant_id: 'a tenant',
      client_id: 'gateway',
      client_secret: secret,
      ...more,
    },
  });
  gateway = await startGateway({
    config: {
      plugins: [
        { use: import.meta.dirname, trust: true, config: { tokenUrl: `${tokenServer.url}/{tenant_id}/token` } },
      ],
      model_list: [
        deployment('house', 's3cr3t&=+'),
        // Never cooled down: every failure is seen as it is.
        deployment('patient', 's3cr3t&=+', { cooldown_time: 0 }),
        deployment('stranger', 'wrong-secret', { cooldown_time: 0 }),
      ],
    },
  });
});

afterAll(() => gateway?.stop());
afterEach(() => {
  refusals.length = 0;
  tokenAnswer = undefined;
});

const ask = (model = 'house') =>
  openAiClient(gateway).chat.completions.create({ model, messages: [{ role: 'user', content: 'ahoy' }] });
const revokeAll = () => {
  for (const token of tokens.keys()) tokens.set(token, 0);
};

it('asks for one token for fifty who come at once, and tells the vendor nothing of how', async () => {
  const replies = await Promise.all(Array.from({ length: 50 }, () => ask()));
  expect(replies.map(({ choices }) => choices[0]?.message.content)).toEqual(Array(50).fill('let in'));
  expect(tokens.size).toBe(1);
  expect(refusals).toEqual([]);
  expect(Object.keys(vendor.requests[0]?.json ?? {}).sort()).toEqual(['messages', 'model']);
});

it('renews tokens of three seconds before they end, and no more often than that', async () => {
  const before = tokens.size;
  const until = Date.now() + 9000;
  const caller = async () => {
    while (Date.now() < until) {
      await ask();
      await sleep(40);
    }
  };
  await Promise.all([caller(), caller(), caller()]);
  expect(refusals).toEqual([]);
  expect(tokens.size - before).toBeGreaterThanOrEqual(2);
  expect(tokens.size - before).toBeLessThanOrEqual(5);
}, 20_000);

/** A token that is old enough to be thrown away, and young enough not to be renewed by itself. */
async function agedToken(model: string): Promise<void> {
  await sleep(lifetimeSeconds * 1000);
  await ask(model);
  await sleep(1100);
}

it('fetches another when a token is withdrawn early, and the caller sees nothing of it', async () => {
  await agedToken('house');
  revokeAll();
  const before = tokens.size;
  const replies = await Promise.all(Array.from({ length: 10 }, () => ask()));
  expect(replies.map(({ choices }) => choices[0]?.message.content)).toEqual(Array(10).fill('let in'));
  expect(refusals).toEqual(Array(10).fill(expect.stringMatching(/^late by/)));
  expect(tokens.size - before).toBe(1);
  // Nor is the deployment to blame.
  await ask();
}, 10_000);

it('gives up when the new token is refused as well', async () => {
  await agedToken('patient');
  vendor.use(({ request, response }) => {
    refusals.push(request.path);
    sendJson(response, 401, { error: { message: 'token refused' } });
  });
  const before = tokens.size;
  await expect(ask('patient')).rejects.toMatchObject({ status: 401 });
  vendor.use(guarding);
  expect(refusals).toHaveLength(2);
  expect(tokens.size - before).toBe(1);
}, 10_000);

it('lives through an outage of the token server while its token lives, and not a moment longer', async () => {
  await sleep(lifetimeSeconds * 1000);
  await ask('patient');
  tokenAnswer = { status: 503, body: 'down' };
  const start = Date.now();
  let lastServed = 0;
  let failure: { status?: number; message?: string } = {};
  while (Date.now() - start < lifetimeSeconds * 1000 + 1000) {
    await ask('patient').then(
      () => {
        lastServed = Date.now() - start;
      },
      (error) => {
        failure = error;
      },
    );
    await sleep(50);
  }
  expect(lastServed).toBeGreaterThan(lifetimeSeconds * 1000 * 0.8);
  expect(failure).toMatchObject({ status: 401, message: expect.stringContaining('503') });
  expect(refusals).toEqual([]);
}, 20_000);

it('tells a caller of a refused client without the secret, and asks the token server no more at once', async () => {
  const before = tokenServer.requests.length;
  for (let count = 0; count < 5; count++)
    await expect(ask('stranger')).rejects.toMatchObject({
      status: 401,
      message: expect.stringContaining('invalid_request'),
    });
  expect(tokenServer.requests.length - before).toBe(1);
  const said = gateway.output();
  expect(said).not.toContain('wrong-secret');
  expect(said).not.toContain('s3cr3t');
  for (const token of tokens.keys()) expect(said).not.toContain(token);
});
