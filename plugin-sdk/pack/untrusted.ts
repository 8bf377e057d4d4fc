/**
 * Packs a folder that nobody vouches for, without running anything of it: the
 * schema of its options is left to whoever can evaluate it behind a border.
 */
import { hash } from 'node:crypto';
import { mkdir, realpath, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { RutterError } from '../contract/errors.ts';
import type { Manifest } from '../contract/plugin.ts';
import { type Bundle, bundle } from './bundle.ts';
import { sandboxParts } from './evaluate.ts';
import { insideOnly, readInside } from './inside.ts';
import { type ManifestResult, plainManifest, readManifest } from './manifest.ts';
import { packedNames } from './pack.ts';

/** What has been packed: `kind` of a bare file is not known before it is evaluated. */
export interface UntrustedDraft {
  readonly manifest: Manifest;
  readonly isPlain: boolean;
  /** Of the text. */
  readonly digest: string;
}

export const draftName = 'draft.json';

const plainEntries = ['index.js', 'index.mjs', 'index.ts'];

/**
 * Writes the text, its map and `draft.json` into `outDir`. A folder that holds
 * a packed plugin is taken as it is, its text checked against its digest.
 * Throws ERR_PLUGIN_INVALID naming what is wrong.
 */
export async function packUntrusted(folder: string, { outDir }: { readonly outDir: string }): Promise<UntrustedDraft> {
  const root = await realpath(folder).catch((cause: unknown) => {
    throw invalid(`Found no folder ${folder}, expected a plugin there.`, cause);
  });
  try {
    const packed = await readPackedInside(root);
    const { manifest, isPlain } = packed ?? (await describeInside(root));
    const made = packed ?? (await bundle(root, manifest, join(outDir, packedNames.text), sandboxedBuild(root)));
    const draft: UntrustedDraft = { manifest, isPlain, digest: hash('sha256', made.text, 'hex') };
    await mkdir(outDir, { recursive: true });
    await writeFile(join(outDir, packedNames.text), made.text);
    if (made.map !== '') await writeFile(join(outDir, packedNames.map), made.map);
    await writeFile(join(outDir, draftName), JSON.stringify(draft));
    return draft;
  } catch (error) {
    if (RutterError.is(error)) throw error;
    throw invalid(`The plugin in ${root} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const invalid = (message: string, cause?: unknown) => new RutterError('ERR_PLUGIN_INVALID', message, { cause });

const sandboxedBuild = (root: string) => ({ plugins: [insideOnly(root, sandboxParts)], external: [] });

type Described = { readonly manifest: Manifest; readonly isPlain: boolean };

async function describeInside(root: string): Promise<Described> {
  const text = await readInside(root, 'package.json');
  const packageJson: unknown = text === undefined ? undefined : JSON.parse(text);
  if (typeof packageJson === 'object' && packageJson !== null && 'rutter' in packageJson)
    return { manifest: accepted(readManifest(packageJson, join(root, 'package.json'))), isPlain: false };
  for (const entry of plainEntries)
    if ((await readInside(root, entry)) !== undefined)
      return { manifest: accepted(plainManifest(basename(root), entry, root)), isPlain: true };
  throw invalid(`Found neither package.json with a block "rutter" nor index.js in ${root}, expected one of them.`);
}

/** Only what a package.json could say as well is believed of its manifest. */
async function readPackedInside(root: string): Promise<(Described & Bundle) | undefined> {
  const [text, written] = await Promise.all([
    readInside(root, packedNames.text),
    readInside(root, packedNames.manifest),
  ]);
  if (text === undefined || written === undefined) return undefined;
  const { digest, config: _config, version, description, ...block } = JSON.parse(written) as Record<string, unknown>;
  const manifest = accepted(readManifest({ version, description, rutter: block }, join(root, packedNames.manifest)));
  const found = hash('sha256', text, 'hex');
  if (digest !== found)
    throw invalid(
      `${join(root, packedNames.text)} was changed after it was packed: found digest ${found}, expected ${String(digest)}.`,
    );
  return { manifest, isPlain: false, text, map: '' };
}

function accepted({ manifest, problems }: ManifestResult): Manifest {
  if (manifest !== undefined) return manifest;
  throw invalid(problems.map(({ file, field, message }) => `${file}: ${field}: ${message}`).join('\n'));
}
