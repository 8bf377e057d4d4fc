/** Packed and signed plugins, for tests of who is trusted. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type generateKeys,
  packedNames,
  packPlugin,
  readPackedFiles,
  type Signature,
  signatureName,
  signatureText,
  signPacked,
} from '@rutter/plugin-sdk/pack';

export type Files = Readonly<Record<string, string | undefined>>;
export type Keys = ReturnType<typeof generateKeys>;

/** A plugin that answers `GET /word` with a word. */
export const wordSource = (word: string) => `
import { definePlugin } from '@rutter/plugin-sdk';
export default definePlugin({ kind: 'observer', setup: () => ({
  routes: [{ method: 'GET', path: '/word', mode: 'json', permission: 'public', handler: () => ({ body: { word: '${word}' } }) }],
}) });`;

export interface PackOptions {
  readonly name?: string;
  readonly version?: string;
  readonly word?: string;
  readonly needs?: readonly string[];
}

/** Texts of a packed plugin's files, by name; signed by each key given. */
export async function packedFiles(
  { name = 'word', version = '1.2.0', word = 'first', needs = [] }: PackOptions,
  ...keys: readonly Keys[]
): Promise<Record<string, string>> {
  const folder = await mkdtemp(join(tmpdir(), 'rutter-signed-'));
  try {
    const rutter = { api: 1, kind: 'observer', name, entry: 'index.ts', needs };
    await writeFile(join(folder, 'package.json'), JSON.stringify({ name, version, type: 'module', rutter }));
    await writeFile(join(folder, 'index.ts'), wordSource(word));
    const outDir = join(folder, 'dist');
    await packPlugin(folder, { outDir });
    const packed = await readPackedFiles(outDir);
    if (packed === undefined) throw new Error('The plugin was not packed.');
    const names = Object.values(packedNames);
    const texts = await Promise.all(names.map((file) => readFile(join(outDir, file), 'utf8')));
    const files = Object.fromEntries(names.map((file, index) => [file, texts[index] as string]));
    const signatures = keys.map(({ privateKey }): Signature => signPacked(packed.bytes, privateKey));
    return signatures.length === 0 ? files : { ...files, [signatureName]: signatureText(signatures) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
