/** How connections to vendors are secured, with the files it takes. */
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { RutterError } from '@rutter/plugin-sdk';
import type { TlsSettings } from '../config/types.ts';

/** Options of `net.connect` and `tls.connect`. */
export interface ConnectionSecurity {
  readonly rejectUnauthorized: boolean;
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** 4, or undefined for either. */
  readonly family: 4 | undefined;
}

export const ordinarySecurity: ConnectionSecurity = {
  rejectUnauthorized: true,
  ca: undefined,
  cert: undefined,
  key: undefined,
  family: undefined,
};

/** Throws ERR_CONFIG_INVALID, with the path, for a file that cannot be read or used. */
export async function readSecurity(settings: TlsSettings): Promise<ConnectionSecurity> {
  const { verifies, authorityFile, certificateFile, isIpv4Only } = settings;
  const ca = authorityFile === undefined ? undefined : await read('ssl_verify', authorityFile);
  const own = certificateFile === undefined ? undefined : await read('ssl_certificate', certificateFile);
  // As Python's clients have it: one file with both.
  checked('ssl_verify', authorityFile, { ca });
  checked('ssl_certificate', certificateFile, { cert: own, key: own });
  return { rejectUnauthorized: verifies, ca, cert: own, key: own, family: isIpv4Only ? 4 : undefined };
}

export const isSameSecurity = (a: ConnectionSecurity, b: ConnectionSecurity): boolean =>
  (Object.keys(a) as (keyof ConnectionSecurity)[]).every((name) => a[name] === b[name]);

async function read(key: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw unusable(key, path, (error as NodeJS.ErrnoException).code ?? 'unreadable', error);
  }
}

function checked(
  key: string,
  path: string | undefined,
  files: { ca?: string | undefined; cert?: string | undefined; key?: string | undefined },
): void {
  if (path === undefined) return;
  try {
    createSecureContext(files);
    if (files.ca !== undefined && !files.ca.includes('-----BEGIN CERTIFICATE-----'))
      throw new Error('no certificate in it');
  } catch (error) {
    throw unusable(key, path, 'no certificate in PEM, or one without its key', error);
  }
}

const unusable = (key: string, path: string, found: string, cause: unknown) =>
  new RutterError(
    'ERR_CONFIG_INVALID',
    `"${key}" names ${path}: found ${found}; expected a file of certificates in PEM.`,
    { cause },
  );
