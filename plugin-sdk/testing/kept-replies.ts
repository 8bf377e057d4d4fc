/** A cache that only makes keys, with replies kept for it as the gateway would: each caller, group and operation apart. */
import { createHash } from 'node:crypto';
import { askedText } from '../codecs/text.ts';
import type { Cache, Facets, KeyedCache } from '../contract/kinds.ts';
import type { CacheableReply, Call, RequestContext } from '../contract/request.ts';
import type { FakeHost } from './host.ts';
import { expect, show } from './report.ts';

const longestKey = 1_048_576;
const usualTtlMs = 600_000;

export function keptReplies(cache: KeyedCache & Facets, { clock }: FakeHost): Cache & Facets {
  const entries = new Map<string, { readonly reply: CacheableReply; readonly endsAtMs: number }>();
  const keyOf = async (context: RequestContext, call: Call) => {
    const key = await checkedKey(cache, context, call);
    return key === undefined ? undefined : JSON.stringify([...ownerOf(context), call.operation, key]);
  };
  const { key: _key, ttlMs = usualTtlMs, read: _read, write: _write, ...facets } = cache;
  return {
    ...facets,
    async read(context, call) {
      const entry = entries.get((await keyOf(context, call)) ?? '');
      return entry && entry.endsAtMs > clock.monotonic() ? structuredClone(entry.reply) : undefined;
    },
    async write(context, call, reply) {
      const key = await keyOf(context, call);
      if (key !== undefined) entries.set(key, { reply: structuredClone(reply), endsAtMs: clock.monotonic() + ttlMs });
    },
  };
}

/** What the cache answers; throws where it is no key. */
export async function checkedKey(cache: KeyedCache, context: RequestContext, call: Call): Promise<string | undefined> {
  const key: unknown = await cache.key(context, call, () => digestOf(context, call));
  expect(
    key === undefined || (typeof key === 'string' && key.length > 0 && key.length <= longestKey),
    () => `key gave ${show(key)}, expected a text of 1 to ${longestKey} characters, or undefined`,
  );
  return key as string | undefined;
}

const ownerOf = ({ principal: { kind, id }, group }: RequestContext) => [kind, id, group];

/** As the gateway makes it. */
const digestOf = (context: RequestContext, call: Call): string =>
  createHash('sha256')
    .update(JSON.stringify([...ownerOf(context), askedText(call)]))
    .digest('hex');
