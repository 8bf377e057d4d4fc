/**
 * Checks an AWS Signature Version 4 as a service does, from what came over
 * the wire alone: it knows nothing of how the gateway signs.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { VendorRequest } from '../../support/index.ts';

export interface IssuedKey {
  readonly secretAccessKey: string;
  /** Undefined for keys that do not end. */
  readonly sessionToken: string | undefined;
  readonly expiresAt: number;
}

const authorizationForm =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/;
const mustSign = ['host', 'x-amz-date'];
const skewMs = 5 * 60_000;

const sha256 = (data: Buffer | string) => createHash('sha256').update(data).digest('hex');
const hmac = (key: Buffer | string, text: string) => createHmac('sha256', key).update(text).digest();
const escaped = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);

/** Undefined where the signature holds, else what is wrong with it. */
export function verifySignature(
  request: VendorRequest,
  keys: ReadonlyMap<string, IssuedKey>,
  expected: { readonly region: string; readonly service: string },
): string | undefined {
  const { headers } = request;
  const found = authorizationForm.exec(headers.authorization ?? '');
  if (!found) return `no signature in ${JSON.stringify(headers.authorization)}`;
  const [, keyId = '', day = '', region = '', service = '', signedText = '', signature = ''] = found;
  const key = keys.get(keyId);
  if (!key) return `the key ${keyId} was never issued`;
  if (key.expiresAt <= Date.now()) return 'The security token included in the request is expired';
  if (headers['x-amz-security-token'] !== key.sessionToken) return 'the session token is not that of the key';
  if (region !== expected.region || service !== expected.service) return `the scope is ${region}/${service}`;
  const date = String(headers['x-amz-date']);
  const at = Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  if (!(Math.abs(Date.now() - at) < skewMs) || !date.startsWith(day)) return `the date is ${date} for the day ${day}`;
  const signed = signedText.split(';');
  const missing = [...mustSign, ...(key.sessionToken === undefined ? [] : ['x-amz-security-token'])].filter(
    (name) => !signed.includes(name),
  );
  if (missing.length > 0) return `not signed: ${missing.join(', ')}`;
  const [path = '', query = ''] = request.path.split('?');
  const canonical = [
    request.method,
    path.split('/').map(escaped).join('/'),
    query.split('&').filter(Boolean).sort().join('&'),
    ...signed.map(
      (name) =>
        `${name}:${String(headers[name] ?? '')
          .trim()
          .replace(/ +/g, ' ')}`,
    ),
    '',
    signedText,
    sha256(request.body),
  ].join('\n');
  const scope = `${day}/${region}/${service}/aws4_request`;
  const signingKey = [region, service, 'aws4_request'].reduce(
    (before, text) => hmac(before, text),
    hmac(`AWS4${key.secretAccessKey}`, day),
  );
  const right = hmac(signingKey, ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n'));
  return timingSafeEqual(right, Buffer.from(signature, 'hex')) ? undefined : 'the signature is of something else';
}
