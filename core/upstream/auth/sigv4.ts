/**
 * AWS Signature Version 4, in headers.
 *
 * The path is encoded once more than it stands on the wire, as every service
 * but S3 expects. Headers that proxies change on the way are left unsigned.
 */
import { createHmac, hash } from 'node:crypto';

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
}

export interface SignedRequest {
  readonly method: string;
  readonly host: string;
  /** As on the wire. */
  readonly path: string;
  /** As on the wire, without `?`. */
  readonly query: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string | undefined;
}

export interface SigningScope {
  readonly credentials: AwsCredentials;
  readonly region: string;
  readonly service: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

const algorithm = 'AWS4-HMAC-SHA256';
const unsigned = new Set([
  'accept',
  'accept-encoding',
  'authorization',
  'connection',
  'content-length',
  'expect',
  'te',
  'traceparent',
  'tracestate',
  'trailer',
  'transfer-encoding',
  'user-agent',
  'x-amzn-trace-id',
  'x-request-id',
]);

/** The headers to add to the request: date, token, `authorization`, and for S3 the payload's hash. */
export function signRequest(request: SignedRequest, scope: SigningScope): Record<string, string> {
  const { credentials, region, service } = scope;
  const isS3 = service === 's3';
  const time = new Date(scope.now).toISOString().replace(/[-:]|\.\d{3}/g, '');
  const payloadHash = hash('sha256', request.body ?? '', 'hex');
  const added: Record<string, string> = { 'x-amz-date': time };
  if (isS3) added['x-amz-content-sha256'] = payloadHash;
  if (credentials.sessionToken !== undefined) added['x-amz-security-token'] = credentials.sessionToken;

  const headers = canonicalHeaders({ host: request.host, ...request.headers, ...added });
  const canonical = [
    request.method,
    isS3 ? encodedOnce(request.path) : encodedAgain(request.path),
    canonicalQuery(request.query),
    headers.text,
    headers.names,
    payloadHash,
  ].join('\n');
  const place = `${time.slice(0, 8)}/${region}/${service}/aws4_request`;
  const key = signingKey(credentials, place);
  const signature = hmac(key, [algorithm, time, place, hash('sha256', canonical, 'hex')].join('\n')).toString('hex');
  added.authorization = `${algorithm} Credential=${credentials.accessKeyId}/${place}, SignedHeaders=${headers.names}, Signature=${signature}`;
  return added;
}

function canonicalHeaders(headers: Readonly<Record<string, string>>): {
  readonly text: string;
  readonly names: string;
} {
  const names = Object.keys(headers)
    .filter((name) => !unsigned.has(name))
    .sort(byCodeUnits);
  const lines = names.map((name) => `${name}:${(headers[name] as string).trim().replace(/ {2,}/g, ' ')}\n`);
  return { text: lines.join(''), names: names.join(';') };
}

/** RFC 3986: everything but unreserved characters. */
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const encodedOnce = (path: string): string =>
  path
    .split('/')
    .map((segment) => encode(decode(segment)))
    .join('/') || '/';

/** Dot segments and empty ones go, as the services normalise before they compare. */
function encodedAgain(path: string): string {
  const kept: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '..') kept.pop();
    else if (segment !== '' && segment !== '.') kept.push(encode(segment));
  }
  return kept.length === 0 ? '/' : `/${kept.join('/')}${/\/\.{0,2}$/.test(path) ? '/' : ''}`;
}

function canonicalQuery(query: string): string {
  if (query === '') return '';
  const pairs = query.split('&').map((pair) => {
    const [name = '', ...value] = pair.split('=');
    return [encode(decode(name)), encode(decode(value.join('=')))] as const;
  });
  pairs.sort((a, b) => byCodeUnits(a[0], b[0]) || byCodeUnits(a[1], b[1]));
  return pairs.map(([name, value]) => `${name}=${value}`).join('&');
}

const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

interface DerivedKey {
  readonly place: string;
  readonly key: Buffer;
}

/** One a credential: the key changes only with the day, region and service. */
const derivedKeys = new WeakMap<AwsCredentials, DerivedKey>();

function signingKey(credentials: AwsCredentials, place: string): Buffer {
  const known = derivedKeys.get(credentials);
  if (known?.place === place) return known.key;
  let key: Buffer | string = `AWS4${credentials.secretAccessKey}`;
  for (const part of place.split('/')) key = hmac(key, part);
  derivedKeys.set(credentials, { place, key: key as Buffer });
  return key as Buffer;
}
