/**
 * Cuts bytes into lines, a line that spans chunks being gathered first.
 *
 * Lines end with LF, and with `carriage` also with CR or CRLF, even where the
 * two bytes of a CRLF come in different chunks.
 */
import { type Frame, RutterError } from '@rutter/plugin-sdk';
import { ByteGatherer } from './byte-gatherer.ts';

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/** One of these per framing; both may throw after having added frames. */
export interface FrameCutter {
  read(chunk: Buffer, into: Frame[]): void;
  end(into: Frame[]): void;
}

/** One line, without its end mark; the bytes are valid during the call only. */
export type TakeLine = (bytes: Buffer, start: number, end: number) => void;

export class LineCutter {
  readonly #maxBytes: number;
  readonly #carriage: boolean;
  readonly #pending = new ByteGatherer();
  #skipsLineFeed = false;

  constructor(maxBytes: number, carriage: boolean) {
    this.#maxBytes = maxBytes;
    this.#carriage = carriage;
  }

  push(chunk: Buffer, take: TakeLine): void {
    let start = this.#skipsLineFeed && chunk[0] === lineFeed ? 1 : 0;
    this.#skipsLineFeed = false;
    let feed = chunk.indexOf(lineFeed, start);
    let carriage = this.#carriage ? chunk.indexOf(carriageReturn, start) : -1;
    while (feed !== -1 || carriage !== -1) {
      const isCarriage = carriage !== -1 && (feed === -1 || carriage < feed);
      const end = isCarriage ? carriage : feed;
      this.#line(chunk, start, end, take);
      start = end + 1;
      if (isCarriage) {
        if (start === chunk.length) this.#skipsLineFeed = true;
        else if (chunk[start] === lineFeed) start++;
        carriage = chunk.indexOf(carriageReturn, start);
      }
      // Each mark is searched anew only once it has been passed, so that the whole chunk is searched once.
      if (feed !== -1 && feed < start) feed = chunk.indexOf(lineFeed, start);
    }
    if (start < chunk.length) this.#hold(chunk.subarray(start));
  }

  /** The last line, where it has no end mark. */
  finish(take: TakeLine): void {
    const rest = this.#pending.take();
    if (rest.length > 0) take(rest, 0, rest.length);
  }

  #line(chunk: Buffer, start: number, end: number, take: TakeLine): void {
    if (this.#pending.length > 0) {
      this.#hold(chunk.subarray(start, end));
      const whole = this.#pending.take();
      take(whole, 0, whole.length);
      return;
    }
    if (end - start > this.#maxBytes) throw tooLong(this.#maxBytes);
    take(chunk, start, end);
  }

  #hold(piece: Buffer): void {
    if (this.#pending.length + piece.length > this.#maxBytes) throw tooLong(this.#maxBytes);
    this.#pending.add(piece);
  }
}

export const tooLong = (maxBytes: number): RutterError =>
  new RutterError('ERR_PROVIDER_STREAM', `One event of the stream has more than ${maxBytes} bytes.`);
