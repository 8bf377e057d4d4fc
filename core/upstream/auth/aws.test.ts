import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SigV4Auth } from '@rutter/plugin-sdk';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Upstream } from '../exchange.ts';
import { createSecret } from '../secret.ts';
import { Authenticator, type AuthTarget, type CredentialLookup } from './authenticator.ts';
import { signRequest } from './sigv4.ts';

const startedAt = Date.UTC(2026, 0, 1);
const bedrock: SigV4Auth = { scheme: 'sigv4', service: 'bedrock' };
let now = startedAt;
let upstream: Upstream;
let server: Server;
let origin = '';
let home = '';
/** Requests that STS and the metadata services were sent, and how they answer by path. */
let asked: {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  form: Record<string, string>;
  body: string;
}[] = [];
let answers: Record<string, (form: Record<string, string>) => string | number>;

const hour = 3_600_000;
const iso = (at: number) => new Date(at).toISOString();
const stsAnswer = (form: Record<string, string>) =>
  `<R><Credentials><AccessKeyId>ASIA-${form.RoleArn}</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey><SessionToken>role-token</SessionToken><Expiration>${iso(now + hour)}</Expiration></Credentials></R>`;
const metadataAnswer = (id: string) =>
  JSON.stringify({
    Code: 'Success',
    AccessKeyId: id,
    SecretAccessKey: 'm',
    Token: 'metadata-token',
    Expiration: iso(now + hour),
  });

