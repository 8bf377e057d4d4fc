/**
 * Keeps replies for caches that only say which requests are equal.
 *
 * Invariant: a reply is given again to the caller it was made for alone, by
 * the same plugin, under the same guards, for the same group and operation,
 * whatever key the plugin makes up. What all of it takes is bounded by places:
 * a later reply stands where an earlier one stood.
 */
import {
  type Cache,
  type CacheableReply,
  type Call,
  type KeyedCache,
  type RequestContext,
  RutterError,
  type State,
} from '@rutter/plugin-sdk';
import { answerOf } from '../deadline.ts';
import { cacheKey, requestDigest, sha256 } from '../plugins/cache-key.ts';
import type { PluginInstance } from '../plugins/types.ts';
import { type Bounds, readValue, writeValue } from '../sandbox/values.ts';

/** Replies kept for one plugin, of all callers together, and characters of one. */
const places = 1024;
const longestReply = 131_072;
const bounds: Bounds = { depth: 64, values: 100_000 };
/** A miss is better than a request that waits for its cache. */
const stateMs = 1000;
const usualTtlMs = 600_000;
const longestTtlMs = 86_400_000;
const operations: readonly string[] = ['chat', 'completions', 'embeddings'];

export interface KeyedCacheOptions {
  readonly instance: Pick<PluginInstance, 'name' | 'key'>;
  readonly cache: KeyedCache;
  readonly state: State | undefined;
  /** What replies have passed: one that was kept under other guards is not given under these. */
  readonly guards: readonly Pick<PluginInstance, 'key'>[];
}

/** ERR_PLUGIN_INVALID where there is no state to keep replies in, or the plugin's time to live is none. */
export function keyedCache({ instance, cache, state, guards }: KeyedCacheOptions): Cache {
  const { name } = instance;
  if (state === undefined) throw invalid(name, 'keys for replies, and no plugin provides "state", where they are kept');
  const { ttlMs = usualTtlMs } = cache;
  if (!Number.isInteger(ttlMs) || ttlMs < 1 || ttlMs > longestTtlMs)
    throw invalid(name, `${String(ttlMs)} as ttlMs, expected a whole number from 1 to ${longestTtlMs}`);
  const namespace = [instance.key, guards.map(({ key }) => key)];
  // Asked for when a reply is looked for, used again when one is kept: a plugin cannot file a reply elsewhere.
  const digests = new WeakMap<Call, string>();
  // By name, not by key: a plugin that is replaced takes the places of the one before it.
  const placeOf = (digest: string) => `cache:${name}:${Number.parseInt(digest.slice(0, 8), 16) % places}`;

  return {
    async read(context, call) {
      if (!operations.includes(call.operation)) return undefined;
      const key = cacheKey(await answerOf(name, keyOf(cache, context, call)));
      if (key === undefined) return undefined;
      const { principal, group } = context;
      const digest = sha256([namespace, principal.kind, principal.id, group, call.operation, key]);
      digests.set(call, digest);
      if (isSet(call, 'no-cache')) return undefined;
      const kept = await answerOf('state', state.get(placeOf(digest)), stateMs);
      if (!kept?.startsWith(digest)) return undefined;
      return readValue(kept.slice(digest.length), bounds) as CacheableReply;
    },
    async write(_context, call, reply) {
      const digest = digests.get(call);
      if (digest === undefined || isSet(call, 'no-store')) return;
      const text = replyText(reply);
      if (text === undefined) return;
      await answerOf('state', state.set(placeOf(digest), digest + text, { ttlMs }), stateMs);
    },
  };
}

/** In its own step, so that what is thrown at once is a promise's error as well. */
const keyOf = async (cache: KeyedCache, context: RequestContext, call: Call) =>
  cache.key(context, call, () => requestDigest(context, call));

/** What LiteLLM's callers say in `cache` of the body. */
const isSet = ({ controls }: Call, word: 'no-cache' | 'no-store'): boolean => controls.cache?.[word] === true;

/** Undefined for a reply too large to keep. */
function replyText(reply: CacheableReply): string | undefined {
  try {
    const text = writeValue(reply, bounds);
    return text.length > longestReply ? undefined : text;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

const invalid = (name: string, what: string) =>
  new RutterError('ERR_PLUGIN_INVALID', `Plugin "${name}" brings ${what}.`);
