/** Access tokens by RFC 6749 client credentials, or by RFC 7523 with an assertion signed by a service account's key. */
import { createPrivateKey, createSign, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { OAuth2Auth } from '@rutter/plugin-sdk';
import { collect } from '../collect.ts';
import type { Upstream } from '../exchange.ts';
import { revealSecret } from '../secret.ts';
import type { Lived } from './renewable.ts';
import { authenticationFailure, type CredentialLookup, reasonOf, textSetting } from './settings.ts';

export interface TokenNetwork {
  readonly exchange: Upstream;
  now(): number;
}

const callMs = 15_000;
const assertionSeconds = 3600;
/** RFC 6749 recommends `expires_in` but does not require it. */
const usualLifetimeSeconds = 300;
const jwtGrant = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

export async function fetchToken(
  network: TokenNetwork,
  auth: OAuth2Auth,
  credentials: CredentialLookup,
): Promise<Lived<string>> {
  const { url, form } =
    auth.grant === 'client_credentials'
      ? { url: fillPlaces(auth.tokenUrl, credentials), form: clientForm(auth, credentials) }
      : await assertionForm(network, auth, credentials);
  const request = {
    url,
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    body: new URLSearchParams(form).toString(),
    timeoutMs: callMs,
  };
  const reply = await collect(network.exchange, request).catch((error: unknown) => {
    throw authenticationFailure(credentials, `no access token from ${hostOf(url)}: ${reasonOf(error)}`, error);
  });
  return readToken(network, credentials, reply.status, reply.body);
}

const hostOf = (url: string): string => URL.parse(url)?.host ?? 'the token address';

function readToken(network: TokenNetwork, credentials: CredentialLookup, status: number, body: Buffer): Lived<string> {
  let answer: { access_token?: unknown; expires_in?: unknown; error?: unknown } | null = null;
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
  const seconds = Number(answer?.expires_in ?? usualLifetimeSeconds);
  return { value: token, expiresAt: network.now() + (seconds > 0 ? seconds : usualLifetimeSeconds) * 1000 };
}

function clientForm(auth: OAuth2Auth, credentials: CredentialLookup): Record<string, string> {
  return {
    grant_type: 'client_credentials',
    client_id: required(credentials, auth.clientIdParam ?? 'client_id'),
    client_secret: required(credentials, auth.clientSecretParam ?? 'client_secret'),
    ...(auth.scope === undefined ? undefined : { scope: auth.scope }),
    ...(auth.audience === undefined ? undefined : { audience: auth.audience }),
  };
}

function required(credentials: CredentialLookup, name: string): string {
  const value = textSetting(credentials, name);
  if (value === undefined)
    throw authenticationFailure(credentials, `the setting ${name} is missing. Expected it for OAuth 2.`);
  return value;
}

/** Replaces `{name}` by the deployment's setting of that name, encoded for a URL. */
function fillPlaces(tokenUrl: string, credentials: CredentialLookup): string {
  return tokenUrl.replace(/\{(\w+)\}/g, (_place, name: string) => encodeURIComponent(required(credentials, name)));
}

interface ServiceAccount {
  readonly clientEmail: string;
  readonly key: KeyObject;
  readonly keyId: string | undefined;
  readonly tokenUri: string | undefined;
}

async function assertionForm(network: TokenNetwork, auth: OAuth2Auth, credentials: CredentialLookup) {
  const account = await readAccount(auth, credentials);
  const url = auth.tokenUrl === '' ? account.tokenUri : fillPlaces(auth.tokenUrl, credentials);
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
  const name = auth.keyParam ?? 'service_account';
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
