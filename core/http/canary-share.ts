/** Who is served by a canary: the same credentials each time, and more of them when the share grows. */
import type { IncomingHttpHeaders } from 'node:http';
import { readCredential } from './credentials.ts';

const places = 2 ** 32;

/**
 * Whether the credential in the headers belongs to a share from 0 to 1: its
 * SHA-256 begins with a number of 32 bits below it. Whoever sends none does not.
 */
export function isInShare(headers: IncomingHttpHeaders, keyHeader: string | undefined, share: number): boolean {
  const credential = readCredential(headers, keyHeader);
  return credential !== undefined && Number.parseInt(credential.digest().slice(0, 8), 16) / places < share;
}
