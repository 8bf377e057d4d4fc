/**
 * Makes one CommonJS text of a plugin's sources.
 *
 * Invariant: the text depends on the sources alone. Neither the place of the
 * folder nor a tsconfig.json, the clock or the environment shows in it.
 */
import { builtinModules } from 'node:module';
import { isAbsolute, join, relative } from 'node:path';
import type { BuildFailure, BuildOptions, Message, Metafile } from 'esbuild';
import { RutterError } from '../contract/errors.ts';
import type { Manifest } from '../contract/plugin.ts';

export interface Bundle {
  readonly text: string;
  readonly map: string;
}

const sdkName = '@rutter/plugin-sdk';

/** ERR_PLUGIN_INVALID with file, line and column of everything that keeps the sources from being one text. */
export async function bundle(
  folder: string,
  manifest: Manifest,
  outFile: string,
  overrides?: Pick<BuildOptions, 'plugins' | 'external'>,
): Promise<Bundle> {
  // Loaded late: a kernel that only reads packed plugins has no use for it.
  const { build } = await import('esbuild');
  try {
    const result = await build({ ...buildOptions(folder, manifest, outFile), ...overrides });
    if (overrides === undefined) refuseOutsiders(result.metafile as Metafile, manifest.name);
    const [text, map] = ['.cjs', '.cjs.map'].map(
      (ending) => result.outputFiles?.find(({ path }) => path.endsWith(ending))?.text,
    );
    if (text === undefined || map === undefined)
      throw new RutterError('ERR_KERNEL_INTERNAL', 'The bundler gave no text.');
    return { text, map };
  } catch (error) {
    if (!isBuildFailure(error)) throw error;
    const problems = error.errors.map((message) => describe(message, folder, manifest));
    throw new RutterError('ERR_PLUGIN_INVALID', `Plugin "${manifest.name}" cannot be packed.\n${problems.join('\n')}`);
  }
}

/**
 * One script of a module and all it imports, whose exports become the value of
 * a variable. `isSource` resolves our own packages to their sources.
 */
export async function bundleScript(
  entry: string,
  { name, isSource }: { readonly name: string; readonly isSource: boolean },
): Promise<string> {
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'iife',
    globalName: name,
    platform: 'neutral',
    target: 'es2024',
    mainFields: ['module', 'main'],
    conditions: isSource ? ['@rutter/source'] : [],
    minify: true,
    legalComments: 'none',
    logLevel: 'silent',
  });
  return outputFiles[0]?.text ?? '';
}

function buildOptions(folder: string, manifest: Manifest, outFile: string): BuildOptions {
  const hasNode = manifest.needs.includes('node');
  return {
    absWorkingDir: folder,
    entryPoints: [join(folder, manifest.entry)],
    outfile: outFile,
    bundle: true,
    write: false,
    metafile: true,
    format: 'cjs',
    platform: hasNode ? 'node' : 'neutral',
    target: 'es2024',
    mainFields: ['module', 'main'],
    sourcemap: 'external',
    external: [sdkName, ...manifest.external],
    // A packed text has one way to other modules, the `require` it is handed.
    supported: { 'dynamic-import': false },
    define: hasNode
      ? { 'import.meta.url': '__url', 'import.meta.filename': '__filename', 'import.meta.dirname': '__dirname' }
      : {},
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true, useDefineForClassFields: true } },
    charset: 'utf8',
    legalComments: 'none',
    logLevel: 'silent',
  };
}

/** What a file of the plugin imports by path must lie in its folder: a package of its own is found by name. */
function refuseOutsiders(metafile: Metafile, name: string): void {
  for (const [importer, { imports }] of Object.entries(metafile.inputs)) {
    if (isOutside(importer)) continue;
    for (const { path, original } of imports) {
      if (!original?.startsWith('.') || !isOutside(path)) continue;
      throw new RutterError(
        'ERR_PLUGIN_INVALID',
        `Plugin "${name}" imports "${original}" in ${importer}, which lies outside of its folder. Move it in, or make it a package and depend on it.`,
      );
    }
  }
}

function isOutside(path: string): boolean {
  return path.startsWith('../') || isAbsolute(path) || path.includes('node_modules/');
}

function describe({ text, location }: Message, folder: string, manifest: Manifest): string {
  const place = location
    ? `${join(folder, relative('.', location.file))}:${location.line}:${location.column + 1}: `
    : '';
  const missing = /^Could not resolve "([^"]+)"/.exec(text)?.[1];
  if (missing === undefined) return `${place}${text}`;
  if (missing.startsWith('node:') || builtinModules.includes(missing))
    return `${place}"${missing}" is a part of Node; found needs ${JSON.stringify(manifest.needs)}, expected "node" among them.`;
  return `${place}found no package or file "${missing}"; install it in ${folder}, or correct the path.`;
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && Array.isArray((error as Partial<BuildFailure>).errors);
}
