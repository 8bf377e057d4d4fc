/**
 * Access tokens by RFC 6749 client credentials, with a secret or a signed token from a file (RFC 7523), or by an
 * assertion signed with a service account's key. What a machine's own identity gives is in `managed-identity.ts`.
 */
import { readFile } from 'node:fs/promises';
import type { OAuth2Auth } from '@rutter/plugin-sdk';
import { type CollectRequest, collect } from '../collect.ts';
import type { Upstream } from '../exchange.ts';
import { identityRequest } from './managed-identity.ts';
import type { Lived } from './renewable.ts';
import { accountOf, assertionForm, type ServiceAccount } from './service-account.ts';
import { authenticationFailure, type CredentialLookup, jsonSetting, reasonOf, textSetting } from './settings.ts';

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
/** RFC 6749 recommends `expires_in` but does not require it. */
const usualLifetimeSeconds = 300;
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
  if (auth.grant === 'jwt_bearer') return assertionRequest(network, auth, credentials);
  const proof = auth.grant === 'client_assertion' ? await clientAssertion(grant) : clientSecret(grant);
  return formRequest(fillPlaces(grant), {
    grant_type: 'client_credentials',
    client_id: required(grant, clientIdName(auth)),
    ...proof,
    ...(auth.scope === undefined ? undefined : { scope: auth.scope }),
    ...(auth.audience === undefined ? undefined : { audience: auth.audience }),
  });
}

export const formRequest = (url: string, form: Record<string, string>): CollectRequest => ({
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

export const hostOf = (url: string): string => URL.parse(url)?.host ?? 'the token address';

export function readToken(
  network: TokenNetwork,
  credentials: CredentialLookup,
  status: number,
  body: Buffer,
): Lived<string> {
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

async function assertionRequest(network: TokenNetwork, auth: OAuth2Auth, credentials: CredentialLookup) {
  const account = await readAccount(auth, credentials);
  const url = auth.tokenUrl === '' ? account.tokenUri : fillPlaces({ auth, credentials, ...network });
  if (url === undefined)
    throw authenticationFailure(credentials, 'neither the provider nor the service account names a token address.');
  const { audience = url, scope } = auth;
  return formRequest(url, assertionForm(account, { audience, scope, now: network.now() }));
}

async function readAccount(auth: OAuth2Auth, credentials: CredentialLookup): Promise<ServiceAccount> {
  const name = accountName(auth);
  const expected = 'Expected the JSON of a service account with client_email and private_key, or the path of its file.';
  const fields = await jsonSetting(credentials, name, expected);
  if (fields === undefined) throw authenticationFailure(credentials, `the setting ${name} is missing. ${expected}`);
  return accountOf(fields, (fault) => authenticationFailure(credentials, `the setting ${name} ${fault}. ${expected}`));
}
