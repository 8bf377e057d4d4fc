/**
 * Puts a deployment's credential on a request, as its provider's `auth` says.
 *
 * Synchronous whenever nothing has to be fetched, which is nearly always:
 * tokens and temporary credentials are kept per credential and renewed before
 * they end. Secrets leave this module in headers and addresses alone.
 */
import { homedir } from 'node:os';
import type { Auth, GoogleAuth, HeaderAuth, OAuth2Auth, QueryAuth, SigV4Auth } from '@rutter/plugin-sdk';
import type { Upstream } from '../exchange.ts';
import { revealSecret } from '../secret.ts';
import { type AwsSources, findCredentials, staticCredentials } from './aws-credentials.ts';
import { readProfile } from './aws-profile.ts';
import { arnRegionOf, inRegion, lacksRegion, namedRegion } from './aws-region.ts';
import { BoundedMap } from './bounded-map.ts';
import { firstGiven, keyInEnvironment, ownKey, variablesOf } from './first-given.ts';
import { fetchGoogleToken, type GoogleToken } from './google-credentials.ts';
import { fetchToken } from './oauth2.ts';
import { Renewable } from './renewable.ts';
import { authenticationFailure, type CredentialLookup, reasonOf, textSetting } from './settings.ts';
import { type AwsCredentials, signRequest } from './sigv4.ts';

export type { CredentialLookup } from './settings.ts';

export interface AuthenticatorOptions {
  readonly exchange: Upstream;
  /** Milliseconds since the epoch. */
  now(): number;
  readonly environment: NodeJS.ProcessEnv;
  /** Where `.aws` lies; the user's home when absent. */
  readonly homeFolder?: string;
}

/** The request to be authenticated, otherwise ready to be sent: a signature covers all of it. */
export interface AuthTarget {
  readonly url: string;
  readonly method: string;
  /** Lower-case names; the credential is added here. */
  readonly headers: Record<string, string>;
  readonly body: Uint8Array | string | undefined;
}

const mostCredentials = 4096;
/** Filled with the project of Google's credential. */
const projectPlace = '{project}';

export class Authenticator {
  readonly #process: NodeJS.ProcessEnv;
  #variables: Readonly<Record<string, string>> = {};
  #sources: AwsSources;
  readonly #aws = new BoundedMap<AwsCredentials | Renewable<AwsCredentials>>(mostCredentials);
  readonly #tokens = new BoundedMap<Renewable<string>>(mostCredentials);
  readonly #google = new BoundedMap<Renewable<GoogleToken>>(mostCredentials);
  /** Regions that profiles name, by profile; '' where it names none. */
  readonly #regions = new BoundedMap<{ region: string }>(mostCredentials);

  constructor({ exchange, now, environment, homeFolder = homedir() }: AuthenticatorOptions) {
    this.#process = environment;
    this.#sources = { exchange, now, environment, homeFolder };
  }

