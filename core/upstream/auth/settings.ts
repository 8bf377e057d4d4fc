/** How the authenticator reads a deployment's settings, secret ones among them. */
import { RutterError, type Secret } from '@rutter/plugin-sdk';
import { revealSecret } from '../secret.ts';

/** What the authenticator may know of the deployment it signs for. */
export interface CredentialLookup {
  /** Names the credential: tokens are kept under it, and it stands in messages. Other settings, other id. */
  readonly id: string;
  readonly apiKey: Secret | undefined;
  secret(name: string): Secret | undefined;
  param(name: string): unknown;
}

/** A setting as text, from among the secrets first; undefined when it is absent or empty. */
export function textSetting(credentials: CredentialLookup, name: string): string | undefined {
  const secret = credentials.secret(name);
  const value = secret === undefined ? credentials.param(name) : revealSecret(secret);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export const authenticationFailure = (credentials: CredentialLookup, message: string, cause?: unknown): RutterError =>
  new RutterError('ERR_PROVIDER_AUTHENTICATION', `Deployment ${credentials.id}: ${message}`, { cause });

/** The message of an error that may be shown: ours are written without secrets, others are told by their code. */
export function reasonOf(error: unknown): string {
  if (RutterError.is(error)) return error.message;
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : 'unreadable answer';
}
