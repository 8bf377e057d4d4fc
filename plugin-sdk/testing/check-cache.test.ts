import { expect, test } from 'vitest';
import type { Cache, CacheableReply, Call, KeyedCache, RequestContext } from '../index.ts';
import { type CacheOptions, checkCache, type FakeHost } from './index.ts';

const ttlMs = 1_000;
const maxEntries = 50;

const bodyOf = (call: Call) => JSON.stringify(call.operation === 'embeddings' ? call.embeddings() : call.chat());
const keyOf = ({ principal }: RequestContext, call: Call) =>
  JSON.stringify([principal.id, call.operation, bodyOf(call)]);

interface Knobs {
  key(context: RequestContext, call: Call): string;
  copy(reply: CacheableReply): CacheableReply;
  readonly ttlMs: number;
  readonly maxEntries: number;
}

function plainCache({ clock }: FakeHost, change: Partial<Knobs>): Cache {
  const knobs: Knobs = { key: keyOf, copy: structuredClone, ttlMs, maxEntries, ...change };
  const entries = new Map<string, { reply: CacheableReply; endsAt: number }>();
  return {
    read(context, call) {
      const entry = entries.get(knobs.key(context, call));
      return entry && entry.endsAt > clock.now() ? knobs.copy(entry.reply) : undefined;
    },
    write(context, call, reply) {
      const key = knobs.key(context, call);
      entries.delete(key);
      entries.set(key, { reply: knobs.copy(reply), endsAt: clock.now() + knobs.ttlMs });
      if (entries.size > knobs.maxEntries) entries.delete(entries.keys().next().value ?? '');
    },
  };
}

async function failures(change: Partial<Knobs>, options: CacheOptions = { ttlMs, maxEntries }): Promise<string[]> {
  const report = await checkCache((host) => plainCache(host, change), options);
  return report.failed.map(({ title }) => title);
}

test('a cache that keys by caller and whole request conforms', async () => {
  expect(await failures({})).toEqual([]);
});

test('a cache that answers likenesses conforms when it is checked as one', async () => {
  const change: Partial<Knobs> = {
    key: ({ principal }, call) => `${principal.id} ${call.operation} ${call.model} ${call.text().toLowerCase()}`,
  };
  expect(await failures(change, { exact: false })).toEqual([]);
  expect(await failures(change)).toContain('answers the very same request and no other');
});

test.each<[string, string, Partial<Knobs>]>([
  [
    'shares replies between callers',
    'gives nobody what another caller wrote',
    { key: (_context, call) => bodyOf(call) },
  ],
  [
    'shares replies within a team',
    'gives nobody what another caller wrote',
    { key: ({ principal }, call) => `${principal.team} ${bodyOf(call)}` },
  ],
  [
    'ignores the case of a caller',
    'gives nobody what another caller wrote',
    { key: (context, call) => keyOf(context, call).toLowerCase() },
  ],
  [
    'believes the caller a request names',
    'cannot be led across callers by what a request says',
    { key: ({ principal }, call) => `${(call.controls.cache?.namespace as string) ?? principal.id} ${bodyOf(call)}` },
  ],
  [
    'keys by the words alone',
    'answers the very same request and no other',
    { key: ({ principal }, call) => `${principal.id} ${call.operation} ${call.text()}` },
  ],
  [
    'forgets the model in its key',
    'answers the very same request and no other',
    { key: (context, call) => keyOf(context, call).replaceAll(call.model, '') },
  ],
  ['mixes operations', 'keeps operations apart', { key: ({ principal }, call) => `${principal.id} ${call.text()}` }],
  [
    'stumbles over a message in parts',
    'reads and writes any request without an error',
    {
      key: ({ principal }, call) =>
        `${principal.id} ${
          call.operation === 'embeddings'
            ? ''
            : call
                .chat()
                .messages.map(({ content }) => (content as string).trim())
                .join()
        }`,
    },
  ],
  [
    'keeps the caller’s object',
    'keeps what it was told when the reply written or read is changed afterwards',
    { copy: (reply) => reply },
  ],
  [
    'keeps replies by their text',
    'gives back what was written, whole',
    {
      copy: (reply) =>
        reply.operation === 'embeddings' ? reply : { ...reply, reply: { text: reply.reply.text, end: 'stop' } },
    },
  ],
  ['keeps a reply for ever', 'forgets a reply when its time is over', { ttlMs: Number.POSITIVE_INFINITY }],
  ['grows without a bound', 'keeps no more entries than it may', { maxEntries: Number.POSITIVE_INFINITY }],
])('catches a cache that %s', async (_fault, title, change) => {
  expect(await failures(change)).toContain(title);
});

const keyed = async (key: KeyedCache['key'], options: CacheOptions = { ttlMs }) =>
  (await checkCache(() => ({ key, ttlMs }), options)).failed.map(({ title }) => title);

test('a cache that only makes keys conforms, by the digest it is given or by one of its own', async () => {
  expect(await keyed((_context, _call, digest) => digest())).toEqual([]);
  expect(await keyed((_context, call) => bodyOf(call))).toEqual([]);
});

test.each<[string, string, KeyedCache['key']]>([
  ['keys by the words alone', 'answers the very same request and no other', (_context, call) => call.text() || 'none'],
  ['makes another key each time', 'makes the same key of the same request again', () => String(++made)],
  ['makes an empty key', 'makes the same key of the same request again', () => ''],
  ['makes keys that are no text', 'makes the same key of the same request again', (() => 7) as never],
  [
    'stumbles over a message in parts',
    'reads and writes any request without an error',
    (_context, call) => `k${call.chat().messages.map(({ content }) => (content as string).trim())}`,
  ],
])('catches a cache of keys that %s', async (_fault, title, key) => {
  expect(await keyed(key)).toContain(title);
});
let made = 0;
