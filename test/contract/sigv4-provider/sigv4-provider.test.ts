import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type Gateway,
  openAiClient,
  openAiVendor,
  sendJson,
  startGateway,
  startVendor,
  type Vendor,
  type VendorExchange,
  type VendorHandler,
  type VendorRequest,
} from '../../support/index.ts';
import { type IssuedKey, verifySignature } from './verify.ts';

const lifetimeMs = 3000;
const scope = { region: 'eu-west-3', service: 'models' };
const messages = [{ role: 'user' as const, content: 'ahoy' }];

/** Every key that was ever handed out, and by whom. */
const keys = new Map<string, IssuedKey & { readonly from: string }>([
  [
    'AKIAOWN',
    {
      secretAccessKey: 'own-secret-key',
      sessionToken: undefined,
      expiresAt: Number.POSITIVE_INFINITY,
      from: 'settings',
    },
  ],
]);
const refusals: string[] = [];
let issuerStatus = 200;
let issuer: Vendor;
let vendor: Vendor;
let gateway: Gateway;

function issue(from: string) {
  const id = `ASIA${from.toUpperCase()}${keys.size}`;
  const expiresAt = Date.now() + lifetimeMs;
  const key = {
    secretAccessKey: `secret-${randomBytes(12).toString('hex')}`,
    sessionToken: `session-${randomBytes(12).toString('base64')}`,
    expiresAt,
    from,
  };
  keys.set(id, key);
  return { id, ...key, expiration: new Date(expiresAt).toISOString() };
}

/** The container's credential service at `/role`, and STS at `/`. */
const issuing: VendorHandler = ({ request, response }) => {
  if (issuerStatus !== 200) return sendJson(response, issuerStatus, '<Error><Code>ServiceUnavailable</Code></Error>');
  if (request.path === '/role') {
    if (request.headers.authorization !== 'container-token') return sendJson(response, 401, {});
    const { id, secretAccessKey, sessionToken, expiration } = issue('container');
    return sendJson(response, 200, {
      AccessKeyId: id,
      SecretAccessKey: secretAccessKey,
      Token: sessionToken,
      Expiration: expiration,
    });
  }
  const form = new URLSearchParams(request.body.toString());
  const isRight =
    form.get('Action') === 'AssumeRoleWithWebIdentity' &&
    form.get('WebIdentityToken') === 'identity-token' &&
    form.get('RoleArn') === 'arn:aws:iam::1:role/models';
  if (!isRight) return sendJson(response, 403, '<Error><Code>AccessDenied</Code></Error>');
  const { id, secretAccessKey, sessionToken, expiration } = issue('sts');
  return sendJson(
    response,
    200,
    `<R><Credentials><AccessKeyId>${id}</AccessKeyId><SecretAccessKey>${secretAccessKey}</SecretAccessKey><SessionToken>${sessionToken}</SessionToken><Expiration>${expiration}</Expiration></Credentials></R>`,
    { 'content-type': 'text/xml' },
  );
};

const speaking = openAiVendor({ reply: 'signed and sealed' });

function verifying(exchange: VendorExchange): unknown {
  const problem = verifySignature(exchange.request, keys, scope);
  if (problem === undefined) return speaking(exchange);
  refusals.push(problem);
  return sendJson(exchange.response, 403, { error: { message: problem } });
}

