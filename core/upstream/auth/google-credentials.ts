/**
 * Google's application default credentials: a service account, a user's own,
 * an identity from elsewhere (workload identity federation), one account in
 * the name of another, or the machine's.
 *
 * https://cloud.google.com/docs/authentication/application-default-credentials, https://google.aip.dev/auth
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GoogleAuth } from '@rutter/plugin-sdk';
import { type CollectedReply, type CollectRequest, collect } from '../collect.ts';
import { formRequest, hostOf, readToken, type TokenNetwork } from './oauth2.ts';
import type { Lived } from './renewable.ts';
import { accountOf, assertionForm, textOf } from './service-account.ts';
import { authenticationFailure, type CredentialLookup, fileCode, jsonSetting, reasonOf } from './settings.ts';

export interface GoogleNetwork extends TokenNetwork {
  readonly homeFolder: string;
}

export interface GoogleToken {
  readonly token: string;
  /** The project the credential belongs to, where it tells. */
  readonly project: string | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

const tokenAddress = 'https://oauth2.googleapis.com/token';
const expected =
  'Expected the JSON of a Google credential (service_account, authorized_user, external_account or impersonated_service_account), or the path of its file.';
const callMs = 15_000;
/** A metadata server is next door: where nothing answers quickly, nothing is there. */
const metadataMs = 2_000;
const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange';
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token';

/** Rejects with ERR_PROVIDER_AUTHENTICATION. */
export function fetchGoogleToken(
  network: GoogleNetwork,
  auth: GoogleAuth,
  credentials: CredentialLookup,
): Promise<Lived<GoogleToken>> {
  return new GoogleGrant(network, auth, credentials).fetch();
}

/** One fetch for one deployment. */
class GoogleGrant {
  readonly #network: GoogleNetwork;
  readonly #auth: GoogleAuth;
  readonly #credentials: CredentialLookup;

  constructor(network: GoogleNetwork, auth: GoogleAuth, credentials: CredentialLookup) {
    this.#network = network;
    this.#auth = auth;
    this.#credentials = credentials;
  }

  async fetch(): Promise<Lived<GoogleToken>> {
    const fields = await this.#find();
    if (fields === undefined) return this.#fromMachine();
    const project = textOf(fields.project_id) ?? textOf(fields.quota_project_id);
    const { value: token, expiresAt } = await this.#token(fields);
    return { value: { token, project }, expiresAt };
  }

  /** The deployment's own, the environment's, or gcloud's; undefined leaves it to the machine. */
  async #find(): Promise<Fields | undefined> {
    const { environment, homeFolder } = this.#network;
    const own = await jsonSetting(this.#credentials, this.#auth.keyParam, expected);
    if (own !== undefined) return own;
    const named = environment.GOOGLE_APPLICATION_CREDENTIALS;
    if (named) return this.#readFile(named, 'GOOGLE_APPLICATION_CREDENTIALS');
    const folder = environment.CLOUDSDK_CONFIG || join(homeFolder, '.config', 'gcloud');
    const text = await readFile(join(folder, 'application_default_credentials.json'), 'utf8').catch(() => undefined);
    return text === undefined ? undefined : this.#parse(text, 'application_default_credentials.json');
  }

