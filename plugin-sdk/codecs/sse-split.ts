/**
 * Cuts a stream of server-sent events into whole events, as bytes.
 *
 * Chunks may end anywhere, inside a character too. Lines end in LF or CRLF;
 * a lone CR is no line end here, since no model vendor sends one. What a
 * caller was given is never written to again.
 */

const lf = 10;
const cr = 13;
const none = Buffer.alloc(0);

/** Most bytes of an event that has not ended yet. */
export const maxEventBytes = 16 * 1024 * 1024;

export class EventSplitter {
  /** What the offsets are into. */
  bytes: Buffer = none;
  /** The event found last: from its first line to the end of the blank line after it. */
  start = 0;
  end = 0;
  #size = 0;
  #taken = 0;
  #searched = 0;
  /** The buffer is this object's own and nothing of it has been handed out. */
  #isOwn = false;

  /** Bytes not yet part of a whole event. */
  get left(): number {
    return this.#size - this.#taken;
  }

  push(chunk: Uint8Array): void {
    const left = this.left;
    if (left === 0) {
      this.bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      this.#size = chunk.length;
      this.#taken = this.#searched = 0;
      this.#isOwn = false;
      return;
    }
    if (!this.#isOwn || this.#taken > 0 || this.#size + chunk.length > this.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(1024, 2 * (left + chunk.length)));
      this.bytes.copy(grown, 0, this.#taken, this.#size);
      this.#searched -= this.#taken;
      this.#taken = 0;
      this.#size = left;
      this.bytes = grown;
      this.#isOwn = true;
    }
    this.bytes.set(chunk, this.#size);
    this.#size += chunk.length;
  }

  /** Moves on to the next whole event; false when there is none yet. */
  next(): boolean {
    const { bytes } = this;
    const size = this.#size;
    let at = this.#searched;
    while (true) {
      at = bytes.indexOf(lf, at);
      if (at === -1 || at >= size) {
        this.#searched = size;
        return false;
      }
      const isCrLf = at + 1 < size && bytes[at + 1] === cr;
      const last = isCrLf ? at + 2 : at + 1;
      if (last >= size) {
        this.#searched = at;
        return false;
      }
      if (bytes[last] === lf) {
        this.start = this.#taken;
        this.end = this.#taken = this.#searched = last + 1;
        return true;
      }
      at++;
    }
  }

  /** Takes everything that is left as if it were an event. */
  rest(): boolean {
    if (this.left === 0) return false;
    this.start = this.#taken;
    this.end = this.#taken = this.#searched = this.#size;
    return true;
  }
}

/** The `data` and `event` lines of one event, as offsets; several data lines are joined apart. */
export class EventLines {
  dataStart = 0;
  dataEnd = 0;
  /** The data, where it took several lines. */
  joined: Buffer | undefined;
  event = '';

  read(bytes: Buffer, start: number, end: number): void {
    this.dataStart = this.dataEnd = 0;
    this.joined = undefined;
    this.event = '';
    let pieces: Buffer[] | undefined;
    for (let at = start; at < end; ) {
      const found = bytes.indexOf(lf, at);
      const next = found === -1 || found >= end ? end : found;
      const stop = next > at && bytes[next - 1] === cr ? next - 1 : next;
      if (isField(bytes, at, stop, data)) {
        const from = at + (bytes[at + 5] === space ? 6 : 5);
        if (this.dataEnd > 0) {
          pieces ??= [bytes.subarray(this.dataStart, this.dataEnd)];
          pieces.push(newline, bytes.subarray(from, stop));
        } else {
          this.dataStart = from;
          // At least one, so that an empty line of data is told from none.
          this.dataEnd = Math.max(from, stop);
        }
      } else if (isField(bytes, at, stop, event)) {
        this.event = bytes.toString('latin1', at + 6, Math.min(stop, at + 70)).trim();
      }
      at = next + 1;
    }
    if (pieces !== undefined) this.joined = Buffer.concat(pieces);
  }
}

const data = Buffer.from('data:');
const event = Buffer.from('event:');
const newline = Buffer.from('\n');
const space = 0x20;

function isField(bytes: Buffer, start: number, end: number, name: Buffer): boolean {
  if (end - start < name.length) return false;
  for (let at = 0; at < name.length; at++) if (bytes[start + at] !== name[at]) return false;
  return true;
}
