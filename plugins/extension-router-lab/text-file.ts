/** Texts of files, packed by gzip or not, of a bounded size. */
import { readFile, stat } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { RutterError } from '@rutter/plugin-sdk';

/** About the longest text there can be. */
const mostBytes = 512 * 1024 * 1024 - 1024;

const refuse = (message: string) => new RutterError('ERR_CONFIG_INVALID', message);

/** Throws ERR_CONFIG_INVALID where it cannot be had. */
export async function readText(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile())
    throw refuse(
      `${path} is no file; expected outcomes: .jsonl, .jsonl.gz or .csv, a folder of LLMRouter's files, or the word "ledger".`,
    );
  if (found.size > mostBytes) throw refuse(`${path} has ${found.size} bytes; expected at most ${mostBytes}.`);
  const bytes = await readFile(path);
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes.toString('utf8');
  try {
    return gunzipSync(bytes, { maxOutputLength: mostBytes }).toString('utf8');
  } catch (error) {
    throw refuse(`${path} cannot be unpacked: ${(error as Error).message}.`);
  }
}
