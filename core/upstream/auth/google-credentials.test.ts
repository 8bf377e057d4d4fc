import { createVerify, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import type { GoogleAuth } from '@rutter/plugin-sdk';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Upstream } from '../exchange.ts';
import { createSecret } from '../secret.ts';
import { Authenticator, type AuthTarget, type CredentialLookup } from './authenticator.ts';

const startedAt = 1_700_000_000_000;
const scope = 'https://www.googleapis.com/auth/cloud-platform';
const auth: GoogleAuth = { scheme: 'google', scope, keyParam: 'vertex_credentials' };
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let now = startedAt;
let upstream: Upstream;
let server: Server;
let origin = '';
let asked: Asked[] = [];
let answers: (request: Asked) => { status?: number; body: unknown };
let folder = '';

beforeEach(async () => {
  now = startedAt;
  asked = [];
  answers = () => ({ body: { access_token: `token-${asked.length}`, expires_in: 3600 } });
  upstream = new Upstream();
  folder = await mkdtemp(join(tmpdir(), 'rutter-google-'));
  server = createServer(async (request: IncomingMessage, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { method = '', url: path = '', headers } = request;
    const one = { method, path, headers, body };
    asked.push(one);
    const answer = answers(one);
    response.statusCode = answer.status ?? 200;
    response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  await upstream.close(0);
  server.close();
  await rm(folder, { recursive: true });
});

const authenticatorWith = (environment: NodeJS.ProcessEnv = {}) =>
  new Authenticator({
    exchange: upstream,
    now: () => now,
    // No test asks the machine it happens to run on.
    environment: { NO_GCE_CHECK: 'true', ...environment },
    homeFolder: folder,
  });

const lookup = (credential?: unknown): CredentialLookup => ({
  id: 'vertex-1',
  apiKey: undefined,
  secret: (name) =>
    name === 'vertex_credentials' && typeof credential === 'string' ? createSecret(credential) : undefined,
  param: (name) => (name === 'vertex_credentials' ? credential : undefined),
});

const targetOf = (): AuthTarget => ({
  url: 'https://api.example/v1/projects/{project}/models/m:call',
  method: 'POST',
  headers: {},
  body: '{}',
});

/** The address and the header that a credential gives. */
async function applied(credential: unknown, environment?: NodeJS.ProcessEnv) {
  const target = targetOf();
  const url = await authenticatorWith(environment).apply(auth, target, lookup(credential));
  return { url, authorization: target.headers.authorization };
}

const account = (change: object = {}) => ({
  type: 'service_account',
  project_id: 'my-project',
  client_email: 'robot@my-project.example',
  private_key: pem,
  private_key_id: 'kid-1',
  token_uri: `${origin}/token`,
  ...change,
});
const done = (token = 'token-1', project = 'my-project') => ({
  url: `https://api.example/v1/projects/${project}/models/m:call`,
  authorization: `Bearer ${token}`,
});
const formOf = (index: number) => Object.fromEntries(new URLSearchParams(asked[index]?.body));
const writeIn = async (path: string, content: unknown) => {
  await mkdir(join(folder, path, '..'), { recursive: true });
  await writeFile(join(folder, path), typeof content === 'string' ? content : JSON.stringify(content));
  return join(folder, path);
};

describe('a service account', () => {
  it('signs an assertion for the address it names, and fills in its project', async () => {
    expect(await applied(JSON.stringify(account()))).toEqual(done());
    expect(asked[0]).toMatchObject({ method: 'POST', path: '/token' });
    const { grant_type: grant, assertion = '' } = formOf(0);
    const [header, claims, signature] = assertion.split('.') as [string, string, string];
    expect(grant).toBe('urn:ietf:params:oauth:grant-type:jwt-bearer');
    expect(createVerify('RSA-SHA256').update(`${header}.${claims}`).verify(publicKey, signature, 'base64url')).toBe(
      true,
    );
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toEqual({
      iss: 'robot@my-project.example',
      sub: 'robot@my-project.example',
      aud: `${origin}/token`,
      scope,
      iat: startedAt / 1000,
      exp: startedAt / 1000 + 3600,
    });
  });

  it('is read from the setting as text, mapping or file, else from the environment, else from gcloud’s folder', async () => {
    const file = await writeIn('account.json', account());
    expect(await applied(account())).toEqual(done('token-1'));
    expect(await applied(file)).toEqual(done('token-2'));
    expect(await applied(undefined, { GOOGLE_APPLICATION_CREDENTIALS: file })).toEqual(done('token-3'));
    await writeIn('.config/gcloud/application_default_credentials.json', account());
    expect(await applied(undefined)).toEqual(done('token-4'));
    await writeIn('elsewhere/application_default_credentials.json', account({ project_id: 'other' }));
    expect(await applied(undefined, { CLOUDSDK_CONFIG: join(folder, 'elsewhere') })).toEqual(done('token-5', 'other'));
  });

  it('is asked for one token by many at once, which lasts until it is refused or near its end', async () => {
    const authenticator = authenticatorWith();
    const ask = async () => {
      const target = targetOf();
      await authenticator.apply(auth, target, one);
      return target.headers.authorization;
    };
    const one = lookup(JSON.stringify(account()));
    expect(new Set(await Promise.all(Array.from({ length: 20 }, ask)))).toEqual(new Set(['Bearer token-1']));
    now += 2_000;
    expect(authenticator.invalidate(auth, one, now)).toBe(true);
    expect(await ask()).toBe('Bearer token-2');
    now += 3_595_000;
    expect(await ask()).toBe('Bearer token-3');
  });
});

it('a user’s own credential is refreshed', async () => {
  const user = { type: 'authorized_user', client_id: 'i', client_secret: 's', refresh_token: 'r' };
  const credential = { ...user, token_uri: `${origin}/token`, quota_project_id: 'paying' };
  expect(await applied(JSON.stringify(credential))).toEqual(done('token-1', 'paying'));
  expect(formOf(0)).toEqual({ grant_type: 'refresh_token', client_id: 'i', client_secret: 's', refresh_token: 'r' });
});

describe('an identity from elsewhere', () => {
  const external = (source: object, change: object = {}) => ({
    type: 'external_account',
    audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: `${origin}/sts`,
    credential_source: source,
    quota_project_id: 'paying',
    ...change,
  });

  it('is exchanged for a token, read anew from its file', async () => {
    const file = await writeIn('subject', ' subject-token\n');
    expect(await applied(JSON.stringify(external({ file })))).toEqual(done('token-1', 'paying'));
    expect(formOf(0)).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x',
      scope,
      requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      subject_token: 'subject-token',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    });
  });

  it('comes from an address, and acts in the name of an account', async () => {
    answers = ({ path, headers }) => {
      if (path === '/subject') return { body: { value: `subject for ${headers['x-who']}` } };
      if (path === '/sts') return { body: { access_token: 'federated', expires_in: 60 } };
      return { body: { accessToken: 'in-the-name', expireTime: new Date(startedAt + 3_600_000).toISOString() } };
    };
    const source = {
      url: `${origin}/subject`,
      headers: { 'x-who': 'me' },
      format: { type: 'json', subject_token_field_name: 'value' },
    };
    const change = { service_account_impersonation_url: `${origin}/robot:generateAccessToken` };
    expect(await applied(JSON.stringify(external(source, change)))).toEqual(done('in-the-name', 'paying'));
    expect(formOf(1).subject_token).toBe('subject for me');
    expect(asked[2]).toMatchObject({
      path: '/robot:generateAccessToken',
      headers: { authorization: 'Bearer federated' },
    });
    expect(JSON.parse(asked[2]!.body)).toEqual({ scope: [scope], lifetime: '3600s' });
  });

  it('from a source that is not read is refused by name', async () => {
    await expect(applied(JSON.stringify(external({ environment_id: 'aws1' })))).rejects.toMatchObject({
      code: 'ERR_PROVIDER_AUTHENTICATION',
      message: expect.stringContaining('credential_source'),
    });
  });
});

