/**
 * Resolves and reads for the bundler where the folder is not trusted: real
 * files inside the folder and the SDK, and nothing else on this machine.
 *
 * Invariant: the bundler itself opens no file; a link is refused wherever it
 * leads, so that what is packed is what lies in the folder.
 */
import { lstat, readFile, realpath } from 'node:fs/promises';
import { dirname, extname, join, relative, resolve, sep } from 'node:path';
import type { Loader, OnLoadResult, OnResolveResult, Plugin } from 'esbuild';

const space = 'inside';
const mostFiles = 500;
const mostBytes = 4 * 1024 * 1024;

const loaders: Readonly<Record<string, Loader>> = {
  '.ts': 'ts',
  '.mts': 'ts',
  '.js': 'js',
  '.mjs': 'js',
  '.json': 'json',
};

/** What may be left out of a path that is imported. */
const endings = ['', '.ts', '.mts', '.js', '.mjs', '.json', '/index.ts', '/index.js', '/index.mjs'];

/** `folder` is a real path; `external` are names that the sandbox hands in. */
export function insideOnly(folder: string, external: readonly string[]): Plugin {
  let files = 0;
  let bytes = 0;
  const refuse = (text: string): OnResolveResult => ({ errors: [{ text }] });
  const found = async (path: string): Promise<OnResolveResult> => {
    const shown = relative(folder, path);
    if (shown.startsWith('..') || !`${path}${sep}`.startsWith(folder + sep))
      return refuse(`"${shown}" lies outside of the plugin's folder, which is not trusted.`);
    for (const ending of endings) {
      const candidate = path + ending;
      const stats = await lstat(candidate).catch(() => undefined);
      if (stats === undefined || stats.isDirectory()) continue;
      if (!stats.isFile() || (await realpath(candidate)) !== candidate)
        return refuse(`"${shown}" is a link; the plugin's folder is not trusted, and links in it are not followed.`);
      return { path: candidate, namespace: space };
    }
    // As TypeScript resolves: a name with .js may mean a source with .ts.
    if (/\.m?js$/.test(path)) return found(path.replace(/js$/, 'ts'));
    return refuse(`Could not resolve "${shown}".`);
  };
  return {
    name: 'inside-only',
    setup(build) {
      build.onResolve({ filter: /.*/ }, ({ path, importer, kind }) => {
        if (kind === 'entry-point') return found(path);
        if (external.includes(path)) return { path, external: true };
        if (/^\.{1,2}(\/|$)/.test(path)) return found(resolve(dirname(importer), path));
        return refuse(
          `"${path}" is not a file of the plugin: a folder that is not trusted may import its own files and ${external.join(', ')}.`,
        );
      });
      build.onLoad({ filter: /.*/, namespace: space }, async ({ path }): Promise<OnLoadResult> => {
        const loader = loaders[extname(path)];
        if (loader === undefined)
          return { errors: [{ text: `"${relative(folder, path)}" is no script and no JSON.` }] };
        const { size } = await lstat(path);
        files += 1;
        bytes += size;
        if (files > mostFiles || bytes > mostBytes)
          return { errors: [{ text: `The plugin is larger than ${mostFiles} files or ${mostBytes} bytes.` }] };
        return { contents: await readFile(path), loader };
      });
    },
  };
}

/** A file of the folder as text; undefined where there is none. Throws where it is a link or too large. */
export async function readInside(folder: string, name: string): Promise<string | undefined> {
  const path = join(folder, name);
  const stats = await lstat(path).catch(() => undefined);
  if (stats === undefined) return undefined;
  if (!stats.isFile() || (await realpath(path)) !== path) throw new Error(`${path} is a link or no file.`);
  if (stats.size > mostBytes) throw new Error(`${path} has ${stats.size} bytes, expected at most ${mostBytes}.`);
  return readFile(path, 'utf8');
}
