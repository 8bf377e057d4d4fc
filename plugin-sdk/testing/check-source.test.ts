import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Source } from '../index.ts';
import { checkSource } from './index.ts';

const tagOf = (body: Uint8Array) => `"${createHash('sha256').update(body).digest('hex')}"`;

function plainSource() {
  const blobs = new Map<string, Uint8Array>();
  const source: Source = {
    async get(key, options) {
      const body = blobs.get(key);
      if (body === undefined) return undefined;
      const etag = tagOf(body);
      return options?.etag === etag ? 'unchanged' : { body: body.slice(), etag };
    },
    list: async (prefix) =>
      [...blobs]
        .filter(([key]) => key.startsWith(prefix))
        .map(([key, body]) => ({ key, etag: tagOf(body), size: body.length })),
    async put(key, body, { ifMatch, ifNoneMatch } = {}) {
      const present = blobs.get(key);
      if (ifNoneMatch === '*' && present !== undefined) return false;
      if (ifMatch !== undefined && (present === undefined || tagOf(present) !== ifMatch)) return false;
      blobs.set(key, body.slice());
      return true;
    },
  };
  return { source, blobs };
}

type Parts = ReturnType<typeof plainSource>;

async function failures(fault: (parts: Parts) => Partial<Source>): Promise<string[]> {
  const report = await checkSource(() => {
    const parts = plainSource();
    return { ...parts.source, ...fault(parts) };
  });
  return report.failed.map(({ title }) => title);
}

const later = () => new Promise((resolve) => setImmediate(resolve));

test('a source that does all it should conforms', async () => {
  expect(await failures(() => ({}))).toEqual([]);
});

test.each<[string, string, (parts: Parts) => Partial<Source>]>([
  [
    'keeps texts',
    'gives back the bytes that were put',
    ({ source }) => ({
      put: (key, body, options) => source.put(key, new TextEncoder().encode(new TextDecoder().decode(body)), options),
    }),
  ],
  [
    'takes empty for missing',
    'gives back the bytes that were put',
    ({ source }) => ({
      async get(key, options) {
        const found = await source.get(key, options);
        return typeof found === 'object' && found.body.length === 0 ? undefined : found;
      },
    }),
  ],
  [
    'fails on a missing key',
    'says nothing of a key that is not there',
    ({ source }) => ({
      async get(key, options) {
        const found = await source.get(key, options);
        if (found === undefined) throw new Error('NoSuchKey');
        return found;
      },
    }),
  ],
  [
    'keeps the caller’s bytes',
    'keeps what it was given when the caller’s bytes change',
    ({ blobs }) => ({
      put: async (key, body) => {
        blobs.set(key, body);
        return true;
      },
    }),
  ],
  [
    'never says unchanged',
    'says unchanged while the ETag is the same, and gives the body when it is not',
    ({ source }) => ({ get: (key) => source.get(key) }),
  ],
  [
    'makes its ETag of the size',
    'says unchanged while the ETag is the same, and gives the body when it is not',
    ({ source }) => ({
      async get(key, options) {
        const found = await source.get(key);
        if (typeof found !== 'object') return found;
        const etag = `"${found.body.length}"`;
        return options?.etag === etag ? 'unchanged' : { ...found, etag };
      },
    }),
  ],
  [
    'ignores the wish for a new key',
    'puts a new key once when asked to put only a new one',
    ({ source }) => ({
      put: (key, body, options) => source.put(key, body, options?.ifMatch ? { ifMatch: options.ifMatch } : {}),
    }),
  ],
  [
    'ignores the version',
    'puts over the version it is told and over no other',
    ({ source }) => ({ put: (key, body) => source.put(key, body) }),
  ],
  [
    'looks, waits and then writes',
    'lets one of many win that put together',
    ({ source }) => ({
      async put(key, body, options) {
        const found = await source.get(key);
        await later();
        if (options?.ifNoneMatch && found !== undefined) return false;
        if (options?.ifMatch && (typeof found !== 'object' || found.etag !== options.ifMatch)) return false;
        return source.put(key, body);
      },
    }),
  ],
  [
    'lists folders rather than prefixes',
    'lists keys by prefix, with the ETag and the size of each',
    ({ source }) => ({ list: (prefix) => source.list(prefix.endsWith('/') ? prefix : `${prefix}/`) }),
  ],
  [
    'lists one page',
    'lists more keys than a page holds',
    ({ source }) => ({ list: async (prefix) => (await source.list(prefix)).slice(0, 100) }),
  ],
  [
    'ignores case',
    'takes keys of every spelling, and keeps them apart',
    ({ source }) => ({
      get: (key, options) => source.get(key.toLowerCase(), options),
      put: (key, body, options) => source.put(key.toLowerCase(), body, options),
    }),
  ],
  [
    'decodes keys',
    'takes keys of every spelling, and keeps them apart',
    ({ source }) => ({
      list: async (prefix) =>
        (await source.list(prefix)).map((entry) => ({ ...entry, key: decodeURIComponent(entry.key) })),
    }),
  ],
  [
    'follows a key out of its place',
    'lets no key lead out of its place',
    ({ source }) => ({
      get: async (key, options) =>
        key.includes('..') ? { body: new Uint8Array(1), etag: '"x"' } : source.get(key, options),
    }),
  ],
])('catches a source that %s', async (_fault, title, fault) => {
  expect(await failures(fault)).toContain(title);
});
