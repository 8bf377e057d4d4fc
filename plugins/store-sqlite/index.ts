/**
 * Durable records in one SQLite file, written and read beside the main thread.
 *
 * Writing is strictly in the order of the calls. The journal is write-ahead
 * and synced at checkpoints: a killed process loses nothing that was written,
 * a machine that loses power may lose the last moments.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { definePlugin, RutterError, type SqlValue, z } from '@rutter/plugin-sdk';
import { openError } from './errors.ts';
import { Reader } from './reader.ts';
import { startThread, type ThreadOptions } from './thread.ts';
import { Writer } from './writer.ts';

const config = z.strictObject({
  maxQueuedRows: z
    .int()
    .min(1)
    .default(100_000)
    .describe('Most rows waiting to be written; further ones are lost, and counted.'),
  maxQueuedBytes: z
    .int()
    .min(1_024)
    .default(64 * 1_024 * 1_024)
    .describe('Most bytes of rows waiting to be written.'),
  batchMs: z
    .int()
    .min(0)
    .max(25)
    .default(20)
    .describe('Milliseconds rows may gather before they are written together.'),
  statementTimeoutMs: z
    .int()
    .min(10)
    .default(5_000)
    .describe('Longest time of a query, waiting included, in milliseconds.'),
  lockTimeoutMs: z
    .int()
    .min(0)
    .default(5_000)
    .describe('Milliseconds to wait for another process that holds the file locked.'),
  maxResultRows: z.int().min(1).default(100_000).describe('Most rows a query may give.'),
});

const closeTimeoutMs = 10_000;

export default definePlugin({
  kind: 'store',
  config,
  async setup({ dataFolder, log }, { lockTimeoutMs, statementTimeoutMs, maxResultRows, ...queue }) {
    const file = join(dataFolder, 'rutter.db');
    const options: ThreadOptions = { file, readOnly: false, lockTimeoutMs, statementTimeoutMs, maxResultRows };
    await makeFolder(dataFolder);
    const { thread, opened } = await startThread(options);
    if (!opened.ok) throw openError(file, opened);
    const writer = new Writer(thread, log, queue);
    const reader = new Reader(options, log);

    return {
      flavour: 'sqlite',
      migrate: (namespace, migrations) => writer.migrate(namespace, migrations),
      query: async (sql, values = []) => (await reader.query(sql, values)) as Record<string, SqlValue>[],
      run: (sql, values = []) => writer.run(sql, values),
      append: (table, columns, values) => writer.append(table, columns, values),
      flush: () => writer.flush(),
      health: () => writer.check(),
      async dispose() {
        await reader.close();
        await writer.close(closeTimeoutMs);
        await thread.end();
      },
    };
  },
});

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw new RutterError(
      'ERR_PLUGIN_FAILED',
      `store-sqlite cannot make its folder ${folder}: ${(error as Error).message}`,
      { cause: error },
    );
  }
}
