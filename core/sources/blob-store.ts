/**
 * Files from sources on this machine, each under the SHA-256 of its bytes.
 *
 * Invariant: what is found here has the digest it is asked for by. It may hold
 * configuration with keys, so only its owner may read it.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';

const mostFiles = 200;
const mostBytes = 4 * 1024 * 1024 * 1024;
/** Hashed in one go: about a millisecond. */
const sliceBytes = 1024 * 1024;
const comparedSeconds = 1;

export class BlobStore {
  readonly #folder: string;
  /** What a file looks like whose bytes have been compared, by its name. */
  readonly #compared = new Map<string, string>();

  #drafts = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Keeps the bytes; the digest is theirs. */
  async add(bytes: Uint8Array): Promise<string> {
    const digest = await digestOf(bytes);
    if ((await this.find(digest)) !== undefined) return digest;
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    this.#drafts += 1;
    const draft = join(this.#folder, `${digest}.${process.pid}.${this.#drafts}.draft`);
    await writeFile(draft, bytes, { mode: 0o600 });
    await rename(draft, join(this.#folder, digest));
    await this.#prune(digest);
    return digest;
  }

  /** The path of the file with this digest; undefined where there is none, or where it is damaged. */
  async find(digest: string): Promise<string | undefined> {
    if (!/^[0-9a-f]{64}$/.test(digest)) return undefined;
    const file = join(this.#folder, digest);
    const found = await stat(file).catch(() => undefined);
    if (found === undefined) return undefined;
    const isCompared = this.#compared.get(digest) === `${found.ino}:${found.size}:${found.mtimeMs}`;
    if (!isCompared) {
      const bytes = await readFile(file).catch(() => undefined);
      if (bytes === undefined || (await digestOf(bytes)) !== digest) return undefined;
    }
    // When it was used last; and a time of writing that no later writing has.
    await utimes(file, Date.now() / 1000, comparedSeconds).catch(() => {});
    this.#compared.set(digest, `${found.ino}:${found.size}:${comparedSeconds * 1000}`);
    return file;
  }

  async read(digest: string): Promise<Uint8Array | undefined> {
    const file = await this.find(digest);
    const bytes = file === undefined ? undefined : await readFile(file).catch(() => undefined);
    return bytes && Uint8Array.from(bytes);
  }

  /** Forgets what has been out of use longest. */
  async #prune(kept: string): Promise<void> {
    const names = await readdir(this.#folder);
    const aged = await Promise.all(
      names.map(async (name) => ({ name, found: await stat(join(this.#folder, name)).catch(() => undefined) })),
    );
    let [count, bytes] = [0, 0];
    for (const { name, found } of aged.toSorted((a, b) => (b.found?.atimeMs ?? 0) - (a.found?.atimeMs ?? 0))) {
      count += 1;
      bytes += found?.size ?? 0;
      if (name === kept || (count <= mostFiles && bytes <= mostBytes)) continue;
      this.#compared.delete(name);
      await rm(join(this.#folder, name), { force: true });
    }
  }
}

/** SHA-256 in lower-case hex; a large one lets requests pass in between. */
export async function digestOf(bytes: Uint8Array): Promise<string> {
  const sum = createHash('sha256');
  for (let start = 0; start < bytes.length; start += sliceBytes) {
    if (start > 0) await breathe();
    sum.update(bytes.subarray(start, start + sliceBytes));
  }
  return sum.digest('hex');
}
