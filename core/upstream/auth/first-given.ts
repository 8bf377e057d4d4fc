/** Which of several ways to authenticate a deployment has what is needed for. */
import type { FirstAuth, HeaderAuth, QueryAuth } from '@rutter/plugin-sdk';
import { revealSecret } from '../secret.ts';
import { isIdentityOffered } from './managed-identity.ts';
import { neededSettings } from './oauth2.ts';
import { type CredentialLookup, textSetting } from './settings.ts';

type OneAuth = FirstAuth['of'][number];

/** What a deployment names itself goes before what the environment has for all of them. */
export function firstGiven({ of }: FirstAuth, credentials: CredentialLookup, environment: NodeJS.ProcessEnv): OneAuth {
  const own = of.find((auth) => isOwn(auth, credentials));
  return own ?? of.find((auth) => isGiven(auth, credentials, environment)) ?? (of[0] as OneAuth);
}

function isOwn(auth: OneAuth, credentials: CredentialLookup): boolean {
  if (auth.scheme !== 'oauth2') return ownKey(auth, credentials) !== undefined;
  const names = neededSettings(auth);
  return names.length > 0 && names.every((name) => textSetting(credentials, name) !== undefined);
}

function isGiven(auth: OneAuth, credentials: CredentialLookup, environment: NodeJS.ProcessEnv): boolean {
  if (auth.scheme !== 'oauth2') return keyInEnvironment(auth, environment) !== undefined;
  if (auth.grant === 'managed_identity') return isIdentityOffered(environment);
  return neededSettings(auth).every((name) => {
    const variable = auth.variables?.[name];
    return textSetting(credentials, name) !== undefined || Boolean(variable && environment[variable]);
  });
}

/** The key among a deployment's settings. */
export function ownKey({ keyParam }: HeaderAuth | QueryAuth, credentials: CredentialLookup): string | undefined {
  if (keyParam !== undefined && keyParam !== 'api_key') return textSetting(credentials, keyParam);
  return credentials.apiKey === undefined ? undefined : revealSecret(credentials.apiKey);
}

export const variablesOf = ({ variable = [] }: HeaderAuth | QueryAuth): readonly string[] =>
  typeof variable === 'string' ? [variable] : variable;

/** Of several variables the first that is filled. */
export function keyInEnvironment(auth: HeaderAuth | QueryAuth, environment: NodeJS.ProcessEnv): string | undefined {
  for (const name of variablesOf(auth)) if (environment[name]) return environment[name];
  return undefined;
}
