/**
 * Answers again what it answered to nearly the same words, for the same tenant.
 *
 * The embedding is the request's own feature: whoever else wants it shares it.
 */
import { type CacheableReply, definePlugin, type RequestContext, z } from '@rutter/plugin-sdk';

const config = z.strictObject({
  threshold: z.number().min(0).max(1).default(0.9).describe('Least cosine of two requests that count as the same.'),
  most: z.int().min(1).default(100).describe('Replies kept for one tenant and model group; the oldest go first.'),
});

interface Entry {
  readonly vector: Float32Array;
  readonly reply: CacheableReply;
}

const mostShelves = 1000;

export default definePlugin({
  kind: 'cache',
  config,
  setup(_host, { threshold, most }) {
    const shelves = new Map<string, Entry[]>();
    return {
      async read(context, { operation }) {
        if (operation !== 'chat') return undefined;
        const vector = await context.features.want('embedding');
        if (!(vector instanceof Float32Array)) return undefined;
        return shelves.get(shelfOf(context))?.find((entry) => cosine(entry.vector, vector) >= threshold)?.reply;
      },
      write(context, { operation }, reply) {
        const vector = context.features.get('embedding');
        if (operation !== 'chat' || !(vector instanceof Float32Array)) return;
        const shelf = shelves.get(shelfOf(context)) ?? [];
        shelf.unshift({ vector, reply });
        shelf.length = Math.min(shelf.length, most);
        shelves.set(shelfOf(context), shelf);
        const [oldest] = shelves.keys();
        if (shelves.size > mostShelves && oldest !== undefined) shelves.delete(oldest);
      },
    };
  },
});

const shelfOf = ({ principal, group }: RequestContext) => JSON.stringify([principal.team ?? principal.id, group]);

function cosine(a: Float32Array, b: Float32Array): number {
  let both = 0;
  let squareA = 0;
  let squareB = 0;
  for (let index = 0; index < a.length; index++) {
    const [x, y] = [a[index] ?? 0, b[index] ?? 0];
    both += x * y;
    squareA += x * x;
    squareB += y * y;
  }
  return both / Math.sqrt(squareA * squareB || 1);
}
