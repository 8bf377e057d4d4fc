/** `rutter-plugin create`: a folder with a small plugin that works and passes its own test. */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { RutterError } from '../contract/errors.ts';
import type { Kind } from '../contract/kinds.ts';
import { kindNames } from '../pack/manifest.ts';
import { didYouMean } from '../pack/nearest.ts';
import { readArguments } from './flags.ts';
import { kindFacts } from './kinds.ts';
import { starterFiles } from './starter.ts';
import type { Terminal } from './terminal.ts';

const usage = 'rutter-plugin create <kind> <folder> [--javascript]';

export const createHelp = `${usage}

Makes a folder with a small plugin that works: package.json, index.ts, a test,
README.md and a tsconfig.json for editors. The folder's name is the plugin's.

  --javascript   index.js in place of index.ts

Kinds:
${kindNames.map((kind) => `  ${kind.padEnd(12)} ${kindFacts[kind].purpose}`).join('\n')}
`;

const name = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const longestName = 100;

export async function create(args: readonly string[], terminal: Terminal): Promise<number> {
  const { positionals, isSet } = readArguments(args, {
    options: { javascript: { type: 'boolean' } },
    names: ['kind', 'folder'],
    usage,
  });
  const [kind, path] = positionals as [string, string];
  const folder = resolve(terminal.cwd, path);
  const files = starterFiles({
    kind: kindOf(kind),
    name: nameOf(folder),
    language: isSet('javascript') ? 'javascript' : 'typescript',
  });
  await makeEmpty(folder);
  for (const [file, text] of Object.entries(files)) await writeFile(join(folder, file), text, { flag: 'wx' });
  terminal.out(`Made the ${kind} "${basename(folder)}" in ${folder}:\n`);
  terminal.out(
    Object.keys(files)
      .map((file) => `  ${file}\n`)
      .join(''),
  );
  terminal.out(`Next: rutter-plugin check ${path}\n`);
  return 0;
}

function kindOf(kind: string): Kind {
  if (kindNames.includes(kind as Kind)) return kind as Kind;
  throw new RutterError(
    'ERR_REQUEST_INVALID',
    `There is no kind "${kind}"; expected one of ${kindNames.join(', ')}.${didYouMean(kind, kindNames)}`,
  );
}

function nameOf(folder: string): string {
  const found = basename(folder);
  if (name.test(found) && found.length <= longestName) return found;
  throw new RutterError(
    'ERR_REQUEST_INVALID',
    `The folder ${folder} gives the plugin the name "${found}"; expected at most ${longestName} lower-case letters, digits and hyphens, such as cheap-first.`,
  );
}

async function makeEmpty(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    const found = await readdir(folder);
    if (found.length === 0) return;
    throw new RutterError(
      'ERR_REQUEST_CONFLICT',
      `The folder ${folder} is not empty: found ${found.slice(0, 3).join(', ')}${found.length > 3 ? ', …' : ''}. Name a new or an empty one.`,
    );
  } catch (error) {
    if (RutterError.is(error)) throw error;
    const found = error instanceof Error ? error.message : String(error);
    throw new RutterError('ERR_REQUEST_INVALID', `The folder ${folder} cannot be made: ${found}`, { cause: error });
  }
}
