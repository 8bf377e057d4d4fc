import { createVerify, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import type { Auth, OAuth2Auth } from '@rutter/plugin-sdk';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Upstream } from '../exchange.ts';
import { createSecret } from '../secret.ts';
import { Authenticator, type AuthTarget, type CredentialLookup } from './authenticator.ts';

const startedAt = 1_700_000_000_000;
let now = startedAt;
let upstream: Upstream;
let server: Server;
let origin = '';
/** What the token server was sent, and what it answers. */
let asked: { path: string; form: Record<string, string> }[] = [];
let answer: { status: number; body: unknown };
let folder = '';

beforeEach(async () => {
  now = startedAt;
  asked = [];
  answer = { status: 200, body: { access_token: 'token-1', expires_in: 3600 } };
  upstream = new Upstream();
  folder = await mkdtemp(join(tmpdir(), 'rutter-auth-'));
  server = createServer(async (request: IncomingMessage, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    asked.push({ path: request.url ?? '', form: Object.fromEntries(new URLSearchParams(text)) });
    response.statusCode = answer.status;
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
  new Authenticator({ exchange: upstream, now: () => now, environment, homeFolder: folder });

function lookup(
  secrets: Record<string, string> = {},
  params: Record<string, unknown> = {},
  apiKey?: string,
): CredentialLookup {
  return {
    id: 'azure-1',
    apiKey: apiKey === undefined ? undefined : createSecret(apiKey),
    secret: (name) => (name in secrets ? createSecret(secrets[name] as string) : undefined),
    param: (name) => params[name],
  };
}

const targetOf = (url = 'https://api.example/v1/chat'): AuthTarget => ({
  url,
  method: 'POST',
  headers: {},
  body: '{}',
});

describe('a key', () => {
  it.each<[string, Auth, Record<string, string>]>([
    [
      'a bearer header',
      { scheme: 'header', header: 'Authorization', prefix: 'Bearer ' },
      { authorization: 'Bearer sk-1' },
    ],
    ['a header of its own', { scheme: 'header', header: 'x-api-key' }, { 'x-api-key': 'sk-1' }],
    ['no header where there is no authentication', { scheme: 'none' }, {}],
  ])('goes at once into %s', (_where, auth, headers) => {
    const target = targetOf();
    expect(authenticatorWith().apply(auth, target, lookup({}, {}, 'sk-1'))).toBeUndefined();
    expect(target.headers).toEqual(headers);
  });

  it('goes into the query, encoded, behind what is there', () => {
    const auth: Auth = { scheme: 'query', parameter: 'key' };
    const key = lookup({}, {}, 'a&b=c/ü');
    expect(authenticatorWith().apply(auth, targetOf('https://host/x'), key)).toBe(
      'https://host/x?key=a%26b%3Dc%2F%C3%BC',
    );
    expect(authenticatorWith().apply(auth, targetOf('https://host/x?alt=sse'), key)).toBe(
      'https://host/x?alt=sse&key=a%26b%3Dc%2F%C3%BC',
    );
  });

  it('comes from the environment when the deployment has none', () => {
    const target = targetOf();
    authenticatorWith({ VENDOR_KEY: 'sk-env' }).apply(
      { scheme: 'header', header: 'x-key', variable: 'VENDOR_KEY' },
      target,
      lookup(),
    );
    expect(target.headers).toEqual({ 'x-key': 'sk-env' });
  });

  it('that is missing is an error that says where it was looked for, unless it is optional', () => {
    const auth = { scheme: 'header', header: 'x-key', variable: 'VENDOR_KEY' } as const;
    expect(() => authenticatorWith({ VENDOR_KEY: '' }).apply(auth, targetOf(), lookup())).toThrow(
      expect.objectContaining({
        code: 'ERR_PROVIDER_AUTHENTICATION',
        message:
          'Deployment azure-1: no API key. Expected api_key in its settings or the environment variable VENDOR_KEY.',
      }),
    );
    const target = targetOf();
    expect(authenticatorWith().apply({ ...auth, optional: true }, target, lookup())).toBeUndefined();
    expect(
      authenticatorWith().apply({ scheme: 'query', parameter: 'key', optional: true }, target, lookup()),
    ).toBeUndefined();
    expect(target.headers).toEqual({});
  });
});

describe('client credentials', () => {
  const secrets = { client_id: 'id-1', client_secret: 's3cr3t', tenant_id: 'ten/ant' };
  const auth = (change: Partial<OAuth2Auth> = {}): OAuth2Auth => ({
    scheme: 'oauth2',
    grant: 'client_credentials',
    tokenUrl: `${origin}/{tenant_id}/token`,
    scope: 'a b',
    ...change,
  });

  async function bearer(
    authenticator: Authenticator,
    use: OAuth2Auth,
    credentials = lookup(secrets),
  ): Promise<string | undefined> {
    const target = targetOf();
    await authenticator.apply(use, target, credentials);
    return target.headers.authorization;
  }

  it('fetch one token for a hundred concurrent requests, which then goes on at once', async () => {
    const authenticator = authenticatorWith();
    const all = await Promise.all(Array.from({ length: 100 }, () => bearer(authenticator, auth())));
    expect(new Set(all)).toEqual(new Set(['Bearer token-1']));
    expect(asked).toEqual([
      {
        path: '/ten%2Fant/token',
        form: { grant_type: 'client_credentials', client_id: 'id-1', client_secret: 's3cr3t', scope: 'a b' },
      },
    ]);
    const target = targetOf();
    expect(authenticator.apply(auth(), target, lookup(secrets))).toBeUndefined();
    expect(target.headers.authorization).toBe('Bearer token-1');
  });

  it('keep tokens apart by scope, audience and deployment', async () => {
    const authenticator = authenticatorWith();
    await bearer(authenticator, auth());
    await bearer(authenticator, auth({ scope: 'c' }));
    await bearer(authenticator, auth({ audience: 'api' }));
    await bearer(authenticator, auth(), { ...lookup(secrets), id: 'azure-2' });
    await bearer(authenticator, auth());
    expect(asked).toHaveLength(4);
    expect(asked[2]?.form.audience).toBe('api');
  });

  it('take their names from the provider', async () => {
    await bearer(
      authenticatorWith(),
      auth({ tokenUrl: `${origin}/t`, clientIdParam: 'app', clientSecretParam: 'pass' }),
      lookup({ pass: 'p' }, { app: 'a' }),
    );
    expect(asked[0]?.form).toMatchObject({ client_id: 'a', client_secret: 'p' });
  });

  it('renew the token before it ends, and fetch another after a 401', async () => {
    const authenticator = authenticatorWith();
    await bearer(authenticator, auth());
    answer.body = { access_token: 'token-2', expires_in: 3600 };
    now += 55 * 60_000;
    expect(await bearer(authenticator, auth())).toBe('Bearer token-1');
    await expect.poll(() => bearer(authenticator, auth())).toBe('Bearer token-2');
    answer.body = { access_token: 'token-3' };
    now += 2000;
    authenticator.invalidate(auth(), lookup(secrets), now);
    expect(await bearer(authenticator, auth())).toBe('Bearer token-3');
    expect(asked).toHaveLength(3);
  });

  it.each<[string, () => void, RegExp]>([
    [
      'an error of the endpoint',
      () => {
        answer = { status: 401, body: { error: 'invalid_client', error_description: 'bad s3cr3t' } };
      },
      /401 \(invalid_client\)/,
    ],
    [
      'a page instead of JSON',
      () => {
        answer = { status: 200, body: '<html>s3cr3t</html>' };
      },
      /200 without an access token/,
    ],
    [
      'a reply without a token',
      () => {
        answer = { status: 200, body: {} };
      },
      /without an access token/,
    ],
    [
      'a token that would break a header',
      () => {
        answer = { status: 200, body: { access_token: 'a\r\nb: c' } };
      },
      /without an access token/,
    ],
    [
      'a redirect',
      () => {
        answer = { status: 302, body: '' };
      },
      /302/,
    ],
    [
      'JSON that is null',
      () => {
        answer = { status: 200, body: null };
      },
      /without an access token/,
    ],
    [
      'an endpoint that is away',
      () => {
        server.close();
        server.closeAllConnections();
      },
      /no access token from 127.0.0.1:\d+: The connection .* could not be opened/,
    ],
  ])('fail with ERR_PROVIDER_AUTHENTICATION and without secrets after %s', async (_what, prepare, message) => {
    prepare();
    const failure: Error = await bearer(authenticatorWith(), auth()).then(
      () => new Error('it went well'),
      (error: Error) => error,
    );
    expect(failure).toMatchObject({ code: 'ERR_PROVIDER_AUTHENTICATION', message: expect.stringMatching(message) });
    expect(inspect(failure, { depth: 9, showHidden: true })).not.toMatch(/s3cr3t|id-1/);
  });

  it('are not sent again while a failure is remembered', async () => {
    answer.status = 500;
    const authenticator = authenticatorWith();
    for (let count = 0; count < 5; count++)
      await expect(bearer(authenticator, auth())).rejects.toMatchObject({ code: 'ERR_PROVIDER_AUTHENTICATION' });
    expect(asked).toHaveLength(1);
    answer.status = 200;
    now += 1000;
    expect(await bearer(authenticator, auth())).toBe('Bearer token-1');
  });

  it.each(['client_id', 'client_secret', 'tenant_id'])('name the setting %s when it is missing', async (name) => {
    const { [name as keyof typeof secrets]: _removed, ...rest } = secrets;
    await expect(bearer(authenticatorWith(), auth(), lookup(rest))).rejects.toMatchObject({
      code: 'ERR_PROVIDER_AUTHENTICATION',
      message: expect.stringContaining(`the setting ${name} is missing`),
    });
  });
});

describe('a signed assertion', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  const auth = (change: Partial<OAuth2Auth> = {}): OAuth2Auth => ({
    scheme: 'oauth2',
    grant: 'jwt_bearer',
    tokenUrl: `${origin}/token`,
    scope: 'cloud',
    keyParam: 'vertex_credentials',
    ...change,
  });
  const account = (change: object = {}) => ({
    client_email: 'robot@project',
    private_key: pem,
    private_key_id: 'kid-1',
    token_uri: `${origin}/from-json`,
    ...change,
  });

  function claimsOf(assertion: string) {
    const [header, claims, signature] = assertion.split('.') as [string, string, string];
    const isSigned = createVerify('RSA-SHA256').update(`${header}.${claims}`).verify(publicKey, signature, 'base64url');
    const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString());
    return { isSigned, header: read(header), claims: read(claims) };
  }

  it.each(['as text', 'as a file', 'as a mapping'])(
    'of a service account given %s is exchanged for a token',
    async (form) => {
      const file = join(folder, 'account.json');
      await writeFile(file, JSON.stringify(account()));
      const credentials =
        form === 'as a mapping'
          ? lookup({}, { vertex_credentials: account() })
          : lookup({ vertex_credentials: form === 'as text' ? JSON.stringify(account()) : file });
      const target = targetOf();
      await authenticatorWith().apply(auth(), target, credentials);
      expect(target.headers.authorization).toBe('Bearer token-1');
      expect(asked[0]).toMatchObject({
        path: '/token',
        form: { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer' },
      });
      expect(claimsOf(asked[0]?.form.assertion as string)).toEqual({
        isSigned: true,
        header: { alg: 'RS256', typ: 'JWT', kid: 'kid-1' },
        claims: {
          iss: 'robot@project',
          sub: 'robot@project',
          aud: `${origin}/token`,
          scope: 'cloud',
          iat: startedAt / 1000,
          exp: startedAt / 1000 + 3600,
        },
      });
    },
  );

  it('goes to the address in the service account when the provider names none', async () => {
    await authenticatorWith().apply(
      auth({ tokenUrl: '', audience: 'other' }),
      targetOf(),
      lookup({ vertex_credentials: JSON.stringify(account()) }),
    );
    expect(asked[0]?.path).toBe('/from-json');
    expect(claimsOf(asked[0]?.form.assertion as string).claims.aud).toBe('other');
  });

  it.each<[string, unknown, RegExp]>([
    ['is missing', undefined, /vertex_credentials is missing/],
    ['is not JSON', '{"private_key": "k3y', /cannot be read\. Expected the JSON/],
    ['names a file that is not there', '/nowhere/k3y.json', /cannot be read \(ENOENT\)/],
    ['lacks a key', '{"client_email":"k3y"}', /lacks client_email or private_key/],
    ['holds a key that is none', '{"client_email":"a","private_key":"k3y"}', /cannot be read/],
  ])('fails without showing the key when the setting %s', async (_what, value, message) => {
    const failure: Error = await Promise.resolve(
      authenticatorWith().apply(auth(), targetOf(), lookup({}, { vertex_credentials: value })),
    ).then(
      () => new Error('it went well'),
      (error: Error) => error,
    );
    expect(failure).toMatchObject({ code: 'ERR_PROVIDER_AUTHENTICATION', message: expect.stringMatching(message) });
    expect(inspect(failure, { depth: 9 })).not.toContain('k3y');
  });
});
