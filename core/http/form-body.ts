/**
 * A multipart form on its way to a vendor: read until the model is known,
 * then streamed on, part by part, the model rewritten.
 *
 * A file that comes ahead of the model waits in memory up to 1 MiB, then in a
 * temporary file; one that comes after it is never kept.
 */
import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type FormPart, RutterError } from '@rutter/plugin-sdk';

const memoryBytes = 1024 * 1024;

interface Waiting {
  readonly part: FormPart;
  /** What was read of a file already. */
  readonly kept: { readonly chunks: readonly Uint8Array[] } | { readonly file: string } | undefined;
}

export interface FormChanges {
  /** Replaces text fields, or adds them. */
  readonly set: Readonly<Record<string, unknown>>;
  /** Added where the form has no such field: what comes after the model is known only at its end. */
  readonly defaults: Readonly<Record<string, unknown>>;
  readonly remove: readonly string[];
}

export class FormBody {
  /** Text fields read so far. */
  readonly fields: Record<string, unknown> = Object.create(null);
  readonly boundary = `rutter-${randomBytes(18).toString('hex')}`;
  readonly #parts: AsyncGenerator<FormPart>;
  readonly #waiting: Waiting[] = [];
  #isStarted = false;
  #folder: string | undefined;

  private constructor(parts: AsyncGenerator<FormPart>) {
    this.#parts = parts;
  }

  /** Reads on until `model` has come, or the form has ended. */
  static async open(parts: AsyncGenerator<FormPart>): Promise<FormBody> {
    const body = new FormBody(parts);
    try {
      await body.#readToModel();
      return body;
    } catch (error) {
      await body.close();
      throw error;
    }
  }

  async #readToModel(): Promise<void> {
    for (;;) {
      const { value: part, done } = await this.#parts.next();
      if (done) return;
      if (typeof part.value === 'string') {
        this.fields[part.name] = part.value;
        this.#waiting.push({ part, kept: undefined });
        if (part.name === 'model') return;
      } else this.#waiting.push({ part, kept: await this.#keep(part.value) });
    }
  }

  get contentType(): string {
    return `multipart/form-data; boundary=${this.boundary}`;
  }

  /** Once the form has begun to leave it cannot be sent again. */
  get isStarted(): boolean {
    return this.#isStarted;
  }

  async #keep(value: AsyncIterable<Uint8Array>): Promise<Waiting['kept']> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    const iterator = value[Symbol.asyncIterator]();
    for (;;) {
      const { value: chunk, done } = await iterator.next();
      if (done) return { chunks };
      chunks.push(chunk);
      length += chunk.length;
      if (length > memoryBytes) return { file: await this.#spool(chunks, iterator) };
    }
  }

  async #spool(chunks: readonly Uint8Array[], rest: AsyncIterator<Uint8Array>): Promise<string> {
    if (!this.#folder) {
      this.#folder = join(tmpdir(), `rutter-form-${randomBytes(8).toString('hex')}`);
      await mkdir(this.#folder, { mode: 0o700 });
    }
    const file = join(this.#folder, randomBytes(8).toString('hex'));
    await pipeline(
      (async function* () {
        yield* chunks;
        for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
      })(),
      createWriteStream(file, { mode: 0o600 }),
    );
    return file;
  }

  /** The form as the vendor shall get it. */
  async *encode({ set, defaults, remove }: FormChanges): AsyncGenerator<Uint8Array> {
    if (this.#isStarted) throw new RutterError('ERR_KERNEL_INTERNAL', 'A form can be sent once.');
    this.#isStarted = true;
    const seen = new Set<string>();
    for await (const { part, kept } of this.#all()) {
      const isSet = part.name in set;
      // A file under the name of a field that is set could be taken for it by the vendor.
      if (remove.includes(part.name) || (isSet && typeof part.value !== 'string')) continue;
      seen.add(part.name);
      yield this.#head(part);
      if (isSet) yield Buffer.from(textOf(set[part.name]));
      else if (typeof part.value === 'string') yield Buffer.from(part.value);
      else if (kept && 'chunks' in kept) yield* kept.chunks;
      else if (kept) yield* createReadStream(kept.file) as AsyncIterable<Buffer>;
      else yield* part.value;
      yield Buffer.from('\r\n');
    }
    for (const [name, value] of Object.entries({ ...defaults, ...set })) {
      if (seen.has(name)) continue;
      yield this.#head({ name, value: '' });
      yield Buffer.from(`${textOf(value)}\r\n`);
    }
    yield Buffer.from(`--${this.boundary}--\r\n`);
  }

  async *#all(): AsyncGenerator<Waiting> {
    yield* this.#waiting;
    for await (const part of this.#parts) yield { part, kept: undefined };
  }

  #head({ name, filename, mediaType }: Pick<FormPart, 'name' | 'filename' | 'mediaType' | 'value'>): Buffer {
    const file = filename === undefined ? '' : `; filename="${quoted(filename)}"`;
    const type = mediaType === undefined ? '' : `\r\ncontent-type: ${mediaType.replace(/[\r\n]/g, '')}`;
    return Buffer.from(
      `--${this.boundary}\r\ncontent-disposition: form-data; name="${quoted(name)}"${file}${type}\r\n\r\n`,
    );
  }

  /** Ends the reading and removes what was spooled. */
  async close(): Promise<void> {
    await this.#parts.return(undefined).catch(() => {});
    if (this.#folder) await rm(this.#folder, { recursive: true, force: true });
  }
}

const textOf = (value: unknown) =>
  typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);

/** HTML's way of escaping names in forms. */
const quoted = (text: string) => text.replace(/"/g, '%22').replace(/\r/g, '%0D').replace(/\n/g, '%0A');
