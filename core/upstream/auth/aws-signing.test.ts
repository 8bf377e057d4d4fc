import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SigV4Auth } from '@rutter/plugin-sdk';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Upstream } from '../exchange.ts';
import { createSecret } from '../secret.ts';
import { Authenticator, type AuthTarget, type CredentialLookup } from './authenticator.ts';
import { parseSections } from './aws-profile.ts';
import { signRequest } from './sigv4.ts';

const now = Date.UTC(2026, 0, 1);
const bedrock: SigV4Auth = { scheme: 'sigv4', service: 'bedrock' };
const upstream = new Upstream();
let home = '';

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'rutter-aws-'));
  await mkdir(join(home, '.aws'));
});

afterEach(() => rm(home, { recursive: true }));

const authenticatorWith = (environment: NodeJS.ProcessEnv = {}) =>
  new Authenticator({
    exchange: upstream,
    now: () => now,
    homeFolder: home,
    environment: { AWS_EC2_METADATA_DISABLED: 'true', ...environment },
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

describe('keys in the settings', () => {
  it('sign at once, over the address, headers and bytes that are sent', () => {
    const target = targetOf('https://bedrock-runtime.eu-west-1.amazonaws.com/model/a%3A0/converse?x=1');
    expect(
      authenticatorWith().apply(bedrock, target, lookup({ ...keys, aws_session_token: 'own-token' })),
    ).toBeUndefined();
    const expected = signRequest(
      {
        method: 'POST',
        host: 'bedrock-runtime.eu-west-1.amazonaws.com',
        path: '/model/a%3A0/converse',
        query: 'x=1',
        headers: { 'content-type': 'application/json' },
        body: '{}',
      },
      {
        credentials: { accessKeyId: 'AKIA-own', secretAccessKey: 'own-secret', sessionToken: 'own-token' },
        region: 'eu-west-1',
        service: 'bedrock',
        now,
      },
    );
    expect(target.headers).toEqual({ 'content-type': 'application/json', ...expected });
  });

  it('go ahead of the environment', async () => {
    const authenticator = authenticatorWith({ AWS_ACCESS_KEY_ID: 'AKIA-env', AWS_SECRET_ACCESS_KEY: 'x' });
    expect(await signed(authenticator, keys)).toMatchObject({ id: 'AKIA-own' });
  });

  it('must both be there', () => {
    for (const name of ['aws_access_key_id', 'aws_secret_access_key'] as const) {
      expect(() =>
        authenticatorWith().apply(bedrock, targetOf(), lookup({ [name]: 'canary', aws_region_name: 'x' })),
      ).toThrow(
        expect.objectContaining({
          code: 'ERR_PROVIDER_AUTHENTICATION',
          message: expect.stringMatching(new RegExp(`${name} is set without`)),
        }),
      );
    }
  });
});

describe('an API key', () => {
  it.each([
    ['of the settings', {}, 'key-1'],
    ['of the environment', { AWS_BEARER_TOKEN_BEDROCK: 'key-1' }, undefined],
  ])('%s is a bearer token, and nothing is signed', (_where, environment, apiKey) => {
    const target = targetOf();
    expect(authenticatorWith(environment).apply(bedrock, target, lookup({}, apiKey))).toBeUndefined();
    expect(target.headers).toEqual({ 'content-type': 'application/json', authorization: 'Bearer key-1' });
  });
});

describe('the region', () => {
  const environment = { AWS_ACCESS_KEY_ID: 'AKIA-env', AWS_SECRET_ACCESS_KEY: 'x' };
  const regional = 'https://bedrock-runtime.us-west-2.amazonaws.com/model/x';
  const arn =
    'https://bedrock.internal.example/model/arn%3Aaws%3Abedrock%3Aap-south-1%3A1%3Ainference-profile%2Fx/converse';

  it.each<[string, Record<string, string>, NodeJS.ProcessEnv, string, SigV4Auth, string]>([
    ['the settings', { aws_region_name: 'eu-west-3' }, { AWS_REGION: 'us-east-2' }, regional, bedrock, 'eu-west-3'],
    ['the host', {}, { AWS_REGION: 'us-east-2' }, regional, bedrock, 'us-west-2'],
    ['AWS_REGION', {}, { AWS_REGION: 'us-east-2' }, arn, bedrock, 'us-east-2'],
    ['AWS_DEFAULT_REGION', {}, { AWS_DEFAULT_REGION: 'us-east-3' }, arn, bedrock, 'us-east-3'],
    ['the profile', {}, { AWS_PROFILE: 'with-region' }, arn, bedrock, 'sa-east-1'],
    ['an ARN in the path', {}, {}, arn, { ...bedrock, region: 'us-east-1' }, 'ap-south-1'],
    ['the provider', {}, {}, 'https://x.example/model/x', { ...bedrock, region: 'us-east-1' }, 'us-east-1'],
  ])('comes from %s when nothing nearer names one', async (_where, settings, more, url, auth, region) => {
    await files('', '[profile with-region]\nregion = sa-east-1\n');
    expect(await signed(authenticatorWith({ ...environment, ...more }), settings, targetOf(url), auth)).toMatchObject({
      region,
    });
  });

  it('that nothing names is an error that says where it was looked for', async () => {
    await expect(signed(authenticatorWith(environment))).rejects.toMatchObject({
      code: 'ERR_PROVIDER_AUTHENTICATION',
      message: expect.stringContaining('no AWS region'),
    });
  });
});

describe('profile files', () => {
  it('are read with comments, blanks and nested settings', () => {
    const sections = parseSections(
      '# c\n[profile  a b]\nkey = v=1 ; c\n; c\ns3 =\n  nested = x\nEmpty=\n\n[x]\r\nK=#1\r\nno mark\n',
    );
    expect(Object.fromEntries([...sections].map(([name, section]) => [name, { ...section }]))).toEqual({
      'profile a b': { key: 'v=1', s3: '', empty: '' },
      x: { k: '#1' },
    });
  });
});
