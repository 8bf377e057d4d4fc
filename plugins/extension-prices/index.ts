/**
 * What models cost and take: a table that ships with it, a map in LiteLLM's
 * format over that, and the routes that tell of both.
 */
import process from 'node:process';
import { definePlugin, type Host, location, RutterError, z } from '@rutter/plugin-sdk';
import { Book, type Loaded } from './book.ts';
import { estimateRoutes } from './estimate.ts';
import { infoRoutes } from './info.ts';
import { Loader } from './loader.ts';

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const longestMs = 2_147_483_647;

/** `30s`, `1h`, or seconds. */
const length = /^\s*(\d{1,10}(?:\.\d{1,6})?)\s*(ms|s|m|h|d)?\s*$/;

function intervalMs(said: string | number): number {
  const [, count, unit = 's'] = length.exec(String(said)) ?? [];
  const ms = typeof said === 'number' ? said * 1000 : Number(count) * (unitsMs[unit] ?? 1000);
  if (ms >= 100 && ms <= longestMs) return ms;
  throw new RutterError(
    'ERR_CONFIG_INVALID',
    `Found "${said}" as option "model_cost_map_refresh", expected a time from 100ms to 24d.`,
  );
}

const firstMapMs = 5_000;

/** Waits for the first map, so that the first calls are charged by it, but not for long. */
async function soon(loading: Promise<void>, { clock, log }: Pick<Host, 'clock' | 'log'>): Promise<void> {
  const waiting = new AbortController();
  const late = clock.sleep(firstMapMs, waiting.signal).then(
    () => true,
    () => false,
  );
  if ((await Promise.race([loading, late])) === true)
    log.warn({ waitedMs: firstMapMs }, 'the map of prices is late; the table holds until it has come');
  waiting.abort();
}

const config = z.strictObject({
  model_cost_map_url: location()
    .optional()
    .describe(
      'Map of prices in LiteLLM\u2019s format, laid over the table: an address, or a file, relative to the one that names it. LITELLM_MODEL_COST_MAP_URL of the environment when absent, relative to the working directory.',
    ),
  model_cost_map_refresh: z
    .union([
      z
        .number()
        .min(0.1)
        .max(longestMs / 1000),
      z.string().regex(length),
    ])
    .default('1h')
    .describe('How often the map is looked at again: seconds, or a number with a unit such as 30s, 5m, 1h.'),
});

export default definePlugin({
  kind: 'extension',
  config,
  async setup(host, { model_cost_map_url: url, model_cost_map_refresh: interval }) {
    const models = host.use('models');
    const pauseMs = intervalMs(interval);
    const source = url ?? process.env.LITELLM_MODEL_COST_MAP_URL?.trim() ?? '';
    // A new address that turns out bad must not take the map away that was good.
    const kept = host.keep<{ loaded: Loaded | undefined }>('map', 1, () => ({ loaded: undefined }));
    if (source === '') kept.loaded = undefined;
    const book = new Book(kept.loaded);
    const loader =
      source === ''
        ? undefined
        : new Loader({
            host,
            book,
            location: source,
            onLoaded(loaded) {
              kept.loaded = loaded;
            },
          });
    if (loader) {
      // Where a map is known already, nobody waits for the next; an address that is slow keeps no gateway from starting.
      if (loader.isFile) await loader.refresh();
      else if (kept.loaded) void loader.refresh();
      else await soon(loader.refresh(), host);
      host.every(pauseMs, () => loader.refresh());
    }
    return {
      services: { prices: book },
      routes: [...infoRoutes(models), ...estimateRoutes(models)],
      observer: {
        changed({ type }) {
          if (type === 'generation-started') return loader?.refresh();
          return undefined;
        },
      },
    };
  },
});
