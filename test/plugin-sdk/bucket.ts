/** A bucket behind `host.fetch`, for the packed text of a source; a real server is asked in test/sources. */
import { hash } from 'node:crypto';
import type { Host, HostFetchOptions, HostResponse } from '@rutter/plugin-sdk';

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

export function bucketFetch(): Host['fetch'] {
  const blobs = new Map<string, { readonly body: Buffer; readonly etag: string }>();
  const list = (prefix: string): HostResponse => {
    const entries = [...blobs].filter(([key]) => key.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1));
    const rows = entries.map(
      ([key, { body, etag }]) =>
        `<Contents><Key>${escaped(key)}</Key><ETag>${escaped(etag)}</ETag><Size>${body.length}</Size></Contents>`,
    );
    return reply(200, `<ListBucketResult><IsTruncated>false</IsTruncated>${rows.join('')}</ListBucketResult>`);
  };
  const put = (key: string, { headers = {}, body }: HostFetchOptions): HostResponse => {
    const known = blobs.get(key)?.etag;
    const wanted = headers['if-match'];
    const isRefused = headers['if-none-match'] === '*' ? known !== undefined : wanted !== undefined && wanted !== known;
    if (isRefused) return reply(412, '<Error><Code>PreconditionFailed</Code></Error>');
    const bytes = Buffer.from(body as Uint8Array);
    blobs.set(key, { body: bytes, etag: `"${hash('md5', bytes, 'hex')}"` });
    return reply(200, '');
  };
  return async (address, options = {}) => {
    const url = new URL(address);
    const key = decodeURIComponent(url.pathname.split('/').slice(2).join('/'));
    if (url.searchParams.has('list-type')) return list(url.searchParams.get('prefix') ?? '');
    if (options.method === 'PUT') return put(key, options);
    const found = blobs.get(key);
    if (found === undefined) return reply(404, '<Error><Code>NoSuchKey</Code></Error>');
    if (options.headers?.['if-none-match'] === found.etag) return reply(304, '');
    return reply(200, found.body, { etag: found.etag });
  };
}

function reply(status: number, body: string | Buffer, headers: Readonly<Record<string, string>> = {}): HostResponse {
  const bytes = Buffer.from(body);
  const text = async () => bytes.toString();
  return {
    status,
    headers,
    text,
    json: async () => JSON.parse(await text()) as unknown,
    body: (async function* () {
      yield bytes;
    })(),
  };
}
