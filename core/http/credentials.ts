/**
 * Finds the credential a caller sent: the first present header wins, as in
 * LiteLLM's proxy. What it holds is never read by a plugin.
 */
import type { Credential } from '@rutter/plugin-sdk';
import { createCredential } from '../upstream/secret.ts';

type RawHeaders = Readonly<Record<string, string | string[] | undefined>>;

const headerOrder = [
  'x-litellm-api-key',
  'authorization',
  'api-key',
  'x-api-key',
  'x-goog-api-key',
  'ocp-apim-subscription-key',
] as const;

/** Headers that hold credentials: shown to no plugin, sent to no vendor. */
export const credentialHeaders: ReadonlySet<string> = new Set([
  ...headerOrder,
  'cookie',
  'set-cookie',
  'proxy-authorization',
  'x-admin-api-key',
]);

/** `query` is the value of `?key=`, on routes that accept it. */
export function readCredential(
  headers: RawHeaders,
  keyHeader: string | undefined,
  query?: string,
): Credential | undefined {
  if (keyHeader !== undefined) {
    const found = one(headers[keyHeader]);
    if (found) return createCredential(bare(found), keyHeader);
  }
  for (const name of headerOrder) {
    const value = one(headers[name]);
    if (!value) continue;
    const key = name === 'authorization' ? authorizationKey(value) : bare(value);
    return key ? createCredential(key, name) : undefined;
  }
  return query ? createCredential(query, 'query') : undefined;
}

const one = (value: string | string[] | undefined) => (typeof value === 'string' ? value : value?.[0]);

/** A key in a header of its own may still carry the scheme, as some SDKs send it. */
const bare = (value: string) => (/^bearer /i.test(value) ? value.slice(7).trim() : value.trim());

/** `Bearer`, `Basic` with the key as user or password, and SigV4 strings that carry `Credential=Bearer <key>`; anything else counts as empty. */
function authorizationKey(value: string): string | undefined {
  if (/^bearer /i.test(value)) return value.slice(7).trim();
  if (/^basic /i.test(value)) {
    const [user = '', password = ''] = Buffer.from(value.slice(6).trim(), 'base64').toString('utf8').split(':');
    return password || user || undefined;
  }
  return /Credential=Bearer ([^,/\s]+)/.exec(value)?.[1];
}
