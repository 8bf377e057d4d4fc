/**
 * What a WebSocket client has sent and its handler has not yet taken.
 *
 * Listening begins at once, so that nothing is lost before the handler asks;
 * a client that sends faster than it is read is made to wait.
 */
import type { WebSocket } from 'ws';

const mostMessages = 64;
const mostBytes = 1024 * 1024;

export class SocketMessages implements AsyncIterable<string | Uint8Array> {
  readonly #client: WebSocket;
  readonly #waiting: { readonly bytes: Buffer; readonly isBinary: boolean }[] = [];
  #length = 0;
  #isDropping = false;
  #wake: (() => void) | undefined;

  constructor(client: WebSocket) {
    this.#client = client;
    client.on('message', (data, isBinary) => this.#take(data as Buffer, isBinary));
    client.once('close', () => this.#signal());
  }

  /** Nobody reads any more: what comes is dropped, so that the client's close is heard. */
  drop(): void {
    this.#isDropping = true;
    this.#waiting.length = 0;
    this.#length = 0;
    this.#client.resume();
  }

  #take(bytes: Buffer, isBinary: boolean): void {
    if (this.#isDropping) return;
    this.#waiting.push({ bytes, isBinary });
    this.#length += bytes.length;
    if (this.#isFull) this.#client.pause();
    this.#signal();
  }

  get #isFull(): boolean {
    return this.#waiting.length >= mostMessages || this.#length >= mostBytes;
  }

  #signal(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string | Uint8Array> {
    for (;;) {
      const next = this.#waiting.shift();
      if (next !== undefined) {
        this.#length -= next.bytes.length;
        if (this.#client.isPaused && !this.#isFull) this.#client.resume();
        yield next.isBinary ? next.bytes : next.bytes.toString('utf8');
      } else if (this.#isDropping || this.#client.readyState >= this.#client.CLOSING) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}