  /** Puts a configuration's variables over those of the process; what was fetched with others is forgotten. */
  useVariables(variables: Readonly<Record<string, string>>): void {
    const before = this.#variables;
    const names = new Set([...Object.keys(before), ...Object.keys(variables)]);
    if ([...names].every((name) => before[name] === variables[name])) return;
    this.#variables = variables;
    this.#sources = { ...this.#sources, environment: { ...this.#process, ...variables } };
    for (const kept of [this.#aws, this.#tokens, this.#regions]) kept.clear();
  }

  /**
   * Adds the credential to `target.headers`. Returns the address to call where that changed, a promise
   * where a credential must be fetched first. Throws, or rejects with, ERR_PROVIDER_AUTHENTICATION.
   */
  apply(
    auth: Auth,
    target: AuthTarget,
    credentials: CredentialLookup,
  ): string | undefined | Promise<string | undefined> {
    switch (auth.scheme) {
      case 'none':
        return undefined;
      case 'header':
        return this.#applyHeader(auth, target, credentials);
      case 'query':
        return this.#applyQuery(auth, target, credentials);
      case 'sigv4':
        return this.#applySignature(auth, target, credentials);
      case 'oauth2':
        return this.#applyToken(auth, target, credentials);
      case 'google':
        return this.#applyGoogle(auth, target, credentials);
      case 'first':
        return this.apply(firstGiven(auth, credentials, this.#sources.environment), target, credentials);
    }
  }

  /** The vendor refused the credential used at this time: true when it was a fetched one, and the next request gets another. */
  invalidate(auth: Auth, credentials: CredentialLookup, usedAt: number): boolean {
    if (auth.scheme === 'first')
      return this.invalidate(firstGiven(auth, credentials, this.#sources.environment), credentials, usedAt);
    if (auth.scheme === 'oauth2') return this.#tokens.get(tokenKey(auth, credentials))?.invalidate(usedAt) ?? false;
    if (auth.scheme === 'google') return this.#google.get(googleKey(auth, credentials))?.invalidate(usedAt) ?? false;
    const held = auth.scheme === 'sigv4' ? this.#aws.get(credentials.id) : undefined;
    return held instanceof Renewable && held.invalidate(usedAt);
  }

  #applyHeader(auth: HeaderAuth, target: AuthTarget, credentials: CredentialLookup): undefined {
    const key = this.#key(auth, credentials);
    if (key !== undefined) target.headers[auth.header.toLowerCase()] = (auth.prefix ?? '') + key;
  }

  #applyQuery(auth: QueryAuth, target: AuthTarget, credentials: CredentialLookup): string | undefined {
    const key = this.#key(auth, credentials);
    if (key === undefined) return undefined;
    const mark = target.url.includes('?') ? '&' : '?';
    return `${target.url}${mark}${encodeURIComponent(auth.parameter)}=${encodeURIComponent(key)}`;
  }

  #key(auth: HeaderAuth | QueryAuth, credentials: CredentialLookup): string | undefined {
    const key = ownKey(auth, credentials) ?? keyInEnvironment(auth, this.#sources.environment);
    if (key !== undefined || auth.optional === true) return key;
    const names = variablesOf(auth).join(' or ');
    const hint = names === '' ? '' : ` or the environment variable ${names}`;
    throw authenticationFailure(
      credentials,
      `no API key. Expected ${auth.keyParam ?? 'api_key'} in its settings${hint}.`,
    );
  }

  #applyToken(auth: OAuth2Auth, target: AuthTarget, credentials: CredentialLookup): undefined | Promise<undefined> {
    const held = this.#tokens.getOrMake(
      tokenKey(auth, credentials),
      () => new Renewable(() => fetchToken(this.#sources, auth, credentials), this.#sources.now),
    );
    const token = held.get();
    if (token instanceof Promise) return token.then((value) => addBearer(target, value));
    return addBearer(target, token);
  }

  #applyGoogle(
    auth: GoogleAuth,
    target: AuthTarget,
    credentials: CredentialLookup,
  ): string | undefined | Promise<string | undefined> {
    const held = this.#google.getOrMake(
      googleKey(auth, credentials),
      () => new Renewable(() => fetchGoogleToken(this.#sources, auth, credentials), this.#sources.now),
    );
    const add = ({ token, project }: GoogleToken): string | undefined => {
      addBearer(target, token);
      if (!target.url.includes(projectPlace)) return undefined;
      if (project !== undefined) return target.url.replaceAll(projectPlace, encodeURIComponent(project));
      throw authenticationFailure(credentials, 'its Google credential names no project. Expected one in its settings.');
    };
    const found = held.get();
    return found instanceof Promise ? found.then(add) : add(found);
  }

  #applySignature(
    auth: SigV4Auth,
    target: AuthTarget,
    credentials: CredentialLookup,
  ): string | undefined | Promise<string | undefined> {
    const bearer = this.#bearerKey(auth, credentials);
    const url = new URL(target.url);
    // A key needs a region too where the address is only known with it.
    if (bearer !== undefined && !lacksRegion(url)) return addBearer(target, bearer);
    const named = namedRegion(credentials, url, this.#sources.environment);
    const keys = bearer ?? this.#awsCredentials(credentials, named);
    const region = named ?? this.#profileRegion(credentials);
    if (keys instanceof Promise || region instanceof Promise) {
      return Promise.all([keys, region]).then(([readyKeys, readyRegion]) =>
        this.#sign(auth, target, { credentials, url, keys: readyKeys, region: readyRegion }),
      );
    }
    return this.#sign(auth, target, { credentials, url, keys, region });
  }

  #sign(
    auth: SigV4Auth,
    target: AuthTarget,
    found: { credentials: CredentialLookup; url: URL; keys: AwsCredentials | string; region: string },
  ): string | undefined {
    const region = found.region || arnRegionOf(found.url) || auth.region;
    if (region === undefined) {
      throw authenticationFailure(
        found.credentials,
        'no AWS region. Expected aws_region_name in its settings, AWS_REGION, or a profile with a region.',
      );
    }
    const isMoved = lacksRegion(found.url);
    const url = isMoved ? inRegion(found.url, region, found.credentials) : found.url;
    if (typeof found.keys === 'string') addBearer(target, found.keys);
    else this.#addSignature(auth, target, { url, keys: found.keys, region });
    return isMoved ? url.href : undefined;
  }

  #addSignature(auth: SigV4Auth, target: AuthTarget, found: { url: URL; keys: AwsCredentials; region: string }): void {
    const { url, keys, region } = found;
    const request = {
      ...target,
      host: target.headers.host ?? url.host,
      path: url.pathname,
      query: url.search.slice(1),
    };
    Object.assign(
      target.headers,
      signRequest(request, { credentials: keys, region, service: auth.service, now: this.#sources.now() }),
    );
  }

  /** AWS services that take API keys take them as bearer tokens, from the setting or AWS_BEARER_TOKEN_<SERVICE>. */
  #bearerKey({ service }: SigV4Auth, credentials: CredentialLookup): string | undefined {
    if (credentials.apiKey !== undefined) return revealSecret(credentials.apiKey);
    if (
      textSetting(credentials, 'aws_access_key_id') !== undefined ||
      textSetting(credentials, 'aws_profile_name') !== undefined ||
      textSetting(credentials, 'aws_role_name') !== undefined
    )
      return undefined;
    return this.#sources.environment[`AWS_BEARER_TOKEN_${service.toUpperCase().replaceAll('-', '_')}`] || undefined;
  }

  #awsCredentials(credentials: CredentialLookup, region: string | undefined): AwsCredentials | Promise<AwsCredentials> {
    const held = this.#aws.getOrMake(credentials.id, () => {
      const fixed = staticCredentials(credentials, this.#sources.environment);
      return fixed ?? new Renewable(() => this.#findAws(credentials, region), this.#sources.now);
    });
    return held instanceof Renewable ? held.get() : held;
  }

  async #findAws(credentials: CredentialLookup, region: string | undefined) {
    try {
      return await findCredentials(credentials, this.#sources, region);
    } catch (error) {
      const prefix = `Deployment ${credentials.id}: `;
      const reason = reasonOf(error);
      throw reason.startsWith(prefix) ? error : authenticationFailure(credentials, reason, error);
    }
  }

  #profileRegion(credentials: CredentialLookup): string | Promise<string> {
    const name = textSetting(credentials, 'aws_profile_name') ?? (this.#sources.environment.AWS_PROFILE || 'default');
    const known = this.#regions.get(name);
    if (known !== undefined) return known.region;
    return readProfile(name, this.#sources).then(
      (profile) => this.#regions.getOrMake(name, () => ({ region: profile?.region ?? '' })).region,
      () => '',
    );
  }
}

const tokenKey = ({ grant, tokenUrl, scope, audience }: OAuth2Auth, { id }: CredentialLookup): string =>
  `${id}\n${grant}\n${tokenUrl}\n${scope ?? ''}\n${audience ?? ''}`;

const googleKey = ({ scope, keyParam }: GoogleAuth, { id }: CredentialLookup): string => `${id}\n${keyParam}\n${scope}`;

function addBearer(target: AuthTarget, token: string): undefined {
  target.headers.authorization = `Bearer ${token}`;
}
