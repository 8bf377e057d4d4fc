/** Bytes of one line, message or body that arrive in pieces: each is copied once or twice, however small the pieces. */
export class ByteGatherer {
  #bytes = Buffer.alloc(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(piece: Uint8Array): void {
    const needed = this.#length + piece.length;
    if (needed > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(piece, this.#length);
    this.#length = needed;
  }

  /** What has been gathered, without taking it. Valid until the next call. */
  peek(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** What has been gathered; the gatherer is empty afterwards. */
  take(): Buffer {
    const taken = this.peek();
    this.#bytes = Buffer.alloc(0);
    this.#length = 0;
    return taken;
  }
}
