/**
 * Where AWS credentials come from, nearest first: the deployment's settings,
 * the environment, a web identity, a profile, the container's role, the
 * machine's role. A role in the settings is assumed with what these give.
 */
import { readFile } from 'node:fs/promises';
import { RutterError } from '@rutter/plugin-sdk';
import { processCredentials } from './aws-process.ts';
import { type Profile, type ProfileFolder, readProfile } from './aws-profile.ts';
import {
  type AwsNetwork,
  assumeRole,
  assumeRoleWithToken,
  containerRole,
  machineRole,
  type Role,
} from './aws-remote.ts';
import { isSsoProfile, ssoCredentials } from './aws-sso.ts';
import type { Lived } from './renewable.ts';
import { authenticationFailure, type CredentialLookup, textSetting } from './settings.ts';
import type { AwsCredentials } from './sigv4.ts';

export interface AwsSources extends AwsNetwork, ProfileFolder {}

/** Profile files may be rewritten under a running process: what they say is believed this long. */
const fileLifetimeMs = 10 * 60_000;
/** A program that names no end of its credentials is asked again after this long. */
const longestProcessMs = 60 * 60_000;
const longestProfileChain = 5;
const defaultSessionName = 'rutter';

/** Credentials that need no waiting: both keys in the settings, or in the environment, and no role to assume. */
export function staticCredentials(
  credentials: CredentialLookup,
  environment: NodeJS.ProcessEnv,
): AwsCredentials | undefined {
  if (textSetting(credentials, 'aws_role_name') !== undefined) return undefined;
  return (
    settingsKeys(credentials) ??
    (textSetting(credentials, 'aws_profile_name') === undefined ? environmentKeys(environment) : undefined)
  );
}

/** Any credentials of this deployment, assumed role and all. */
export async function findCredentials(
  credentials: CredentialLookup,
  sources: AwsSources,
  region: string | undefined,
): Promise<Lived<AwsCredentials>> {
  const arn = textSetting(credentials, 'aws_role_name');
  const token = textSetting(credentials, 'aws_web_identity_token');
  if (arn === undefined) return findBase(credentials, sources, region);
  const role: Role = {
    arn,
    sessionName:
      textSetting(credentials, 'aws_session_name') ?? sources.environment.AWS_ROLE_SESSION_NAME ?? defaultSessionName,
    externalId: textSetting(credentials, 'aws_external_id'),
    region,
    endpoint: textSetting(credentials, 'aws_sts_endpoint'),
  };
  if (token !== undefined)
    return assumeRoleWithToken(sources, role, token.startsWith('/') ? await readToken(token) : token);
  const base = await findBase(credentials, sources, region);
  return assumeRole(sources, role, base.value);
}

async function findBase(
  credentials: CredentialLookup,
  sources: AwsSources,
  region: string | undefined,
): Promise<Lived<AwsCredentials>> {
  const { environment } = sources;
  const keys = settingsKeys(credentials);
  if (keys !== undefined) return endless(keys);
  const profileName = textSetting(credentials, 'aws_profile_name');
  if (profileName !== undefined) return fromProfile(sources, profileName, region);
  const fromEnvironment = environmentKeys(environment);
  if (fromEnvironment !== undefined) return endless(fromEnvironment);
  if (environment.AWS_PROFILE) return fromProfile(sources, environment.AWS_PROFILE, region);
  if (environment.AWS_WEB_IDENTITY_TOKEN_FILE && environment.AWS_ROLE_ARN) {
    const role = plainRole(environment.AWS_ROLE_ARN, environment.AWS_ROLE_SESSION_NAME, region);
    return assumeRoleWithToken(sources, role, await readToken(environment.AWS_WEB_IDENTITY_TOKEN_FILE));
  }
  if ((await readProfile('default', sources)) !== undefined) return fromProfile(sources, 'default', region);
  return (await containerRole(sources)) ?? fromMachine(credentials, sources);
}

async function fromMachine(credentials: CredentialLookup, sources: AwsSources): Promise<Lived<AwsCredentials>> {
  const looked = 'no AWS credentials in its settings, the environment, a profile, a web identity or a container role';
  if (sources.environment.AWS_EC2_METADATA_DISABLED === 'true') throw authenticationFailure(credentials, `${looked}.`);
  try {
    return await machineRole(sources);
  } catch (error) {
    throw authenticationFailure(credentials, `${looked}, and no machine role.`, error);
  }
}

const plainRole = (arn: string, sessionName: string | undefined, region: string | undefined): Role => ({
  arn,
  sessionName: sessionName || defaultSessionName,
  externalId: undefined,
  region,
  endpoint: undefined,
});

