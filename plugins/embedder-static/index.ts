/**
 * Text vectors from a table of token vectors: no network, no matrix product.
 *
 * The table is read when the first text comes: a gateway that never embeds
 * carries nothing of it.
 */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { definePlugin, RutterError, z } from '@rutter/plugin-sdk';
import { readVocabulary, type WordPiece } from '@rutter/plugin-sdk/embedding';
import { pool, readTable, type StaticTable } from './static-table.ts';

const config = z.strictObject({
  path: z
    .string()
    .optional()
    .describe('A folder with another table: static.bin, vocab.txt and manifest.json. The one that ships when absent.'),
});

interface Loaded {
  readonly table: StaticTable;
  readonly words: WordPiece;
}

const shipped = import.meta.dirname;
/** Of the table that ships; its manifest says the same. */
const shippedVersion = 'minilm-static-128-v1';
const shippedDimensions = 128;

async function load(folder: string): Promise<Loaded> {
  const [bytes, vocabulary] = await Promise.all([
    readFile(join(folder, 'static.bin')),
    readFile(join(folder, 'vocab.txt'), 'utf8'),
  ]);
  return {
    table: readTable(bytes, join(folder, 'static.bin')),
    words: readVocabulary(vocabulary, join(folder, 'vocab.txt')),
  };
}

async function about(folder: string): Promise<{ readonly version: string; readonly dimensions: number }> {
  const { id, dims } = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as Record<string, unknown>;
  if (typeof id === 'string' && id !== '' && Number.isInteger(dims)) return { version: id, dimensions: dims as number };
  throw new RutterError(
    'ERR_CONFIG_INVALID',
    `${join(folder, 'manifest.json')} has id ${JSON.stringify(id)} and dims ${JSON.stringify(dims)}; expected a text and a whole number.`,
  );
}

export default definePlugin({
  kind: 'embedder',
  config,
  async setup(_host, { path }) {
    const folder = path === undefined ? shipped : resolve(path);
    const { version, dimensions } =
      path === undefined ? { version: shippedVersion, dimensions: shippedDimensions } : await about(folder);
    let loading: Promise<Loaded> | undefined;
    const loaded = () => {
      loading ??= load(folder).catch((error: unknown) => {
        // A file that is being replaced may be whole the next time.
        loading = undefined;
        throw error;
      });
      return loading;
    };
    return {
      version,
      dimensions,
      async embed(texts) {
        const { table, words } = await loaded();
        if (table.dimensions !== dimensions)
          throw new RutterError(
            'ERR_CONFIG_INVALID',
            `${join(folder, 'static.bin')} has ${table.dimensions} dimensions; its manifest says ${dimensions}.`,
          );
        return texts.map((text) => pool(table, words.ids(text, table.firstId, table.mostTokens)));
      },
    };
  },
});
