/**
 * AWS credentials of someone who has signed in with `aws sso login`: the
 * token of that session, which the AWS CLI keeps, gives those of a role.
 *
 * The token is not renewed here: when it ends, someone has to sign in again.
 * Source: https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_GetRoleCredentials.html
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RutterError } from '@rutter/plugin-sdk';
import { type Profile, type ProfileFolder, readSsoSession } from './aws-profile.ts';
import { type AwsNetwork, callMs, lived, readJson } from './aws-remote.ts';
import type { Lived } from './renewable.ts';
import type { AwsCredentials } from './sigv4.ts';

/** Whether the profile is one of a signed-in user. */
export const isSsoProfile = ({ sso_account_id: account, sso_role_name: role }: Profile): boolean =>
  account !== undefined && role !== undefined;

export async function ssoCredentials(
  sources: AwsNetwork & ProfileFolder,
  name: string,
  profile: Profile,
): Promise<Lived<AwsCredentials>> {
  const { sso_session: session, sso_account_id: account = '', sso_role_name: role = '' } = profile;
  const shared = session === undefined ? profile : await readSsoSession(session, sources);
  const { sso_start_url: startUrl, sso_region: region } = { ...shared };
  if (startUrl === undefined || region === undefined)
    throw failure(
      `The AWS profile "${name}" signs in without an address or region. Expected sso_start_url and sso_region.`,
    );
  const token = await tokenOf(session ?? startUrl, name, sources);
  const base = (sources.environment.AWS_ENDPOINT_URL_SSO || `https://portal.sso.${region}.amazonaws.com`).replace(
    /\/+$/,
    '',
  );
  const query = new URLSearchParams({ account_id: account, role_name: role });
  const { roleCredentials: found } = await readJson(sources, 'AWS IAM Identity Center', {
    url: `${base}/federation/credentials?${query}`,
    headers: { 'x-amz-sso_bearer_token': token },
    timeoutMs: callMs,
  });
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = (found ?? {}) as Record<string, unknown>;
  return lived('AWS IAM Identity Center', {
    AccessKeyId: accessKeyId,
    SecretAccessKey: secretAccessKey,
    Token: sessionToken,
    Expiration: typeof expiration === 'number' ? new Date(expiration).toISOString() : undefined,
  });
}

/** The CLI keeps a session under the SHA-1 of its name, or of its address where it has none. */
async function tokenOf(
  session: string,
  name: string,
  { homeFolder, now }: AwsNetwork & ProfileFolder,
): Promise<string> {
  const file = join(homeFolder, '.aws', 'sso', 'cache', `${createHash('sha1').update(session).digest('hex')}.json`);
  const expected = `Expected a session; sign in with "aws sso login --profile ${name}".`;
  let kept: { accessToken?: unknown; expiresAt?: unknown };
  try {
    kept = JSON.parse(await readFile(file, 'utf8')) as typeof kept;
  } catch {
    throw failure(`The AWS profile "${name}" has no session that can be read at ${file}. ${expected}`);
  }
  const { accessToken, expiresAt } = kept;
  if (typeof accessToken !== 'string' || !(Date.parse(String(expiresAt)) > now()))
    throw failure(`The session of the AWS profile "${name}" has ended. ${expected}`);
  return accessToken;
}

const failure = (message: string) => new RutterError('ERR_PROVIDER_AUTHENTICATION', message);
