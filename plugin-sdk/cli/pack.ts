/** `rutter-plugin pack`: one text, its source map and its manifest. */

import { stat } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { packedNames, packPlugin } from '../pack/pack.ts';
import { readArguments } from './flags.ts';
import type { Terminal } from './terminal.ts';

const usage = 'rutter-plugin pack <folder> [--out DIR]';

export const packHelp = `${usage}

Makes one text of the plugin in a folder, with its source map and its manifest.
The same sources give the same digest wherever they lie. Options that JSON
Schema cannot carry, such as transforms and refinements, are refused.

  --out DIR   where to put them; dist in the folder when absent
`;

export async function pack(args: readonly string[], terminal: Terminal): Promise<number> {
  const { positionals, text } = readArguments(args, { options: { out: { type: 'string' } }, names: ['folder'], usage });
  const folder = resolve(terminal.cwd, positionals[0] as string);
  const out = text('out');
  const outDir = out === undefined ? join(folder, 'dist') : resolve(terminal.cwd, out);
  const { digest, manifest } = await packPlugin(folder, { outDir });
  terminal.out(`${manifest.kind} "${manifest.name}" ${manifest.version}\ndigest ${digest}\n`);
  for (const name of Object.values(packedNames)) {
    const { size } = await stat(join(outDir, name));
    terminal.out(`  ${relative(terminal.cwd, join(outDir, name)) || name}  ${size} bytes\n`);
  }
  return 0;
}