  async #readFile(file: string, name: string): Promise<Fields> {
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      throw this.#failure(`the file that ${name} names cannot be read${fileCode(error)}. ${expected}`);
    });
    return this.#parse(text, `the file that ${name} names`);
  }

  #parse(text: string, where: string): Fields {
    const fields = object(text);
    if (fields === undefined) throw this.#failure(`${where} cannot be read. ${expected}`);
    return fields;
  }

  #token(fields: Fields): Promise<Lived<string>> {
    switch (fields.type) {
      case 'authorized_user':
        return this.#refresh(fields);
      case 'external_account':
        return this.#federate(fields);
      case 'impersonated_service_account':
        return this.#impersonate(fields);
      default:
        return this.#assert(fields);
    }
  }

  async #assert(fields: Fields): Promise<Lived<string>> {
    const account = accountOf(fields, (fault) => this.#failure(`the credential ${fault}. ${expected}`));
    const audience = account.tokenUri ?? tokenAddress;
    const { scope } = this.#auth;
    return this.#post(formRequest(audience, assertionForm(account, { audience, scope, now: this.#network.now() })));
  }

  async #refresh(fields: Fields): Promise<Lived<string>> {
    const [id, secret, token] = this.#needed(fields, ['client_id', 'client_secret', 'refresh_token']);
    const form = { grant_type: 'refresh_token', client_id: id!, client_secret: secret!, refresh_token: token! };
    return this.#post(formRequest(textOf(fields.token_uri) ?? tokenAddress, form));
  }

  async #federate(fields: Fields): Promise<Lived<string>> {
    const [audience, type, url] = this.#needed(fields, ['audience', 'subject_token_type', 'token_url']);
    const impersonation = textOf(fields.service_account_impersonation_url);
    const form = {
      grant_type: exchangeGrant,
      audience: audience!,
      // The federated token is only a step where an account is impersonated with it.
      scope: impersonation === undefined ? this.#auth.scope : 'https://www.googleapis.com/auth/cloud-platform',
      requested_token_type: accessTokenType,
      subject_token: await this.#subjectToken(fields.credential_source),
      subject_token_type: type!,
    };
    const federated = await this.#post(formRequest(url!, form));
    return impersonation === undefined ? federated : this.#inTheNameOf(impersonation, federated.value);
  }

  /** The token of the other identity provider, from a file or an address. */
  async #subjectToken(source: unknown): Promise<string> {
    const fields = isFields(source) ? source : {};
    const [file, url] = [textOf(fields.file), textOf(fields.url)];
    if (file === undefined && url === undefined)
      throw this.#failure('the external_account has no credential_source.file or .url; other sources are not read.');
    const text =
      file === undefined
        ? (await this.#call({ url: url!, headers: stringsOf(fields.headers), timeoutMs: callMs })).body.toString('utf8')
        : await readFile(file, 'utf8').catch((error: unknown) => {
            throw this.#failure(`the file of credential_source cannot be read${fileCode(error)}.`);
          });
    const format = isFields(fields.format) ? fields.format : {};
    if (format.type !== 'json') return text.trim();
    const token = textOf(object(text)?.[String(format.subject_token_field_name)]);
    if (token === undefined) throw this.#failure('the credential_source holds no token under its field name.');
    return token;
  }

  async #impersonate(fields: Fields): Promise<Lived<string>> {
    const [url] = this.#needed(fields, ['service_account_impersonation_url']);
    const source = isFields(fields.source_credentials) ? fields.source_credentials : {};
    if (source.type === 'impersonated_service_account')
      throw this.#failure('the source_credentials impersonate in turn; expected those of a user or an account.');
    const { value } = await this.#token(source);
    return this.#inTheNameOf(url!, value);
  }

  /** https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken */
  async #inTheNameOf(url: string, token: string): Promise<Lived<string>> {
    const reply = await this.#call({
      url,
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ scope: [this.#auth.scope], lifetime: '3600s' }),
      timeoutMs: callMs,
    });
    const { accessToken, expireTime } = object(reply.body.toString('utf8')) ?? {};
    const expiresAt = Date.parse(textOf(expireTime) ?? '');
    if (textOf(accessToken) === undefined || Number.isNaN(expiresAt))
      throw this.#failure(`${hostOf(url)} answered ${reply.status} without an access token.`);
    return { value: accessToken as string, expiresAt };
  }

  /** https://cloud.google.com/compute/docs/access/authenticate-workloads */
  async #fromMachine(): Promise<Lived<GoogleToken>> {
    const { environment } = this.#network;
    const nothing = `no Google credential. Expected ${this.#auth.keyParam} in its settings, GOOGLE_APPLICATION_CREDENTIALS, or a machine with a service account`;
    if (environment.NO_GCE_CHECK === 'true') throw this.#failure(`${nothing}.`);
    const base = `http://${environment.GCE_METADATA_HOST || 'metadata.google.internal'}/computeMetadata/v1`;
    const ask = (path: string) =>
      collect(this.#network.exchange, {
        url: `${base}/${path}`,
        headers: { 'metadata-flavor': 'Google' },
        timeoutMs: metadataMs,
      });
    const scopes = encodeURIComponent(this.#auth.scope);
    const path = `instance/service-accounts/default/token?scopes=${scopes}`;
    const reply = await ask(path).catch((error: unknown) => {
      throw authenticationFailure(this.#credentials, `${nothing} (${reasonOf(error)}).`, error);
    });
    const { value, expiresAt } = readToken(this.#network, this.#credentials, reply.status, reply.body);
    const project = await ask('project/project-id').catch(() => undefined);
    const name = project?.status === 200 ? project.body.toString('utf8').trim() : '';
    return { value: { token: value, project: textOf(name) }, expiresAt };
  }

  async #post(request: CollectRequest): Promise<Lived<string>> {
    const reply = await this.#call(request);
    return readToken(this.#network, this.#credentials, reply.status, reply.body);
  }

  #call(request: CollectRequest): Promise<CollectedReply> {
    return collect(this.#network.exchange, request).catch((error: unknown) => {
      throw authenticationFailure(
        this.#credentials,
        `no access token from ${hostOf(request.url)}: ${reasonOf(error)}`,
        error,
      );
    });
  }

  #needed(fields: Fields, names: readonly string[]): readonly string[] {
    return names.map((name) => {
      const value = textOf(fields[name]);
      if (value === undefined) throw this.#failure(`the ${fields.type} lacks ${name}. ${expected}`);
      return value;
    });
  }

  #failure(message: string): Error {
    return authenticationFailure(this.#credentials, message);
  }
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The text is never told: it may be a credential. */
function object(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const stringsOf = (value: unknown): Record<string, string> =>
  Object.fromEntries(
    Object.entries(isFields(value) ? value : {}).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    ),
  );
