/**
 * Resolves `mounted/name` from files of a folder, one secret a file, as
 * Kubernetes mounts them.
 */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { definePlugin, z } from '@rutter/plugin-sdk';

export default definePlugin({
  kind: 'secrets',
  config: z.strictObject({ folder: z.string().min(1).describe('Where the files lie.') }),
  setup: (_host, { folder }) => ({
    async resolve(reference) {
      const name = reference.slice('mounted/'.length);
      // A name with a path in it must not lead out of the folder.
      if (name === '' || basename(name) !== name) return undefined;
      return readFile(join(folder, name), 'utf8').then(
        (text) => text.trim(),
        () => undefined,
      );
    },
  }),
});
