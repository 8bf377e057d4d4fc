/**
 * Ed25519 signatures (RFC 8032) over packed plugins.
 *
 * What is signed is a statement of name, version and the digests of all that
 * is given away, so that no file can be exchanged for another's.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { RutterError } from '../contract/errors.ts';

/** Beside the packed text. */
export const signatureName = 'plugin.sig.json';
export const mostSignatureBytes = 64 * 1024;
const mostSignatures = 16;

/** The bytes of a packed plugin as they stand in its files. */
export interface PackedBytes {
  readonly name: string;
  readonly version: string;
  readonly manifest: Uint8Array | string;
  readonly text: Uint8Array | string;
  /** Undefined where no map came along. */
  readonly map: Uint8Array | string | undefined;
}

export interface Signature {
  /** Of the public key; see {@link keyIdOf}. */
  readonly key: string;
  readonly signature: string;
}

const prefix = 'ed25519:';
/** DER head of a SubjectPublicKeyInfo with an Ed25519 key, RFC 8410 §4. */
const publicHead = Buffer.from('302a300506032b6570032100', 'hex');

const invalid = (message: string, cause?: unknown) => new RutterError('ERR_PLUGIN_INVALID', message, { cause });
const digest = (bytes: Uint8Array | string): string => hash('sha256', bytes, 'hex');

/** A new key: the private half as PEM (PKCS #8), the public half as a text for trust lists. */
export function generateKeys(): { readonly privateKey: string; readonly publicKey: string } {
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { privateKey: pem, publicKey: publicKeyOf(pem) };
}

/** The public half of a private key in PEM. ERR_PLUGIN_INVALID for anything else, without a word of it. */
export function publicKeyOf(pem: string): string {
  const der = createPublicKey(readPrivate(pem)).export({ type: 'spki', format: 'der' });
  return prefix + der.subarray(publicHead.length).toString('base64');
}

/** 16 hex digits that name a public key. ERR_PLUGIN_INVALID for what is none. */
export const keyIdOf = (publicKey: string): string => digest(rawKey(publicKey)).slice(0, 16);

export function signPacked(packed: PackedBytes, pem: string): Signature {
  const key = readPrivate(pem);
  return {
    key: keyIdOf(publicKeyOf(pem)),
    signature: sign(null, Buffer.from(statementOf(packed)), key).toString('base64'),
  };
}

/** Whether the signature is this key's over exactly these bytes. */
export function isSignedBy(packed: PackedBytes, signature: Signature, publicKey: string): boolean {
  const key = createPublicKey({
    key: Buffer.concat([publicHead, rawKey(publicKey)]),
    format: 'der',
    type: 'spki',
  });
  return verify(null, Buffer.from(statementOf(packed)), key, Buffer.from(signature.signature, 'base64'));
}

/** The signatures in a signature file. ERR_PLUGIN_INVALID with the file and what is wrong. */
export function readSignatures(text: string, file: string): readonly Signature[] {
  const value = parsed(text, file);
  const { format, signatures } = (value ?? {}) as { readonly format?: unknown; readonly signatures?: unknown };
  if (format !== 1) throw invalid(`${file}: format: found ${JSON.stringify(format)}, expected the number 1.`);
  if (!Array.isArray(signatures) || signatures.length === 0 || signatures.length > mostSignatures)
    throw invalid(`${file}: signatures: expected a list of 1 to ${mostSignatures} signatures.`);
  return signatures.map((item: unknown, index) => {
    const { key, signature } = (item ?? {}) as { readonly key?: unknown; readonly signature?: unknown };
    if (typeof key !== 'string' || !/^[0-9a-f]{16}$/.test(key))
      throw invalid(`${file}: signatures[${index}].key: expected the 16 hex digits of a key.`);
    if (typeof signature !== 'string' || !/^[A-Za-z0-9+/]{86}==$/.test(signature))
      throw invalid(`${file}: signatures[${index}].signature: expected 64 bytes in base64.`);
    return { key, signature };
  });
}

export const signatureText = (signatures: readonly Signature[]): string =>
  `${JSON.stringify({ format: 1, signatures }, undefined, 2)}\n`;

function parsed(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A parser's words quote what it read, which may be another file behind a link.
    throw invalid(`${file}: expected JSON.`);
  }
}

function statementOf({ name, version, manifest, text, map }: PackedBytes): string {
  const lines = [
    'rutter plugin 1',
    name,
    version,
    digest(manifest),
    digest(text),
    map === undefined ? '-' : digest(map),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function rawKey(publicKey: string): Buffer {
  const raw = /^ed25519:([A-Za-z0-9+/]{43}=)$/.exec(publicKey)?.[1];
  if (raw === undefined)
    throw invalid(`Found a key that is not "${prefix}" with 32 bytes in base64 behind it; expected a public key.`);
  return Buffer.from(raw, 'base64');
}

function readPrivate(pem: string): KeyObject {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // Said below, without a word of the key.
  }
  throw invalid('Found no Ed25519 private key in PEM; expected the file that "rutter-plugin keygen" has written.');
}
