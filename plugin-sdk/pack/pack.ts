/**
 * Packs a plugin folder: sources in, one immutable text named by its digest out.
 *
 * `plugin.json` is written last, so that whoever finds it finds a whole package.
 */
import { hash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, realpath, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { RutterError } from '../contract/errors.ts';
import type { Kind } from '../contract/kinds.ts';
import { type Manifest, z } from '../contract/plugin.ts';
import { type Bundle, bundle } from './bundle.ts';
import { evaluatePacked } from './evaluate.ts';
import type { PackProblem } from './fields.ts';
import { type ManifestResult, plainManifest, readManifest } from './manifest.ts';
import { tellUnportable, type Unportable, unportableIn } from './portable.ts';
import { Trace } from './trace.ts';

/** What `plugin.json` beside a packed text says. */
export interface PackedManifest extends Manifest {
  /** SHA-256 of the text, in lower-case hex. */
  readonly digest: string;
}

export interface PackResult {
  readonly digest: string;
  /** The packed text, `plugin.cjs`. */
  readonly file: string;
  readonly manifest: PackedManifest;
  /** What the JSON Schema in the manifest leaves to the plugin's own. Empty unless `schema` is `any`. */
  readonly unportable: readonly Unportable[];
}

export interface PackOptions {
  readonly outDir: string;
  /**
   * Whether JSON Schema has to carry all of the options' schema: `portable` when absent. `any` is for plugins whose own
   * schema is run where the plugin runs.
   */
  readonly schema?: 'portable' | 'any';
}

export const packedNames = { text: 'plugin.cjs', map: 'plugin.cjs.map', manifest: 'plugin.json' } as const;

const plainEntries = ['index.js', 'index.mjs', 'index.ts'];

/** SHA-256 of a packed text: the name of the artefact. */
export const digestOf = (text: string): string => hash('sha256', text, 'hex');

/**
 * Packs the plugin in `folder` into `outDir`, running its top level once to
 * read its configuration schema. The same sources give the same digest.
 * Throws ERR_PLUGIN_INVALID naming every problem with file and field or line.
 */
export async function packPlugin(folder: string, { outDir, schema = 'portable' }: PackOptions): Promise<PackResult> {
  const root = await realpath(folder).catch((cause: unknown) => {
    throw new RutterError('ERR_PLUGIN_INVALID', `Found no folder ${folder}, expected a plugin there.`, { cause });
  });
  const { manifest: described, isPlain } = await describeFolder(root);
  const file = join(outDir, packedNames.text);
  const packed = await bundle(root, described, file);
  const { kind, config, unportable } = await readDefinition(root, described, { file, packed, isPlain });
  if (schema === 'portable') refuseUnportable(unportable, described, root);
  const digest = digestOf(packed.text);
  const manifest: PackedManifest = { ...described, kind, config, digest };
  await mkdir(outDir, { recursive: true });
  await writeWhole(file, packed.text);
  await writeWhole(join(outDir, packedNames.map), packed.map);
  await writeWhole(join(outDir, packedNames.manifest), `${JSON.stringify(manifest, undefined, 2)}\n`);
  return { digest, file, manifest, unportable };
}

/** The manifest of a folder as its package.json, or its bare index file, gives it; nothing runs. A bare file's kind is not known yet. */
export async function describeFolder(
  folder: string,
): Promise<{ readonly manifest: Manifest; readonly isPlain: boolean }> {
  const file = join(folder, 'package.json');
  const packageJson = await readJson(file);
  const plain = plainEntries.find((entry) => existsSync(join(folder, entry)));
  const hasBlock = typeof packageJson === 'object' && packageJson !== null && 'rutter' in packageJson;
  if (!hasBlock && plain !== undefined)
    return { manifest: accept(plainManifest(basename(folder), plain, folder), folder), isPlain: true };
  if (packageJson === undefined)
    throw new RutterError(
      'ERR_PLUGIN_INVALID',
      `Found neither package.json nor index.js in ${folder}, expected one of them.`,
    );
  const manifest = accept(readManifest(packageJson, file), folder);
  if (!existsSync(join(folder, manifest.entry)))
    throw refusal(folder, [{ file, field: 'rutter.entry', message: `found no file ${join(folder, manifest.entry)}.` }]);
  return { manifest, isPlain: false };
}

function accept({ manifest, problems }: ManifestResult, folder: string): Manifest {
  if (manifest === undefined) throw refusal(folder, problems);
  return manifest;
}

function refusal(folder: string, problems: readonly PackProblem[]): RutterError {
  const lines = problems.map(({ file, field, message }) => `${file}: ${field}: ${message}`);
  return new RutterError(
    'ERR_PLUGIN_INVALID',
    `The plugin in ${folder} is not described rightly.\n${lines.join('\n')}`,
  );
}

async function readJson(file: string): Promise<unknown> {
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    throw new RutterError('ERR_PLUGIN_INVALID', `${file}: expected JSON: ${found}`, { cause });
  }
}

async function readDefinition(
  folder: string,
  manifest: Manifest,
  { file, packed, isPlain }: { readonly file: string; readonly packed: Bundle; readonly isPlain: boolean },
): Promise<{ readonly kind: Kind; readonly config: unknown; readonly unportable: readonly Unportable[] }> {
  const expected = { ...manifest, kind: isPlain ? undefined : manifest.kind };
  try {
    const definition = await evaluatePacked({ text: packed.text, file, folder, manifest: expected });
    return {
      kind: definition.kind,
      config: z.toJSONSchema(definition.config, { io: 'input', unrepresentable: 'any' }),
      unportable: unportableIn(definition.config),
    };
  } catch (error) {
    throw located(error, new Trace(file, () => packed.map));
  }
}

function refuseUnportable(unportable: readonly Unportable[], { name, entry }: Manifest, folder: string): void {
  if (unportable.length === 0) return;
  const lines = unportable.map((one) => `${join(folder, entry)}: ${tellUnportable(one)}`);
  throw new RutterError(
    'ERR_PLUGIN_INVALID',
    `Plugin "${name}" has options that its manifest cannot describe.\n${lines.join('\n')}`,
  );
}

/** The same error, its cause's trace leading to the sources, the first of their lines in its message. */
function located(error: unknown, trace: Trace): unknown {
  const cause = error instanceof Error ? error.cause : undefined;
  if (!RutterError.is(error) || !(cause instanceof Error) || cause.stack === undefined) return error;
  cause.stack = trace.map(cause.stack);
  const place = /\(?((?:\/|[A-Z]:\\)[^()\n]+:\d+:\d+)\)?/.exec(cause.stack)?.[1];
  return place === undefined ? error : new RutterError(error.code, `${error.message} (${place})`, { cause });
}

async function writeWhole(file: string, text: string): Promise<void> {
  const draft = `${file}.${process.pid}.draft`;
  await writeFile(draft, text);
  await rename(draft, file);
}
