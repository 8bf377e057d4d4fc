/**
 * Who signs requests to Amazon Bedrock and for which region, from every place
 * that credentials come from; checked by AWS's own signer.
 */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, openAiClient, sendJson, startGateway, startVendor, type Vendor } from '../support/index.ts';
import { type Issued, signerOf } from './bedrock-side.ts';

const whole = { output: { message: { role: 'assistant', content: [{ text: 'Aye.' }] } }, stopReason: 'end_turn' };
const issued: Readonly<Record<string, Issued>> = Object.fromEntries(
  ['settings', 'process', 'signed-in', 'role'].map((name) => [
    name,
    {
      accessKeyId: `AKIA${name.toUpperCase()}`,
      secretAccessKey: `secret of ${name}`,
      ...(name !== 'settings' && { sessionToken: `token/of+${name}==` }),
    },
  ]),
);
/** What is no key here and no region of AWS is part of an address of this machine: 127.0.0.1. */
const numberedRegion = '1';

let home: string;
let vendor: Vendor;
let issuer: Vendor;
let gateway: Gateway;

const arn = 'arn:aws:bedrock:ap-south-1:123456789012:inference-profile/apac.anthropic.claude-sonnet-4-v1:0';
const own = {
  aws_access_key_id: issued.settings!.accessKeyId,
  aws_secret_access_key: issued.settings!.secretAccessKey,
};

beforeAll(async () => {
  vendor = await startVendor(({ response }) => sendJson(response, 200, whole));
  issuer = await startVendor(({ request, response }) => {
    const { accessKeyId, secretAccessKey, sessionToken } =
      issued[request.path.startsWith('/sso') ? 'signed-in' : 'role']!;
    if (!request.path.startsWith('/sso'))
      return response.end(
        `<R><Credentials><AccessKeyId>${accessKeyId}</AccessKeyId><SecretAccessKey>${secretAccessKey}</SecretAccessKey><SessionToken>${sessionToken}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></R>`,
      );
    const isRight =
      request.path === '/sso/federation/credentials?account_id=123456789012&role_name=Asker' &&
      request.headers['x-amz-sso_bearer_token'] === 'session-token';
    if (!isRight) return sendJson(response, 401, { message: 'no' });
    return sendJson(response, 200, {
      roleCredentials: { accessKeyId, secretAccessKey, sessionToken, expiration: Date.now() + 3_600_000 },
    });
  });
  home = await mkdtemp(join(tmpdir(), 'rutter-home-'));
  const sessions = join(home, '.aws', 'sso', 'cache');
  await mkdir(sessions, { recursive: true });
  const session = (name: string, expiresAt: string) =>
    writeFile(
      join(sessions, `${createHash('sha1').update(name).digest('hex')}.json`),
      JSON.stringify({ accessToken: 'session-token', expiresAt }),
    );
  await session('work', '2099-01-01T00:00:00Z');
  await session('https://old.example/start', '2020-01-01T00:00:00Z');
  const { accessKeyId, secretAccessKey, sessionToken } = issued.process!;
  const printed = {
    Version: 1,
    AccessKeyId: accessKeyId,
    SecretAccessKey: secretAccessKey,
    SessionToken: sessionToken,
  };
  await writeFile(join(home, 'keys.json'), JSON.stringify(printed));
  await writeFile(
    join(home, '.aws', 'config'),
    `
[profile program]
region = eu-north-1
credential_process = cat "${join(home, 'keys.json')}"
[profile nearby]
region = ${numberedRegion}
credential_process = cat "${join(home, 'keys.json')}"
[profile signed-in]
sso_session = work
sso_account_id = 123456789012
sso_role_name = Asker
region = eu-south-2
[sso-session work]
sso_region = eu-west-1
sso_start_url = https://work.example/start
[profile late]
sso_account_id = 1
sso_role_name = Asker
sso_region = eu-west-1
sso_start_url = https://old.example/start
region = eu-south-2
[profile assumes]
role_arn = arn:aws:iam::1:role/asker
source_profile = program
region = sa-east-1
`,
  );
  const entry = (group: string, params: object, model = 'amazon.nova-lite-v1:0') => ({
    model_name: group,
    litellm_params: { model: `bedrock/${model}`, ...params },
  });
  const at = { api_base: vendor.url };
  gateway = await startGateway({
    config: {
      plugins: [{ use: 'provider-bedrock', config: { origin: `http://127.0.0.{region}:${vendor.port}` } }],
      model_list: [
        entry('settings', { ...at, ...own, aws_region_name: 'us-gov-west-1' }),
        entry('arn', { ...at, ...own }, arn),
        entry('program', { ...at, aws_profile_name: 'program' }),
        entry('signed-in', { ...at, aws_profile_name: 'signed-in' }),
        entry('late', { ...at, aws_profile_name: 'late' }),
        entry('assumes', { ...at, aws_profile_name: 'assumes' }),
        entry('key', { ...at, api_key: 'bedrock-api-key-own' }),
        entry('variable', at),
        // No address is named: it is made of the region.
        entry('region-set', { ...own, aws_region_name: numberedRegion }),
        entry('region-of-profile', { aws_profile_name: 'nearby' }),
        entry('region-for-key', { api_key: 'bedrock-api-key-own', aws_region_name: numberedRegion }),
        entry('region-missing', own),
        entry('region-odd', { ...own, aws_region_name: '1/../evil.example' }),
        entry('endpoint', {
          ...own,
          aws_region_name: 'ca-central-1',
          aws_bedrock_runtime_endpoint: `${vendor.url}/vpce`,
        }),
      ],
      router_settings: { num_retries: 0, disable_cooldowns: true },
    },
    env: {
      HOME: home,
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_BEARER_TOKEN_BEDROCK: 'bedrock-api-key-all',
      AWS_ENDPOINT_URL_SSO: `${issuer.url}/sso`,
      AWS_ENDPOINT_URL_STS: `${issuer.url}/sts`,
    },
  });
});
afterAll(async () => {
  await gateway?.stop();
  await rm(home, { recursive: true });
});

