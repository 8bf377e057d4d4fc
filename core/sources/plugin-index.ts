/** The one index of plugins in a source, and where the files it names stand. */
import { hash } from 'node:crypto';
import { RutterError } from '@rutter/plugin-sdk';
import { packedLimits, packedNames, readReference, readVersion, signatureName } from '@rutter/plugin-sdk/pack';

/** Files of one version by name, each with the SHA-256 of its bytes in lower-case hex. */
export type FileDigests = Readonly<Record<string, string>>;

export interface PluginIndex {
  readonly plugins: ReadonlyMap<string, ReadonlyMap<string, FileDigests>>;
}

/** Largest of each file that a version may have; the first two it must have. */
export const fileLimits: Readonly<Record<string, number>> = {
  [packedNames.manifest]: packedLimits.manifest,
  [packedNames.text]: packedLimits.text,
  [packedNames.map]: packedLimits.map,
  [signatureName]: packedLimits.signature,
};
const mostIndexBytes = 4 * 1024 * 1024;
const mostVersions = 1000;

/** `scheme://bucket/a/prefix/name@range` in its parts. */
export interface PluginAddress {
  readonly scheme: string;
  readonly bucket: string;
  /** Ends in a slash where it is not empty. */
  readonly prefix: string;
  readonly name: string;
  readonly range: string;
}

/** ERR_CONFIG_INVALID for what is no address of a plugin. */
export function readAddress(text: string): PluginAddress {
  const [, scheme, bucket, path = ''] = /^([a-z][a-z0-9+.-]*):\/\/([a-z0-9][a-z0-9.-]*)\/(.+)$/.exec(text) ?? [];
  const slash = path.lastIndexOf('/');
  const reference = readReference(path.slice(slash + 1));
  const prefix = slash < 0 ? '' : path.slice(0, slash + 1);
  const isPlain = prefix
    .split('/')
    .every((part, index, parts) => index === parts.length - 1 || /^[\w-][\w.-]*$/.test(part));
  if (scheme === undefined || bucket === undefined || reference === undefined || !isPlain)
    throw new RutterError(
      'ERR_CONFIG_INVALID',
      `"${text}" is no address of a plugin; expected one such as s3://bucket/name@^1.2.`,
    );
  return { scheme, bucket, prefix, ...reference };
}

export const indexKey = (prefix: string): string => `${prefix}index.json`;

/** Named by what it holds: a file, once written, is never another. */
export const fileKey = (
  prefix: string,
  { name, version, file, digest }: Readonly<Record<'name' | 'version' | 'file' | 'digest', string>>,
): string => `${prefix}${name}/${version}/${digest}/${file}`;

export const digestOfBytes = (bytes: Uint8Array): string => hash('sha256', bytes, 'hex');

/** ERR_PLUGIN_INVALID, with the place in the index, for what is none. */
export function readIndex(bytes: Uint8Array, file: string): PluginIndex {
  const fail = (where: string, expected: string) =>
    new RutterError('ERR_PLUGIN_INVALID', `${file}: ${where}: expected ${expected}.`);
  if (bytes.length > mostIndexBytes) throw fail('the file', `at most ${mostIndexBytes} bytes`);
  const value = parse(bytes);
  if (!isBlock(value) || value.format !== 1 || !isBlock(value.plugins))
    throw fail('the file', '{"format": 1, "plugins": {…}}');
  const plugins = Object.entries(value.plugins).map(([name, versions]) => {
    if (readReference(name)?.name !== name || !isBlock(versions))
      throw fail(`plugins.${name.slice(0, 80)}`, 'versions of a plugin');
    const entries = Object.entries(versions);
    if (entries.length > mostVersions) throw fail(`plugins.${name}`, `at most ${mostVersions} versions`);
    return [
      name,
      new Map(entries.map(([version, entry]) => [version, readFiles(entry, { name, version }, fail)])),
    ] as const;
  });
  return { plugins: new Map(plugins) };
}

type Fail = (where: string, expected: string) => RutterError;

function readFiles(entry: unknown, { name, version }: { name: string; version: string }, fail: Fail): FileDigests {
  const where = `plugins.${name}.${version.slice(0, 40)}`;
  if (readVersion(version) === undefined) throw fail(where, 'a version such as 1.2.3');
  const files = isBlock(entry) && isBlock(entry.files) ? entry.files : undefined;
  if (files?.[packedNames.manifest] === undefined || files[packedNames.text] === undefined)
    throw fail(where, `"files" with ${packedNames.manifest} and ${packedNames.text}`);
  for (const [file, digest] of Object.entries(files)) {
    if (!Object.hasOwn(fileLimits, file))
      throw fail(`${where}.files`, `none but ${Object.keys(fileLimits).join(', ')}`);
    if (typeof digest !== 'string' || !/^[0-9a-f]{64}$/.test(digest))
      throw fail(`${where}.files["${file}"]`, '64 hex digits');
  }
  return files as FileDigests;
}

export function indexText({ plugins }: PluginIndex): string {
  const plain = Object.fromEntries(
    [...plugins].map(([name, versions]) => [
      name,
      Object.fromEntries([...versions].map(([version, files]) => [version, { files }])),
    ]),
  );
  return `${JSON.stringify({ format: 1, plugins: plain }, undefined, 1)}\n`;
}

const isBlock = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}