beforeEach(async () => {
  now = startedAt;
  asked = [];
  answers = { '/': stsAnswer };
  upstream = new Upstream();
  home = await mkdtemp(join(tmpdir(), 'rutter-aws-'));
  await mkdir(join(home, '.aws'));
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const form = Object.fromEntries(new URLSearchParams(body));
    asked.push({ method: request.method ?? '', path: request.url ?? '', headers: request.headers, form, body });
    const answer = answers[request.url ?? '']?.(form) ?? 404;
    if (typeof answer === 'number')
      response.writeHead(answer).end('<E><Code>AccessDenied</Code><Message>long-secret</Message></E>');
    else response.end(answer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  await upstream.close(0);
  server.close();
  await rm(home, { recursive: true });
});

const authenticatorWith = (environment: NodeJS.ProcessEnv = {}) =>
  new Authenticator({
    exchange: upstream,
    now: () => now,
    homeFolder: home,
    environment: { AWS_ENDPOINT_URL_STS: origin, AWS_EC2_METADATA_DISABLED: 'true', ...environment },
  });

const lookup = (settings: Record<string, string> = {}, apiKey?: string): CredentialLookup => ({
  id: 'bedrock-1',
  apiKey: apiKey === undefined ? undefined : createSecret(apiKey),
  secret: (name) =>
    /secret|token/.test(name) && name in settings ? createSecret(settings[name] as string) : undefined,
  param: (name) => settings[name],
});

const targetOf = (url = 'https://bedrock.internal.example/model/x/converse'): AuthTarget => ({
  url,
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: '{}',
});

/** Key id and region of the signature that comes out. */
async function signed(
  authenticator: Authenticator,
  settings: Record<string, string> = {},
  target = targetOf(),
  auth = bedrock,
) {
  await authenticator.apply(auth, target, lookup(settings));
  const [, id, region] =
    /Credential=([^/]+(?:\/[^/]+)*)\/\d{8}\/([^/]+)\/bedrock\/aws4_request/.exec(target.headers.authorization ?? '') ??
    [];
  return { id, region, token: target.headers['x-amz-security-token'] };
}

const keys = { aws_access_key_id: 'AKIA-own', aws_secret_access_key: 'own-secret', aws_region_name: 'eu-west-1' };
const files = (credentials: string, config = '') =>
  Promise.all([
    writeFile(join(home, '.aws', 'credentials'), credentials),
    writeFile(join(home, '.aws', 'config'), config),
  ]);

describe('without keys in the settings, credentials come from', () => {
  const region = { AWS_REGION: 'us-east-1' };

  it('the environment', async () => {
    const environment = {
      ...region,
      AWS_ACCESS_KEY_ID: 'AKIA-env',
      AWS_SECRET_ACCESS_KEY: 'x',
      AWS_SESSION_TOKEN: 'env-token',
    };
    expect(await signed(authenticatorWith(environment))).toEqual({
      id: 'AKIA-env',
      region: 'us-east-1',
      token: 'env-token',
    });
  });

  it('the profile that the settings name, its file being read again after a while', async () => {
    await files(
      '[default]\naws_access_key_id=no\naws_secret_access_key=no\n[other]\naws_access_key_id = AKIA-1 # a comment\naws_secret_access_key = p\n',
    );
    const authenticator = authenticatorWith({ ...region, AWS_ACCESS_KEY_ID: 'AKIA-env', AWS_SECRET_ACCESS_KEY: 'x' });
    expect(await signed(authenticator, { aws_profile_name: 'other' })).toMatchObject({ id: 'AKIA-1' });
    await files('[other]\naws_access_key_id = AKIA-2\naws_secret_access_key = p\n');
    now += 11 * 60_000;
    expect(await signed(authenticator, { aws_profile_name: 'other' })).toMatchObject({ id: 'AKIA-2' });
  });

  it('the default profile', async () => {
    await files(
      '[default]\naws_access_key_id=AKIA-default\naws_secret_access_key=p\n',
      '[default]\nregion=eu-north-1\n',
    );
    expect(await signed(authenticatorWith())).toEqual({ id: 'AKIA-default', region: 'eu-north-1', token: undefined });
  });

  it('a profile that assumes a role with the keys of another', async () => {
    await files(
      '[base]\naws_access_key_id=AKIA-base\naws_secret_access_key=p\n',
      '[profile up]\nrole_arn=arn:up\nsource_profile=base\nexternal_id=ext\nrole_session_name=me\n',
    );
    expect(await signed(authenticatorWith({ ...region, AWS_PROFILE: 'up' }))).toMatchObject({
      id: 'ASIA-arn:up',
      token: 'role-token',
    });
    expect(asked[0]?.form).toMatchObject({
      Action: 'AssumeRole',
      RoleArn: 'arn:up',
      RoleSessionName: 'me',
      ExternalId: 'ext',
    });
    expect(asked[0]?.headers.authorization).toContain('Credential=AKIA-base/');
  });

  it.each([
    ['is not there', '[x]\n', /"p" stands in neither/],
    ['is empty', '[profile p]\n', /holds neither keys nor a role/],
    [
      'leads in a circle',
      '[profile p]\nrole_arn=a\nsource_profile=q\n[profile q]\nrole_arn=b\nsource_profile=p\n',
      /leads back to itself/,
    ],
    ['has no source', '[profile p]\nrole_arn=a\n', /no credentials for it/],
  ])('no profile that %s', async (_what, config, message) => {
    await files('', config);
    await expect(signed(authenticatorWith(region), { aws_profile_name: 'p' })).rejects.toMatchObject({
      code: 'ERR_PROVIDER_AUTHENTICATION',
      message: expect.stringMatching(message),
    });
  });

  it('a web identity, unsigned, its token file being read each time', async () => {
    const file = join(home, 'token');
    await writeFile(file, 'jwt-1\n');
    const authenticator = authenticatorWith({ ...region, AWS_WEB_IDENTITY_TOKEN_FILE: file, AWS_ROLE_ARN: 'arn:web' });
    expect(await signed(authenticator)).toMatchObject({ id: 'ASIA-arn:web' });
    await writeFile(file, 'jwt-2');
    now += hour;
    await signed(authenticator);
    expect(asked.map(({ form }) => [form.Action, form.WebIdentityToken])).toEqual([
      ['AssumeRoleWithWebIdentity', 'jwt-1'],
      ['AssumeRoleWithWebIdentity', 'jwt-2'],
    ]);
    expect(asked[0]?.headers.authorization).toBeUndefined();
  });

  it('the role of the container, with its token', async () => {
    answers['/creds'] = () => metadataAnswer('ASIA-container');
    const file = join(home, 'container-token');
    await writeFile(file, 'container-auth\n');
    const authenticator = authenticatorWith({
      ...region,
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${origin}/creds`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file,
    });
    expect(await signed(authenticator)).toEqual({ id: 'ASIA-container', region: 'us-east-1', token: 'metadata-token' });
    expect(asked[0]?.headers.authorization).toBe('container-auth');
  });

  it.each([
    'http://evil.example/creds',
    'https://10.0.0.1/',
    'http://127.0.0.1.evil.example/',
    'http://169.254.169.254/',
    'nonsense',
  ])('no container role at %s', async (url) => {
    await expect(
      signed(authenticatorWith({ ...region, AWS_CONTAINER_CREDENTIALS_FULL_URI: url })),
    ).rejects.toMatchObject({
      code: 'ERR_PROVIDER_AUTHENTICATION',
      message: expect.stringContaining('AWS_CONTAINER_CREDENTIALS_FULL_URI'),
    });
  });

  it('the role of the machine, by a session token', async () => {
    answers = {
      '/latest/api/token': () => 'session',
      '/latest/meta-data/iam/security-credentials/': () => 'my-role\n',
      '/latest/meta-data/iam/security-credentials/my-role': () => metadataAnswer('ASIA-machine'),
    };
    const environment = { ...region, AWS_EC2_METADATA_DISABLED: 'false', AWS_EC2_METADATA_SERVICE_ENDPOINT: origin };
    expect(await signed(authenticatorWith(environment))).toMatchObject({ id: 'ASIA-machine' });
    expect(
      asked.map(({ method, headers }) => [
        method,
        headers['x-aws-ec2-metadata-token'] ?? headers['x-aws-ec2-metadata-token-ttl-seconds'],
      ]),
    ).toEqual([
      ['PUT', '21600'],
      ['GET', 'session'],
      ['GET', 'session'],
    ]);
  });

  it('nowhere, which is told', async () => {
    await expect(signed(authenticatorWith(region))).rejects.toMatchObject({
      code: 'ERR_PROVIDER_AUTHENTICATION',
      message: expect.stringMatching(/^Deployment bedrock-1: no AWS credentials/),
    });
  });
});

describe('a role in the settings', () => {
  const role = { ...keys, aws_role_name: 'arn:role', aws_session_name: 'gateway', aws_external_id: 'ext' };

  it('is assumed once for a hundred concurrent requests, by a request signed with the keys', async () => {
    const authenticator = authenticatorWith();
    const all = await Promise.all(Array.from({ length: 100 }, () => signed(authenticator, role)));
    expect(all.every(({ id, token }) => id === 'ASIA-arn:role' && token === 'role-token')).toBe(true);
    expect(asked).toHaveLength(1);
    const [call] = asked;
    expect(call?.form).toEqual({
      Version: '2011-06-15',
      Action: 'AssumeRole',
      RoleArn: 'arn:role',
      RoleSessionName: 'gateway',
      ExternalId: 'ext',
    });
    const scope = {
      credentials: { accessKeyId: 'AKIA-own', secretAccessKey: 'own-secret', sessionToken: undefined },
      region: 'eu-west-1',
      service: 'sts',
      now,
    };
    const again = signRequest(
      {
        method: 'POST',
        host: new URL(origin).host,
        path: '/',
        query: '',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: call?.body,
      },
      scope,
    );
    expect(call?.headers.authorization).toBe(again.authorization);
  });

  it('is assumed again before its credentials end, and after a refusal', async () => {
    const authenticator = authenticatorWith();
    await signed(authenticator, role);
    now += 56 * 60_000;
    await signed(authenticator, role);
    await expect.poll(() => asked.length).toBe(2);
    now += 60_000;
    authenticator.invalidate(bedrock, lookup(role), now);
    await signed(authenticator, role);
    expect(asked).toHaveLength(3);
  });

  it('is assumed with a web identity token where the settings hold one', async () => {
    await signed(authenticatorWith(), { ...role, aws_web_identity_token: 'jwt' });
    expect(asked[0]?.form).toMatchObject({
      Action: 'AssumeRoleWithWebIdentity',
      WebIdentityToken: 'jwt',
      RoleSessionName: 'gateway',
    });
  });

  it.each<[string, () => string | number, string]>([
    ['a refusal', () => 403, '403 (AccessDenied)'],
    ['an answer without credentials', () => '<R/>', 'no credentials that can be read'],
  ])('fails with ERR_PROVIDER_AUTHENTICATION after %s, once a second at most', async (_what, answer, message) => {
    answers['/'] = answer;
    const authenticator = authenticatorWith();
    for (let count = 0; count < 3; count++) {
      await expect(signed(authenticator, role)).rejects.toMatchObject({
        code: 'ERR_PROVIDER_AUTHENTICATION',
        message: expect.stringContaining(message),
      });
      await expect(signed(authenticator, role)).rejects.not.toMatchObject({
        message: expect.stringMatching(/own-secret|long-secret/),
      });
    }
    expect(asked).toHaveLength(1);
  });
});
