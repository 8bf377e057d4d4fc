/** `rutter-plugin keygen`, `sign` and `verify`: who vouches for a packed plugin. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { RutterError } from '../contract/errors.ts';
import { type PackedFiles, readPackedFiles } from '../pack/packed-files.ts';
import {
  generateKeys,
  isSignedBy,
  keyIdOf,
  publicKeyOf,
  signatureName,
  signatureText,
  signPacked,
} from '../pack/signature.ts';
import { readArguments } from './flags.ts';
import type { Terminal } from './terminal.ts';

const keygenUsage = 'rutter-plugin keygen <file>';
const signUsage = 'rutter-plugin sign <packed folder> --key FILE';
const verifyUsage = 'rutter-plugin verify <packed folder> --key PUBLIC-KEY';

export const keygenHelp = `${keygenUsage}

Makes a key that signs plugins: the private half goes into the file, which only
its owner may read and which must not exist; the public half into FILE.pub, for
"plugin_trust" of a gateway's configuration.
`;
export const signHelp = `${signUsage}

Signs what "pack" has made. Beside a signature of another key it adds its own.

  --key FILE   private key, as "keygen" has written it
`;
export const verifyHelp = `${verifyUsage}

Says whether a packed plugin is whole and signed by a key. Ends with 1 when not.

  --key KEY    public key, "ed25519:…", or a file that holds it
`;

export async function keygen(args: readonly string[], terminal: Terminal): Promise<number> {
  const { positionals } = readArguments(args, { options: {}, names: ['file'], usage: keygenUsage });
  const file = resolve(terminal.cwd, positionals[0] as string);
  const { privateKey, publicKey } = generateKeys();
  await writeFile(file, privateKey, { mode: 0o600, flag: 'wx' }).catch((cause: NodeJS.ErrnoException) => {
    const found = cause.code === 'EEXIST' ? 'it exists, and a key is not overwritten' : String(cause.code);
    throw new RutterError('ERR_REQUEST_INVALID', `Cannot write ${file}: ${found}.`, { cause });
  });
  await writeFile(`${file}.pub`, `${publicKey}\n`);
  terminal.out(`key ${keyIdOf(publicKey)}\n${publicKey}\n`);
  return 0;
}

export async function sign(args: readonly string[], terminal: Terminal): Promise<number> {
  const options = { key: { type: 'string' } } as const;
  const { positionals, text } = readArguments(args, { options, names: ['packed folder'], usage: signUsage });
  const folder = resolve(terminal.cwd, positionals[0] as string);
  const pem = await readText(resolve(terminal.cwd, required(text('key'), signUsage)));
  const packed = await readPlugin(folder);
  const made = signPacked(packed.bytes, pem);
  // A signature of the same bytes by another key still holds; any other is of no use to anybody.
  const others = packed.signatures.filter(({ key }) => key !== made.key);
  const file = join(folder, signatureName);
  await writeFile(`${file}.draft`, signatureText([...others, made]));
  await rename(`${file}.draft`, file);
  const { name, version, digest } = packed.manifest;
  terminal.out(`signed "${name}" ${version}, digest ${digest}\nby key ${made.key} ${publicKeyOf(pem)}\n`);
  terminal.out(`  ${relative(terminal.cwd, file)}\n`);
  return 0;
}

export async function verify(args: readonly string[], terminal: Terminal): Promise<number> {
  const options = { key: { type: 'string' } } as const;
  const { positionals, text } = readArguments(args, { options, names: ['packed folder'], usage: verifyUsage });
  const given = required(text('key'), verifyUsage);
  const key = given.startsWith('ed25519:') ? given : (await readText(resolve(terminal.cwd, given))).trim();
  const id = keyIdOf(key);
  const folder = resolve(terminal.cwd, positionals[0] as string);
  const { manifest, bytes, signatures } = await readPlugin(folder);
  const own = signatures.find((signature) => signature.key === id);
  if (own === undefined || !isSignedBy(bytes, own, key)) {
    const found = signatures.map((signature) => signature.key).join(', ');
    const reason =
      own === undefined
        ? `found ${found === '' ? 'no signature' : `signatures of ${found}`}, expected one of ${id}`
        : 'the signature is not of these files';
    terminal.err(`${join(folder, signatureName)}: ${reason}.\n`);
    return 1;
  }
  terminal.out(`"${manifest.name}" ${manifest.version} is signed by key ${id}, digest ${manifest.digest}\n`);
  return 0;
}

export async function readPlugin(folder: string): Promise<PackedFiles> {
  const packed = await readPackedFiles(folder);
  if (packed !== undefined) return packed;
  throw new RutterError(
    'ERR_PLUGIN_INVALID',
    `Found no packed plugin in ${folder}, expected what "rutter-plugin pack" has made, such as its dist folder.`,
  );
}

function required(value: string | undefined, usage: string): string {
  if (value !== undefined) return value;
  throw new RutterError('ERR_REQUEST_INVALID', `Found no --key.\nUsage: ${usage}`);
}

const readText = (file: string): Promise<string> =>
  readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new RutterError('ERR_REQUEST_INVALID', `Cannot read ${file} (${cause.code}); expected a key.`, { cause });
  });
