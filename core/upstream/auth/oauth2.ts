/**
 * Access tokens by RFC 6749 client credentials, with a secret or a signed token from a file (RFC 7523), or by an
 * assertion signed with a service account's key. What a machine's own identity gives is in `managed-identity.ts`.
 */
import { createPrivateKey, createSign, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { OAuth2Auth } from '@rutter/plugin-sdk';
import { type CollectRequest, collect } from '../collect.ts';
import type { Upstream } from '../exchange.ts';
import { revealSecret } from '../secret.ts';
import { identityRequest } from './managed-identity.ts';
import type { Lived } from './renewable.ts';
import { authenticationFailure, type CredentialLookup, reasonOf, textSetting } from './settings.ts';

export interface TokenNetwork {
  readonly exchange: Upstream;
  now(): number;
  readonly environment: NodeJS.ProcessEnv;
}

/** One grant of one deployment. */
interface Grant {
  readonly auth: OAuth2Auth;
  readonly credentials: CredentialLookup;
  readonly environment: NodeJS.ProcessEnv;
}

const callMs = 15_000;
const assertionSeconds = 3600;
/** RFC 6749 recommends `expires_in` but does not require it. */
const usualLifetimeSeconds = 300;
const jwtGrant = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const clientAssertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

export async function fetchToken(
  network: TokenNetwork,
  auth: OAuth2Auth,
  credentials: CredentialLookup,
): Promise<Lived<string>> {
  const grant = { auth, credentials, environment: network.environment };
  const request = await tokenRequest(network, grant);
  const reply = await collect(network.exchange, request).catch((error: unknown) => {
    throw authenticationFailure(credentials, `no access token from ${hostOf(request.url)}: ${reasonOf(error)}`, error);
  });
  return readToken(network, credentials, reply.status, reply.body);
}

async function tokenRequest(network: TokenNetwork, grant: Grant): Promise<CollectRequest> {
  const { auth, credentials } = grant;
  if (auth.grant === 'managed_identity') return identityRequest(auth, network.environment, identityOf(grant));
  if (auth.grant === 'jwt_bearer') {
    const { url, form } = await assertionForm(network, auth, credentials);
    return formRequest(url, form);
  }
  const proof = auth.grant === 'client_assertion' ? await clientAssertion(grant) : clientSecret(grant);
  return formRequest(fillPlaces(grant), {
    grant_type: 'client_credentials',
    client_id: required(grant, clientIdName(auth)),
    ...proof,
    ...(auth.scope === undefined ? undefined : { scope: auth.scope }),
    ...(auth.audience === undefined ? undefined : { audience: auth.audience }),
  });
}

const formRequest = (url: string, form: Record<string, string>): CollectRequest => ({
  url,
  method: 'POST',
  headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
  body: new URLSearchParams(form).toString(),
  timeoutMs: callMs,
});

/** The settings without which a grant cannot be asked for. */
export function neededSettings(auth: OAuth2Auth): readonly string[] {
  const places = [...auth.tokenUrl.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string);
  switch (auth.grant) {
    case 'client_credentials':
      return [...places, clientIdName(auth), clientSecretName(auth)];
    case 'client_assertion':
      return [...places, clientIdName(auth), assertionName(auth)];
    case 'jwt_bearer':
      return [...places, accountName(auth)];
    case 'managed_identity':
      return [];
  }
}

const clientIdName = ({ clientIdParam = 'client_id' }: OAuth2Auth) => clientIdParam;
const clientSecretName = ({ clientSecretParam = 'client_secret' }: OAuth2Auth) => clientSecretParam;
const accountName = ({ keyParam = 'service_account' }: OAuth2Auth) => keyParam;
const assertionName = ({ keyParam = 'client_assertion_file' }: OAuth2Auth) => keyParam;

const identityOf = (grant: Grant): string | undefined => setting(grant, clientIdName(grant.auth));

const hostOf = (url: string): string => URL.parse(url)?.host ?? 'the token address';

function readToken(network: TokenNetwork, credentials: CredentialLookup, status: number, body: Buffer): Lived<string> {
  let answer: { access_token?: unknown; expires_in?: unknown; expires_on?: unknown; error?: unknown } | null = null;
  try {
    answer = JSON.parse(body.toString('utf8'));
  } catch {
    // Told below by the status.
  }
  const token = answer?.access_token;
  if (status !== 200 || typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) {
    // `error` is a code by RFC 6749; the description is free text and might repeat what was sent.
    const code = typeof answer?.error === 'string' && /^[\w.-]{1,64}$/.test(answer.error) ? ` (${answer.error})` : '';
    throw authenticationFailure(credentials, `the token endpoint answered ${status}${code} without an access token.`);
  }
  // Azure's identity endpoints tell the moment instead, in seconds since the epoch.
  const untilMoment = answer?.expires_on === undefined ? undefined : Number(answer.expires_on) - network.now() / 1000;
  const seconds = Number(answer?.expires_in ?? untilMoment ?? usualLifetimeSeconds);
  return { value: token, expiresAt: network.now() + (seconds > 0 ? seconds : usualLifetimeSeconds) * 1000 };
}

const clientSecret = (grant: Grant): Record<string, string> => ({
  client_secret: required(grant, clientSecretName(grant.auth)),
});

async function clientAssertion(grant: Grant): Promise<Record<string, string>> {
  const name = assertionName(grant.auth);
  const file = required(grant, name);
  try {
    return { client_assertion_type: clientAssertionType, client_assertion: (await readFile(file, 'utf8')).trim() };
  } catch (error) {
    throw authenticationFailure(
      grant.credentials,
      `the file that ${name} names cannot be read (${reasonOf(error)}). Expected a signed token in it.`,
      error,
    );
  }
}

/** The deployment's own setting, else what the environment holds in its stead. */
function setting({ auth, credentials, environment }: Grant, name: string): string | undefined {
  const variable = auth.variables?.[name];
  return textSetting(credentials, name) ?? ((variable && environment[variable]) || undefined);
}

function required(grant: Grant, name: string): string {
  const value = setting(grant, name);
  if (value !== undefined) return value;
  const variable = grant.auth.variables?.[name];
  const hint = variable === undefined ? '' : `, or the environment variable ${variable}`;
  throw authenticationFailure(grant.credentials, `the setting ${name} is missing. Expected it for OAuth 2${hint}.`);
}

/** Replaces `{name}` by the setting of that name, encoded for a URL. */
function fillPlaces(grant: Grant): string {
  return grant.auth.tokenUrl.replace(/\{(\w+)\}/g, (_place, name: string) => encodeURIComponent(required(grant, name)));
}

interface ServiceAccount {
  readonly clientEmail: string;
  readonly key: KeyObject;
  readonly keyId: string | undefined;
  readonly tokenUri: string | undefined;
}

async function assertionForm(network: TokenNetwork, auth: OAuth2Auth, credentials: CredentialLookup) {
  const account = await readAccount(auth, credentials);
  const grant = { auth, credentials, environment: network.environment };
  const url = auth.tokenUrl === '' ? account.tokenUri : fillPlaces(grant);
  if (url === undefined)
    throw authenticationFailure(credentials, 'neither the provider nor the service account names a token address.');
  const issuedAt = Math.floor(network.now() / 1000);
  const header = { alg: 'RS256', typ: 'JWT', ...(account.keyId === undefined ? undefined : { kid: account.keyId }) };
  const claims = {
    iss: account.clientEmail,
    sub: account.clientEmail,
    aud: auth.audience ?? url,
    ...(auth.scope === undefined ? undefined : { scope: auth.scope }),
    iat: issuedAt,
    exp: issuedAt + assertionSeconds,
  };
  const text = `${segment(header)}.${segment(claims)}`;
  const signature = createSign('RSA-SHA256').update(text).sign(account.key, 'base64url');
  return { url, form: { grant_type: jwtGrant, assertion: `${text}.${signature}` } };
}

const segment = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

async function readAccount(auth: OAuth2Auth, credentials: CredentialLookup): Promise<ServiceAccount> {
  const name = accountName(auth);
  const expected = `Expected the JSON of a service account with client_email and private_key, or the path of its file.`;
  const secret = credentials.secret(name);
  const found = secret === undefined ? credentials.param(name) : revealSecret(secret);
  if (found === undefined || found === '')
    throw authenticationFailure(credentials, `the setting ${name} is missing. ${expected}`);
  try {
    const fields = typeof found === 'string' ? JSON.parse(await accountText(found)) : found;
    const {
      client_email: clientEmail,
      private_key: pem,
      private_key_id: keyId,
      token_uri: tokenUri,
    } = fields as Record<string, unknown>;
    if (typeof clientEmail === 'string' && typeof pem === 'string') {
      return { clientEmail, key: createPrivateKey(pem), keyId: textOf(keyId), tokenUri: textOf(tokenUri) };
    }
  } catch (error) {
    // The parser quotes what it could not read, and that may be the key: only a file's error code is told.
    const code =
      (error as NodeJS.ErrnoException).syscall === undefined ? '' : ` (${(error as NodeJS.ErrnoException).code})`;
    throw authenticationFailure(credentials, `the setting ${name} cannot be read${code}. ${expected}`);
  }
  throw authenticationFailure(credentials, `the setting ${name} lacks client_email or private_key. ${expected}`);
}

const accountText = (found: string): string | Promise<string> =>
  found.trimStart().startsWith('{') ? found : readFile(found, 'utf8');

const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
