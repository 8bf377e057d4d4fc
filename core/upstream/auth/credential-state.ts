/** Whether a deployment has what its provider authenticates with, told without calling anyone or showing anything. */
import type { Auth } from '@rutter/plugin-sdk';
import { firstGiven, keyInEnvironment, ownKey, variablesOf } from './first-given.ts';
import type { CredentialLookup } from './settings.ts';

export type CredentialState =
  | { readonly state: 'given' | 'not needed' }
  | { readonly state: 'environment' | 'missing'; readonly variables: readonly string[] }
  /** Found, or fetched, when it is called. */
  | { readonly state: 'when called'; readonly scheme: string };

export function credentialState(
  auth: Auth,
  credentials: CredentialLookup,
  environment: NodeJS.ProcessEnv,
): CredentialState {
  if (auth.scheme === 'none') return { state: 'not needed' };
  if (auth.scheme === 'first')
    return credentialState(firstGiven(auth, credentials, environment), credentials, environment);
  if (auth.scheme !== 'header' && auth.scheme !== 'query') return { state: 'when called', scheme: auth.scheme };
  if (ownKey(auth, credentials) !== undefined) return { state: 'given' };
  if (keyInEnvironment(auth, environment) !== undefined)
    return { state: 'environment', variables: variablesOf(auth).filter((name) => environment[name]) };
  return auth.optional === true ? { state: 'not needed' } : { state: 'missing', variables: variablesOf(auth) };
}
