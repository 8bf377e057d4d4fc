/** The guest's own part as one script: made by the build, or on the spot where the kernel runs from sources. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleScript } from '@rutter/plugin-sdk/pack';

const isSource = import.meta.url.endsWith('.ts');
let made: Promise<string> | undefined;

/** Once a process. */
export function guestText(): Promise<string> {
  made ??= isSource
    ? bundleScript(fileURLToPath(new URL('./guest/main.ts', import.meta.url)), { name: 'guest', isSource })
    : readFile(new URL('./guest.txt', import.meta.url), 'utf8');
  return made;
}

/** The child's program, the folder it may read, and the native part of isolated-vm, which it loads by its path. */
export function childFiles(): { readonly program: string; readonly folder: string; readonly addon: string } {
  const program = fileURLToPath(new URL(isSource ? './child/main.ts' : './child/main.js', import.meta.url));
  const home = dirname(createRequire(import.meta.url).resolve('isolated-vm'));
  // The package's own way to its prebuilt file; nothing of the engine is loaded into this process.
  const finder = createRequire(`${home}/package.json`)('node-gyp-build') as { path(folder: string): string };
  return { program, folder: dirname(program), addon: finder.path(home) };
}
