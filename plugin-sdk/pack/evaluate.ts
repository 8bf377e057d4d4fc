/**
 * Runs a packed text once and takes the plugin's definition from it.
 *
 * Invariant: nothing is retained. The text is no module of the process, so
 * that its memory is free as soon as nobody holds the definition.
 */
import { createRequire, isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compileFunction } from 'node:vm';
import { RutterError } from '../contract/errors.ts';
import type { Manifest, PluginDefinition } from '../contract/plugin.ts';
import { kindNames } from './manifest.ts';
import { didYouMean } from './nearest.ts';

type SdkModules = ReadonlyMap<string, unknown>;

/** The parts of the SDK a plugin may import. One copy a process: a schema made by another could not be read. */
const sdkParts = [
  '@rutter/plugin-sdk',
  '@rutter/plugin-sdk/codecs',
  '@rutter/plugin-sdk/routing',
  '@rutter/plugin-sdk/rounds',
  '@rutter/plugin-sdk/learning',
  '@rutter/plugin-sdk/numerics',
  '@rutter/plugin-sdk/embedding',
  '@rutter/plugin-sdk/onnx',
];

/** Those that need nothing but ECMAScript: what a sandbox hands in. */
export const sandboxParts = ['@rutter/plugin-sdk', '@rutter/plugin-sdk/routing'];

const sdkRequire = /\brequire\("(@rutter\/plugin-sdk(?:\/[\w-]+)*)"\)/g;

export interface PackedText {
  readonly text: string;
  /** Where the text stands; named in stack traces. */
  readonly file: string;
  /** The plugin's own folder: external packages, and files beside its sources, are found from there. */
  readonly folder: string;
  readonly manifest: Pick<Manifest, 'name' | 'entry' | 'needs' | 'external'> & { readonly kind: string | undefined };
}

/** The definition a packed text exports by default. ERR_PLUGIN_INVALID when it throws or exports something else. */
export async function evaluatePacked(packed: PackedText): Promise<PluginDefinition> {
  const sdk = await loadSdk(packed);
  const module: { exports: { default?: unknown } } = { exports: {} };
  // To its author `import.meta` speaks of the source; the packed text may lie in a cache far from what stands beside it.
  const source = join(packed.folder, packed.manifest.entry);
  const names = ['exports', 'require', 'module', '__filename', '__dirname', '__url'];
  try {
    const run = compileFunction(packed.text, names, { filename: packed.file });
    run(module.exports, requirer(packed, sdk), module, source, dirname(source), pathToFileURL(source).href);
  } catch (error) {
    if (RutterError.is(error)) throw error;
    const found = error instanceof Error ? error.message : String(error);
    throw new RutterError(
      'ERR_PLUGIN_INVALID',
      `Plugin "${packed.manifest.name}" threw while it was loaded: ${found}`,
      { cause: error },
    );
  }
  return checkDefinition(module.exports.default, packed.manifest);
}

async function loadSdk({ text, manifest }: PackedText): Promise<SdkModules> {
  const wanted = new Set(Array.from(text.matchAll(sdkRequire), ([, name]) => name as string));
  const loaded = Array.from(wanted, async (name): Promise<[string, unknown]> => {
    if (sdkParts.includes(name)) return [name, await import(name)];
    throw new RutterError(
      'ERR_PLUGIN_INVALID',
      `Plugin "${manifest.name}" imports "${name}", expected one of ${sdkParts.join(', ')}.${didYouMean(name, sdkParts)}`,
    );
  });
  return new Map(await Promise.all(loaded));
}

function requirer({ folder, manifest }: PackedText, sdk: SdkModules): (name: string) => unknown {
  const { name: plugin, needs, external } = manifest;
  const refuse = (message: string, cause?: unknown) =>
    new RutterError('ERR_PLUGIN_INVALID', `Plugin "${plugin}" ${message}`, { cause });
  return (name) => {
    const part = sdk.get(name);
    if (part !== undefined) return part;
    if (isBuiltin(name)) {
      if (needs.includes('node')) return process.getBuiltinModule(name);
      throw refuse(
        `imports "${name}", a part of Node; found needs ${JSON.stringify(needs)}, expected "node" among them.`,
      );
    }
    if (!external.some((known) => name === known || name.startsWith(`${known}/`)))
      throw refuse(`asks for "${name}", which is neither packed nor in its manifest's "external".`);
    try {
      return createRequire(join(folder, 'package.json'))(name);
    } catch (cause) {
      throw refuse(`cannot load its external package "${name}": ${firstLine(cause)}. Install it in ${folder}.`, cause);
    }
  };
}

const firstLine = (error: unknown) => (error instanceof Error ? error.message : String(error)).split('\n')[0];

function checkDefinition(value: unknown, { name, kind }: PackedText['manifest']): PluginDefinition {
  const definition = value as Partial<PluginDefinition> | null | undefined;
  const invalid = (message: string) => new RutterError('ERR_PLUGIN_INVALID', `Plugin "${name}" ${message}`);
  if (typeof definition !== 'object' || definition === null || typeof definition.setup !== 'function')
    throw invalid('has no default export made by definePlugin({ kind, config, setup }).');
  if (!kindNames.includes(definition.kind as never)) {
    const found = String(definition.kind);
    throw invalid(`defines kind "${found}", expected one of ${kindNames.join(', ')}.${didYouMean(found, kindNames)}`);
  }
  if (kind !== undefined && definition.kind !== kind)
    throw invalid(`defines kind "${definition.kind}", expected "${kind}" as its manifest says.`);
  if (typeof definition.config?.safeParse !== 'function')
    throw invalid('has a config that is no schema; make it with the z of @rutter/plugin-sdk.');
  return definition as PluginDefinition;
}
