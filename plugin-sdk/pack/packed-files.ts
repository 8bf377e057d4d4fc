/**
 * Reads the files of a packed plugin once, bounded, and checks that they are
 * whole: whatever is done later is done with these bytes.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { RutterError } from '../contract/errors.ts';
import type { Manifest } from '../contract/plugin.ts';
import { readManifest } from './manifest.ts';
import { digestOf, type PackedManifest, packedNames } from './pack.ts';
import { mostSignatureBytes, type PackedBytes, readSignatures, type Signature, signatureName } from './signature.ts';
import { readVersion } from './versions.ts';

/** Most bytes of each file. */
export const packedLimits = {
  manifest: 1024 * 1024,
  text: 32 * 1024 * 1024,
  map: 64 * 1024 * 1024,
  signature: mostSignatureBytes,
} as const;

export interface PackedFiles {
  readonly manifest: PackedManifest;
  readonly text: string;
  readonly bytes: PackedBytes;
  /** Empty where no signature file lies beside it. Not verified. */
  readonly signatures: readonly Signature[];
}

const invalid = (message: string) => new RutterError('ERR_PLUGIN_INVALID', message);

/**
 * The packed plugin in a folder; undefined when it has no manifest of one.
 * ERR_PLUGIN_INVALID, with the file, for a manifest that is none, a digest
 * that is not its text's, a version or a signature file that cannot be read.
 */
export async function readPackedFiles(folder: string): Promise<PackedFiles | undefined> {
  const manifestFile = join(folder, packedNames.manifest);
  const manifestBytes = await readBounded(manifestFile, packedLimits.manifest);
  if (manifestBytes === undefined) return undefined;
  const manifest = readPackedManifest(manifestBytes.toString('utf8'), manifestFile);
  const file = join(folder, packedNames.text);
  const text = await readBounded(file, packedLimits.text);
  if (text === undefined) throw invalid(`Found no ${file}, expected the packed text of plugin "${manifest.name}".`);
  const source = text.toString('utf8');
  const found = digestOf(source);
  if (found !== manifest.digest)
    throw invalid(
      `${file} was changed after it was packed: found digest ${found}, expected ${manifest.digest}. Pack it again.`,
    );
  const map = await readBounded(join(folder, packedNames.map), packedLimits.map);
  const signatureFile = join(folder, signatureName);
  const signed = await readBounded(signatureFile, packedLimits.signature);
  return {
    manifest,
    text: source,
    bytes: { name: manifest.name, version: manifest.version, manifest: manifestBytes, text, map },
    signatures: signed === undefined ? [] : readSignatures(signed.toString('utf8'), signatureFile),
  };
}

/** A manifest as `pack` writes it, every field of it checked. */
export function readPackedManifest(text: string, file: string): PackedManifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Said below.
  }
  if (typeof value !== 'object' || value === null || !('digest' in value) || !('claims' in value))
    throw invalid(`${file} is no manifest of a packed plugin. Pack it again.`);
  const { digest, config, version, description, ...rutter } = value as Record<string, unknown>;
  if (typeof digest !== 'string' || !/^[0-9a-f]{64}$/.test(digest))
    throw invalid(`${file}: digest: expected 64 hex digits. Pack it again.`);
  if (config !== undefined && (typeof config !== 'object' || config === null || Array.isArray(config)))
    throw invalid(`${file}: config: expected a JSON Schema. Pack it again.`);
  const { manifest, problems } = readManifest({ version, description, rutter }, file);
  if (manifest === undefined)
    throw invalid(
      problems.map(({ field, message }) => `${file}: ${field.replace(/^rutter\./, '')}: ${message}`).join('\n'),
    );
  if (readVersion(manifest.version) === undefined)
    throw invalid(`${file}: version: found "${manifest.version}", expected one such as 1.2.3.`);
  return { ...(manifest as Manifest), ...(config === undefined ? {} : { config }), digest };
}

/** Undefined where there is no such file. Links are followed; what is no file, or too large, is refused. */
async function readBounded(file: string, most: number): Promise<Buffer | undefined> {
  const handle = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw invalid(`${file} cannot be read (${error.code}); expected a file.`);
  });
  if (handle === undefined) return undefined;
  try {
    const found = await handle.stat();
    if (!found.isFile()) throw invalid(`${file} is no file.`);
    if (found.size > most) throw invalid(`${file} has ${found.size} bytes; expected at most ${most}.`);
    const bytes = Buffer.alloc(found.size);
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await handle.read(bytes, length, bytes.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return bytes.subarray(0, length);
  } finally {
    await handle.close();
  }
}
