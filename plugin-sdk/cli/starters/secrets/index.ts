/**
 * Reads secrets from files, one secret a file, as containers and systemd hand them over.
 *
 * `<prefix>/database` is the content of `<folder>/database`. The prefix is
 * claimed in package.json, under `rutter.claims.references`.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { definePlugin, RutterError, z } from '@rutter/plugin-sdk';

const config = z.strictObject({
  folder: z.string().min(1).default('/run/secrets').describe('Folder of the files.'),
});

export default definePlugin({
  kind: 'secrets',
  config,
  setup(_host, { folder }) {
    return {
      async resolve(reference) {
        const name = reference.slice(reference.indexOf('/') + 1);
        // A reference may come from a file that somebody else wrote: it must not lead out of the folder.
        if (!/^[A-Za-z0-9_][\w.-]*$/.test(name))
          throw new RutterError('ERR_CONFIG_INVALID', `Found "${name}" in a reference, expected the name of a file.`);
        try {
          // Editors end a file with a line feed that is no part of the secret.
          return (await readFile(join(folder, name), 'utf8')).replace(/\r?\n$/, '');
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
          throw new RutterError('ERR_CONFIG_INVALID', `The secret "${name}" cannot be read.`, { cause: error });
        }
      },
    };
  },
});
