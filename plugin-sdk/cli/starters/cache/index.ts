/**
 * Answers a request that was asked before with the reply it got, for a while.
 *
 * What one caller was answered is told to that caller alone. The least
 * recently written entry makes room when the cache is full.
 */
import { type CacheableReply, type Call, definePlugin, type RequestContext, z } from '@rutter/plugin-sdk';

const config = z.strictObject({
  maxEntries: z.int().min(1).default(1_000).describe('Most replies kept.'),
  ttlSeconds: z.number().min(1).default(600).describe('Seconds for which a reply may be given again.'),
});

const operations = ['chat', 'completions', 'embeddings'];

export default definePlugin({
  kind: 'cache',
  config,
  setup(host, { maxEntries, ttlSeconds }) {
    // Kept by the host: a reload of this plugin empties nothing. Raise the number when the shape of an entry changes.
    const entries = host.keep('entries', 1, () => new Map<string, { text: string; endsAtMs: number }>());

    return {
      read(context, call) {
        const entry = entries.get(keyOf(context, call));
        if (entry === undefined || entry.endsAtMs <= host.clock.monotonic()) return undefined;
        return JSON.parse(entry.text) as CacheableReply;
      },
      write(context, call, reply) {
        if (!operations.includes(call.operation)) return;
        const key = keyOf(context, call);
        entries.delete(key);
        // Kept as text: whoever was given the reply may change it, what is kept stays as it is.
        entries.set(key, { text: JSON.stringify(reply, plain), endsAtMs: host.clock.monotonic() + ttlSeconds * 1_000 });
        for (const oldest of entries.keys()) {
          if (entries.size <= maxEntries) break;
          entries.delete(oldest);
        }
      },
    };
  },
});

/** Vectors as lists of numbers, which JSON knows. */
const plain = (_name: string, value: unknown) => (value instanceof Float32Array ? Array.from(value) : value);

/** Equal for requests that ask the same. Whether the reply is streamed, and how its fields were spelled, makes no difference. */
function keyOf({ principal, group }: RequestContext, call: Call): string {
  if (!operations.includes(call.operation)) return '';
  const asked =
    call.operation === 'embeddings' ? call.embeddings() : { ...call.chat(), stream: undefined, spelling: undefined };
  return JSON.stringify([principal.id, group, call.operation, asked]);
}