beforeAll(async () => {
  issuer = await startVendor(issuing);
  vendor = await startVendor(verifying);
  const deployment = (group: string, params: object) => ({
    model_name: group,
    // A path with what has to be escaped once on the wire and twice in the signature.
    litellm_params: {
      model: 'signed/grande',
      api_base: `${vendor.url}/eu%20west/v1:0`,
      aws_region_name: scope.region,
      ...params,
    },
  });
  gateway = await startGateway({
    config: {
      plugins: [{ use: import.meta.dirname, trust: true }],
      model_list: [
        deployment('container', {}),
        deployment('sts', {
          aws_role_name: 'arn:aws:iam::1:role/models',
          aws_web_identity_token: 'identity-token',
          aws_sts_endpoint: issuer.url,
        }),
        deployment('settings', { aws_access_key_id: 'AKIAOWN', aws_secret_access_key: 'own-secret-key' }),
        deployment('nobody', {
          aws_role_name: 'arn:aws:iam::1:role/another',
          aws_web_identity_token: 'identity-token',
          aws_sts_endpoint: issuer.url,
        }),
      ],
    },
    env: {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${issuer.url}/role`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN: 'container-token',
    },
  });
});

afterAll(() => gateway?.stop());
beforeEach(() => {
  refusals.length = 0;
});
afterEach(() => {
  issuerStatus = 200;
});

const ask = (model: string, content = 'ahoy') =>
  openAiClient(gateway).chat.completions.create({ model, messages: [{ role: 'user', content }] });
const issuedBy = (from: string) => [...keys.values()].filter((key) => key.from === from);

/** Which keys signed the requests from the given one on. */
const signers = (start: number) =>
  new Set(
    vendor.requests.slice(start).map(({ headers }) => /Credential=([^/]+)/.exec(headers.authorization ?? '')?.[1]),
  );

it.each(['container', 'sts', 'settings'])(
  'signs with credentials from %s, over the bytes that are sent',
  async (model) => {
    const reply = await ask(model, 'naïve 🧭 "quoted"');
    expect(refusals).toEqual([]);
    expect(reply.choices[0]?.message.content).toBe('signed and sealed');
    const { path, json } = vendor.requests.at(-1) as VendorRequest;
    expect(path).toBe('/eu%20west/v1:0/chat/completions');
    expect(Object.keys(json ?? {}).sort()).toEqual(['messages', 'model']);
  },
);

it('signs a streamed request too', async () => {
  const stream = await openAiClient(gateway).chat.completions.create({ model: 'sts', messages, stream: true });
  let text = '';
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
  expect(text).toBe('signed and sealed');
  expect(refusals).toEqual([]);
});

it('changes keys as they end, without one request refused and without storming who issues them', async () => {
  const start = vendor.requests.length;
  const issued = { container: issuedBy('container').length, sts: issuedBy('sts').length };
  const until = Date.now() + 3 * lifetimeMs;
  const caller = async (model: string) => {
    while (Date.now() < until) {
      await ask(model);
      await sleep(40);
    }
  };
  await Promise.all(['container', 'container', 'sts', 'sts'].map(caller));
  expect(refusals).toEqual([]);
  expect(vendor.requests.length - start).toBeGreaterThan(100);
  expect(signers(start).size).toBeGreaterThanOrEqual(6);
  for (const from of ['container', 'sts'] as const) expect(issuedBy(from).length - issued[from]).toBeLessThanOrEqual(5);
}, 20_000);

it('asks once for all who wait, when none is held', async () => {
  await sleep(lifetimeMs + 100);
  const before = issuedBy('sts').length;
  await Promise.all(Array.from({ length: 50 }, () => ask('sts')));
  expect(issuedBy('sts').length - before).toBe(1);
  expect(refusals).toEqual([]);
});

it('signs again with other keys when its own were withdrawn, and the caller sees nothing of it', async () => {
  await sleep(lifetimeMs + 100);
  await ask('sts');
  // Old enough to be thrown away, too young to be renewed by itself.
  await sleep(1100);
  for (const [id, key] of keys) if (key.from === 'sts') keys.set(id, { ...key, expiresAt: 0 });
  const before = issuedBy('sts').length;
  const replies = await Promise.all([ask('sts'), ask('sts'), ask('sts')]);
  expect(replies.map(({ choices }) => choices[0]?.message.content)).toEqual(Array(3).fill('signed and sealed'));
  expect(refusals).toEqual(Array(3).fill(expect.stringContaining('expired')));
  expect(issuedBy('sts').length - before).toBe(1);
}, 10_000);

it('does not sign again where the keys are right and the caller may not', async () => {
  vendor.use(({ response }) => sendJson(response, 403, { error: { message: 'not authorized to call this model' } }));
  const before = { asked: vendor.requests.length, issued: keys.size };
  await sleep(1100);
  await expect(ask('sts')).rejects.toMatchObject({ status: 403 });
  vendor.use(verifying);
  expect({ asked: vendor.requests.length, issued: keys.size }).toEqual({
    asked: before.asked + 1,
    issued: before.issued,
  });
});

describe('when no credentials can be had', () => {
  it('uses what it holds to its end, then says what is missing, and recovers', async () => {
    await ask('container');
    issuerStatus = 503;
    const failures: { status?: number; message: string }[] = [];
    const end = Date.now() + lifetimeMs + 1500;
    let served = 0;
    while (Date.now() < end) {
      await ask('container').then(
        () => served++,
        (error) => failures.push(error),
      );
      await sleep(50);
    }
    expect(served).toBeGreaterThan(20);
    // At most one was on its way as they ended: a busy machine may take a while to deliver it.
    const late = refusals.splice(0);
    expect(late.length).toBeLessThanOrEqual(1);
    for (const refusal of late) expect(refusal).toContain('expired');
    expect(failures[late.length]?.status).toBe(401);
    expect(failures[late.length]?.message).toContain('The container metadata service');
    issuerStatus = 200;
    const recoverBy = Date.now() + 6000;
    while (Date.now() < recoverBy && (await ask('container').catch(() => undefined)) === undefined) await sleep(100);
    await ask('container');
  }, 20_000);

  it('names the deployment and the refusal, never a secret', async () => {
    const before = vendor.requests.length;
    await expect(ask('nobody')).rejects.toMatchObject({
      status: 401,
      message: expect.stringContaining('AccessDenied'),
    });
    expect(vendor.requests.length).toBe(before);
    const said = gateway.output();
    for (const { secretAccessKey, sessionToken } of keys.values()) {
      expect(said).not.toContain(secretAccessKey);
      if (sessionToken !== undefined) expect(said).not.toContain(sessionToken);
    }
    expect(said).not.toContain('identity-token');
  });
});
