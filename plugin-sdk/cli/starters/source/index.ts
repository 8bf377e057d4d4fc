/**
 * Blobs by key from a folder on disk: key `routers/knn.json` is the file of that path.
 *
 * The ETag of a blob is the hash of its bytes, so that it changes exactly when
 * they do.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { definePlugin, RutterError, z } from '@rutter/plugin-sdk';

const config = z.strictObject({
  folder: z.string().default('').describe("Folder of the blobs; the instance's own data folder when empty."),
});

export default definePlugin({
  kind: 'source',
  config,
  setup(host, { folder }) {
    const root = folder === '' ? host.dataFolder : folder;
    const fileOf = (key: string) => {
      if (isKey(key)) return join(root, ...key.split('/'));
      throw new RutterError('ERR_REQUEST_INVALID', `Found the key "${key.slice(0, 200)}", expected a path inside.`);
    };
    const read = (key: string) => readFile(fileOf(key)).catch(undefinedWhenAway);
    // One writer after the other: between looking at an ETag and writing, nobody may come in between.
    let lastWrite: Promise<unknown> = Promise.resolve();

    return {
      async get(key, { etag } = {}) {
        const body = await read(key);
        if (body === undefined) return undefined;
        const found = etagOf(body);
        return found === etag ? 'unchanged' : { body: new Uint8Array(body), etag: found };
      },

      async list(prefix) {
        const files = await readdir(root, { recursive: true, withFileTypes: true }).catch(undefinedWhenAway);
        const keys = (files ?? [])
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name).slice(join(root, '/').length).replaceAll('\\', '/'))
          .filter((key) => key.startsWith(prefix) && isKey(key));
        const blobs = await Promise.all(keys.sort().map(async (key) => ({ key, body: await read(key) })));
        return blobs.flatMap(({ key, body }) =>
          body === undefined ? [] : [{ key, etag: etagOf(body), size: body.length }],
        );
      },

      async put(key, body, { ifMatch, ifNoneMatch } = {}) {
        const file = fileOf(key);
        const write = async () => {
          const found = await read(key);
          if (ifNoneMatch === '*' && found !== undefined) return false;
          if (ifMatch !== undefined && (found === undefined || etagOf(found) !== ifMatch)) return false;
          await mkdir(dirname(file), { recursive: true });
          // Written beside and renamed: a reader sees the old bytes or the new ones, never half of them.
          const draft = join(dirname(file), `.${randomUUID()}.draft`);
          await writeFile(draft, body);
          await rename(draft, file);
          return true;
        };
        const written = lastWrite.then(write);
        lastWrite = written.catch(() => undefined);
        return written;
      },
    };
  },
});

const etagOf = (body: Uint8Array) => createHash('sha256').update(body).digest('hex');

/** Parts between slashes, none of them empty or beginning with a dot. */
const isKey = (key: string) => /^[^/.\\\0][^/\\\0]*(\/[^/.\\\0][^/\\\0]*)*$/.test(key);

function undefinedWhenAway(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'EISDIR') return undefined;
  throw error;
}