async function asked(model: string) {
  const before = vendor.requests.length;
  await openAiClient(gateway).chat.completions.create({ model, messages: [{ role: 'user', content: 'Ahoy ñ' }] });
  expect(vendor.requests.length).toBe(before + 1);
  return vendor.requests.at(-1)!;
}

const refused = (model: string) =>
  asked(model).then(
    () => '',
    (error: Error) => error.message,
  );

describe('a request is signed with keys', () => {
  it.each([
    ['settings', 'settings', 'us-gov-west-1'],
    ['arn', 'settings', 'ap-south-1'],
    ['program', 'process', 'eu-north-1'],
    ['signed-in', 'signed-in', 'eu-south-2'],
    ['assumes', 'role', 'sa-east-1'],
  ])('of %s', async (model, keys, region) => {
    const request = await asked(model);
    const signer = await signerOf(request, issued[keys]!);
    expect(signer).toMatchObject({ key: issued[keys]!.accessKeyId, region, service: 'bedrock' });
    expect(signer.signed.includes('x-amz-security-token')).toBe(keys !== 'settings');
  });

  it('of nobody whose session has ended', async () => {
    expect(await refused('late')).toContain('aws sso login --profile late');
  });
});

it.each([
  ['key', 'Bearer bedrock-api-key-own'],
  ['variable', 'Bearer bedrock-api-key-all'],
])('a bearer key of the %s goes in place of a signature', async (model, authorization) => {
  const { headers } = await asked(model);
  expect(headers.authorization).toBe(authorization);
  expect(headers).not.toHaveProperty('x-amz-date');
});

describe('the address', () => {
  it.each(['region-set', 'region-of-profile', 'region-for-key'])('is made of the region: %s', async (model) => {
    const { headers, path } = await asked(model);
    expect([headers.host, path]).toEqual([`127.0.0.1:${vendor.port}`, '/model/amazon.nova-lite-v1%3A0/converse']);
    if (model === 'region-set')
      expect(await signerOf(vendor.requests.at(-1)!, issued.settings!)).toMatchObject({ region: '1' });
  });

  it('may be that of an endpoint, under whatever path', async () => {
    const request = await asked('endpoint');
    expect(request.path).toBe('/vpce/model/amazon.nova-lite-v1%3A0/converse');
    expect(await signerOf(request, issued.settings!)).toMatchObject({ region: 'ca-central-1' });
  });

  it('is not made of what is no region', async () => {
    expect(await refused('region-missing')).toContain('no AWS region');
    expect(await refused('region-odd')).toContain('expected a name such as eu-west-1');
  });
});

it('no secret is told to anyone', () => {
  for (const { secretAccessKey, sessionToken = secretAccessKey } of Object.values(issued)) {
    expect(gateway.output()).not.toContain(secretAccessKey);
    expect(gateway.output()).not.toContain(sessionToken);
  }
});
