/**
 * One streamed reply on its way to the client: head, chunks, keep-alives and
 * back-pressure. Silence is filled with comments, before the vendor answers
 * too, so that an idle connection in between is not cut.
 */
import type { ServerResponse } from 'node:http';
import type { Watchdog, Watched } from '../attempts/watchdog.ts';
import { Rostered } from '../live/roster.ts';
import { writeHead } from './write-head.ts';

const ping = ': ping\n\n';
const streamHeaders = [
  ...['content-type', 'text/event-stream; charset=utf-8'],
  ...['cache-control', 'no-cache'],
  ...['x-accel-buffering', 'no'],
];

export interface ClientStreamOptions {
  readonly watchdog: Watchdog;
  /** 0 switches keep-alives off. */
  readonly keepAliveMs: number;
  /** How long a client may take nothing at all once it alone is waited for; then it is let go. */
  readonly stalledMs: number;
  /** Headers as far as they are known when the head goes out. */
  headers(): readonly string[];
  /** Whether the vendor has sent all it will, or its time is up. */
  isOver(): boolean;
}

export class ClientStream extends Rostered implements Watched {
  readonly #response: ServerResponse;
  readonly #options: ClientStreamOptions;
  #writtenAt: number;
  #isEnded = false;
  /** When the client last made us wait for it; 0 while it does not. */
  #heldAt = 0;
  #onDrain: (() => void) | undefined;

  constructor(response: ServerResponse, options: ClientStreamOptions) {
    super();
    this.#response = response;
    this.#options = options;
    this.#writtenAt = options.watchdog.now = performance.now();
    options.watchdog.add(this);
  }

  get hasHead(): boolean {
    return this.#response.headersSent;
  }

  check(now: number): void {
    const { keepAliveMs, stalledMs } = this.#options;
    if (this.#heldAt > 0) {
      if (now - this.#heldAt > stalledMs && this.#options.isOver()) this.#response.destroy();
      return;
    }
    if (keepAliveMs === 0 || now - this.#writtenAt < keepAliveMs) return;
    this.begin();
    this.write(ping);
  }

  /** Sends the head, once. */
  begin(): void {
    if (this.#response.headersSent || this.#isEnded) return;
    writeHead(this.#response, 200, [...streamHeaders, ...this.#options.headers()]);
  }

  /** False when the client reads slowly: wait for `whenDrained`. */
  write(chunk: Uint8Array | string): boolean {
    if (this.#isEnded || chunk.length === 0) return true;
    this.#writtenAt = this.#options.watchdog.now;
    return this.#response.write(chunk);
  }

  whenDrained(listener: () => void): void {
    this.#heldAt = this.#options.watchdog.now;
    if (!this.#onDrain) {
      const drained = () => {
        this.#heldAt = 0;
        this.#writtenAt = this.#options.watchdog.now;
        this.#onDrain?.();
      };
      // A client that has left reads nothing more; whoever waits for it must not wait for ever.
      this.#response.on('drain', drained).once('close', drained);
    }
    this.#onDrain = listener;
  }

  end(last?: Uint8Array | string): void {
    this.close();
    if (last && last.length > 0) this.#response.end(last);
    else this.#response.end();
  }

  /** No more keep-alives; the response itself is someone else's to end. */
  close(): void {
    this.#isEnded = true;
    this.#options.watchdog.remove(this);
  }
}
