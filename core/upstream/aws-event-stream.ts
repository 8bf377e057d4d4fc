/**
 * Messages of `application/vnd.amazon.eventstream`: two lengths and their
 * CRC-32, headers, payload, and a CRC-32 over all of it. A message whose
 * checksums or lengths do not hold ends the stream.
 */
import { crc32 } from 'node:zlib';
import { type Frame, RutterError } from '@rutter/plugin-sdk';
import { ByteGatherer } from './byte-gatherer.ts';
import { type FrameCutter, tooLong } from './lines.ts';

const preludeBytes = 12;
const checksumBytes = 4;
const smallest = preludeBytes + checksumBytes;

export class EventStreamReader implements FrameCutter {
  readonly #maxBytes: number;
  readonly #pending = new ByteGatherer();
  /** Length of the message under way, once its prelude is whole. */
  #expected = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  read(chunk: Buffer, into: Frame[]): void {
    let offset = 0;
    while (offset < chunk.length) {
      const wanted = this.#expected === 0 ? preludeBytes : this.#expected;
      const piece = chunk.subarray(offset, offset + wanted - this.#pending.length);
      offset += piece.length;
      this.#pending.add(piece);
      if (this.#pending.length < wanted) return;
      if (this.#expected === 0) {
        this.#expected = this.#readPrelude(this.#pending.peek());
      } else {
        this.#expected = 0;
        into.push(readMessage(this.#pending.take()));
      }
    }
  }

  end(): void {
    if (this.#pending.length > 0) throw broken(`ended inside a message, after ${this.#pending.length} of its bytes`);
  }

  #readPrelude(prelude: Buffer): number {
    if (crc32(prelude.subarray(0, 8)) !== prelude.readUInt32BE(8))
      throw broken('holds a prelude with a wrong checksum');
    const total = prelude.readUInt32BE(0);
    const headers = prelude.readUInt32BE(4);
    if (total > this.#maxBytes) throw tooLong(this.#maxBytes);
    if (total < smallest + headers) throw broken(`announces ${headers} bytes of headers in a message of ${total}`);
    return total;
  }
}

function readMessage(message: Buffer): Frame {
  const end = message.length - checksumBytes;
  if (crc32(message.subarray(0, end)) !== message.readUInt32BE(end))
    throw broken('holds a message with a wrong checksum');
  const headersEnd = preludeBytes + message.readUInt32BE(4);
  const headers = readHeaders(message.subarray(preludeBytes, headersEnd));
  const event = headers[':event-type'] ?? headers[':exception-type'] ?? headers[':error-code'] ?? '';
  return { event, data: message.toString('utf8', headersEnd, end), headers };
}

function readHeaders(bytes: Buffer): Record<string, string> {
  const headers: Record<string, string> = Object.create(null);
  let offset = 0;
  try {
    while (offset < bytes.length) {
      const nameEnd = offset + 1 + bytes.readUInt8(offset);
      const name = bytes.toString('utf8', offset + 1, nameEnd);
      const value = readValue(bytes, nameEnd);
      if (value.end > bytes.length) throw new RangeError('value ends outside');
      headers[name] = value.text;
      offset = value.end;
    }
  } catch (error) {
    if (RutterError.is(error)) throw error;
    throw broken('holds a header that ends outside its message');
  }
  return headers;
}

/** The value as text: numbers in decimal, bytes in base64, times in milliseconds since the epoch. */
function readValue(bytes: Buffer, at: number): { readonly text: string; readonly end: number } {
  const kind = bytes.readUInt8(at);
  const start = at + 1;
  switch (kind) {
    case 0:
    case 1:
      return { text: String(kind === 0), end: start };
    case 2:
      return { text: String(bytes.readInt8(start)), end: start + 1 };
    case 3:
      return { text: String(bytes.readInt16BE(start)), end: start + 2 };
    case 4:
      return { text: String(bytes.readInt32BE(start)), end: start + 4 };
    case 5:
    case 8:
      return { text: String(bytes.readBigInt64BE(start)), end: start + 8 };
    case 6:
    case 7: {
      const end = start + 2 + bytes.readUInt16BE(start);
      return { text: bytes.toString(kind === 6 ? 'base64' : 'utf8', start + 2, end), end };
    }
    case 9:
      return {
        text: bytes.toString('hex', start, start + 16).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
        end: start + 16,
      };
    default:
      throw broken(`holds a header of the unknown type ${kind}`);
  }
}

const broken = (what: string): RutterError => new RutterError('ERR_PROVIDER_STREAM', `The event stream ${what}.`);
