import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Auth, FirstAuth, OAuth2Auth } from '@rutter/plugin-sdk';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Upstream } from '../exchange.ts';
import { createSecret } from '../secret.ts';
import { Authenticator, type CredentialLookup } from './authenticator.ts';

const startedAt = 1_700_000_000_000;
let now = startedAt;
let upstream: Upstream;
let server: Server;
let origin = '';
let folder = '';
let asked: { method: string; path: string; headers: IncomingMessage['headers']; form: Record<string, string> }[] = [];
let answer: object = {};

beforeEach(async () => {
  now = startedAt;
  asked = [];
  answer = { access_token: 'token-1', expires_in: 3600 };
  upstream = new Upstream();
  folder = await mkdtemp(join(tmpdir(), 'rutter-auth-'));
  server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const { method = '', url = '', headers } = request;
    asked.push({ method, path: url, headers, form: Object.fromEntries(new URLSearchParams(text)) });
    response.end(JSON.stringify(answer));
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

const lookup = (settings: Record<string, string> = {}): CredentialLookup => ({
  id: 'one',
  apiKey: settings.api_key === undefined ? undefined : createSecret(settings.api_key),
  secret: (name) => (/secret|token/.test(name) && settings[name] ? createSecret(settings[name]) : undefined),
  param: (name) => (/secret|token/.test(name) ? undefined : settings[name]),
});

async function headersOf(auth: Auth, settings: Record<string, string>, environment: NodeJS.ProcessEnv = {}) {
  const target = { url: 'https://vendor.example', method: 'POST', headers: {}, body: '{}' };
  await new Authenticator({ exchange: upstream, now: () => now, environment }).apply(auth, target, lookup(settings));
  return target.headers;
}

const clientVariables = { tenant_id: 'TENANT', client_id: 'CLIENT', client_secret: 'SECRET' };
const client = (): OAuth2Auth => ({
  scheme: 'oauth2',
  grant: 'client_credentials',
  tokenUrl: `${origin}/{tenant_id}/token`,
  scope: 's',
  variables: clientVariables,
});
const first = (): FirstAuth => ({
  scheme: 'first',
  of: [
    { scheme: 'header', header: 'api-key', variable: ['KEY', 'OLD_KEY'] },
    { scheme: 'header', header: 'authorization', prefix: 'Bearer ', keyParam: 'ad_token', variable: 'AD_TOKEN' },
    client(),
  ],
});
const entra = { tenant_id: 't', client_id: 'c', client_secret: 's3cr3t' };

describe('of several ways to authenticate', () => {
  it.each<[string, Record<string, string>, NodeJS.ProcessEnv, object]>([
    ['a key of its own', { api_key: 'k' }, {}, { 'api-key': 'k' }],
    ['the first of the variables that is filled', {}, { KEY: '', OLD_KEY: 'old' }, { 'api-key': 'old' }],
    ['another setting that holds a key', { ad_token: 'a' }, {}, { authorization: 'Bearer a' }],
    ['its variable', {}, { AD_TOKEN: 'e' }, { authorization: 'Bearer e' }],
    ['a grant whose settings are all there', entra, {}, { authorization: 'Bearer token-1' }],
    ['the key, where settings hold more', { ...entra, api_key: 'k' }, {}, { 'api-key': 'k' }],
    ['its own settings, whatever the environment holds', entra, { KEY: 'k' }, { authorization: 'Bearer token-1' }],
    [
      'the environment where a setting of the grant is missing',
      { tenant_id: 't' },
      { CLIENT: 'c', SECRET: 's' },
      { authorization: 'Bearer token-1' },
    ],
    [
      'the key of the environment before its grant',
      { tenant_id: 't' },
      { KEY: 'k', CLIENT: 'c', SECRET: 's' },
      { 'api-key': 'k' },
    ],
  ])('a deployment uses %s', async (_what, settings, environment, expected) => {
    expect(await headersOf(first(), settings, environment)).toEqual(expected);
  });

  it('the first tells what is missing where nothing is given', async () => {
    await expect(headersOf(first(), { tenant_id: 't' })).rejects.toMatchObject({
      code: 'ERR_PROVIDER_AUTHENTICATION',
      message:
        'Deployment one: no API key. Expected api_key in its settings or the environment variable KEY or OLD_KEY.',
    });
    await expect(headersOf(client(), { tenant_id: 't', client_secret: 's' })).rejects.toMatchObject({
      message:
        'Deployment one: the setting client_id is missing. Expected it for OAuth 2, or the environment variable CLIENT.',
    });
  });

  it('a refused token is fetched anew, and a refused key is not', () => {
    const authenticator = new Authenticator({ exchange: upstream, now: () => now, environment: {} });
    expect(authenticator.invalidate(first(), lookup({ api_key: 'k' }), now)).toBe(false);
    const target = { url: 'https://vendor.example', method: 'POST', headers: {}, body: '{}' };
    const pending = authenticator.apply(first(), target, lookup(entra));
    now += 5000;
    return Promise.resolve(pending).then(() => {
      now += 5000;
      expect(authenticator.invalidate(first(), lookup(entra), now)).toBe(true);
    });
  });
});

describe('a client assertion', () => {
  const auth = (): OAuth2Auth => ({ ...client(), grant: 'client_assertion', keyParam: 'path' });

  it('is read from its file for each token, because the file is replaced', async () => {
    const file = join(folder, 'token');
    await writeFile(file, 'jwt-1\n');
    const settings = { tenant_id: 't', client_id: 'c' };
    const environment = { TOKEN_FILE: file };
    await expect(headersOf(auth(), settings, environment)).rejects.toMatchObject({
      message: expect.stringContaining('the setting path is missing'),
    });
    const right = { ...auth(), variables: { path: 'TOKEN_FILE' } };
    expect(await headersOf(right, settings, environment)).toEqual({ authorization: 'Bearer token-1' });
    await writeFile(file, 'jwt-2');
    await headersOf(right, settings, environment);
    expect(asked.map(({ form }) => form)).toEqual(
      ['jwt-1', 'jwt-2'].map((assertion) => ({
        grant_type: 'client_credentials',
        client_id: 'c',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: assertion,
        scope: 's',
      })),
    );
  });

  it('says which setting names a file that is not there', async () => {
    const settings = { tenant_id: 't', client_id: 'c', path: join(folder, 'none') };
    await expect(headersOf({ ...auth(), keyParam: 'path' }, settings)).rejects.toMatchObject({
      code: 'ERR_PROVIDER_AUTHENTICATION',
      message: 'Deployment one: the file that path names cannot be read (ENOENT). Expected a signed token in it.',
    });
  });
});

describe('a managed identity', () => {
  const auth = (): OAuth2Auth => ({
    scheme: 'oauth2',
    grant: 'managed_identity',
    tokenUrl: `${origin}/metadata/identity/oauth2/token`,
    audience: 'https://service.example',
    variables: { client_id: 'CLIENT' },
  });

  it('is asked of the metadata service', async () => {
    expect(await headersOf(auth(), {})).toEqual({ authorization: 'Bearer token-1' });
    expect(asked[0]).toMatchObject({
      method: 'GET',
      path: '/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fservice.example',
      headers: { metadata: 'true' },
    });
  });

  it('is asked of the platform where it names an endpoint, for the identity that is meant', async () => {
    const environment = { IDENTITY_ENDPOINT: `${origin}/msi/token`, IDENTITY_HEADER: 'h', CLIENT: 'user-assigned' };
    await headersOf({ ...auth(), tokenUrl: 'http://192.0.2.1/never' }, {}, environment);
    expect(asked[0]).toMatchObject({
      path: '/msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fservice.example&client_id=user-assigned',
      headers: { 'x-identity-header': 'h' },
    });
  });

  it('is used without being asked for only where the platform offers it', async () => {
    const both: FirstAuth = { scheme: 'first', of: [{ scheme: 'header', header: 'k' }, auth()] };
    await expect(headersOf(both, {})).rejects.toMatchObject({ message: expect.stringContaining('no API key') });
    const environment = { IDENTITY_ENDPOINT: `${origin}/msi`, IDENTITY_HEADER: 'h' };
    expect(await headersOf(both, {}, environment)).toEqual({ authorization: 'Bearer token-1' });
    expect(await headersOf(both, { api_key: 'k' }, environment)).toEqual({ k: 'k' });
  });

  it('lives as long as `expires_on` says, in seconds since the epoch', async () => {
    answer = { access_token: 'token-1', expires_on: String(startedAt / 1000 + 1000) };
    const authenticator = new Authenticator({ exchange: upstream, now: () => now, environment: {} });
    const use = async () => {
      const target = { url: 'https://vendor.example', method: 'POST', headers: {}, body: '{}' };
      await authenticator.apply(auth(), target, lookup());
    };
    await use();
    now += 600_000;
    await use();
    expect(asked).toHaveLength(1);
    now += 400_000;
    await use();
    expect(asked).toHaveLength(2);
  });

  it('is found at the host that the environment names in place of the machine’s own', async () => {
    const environment = { AZURE_POD_IDENTITY_AUTHORITY_HOST: origin };
    await headersOf({ ...auth(), tokenUrl: 'http://192.0.2.1/metadata/identity/oauth2/token' }, {}, environment);
    expect(asked[0]?.path).toContain('/metadata/identity/oauth2/token?');
  });
});
