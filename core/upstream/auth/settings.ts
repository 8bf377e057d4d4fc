/** How the authenticator reads a deployment's settings, secret ones among them. */
import { readFile } from 'node:fs/promises';
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

/**
 * A setting that holds a JSON object, as text, as a mapping, or as the path of a file; undefined when it is absent.
 * Rejects with ERR_PROVIDER_AUTHENTICATION, which never shows what could not be read.
 */
export async function jsonSetting(
  credentials: CredentialLookup,
  name: string,
  expected: string,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const secret = credentials.secret(name);
  const found = secret === undefined ? credentials.param(name) : revealSecret(secret);
  if (found === undefined || found === '') return undefined;
  try {
    const text =
      typeof found === 'string' && !found.trimStart().startsWith('{') ? await readFile(found, 'utf8') : found;
    const value: unknown = typeof text === 'string' ? JSON.parse(text) : text;
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch (error) {
    throw authenticationFailure(credentials, `the setting ${name} cannot be read${fileCode(error)}. ${expected}`);
  }
  throw authenticationFailure(credentials, `the setting ${name} cannot be read. ${expected}`);
}

/** The code of an error with a file; '' for a parser's, which quotes what it could not read. */
export function fileCode(error: unknown): string {
  const { syscall, code } = error as NodeJS.ErrnoException;
  return syscall === undefined ? '' : ` (${code})`;
}

export const authenticationFailure = (credentials: CredentialLookup, message: string, cause?: unknown): RutterError =>
  new RutterError('ERR_PROVIDER_AUTHENTICATION', `Deployment ${credentials.id}: ${message}`, { cause });

/** The message of an error that may be shown: ours are written without secrets, others are told by their code. */
export function reasonOf(error: unknown): string {
  if (RutterError.is(error)) return error.message;
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : 'unreadable answer';
}