const endless = (value: AwsCredentials): Lived<AwsCredentials> => ({ value, expiresAt: Number.POSITIVE_INFINITY });

function settingsKeys(credentials: CredentialLookup): AwsCredentials | undefined {
  const accessKeyId = textSetting(credentials, 'aws_access_key_id');
  const secretAccessKey = textSetting(credentials, 'aws_secret_access_key');
  if (accessKeyId === undefined && secretAccessKey === undefined) return undefined;
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    const [found, missing] =
      accessKeyId === undefined
        ? ['aws_secret_access_key', 'aws_access_key_id']
        : ['aws_access_key_id', 'aws_secret_access_key'];
    throw authenticationFailure(credentials, `${found} is set without ${missing}. Expected both or neither.`);
  }
  return { accessKeyId, secretAccessKey, sessionToken: textSetting(credentials, 'aws_session_token') };
}

function environmentKeys(environment: NodeJS.ProcessEnv): AwsCredentials | undefined {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = environment;
  if (!accessKeyId || !secretAccessKey) return undefined;
  return { accessKeyId, secretAccessKey, sessionToken: environment.AWS_SESSION_TOKEN || undefined };
}

async function readToken(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    throw new RutterError('ERR_PROVIDER_AUTHENTICATION', `The web identity token at ${file} cannot be read.`, {
      cause: error,
    });
  }
}

async function fromProfile(
  sources: AwsSources,
  name: string,
  region: string | undefined,
  seen: readonly string[] = [],
): Promise<Lived<AwsCredentials>> {
  const profile = await readProfile(name, sources);
  if (profile === undefined) throw profileFailure(name, 'stands in neither the credentials nor the config file');
  const keys = profileKeys(profile);
  const { role_arn: arn, source_profile: source } = profile;
  // A profile may be its own source: then its keys assume its role.
  if (arn === undefined || (seen.includes(name) && keys !== undefined)) {
    return keys === undefined
      ? fromElsewhere(sources, name, profile)
      : { value: keys, expiresAt: sources.now() + fileLifetimeMs };
  }
  const role = {
    ...plainRole(arn, profile.role_session_name, profile.region ?? region),
    externalId: profile.external_id,
  };
  if (profile.web_identity_token_file !== undefined)
    return assumeRoleWithToken(sources, role, await readToken(profile.web_identity_token_file));
  if (seen.length >= longestProfileChain || seen.includes(name))
    throw profileFailure(name, 'leads back to itself or through too many profiles');
  const base =
    source === undefined
      ? await fromSource(sources, name, profile.credential_source)
      : await fromProfile(sources, source, region, [...seen, name]);
  return assumeRole(sources, role, base.value);
}

/** A profile without keys may name a program, or someone who has signed in. */
async function fromElsewhere(sources: AwsSources, name: string, profile: Profile): Promise<Lived<AwsCredentials>> {
  const { credential_process: command } = profile;
  if (command !== undefined) {
    const found = await processCredentials({ command, profile: name, environment: sources.environment });
    return { ...found, expiresAt: Math.min(found.expiresAt, sources.now() + longestProcessMs) };
  }
  if (isSsoProfile(profile)) return ssoCredentials(sources, name, profile);
  throw profileFailure(name, 'holds neither keys nor a role that can be assumed');
}

async function fromSource(
  sources: AwsSources,
  name: string,
  source: string | undefined,
): Promise<Lived<AwsCredentials>> {
  const found =
    source === 'Environment'
      ? mapped(environmentKeys(sources.environment))
      : source === 'EcsContainer'
        ? await containerRole(sources)
        : source === 'Ec2InstanceMetadata'
          ? await machineRole(sources)
          : undefined;
  if (found === undefined) {
    throw profileFailure(
      name,
      `has a role to assume but no credentials for it: credential_source is ${source ?? 'absent'}, source_profile is absent`,
    );
  }
  return found;
}

const mapped = (value: AwsCredentials | undefined): Lived<AwsCredentials> | undefined =>
  value === undefined ? undefined : endless(value);

function profileKeys(profile: Profile): AwsCredentials | undefined {
  const {
    aws_access_key_id: accessKeyId,
    aws_secret_access_key: secretAccessKey,
    aws_session_token: sessionToken,
  } = profile;
  return accessKeyId === undefined || secretAccessKey === undefined
    ? undefined
    : { accessKeyId, secretAccessKey, sessionToken };
}

const profileFailure = (name: string, what: string): RutterError =>
  new RutterError(
    'ERR_PROVIDER_AUTHENTICATION',
    `The AWS profile "${name}" ${what}. Expected aws_access_key_id and aws_secret_access_key, role_arn with a source, credential_process, or sso_account_id and sso_role_name.`,
  );