it('a user may act in the name of an account', async () => {
  answers = ({ path }) =>
    path === '/token'
      ? { body: { access_token: 'users', expires_in: 60 } }
      : { body: { accessToken: 'in-the-name', expireTime: new Date(startedAt + 3_600_000).toISOString() } };
  const source = {
    type: 'authorized_user',
    client_id: 'i',
    client_secret: 's',
    refresh_token: 'r',
    token_uri: `${origin}/token`,
  };
  const credential = {
    type: 'impersonated_service_account',
    source_credentials: source,
    service_account_impersonation_url: `${origin}/robot`,
    quota_project_id: 'paying',
  };
  expect(await applied(JSON.stringify(credential))).toEqual(done('in-the-name', 'paying'));
  await expect(applied(JSON.stringify({ ...credential, source_credentials: credential }))).rejects.toMatchObject({
    message: expect.stringContaining('source_credentials'),
  });
});

describe('the machine', () => {
  const machine = () => ({ NO_GCE_CHECK: '', GCE_METADATA_HOST: origin.slice('http://'.length) });

  it('gives its account’s token and its project', async () => {
    answers = ({ path }) =>
      path.endsWith('/project-id')
        ? { body: 'machine-project' }
        : { body: { access_token: 'machines', expires_in: 60 } };
    expect(await applied(undefined, machine())).toEqual(done('machines', 'machine-project'));
    expect(asked.map(({ method, path, headers }) => [method, path, headers['metadata-flavor']])).toEqual([
      [
        'GET',
        `/computeMetadata/v1/instance/service-accounts/default/token?scopes=${encodeURIComponent(scope)}`,
        'Google',
      ],
      ['GET', '/computeMetadata/v1/project/project-id', 'Google'],
    ]);
  });

  it('without an account is no credential', async () => {
    answers = () => ({ status: 404, body: 'none' });
    await expect(applied(undefined, machine())).rejects.toMatchObject({ code: 'ERR_PROVIDER_AUTHENTICATION' });
    await expect(applied(undefined)).rejects.toMatchObject({ message: expect.stringContaining('vertex_credentials') });
  });
});

