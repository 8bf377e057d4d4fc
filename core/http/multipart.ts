/**
 * A multipart form, part by part, in the order it came (RFC 7578). A file is
 * read as it arrives: the next part waits until it has been.
 */
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { type FormPart, RutterError } from '@rutter/plugin-sdk';
import busboy from 'busboy';

const limits = { fieldNameSize: 256, fieldSize: 1024 * 1024, fields: 256, files: 64, parts: 320, headerPairs: 64 };

export async function* formParts(request: IncomingMessage, body: AsyncIterable<Uint8Array>): AsyncGenerator<FormPart> {
  const type = request.headers['content-type'] ?? '';
  if (!/^multipart\/form-data\s*;/i.test(type))
    throw new RutterError(
      'ERR_REQUEST_MEDIA_TYPE',
      `The content type is "${type.slice(0, 64)}"; expected multipart/form-data with a boundary.`,
    );
  const parser = open(type);
  const queue = new PartQueue();
  parser.on('field', (name, value, info) => {
    if (info.nameTruncated || info.valueTruncated)
      queue.fail(
        new RutterError(
          'ERR_REQUEST_TOO_LARGE',
          `Form field "${name.slice(0, 64)}" is longer than ${limits.fieldSize} bytes.`,
        ),
      );
    else queue.push({ name, value });
  });
  parser.on('file', (name, stream, info) => {
    // A reader is told by its own reading. Where nobody reads any more, an error without a listener would be thrown
    // in whatever runs just then: for one, in the parser of another connection, which then refuses its request.
    stream.on('error', () => {});
    queue.push({ name, filename: info.filename ?? '', mediaType: info.mimeType, value: stream });
  });
  for (const bound of ['partsLimit', 'filesLimit', 'fieldsLimit'] as const)
    parser.on(bound, () => queue.fail(new RutterError('ERR_REQUEST_TOO_LARGE', 'The form has too many parts.')));
  parser.on('error', (error) =>
    queue.fail(
      new RutterError('ERR_REQUEST_INVALID', `The form cannot be read: ${(error as Error).message.slice(0, 160)}.`, {
        cause: error,
      }),
    ),
  );
  parser.on('close', () => queue.end());
  const source = Readable.from(body, { objectMode: false });
  source.on('error', (error) => {
    queue.fail(RutterError.from(error, 'ERR_REQUEST_ABORTED'));
    parser.destroy(error);
  });
  source.pipe(parser);
  try {
    yield* queue;
  } finally {
    source.destroy();
    parser.destroy();
  }
}

function open(type: string): busboy.Busboy {
  try {
    return busboy({ headers: { 'content-type': type }, limits, defParamCharset: 'utf8' });
  } catch (error) {
    throw new RutterError(
      'ERR_REQUEST_INVALID',
      `The form cannot be read: ${(error as Error).message.slice(0, 160)}.`,
      { cause: error },
    );
  }
}

/** Parts waiting to be taken; bounded by the parser's own limits. */
class PartQueue implements AsyncIterable<FormPart> {
  readonly #parts: FormPart[] = [];
  #error: RutterError | undefined;
  #isEnded = false;
  #wake: (() => void) | undefined;

  push(part: FormPart): void {
    this.#parts.push(part);
    this.#signal();
  }

  fail(error: RutterError): void {
    this.#error ??= error;
    for (const { value } of this.#parts) if (value instanceof Readable) value.destroy(error);
    this.#signal();
  }

  end(): void {
    this.#isEnded = true;
    this.#signal();
  }

  #signal(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<FormPart> {
    for (;;) {
      if (this.#error) throw this.#error;
      const part = this.#parts.shift();
      if (part) {
        yield part;
        // A file nobody read would hold up everything behind it.
        if (part.value instanceof Readable && !part.value.readableEnded) part.value.resume();
      } else if (this.#isEnded) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}
