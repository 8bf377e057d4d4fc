/**
 * Messages between the gateway and a sandbox child: a length, a small header
 * as JSON, and a payload that neither side of the pipe has to read.
 *
 * Invariant: a frame longer than the reader allows is an error before a byte
 * of it is kept.
 */

export interface Frame {
  readonly header: Readonly<Record<string, unknown>>;
  readonly payload: string;
}

const prefixBytes = 8;

export function writeFrame(header: object, payload = ''): Buffer {
  const head = Buffer.from(JSON.stringify(header));
  const body = Buffer.from(payload);
  const frame = Buffer.allocUnsafe(prefixBytes + head.length + body.length);
  frame.writeUInt32LE(head.length, 0);
  frame.writeUInt32LE(body.length, 4);
  head.copy(frame, prefixBytes);
  body.copy(frame, prefixBytes + head.length);
  return frame;
}

/** Puts chunks together to frames. */
export class FrameReader {
  readonly #mostBytes: number;
  readonly #onFrame: (frame: Frame) => void;
  #chunks: Buffer[] = [];
  #length = 0;
  #wanted = prefixBytes;

  constructor(mostBytes: number, onFrame: (frame: Frame) => void) {
    this.#mostBytes = mostBytes;
    this.#onFrame = onFrame;
  }

  /** Throws where the other side does not keep to the format. */
  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    while (this.#length >= this.#wanted) {
      const bytes = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
      this.#chunks = [bytes];
      const headLength = bytes.readUInt32LE(0);
      const bodyLength = bytes.readUInt32LE(4);
      const total = prefixBytes + headLength + bodyLength;
      if (total > this.#mostBytes)
        throw new RangeError(`A frame of ${total} bytes, expected at most ${this.#mostBytes}.`);
      this.#wanted = total;
      if (bytes.length < total) return;
      this.#take(bytes, headLength, total);
    }
  }

  #take(bytes: Buffer, headLength: number, total: number): void {
    const rest = bytes.subarray(total);
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#length = rest.length;
    this.#wanted = prefixBytes;
    const header: unknown = JSON.parse(bytes.toString('utf8', prefixBytes, prefixBytes + headLength));
    if (typeof header !== 'object' || header === null) throw new TypeError('A frame whose header is no object.');
    this.#onFrame({
      header: header as Frame['header'],
      payload: bytes.toString('utf8', prefixBytes + headLength, total),
    });
  }
}