it('says that a credential without a project needs one', async () => {
  await expect(applied(account({ project_id: undefined }))).rejects.toMatchObject({
    code: 'ERR_PROVIDER_AUTHENTICATION',
    message: expect.stringContaining('names no project'),
  });
});

it.each<[string, unknown, RegExp]>([
  ['is no JSON', '{"private_key":"k3y', /cannot be read\. Expected the JSON/],
  ['lacks a key', '{"type":"service_account","client_email":"k3y"}', /lacks client_email or private_key/],
  ['holds a key that is none', '{"client_email":"a","private_key":"k3y"}', /cannot be read/],
  ['names no file', '/nowhere/k3y.json', /\(ENOENT\)/],
  [
    'lacks a refresh token',
    '{"type":"authorized_user","client_id":"k3y","client_secret":"k3y"}',
    /lacks refresh_token/,
  ],
])('fails without showing the key when the credential %s', async (_what, credential, message) => {
  const failure: Error = await applied(credential).then(
    () => new Error('it went well'),
    (error: Error) => error,
  );
  expect(failure).toMatchObject({ code: 'ERR_PROVIDER_AUTHENTICATION', message: expect.stringMatching(message) });
  expect(inspect(failure, { depth: 9 })).not.toContain('k3y');
});

it('tells what the token server answered by its code alone', async () => {
  answers = () => ({ status: 400, body: { error: 'invalid_grant', error_description: `signed with ${pem}` } });
  await expect(applied(account())).rejects.toMatchObject({ message: expect.stringMatching(/400 \(invalid_grant\)/) });
});
