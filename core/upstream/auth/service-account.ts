/** A service account's key, and the assertions it signs (RFC 7523 §2.1, RS256). */
import { createPrivateKey, createSign, type KeyObject } from 'node:crypto';

export interface ServiceAccount {
  readonly clientEmail: string;
  readonly key: KeyObject;
  readonly keyId: string | undefined;
  readonly tokenUri: string | undefined;
  readonly project: string | undefined;
}

const assertionSeconds = 3600;
const jwtGrant = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/** Throws what `refuse` makes of the fault: the parser quotes what it could not read, and that may be the key. */
export function accountOf(fields: Readonly<Record<string, unknown>>, refuse: (fault: string) => Error): ServiceAccount {
  const { client_email: clientEmail, private_key: pem, private_key_id: keyId } = fields;
  if (typeof clientEmail !== 'string' || typeof pem !== 'string') throw refuse('lacks client_email or private_key');
  try {
    const key = createPrivateKey(pem);
    const { token_uri: tokenUri, project_id: project } = fields;
    return { clientEmail, key, keyId: textOf(keyId), tokenUri: textOf(tokenUri), project: textOf(project) };
  } catch {
    throw refuse('cannot be read');
  }
}

/** What is posted for a token. `now` is in milliseconds. */
export function assertionForm(
  account: ServiceAccount,
  { audience, scope, now }: { readonly audience: string; readonly scope: string | undefined; readonly now: number },
): Record<string, string> {
  const issuedAt = Math.floor(now / 1000);
  const header = { alg: 'RS256', typ: 'JWT', ...(account.keyId === undefined ? undefined : { kid: account.keyId }) };
  const claims = {
    iss: account.clientEmail,
    sub: account.clientEmail,
    aud: audience,
    ...(scope === undefined ? undefined : { scope }),
    iat: issuedAt,
    exp: issuedAt + assertionSeconds,
  };
  const text = `${segment(header)}.${segment(claims)}`;
  const signature = createSign('RSA-SHA256').update(text).sign(account.key, 'base64url');
  return { grant_type: jwtGrant, assertion: `${text}.${signature}` };
}

const segment = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

export const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;
