/** Addresses of single files in sources: `scheme://bucket/a/key`, and what is relative to one. */
import { posix } from 'node:path';
import { RutterError } from '@rutter/plugin-sdk';

export interface FileAddress {
  readonly scheme: string;
  readonly bucket: string;
  readonly key: string;
  /** SHA-256 that the file must have, from `#sha256=` at its end; undefined where any will do. */
  readonly sha256: string | undefined;
}

const form = /^([a-z][a-z0-9+.-]*):\/\/([a-z0-9][a-z0-9.-]*)\/([^#]+?)(?:#(.*))?$/;

export const isAddress = (text: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//.test(text);

/** ERR_CONFIG_INVALID for what is no address of a file. */
export function readFileAddress(text: string): FileAddress {
  const [, scheme, bucket, key, fragment] = form.exec(text) ?? [];
  const sha256 = /^sha256=([0-9a-f]{64})$/.exec(fragment ?? '')?.[1];
  const isPlain = key?.split('/').every((part) => part !== '' && part !== '.' && part !== '..') === true;
  if (scheme === undefined || bucket === undefined || key === undefined || !isPlain)
    throw invalid(text, 's3://bucket/folder/file');
  if (fragment !== undefined && sha256 === undefined) throw invalid(text, '#sha256= and 64 hex digits at its end');
  return { scheme, bucket, key, sha256 };
}

/** Without the digest it may be pinned to: what it is known by. */
export const nameOf = ({ scheme, bucket, key }: Omit<FileAddress, 'sha256'>): string => `${scheme}://${bucket}/${key}`;

/** What a file in a source means by a name relative to itself. ERR_CONFIG_INVALID where that leads out of its bucket. */
export function besideAddress(from: string, name: string): string {
  const { scheme, bucket, key } = readFileAddress(from);
  const joined = posix.join(posix.dirname(key), name);
  if (name.startsWith('/') || /^\.{1,2}(\/|$)/.test(joined) || joined.endsWith('/'))
    throw invalid(name, 'an address, or a name beside the file that stays in its bucket');
  return nameOf({ scheme, bucket, key: joined });
}

const invalid = (found: string, expected: string) =>
  new RutterError('ERR_CONFIG_INVALID', `Found "${found.slice(0, 300)}", expected ${expected}.`);
