/**
 * Stands between an exchange and its transfer where the codec lives elsewhere:
 * what the vendor sends goes there, and what comes back goes on, in order.
 *
 * Invariant: one question at a time, so that a slow codec slows its vendor
 * down instead of piling up; a deployment's own secrets are taken out of all
 * that is shown to it.
 */
import { type Frame, RutterError } from '@rutter/plugin-sdk';
import { malformed } from '@rutter/plugin-sdk/codecs';
import { createFrameReader, type FrameReader } from '../upstream/framing.ts';
import type { Exchange, ExchangeListener } from '../upstream/types.ts';
import type { Scrubber } from './scrub.ts';
import type { Transfer } from './transfer.ts';
import type { ReadElsewhere, TransferPlan } from './transfer-plan.ts';

/** Characters that wait for the codec before the vendor has to. */
const mostWaiting = 256 * 1024;
/** Of one question. */
const mostAsked = 1024 * 1024;

export interface ElsewhereOptions extends Pick<TransferPlan, 'framing'> {
  readonly reading: ReadElsewhere;
  readonly scrubber: Scrubber;
}

export class ElsewhereReader implements ExchangeListener, Exchange {
  readonly #transfer: Transfer;
  readonly #options: ElsewhereOptions;
  readonly #frames: FrameReader;
  #stream: ReturnType<ReadElsewhere['open']> | undefined;
  #exchange: Exchange | undefined;
  #waiting: Frame[] = [];
  #waitingLength = 0;
  #isReading = false;
  /** What the exchange ended with, told once all ahead of it has been read. */
  #ending: (() => void) | undefined;
  #isHeldByReader = false;
  #isHeldByCodec = false;

  constructor(transfer: Transfer, options: ElsewhereOptions) {
    this.#transfer = transfer;
    this.#options = options;
    this.#frames = createFrameReader(options.framing);
  }

  attach(exchange: Exchange): this {
    this.#exchange = exchange;
    return this;
  }

  abort(reason: Error): void {
    this.#waiting = [];
    this.#stream?.close();
    this.#exchange?.abort(reason);
  }

  pause(): void {
    this.#isHeldByReader = true;
    this.#exchange?.pause();
  }

  resume(): void {
    this.#isHeldByReader = false;
    if (!this.#isHeldByCodec) this.#exchange?.resume();
  }

  onHead(status: number, headers: Readonly<Record<string, string>>): void {
    this.#transfer.onHead(status, headers);
  }

  onData(chunk: Buffer): void {
    if (this.#transfer.isCollecting) this.#transfer.onData(chunk);
    else this.#cut(() => this.#frames.push(chunk));
  }

  onEnd(): void {
    if (this.#transfer.isCollecting) {
      void this.#readWhole();
      return;
    }
    this.#cut(() => this.#frames.finish());
    this.#end(() => this.#transfer.onEnd());
  }

  onError(error: Error): void {
    this.#end(() => this.#transfer.onError(error));
  }

  #cut(frames: () => readonly Frame[]): void {
    if (this.#transfer.isOver) return;
    try {
      for (const frame of frames()) {
        const data = this.#options.scrubber.text(frame.data);
        this.#waiting.push({ ...frame, data });
        this.#waitingLength += data.length;
      }
    } catch (error) {
      this.#end(() => this.#transfer.abort(RutterError.from(error, 'ERR_PROVIDER_STREAM')));
    }
    if (this.#waitingLength > mostWaiting && !this.#isHeldByCodec) {
      this.#isHeldByCodec = true;
      this.#exchange?.pause();
    }
    void this.#read();
  }

  #end(ending: () => void): void {
    this.#ending ??= ending;
    void this.#read();
  }

  async #read(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    const transfer = this.#transfer;
    try {
      while (this.#waiting.length > 0 && !transfer.isOver) {
        this.#stream ??= this.#options.reading.open();
        const events = await this.#stream.read(this.#some());
        transfer.onEvents(events);
        this.#release();
      }
      if (this.#ending === undefined) return;
      this.#stream?.close();
      this.#ending();
    } catch (error) {
      transfer.abort(RutterError.from(error, 'ERR_PLUGIN_FAILED'));
    } finally {
      this.#isReading = false;
    }
  }

  /** As many frames as one question may hold, at least one. */
  #some(): readonly Frame[] {
    let length = 0;
    const last = this.#waiting.findIndex(({ data }, index) => {
      length += data.length;
      return index > 0 && length > mostAsked;
    });
    const some = this.#waiting.splice(0, last < 0 ? this.#waiting.length : last);
    for (const { data } of some) this.#waitingLength -= data.length;
    return some;
  }

  #release(): void {
    if (!this.#isHeldByCodec || this.#waitingLength > mostWaiting) return;
    this.#isHeldByCodec = false;
    if (!this.#isHeldByReader) this.#exchange?.resume();
  }

  async #readWhole(): Promise<void> {
    const transfer = this.#transfer;
    const { reading, scrubber } = this.#options;
    const text = scrubber.text(transfer.takeBody());
    try {
      if (transfer.status >= 300) throw await reading.failure(transfer.status, text, transfer.headers);
      transfer.onDecoded(await reading.whole(parsed(text)));
    } catch (error) {
      transfer.abort(RutterError.from(error, 'ERR_PROVIDER_MALFORMED', 'The vendor sent a reply that cannot be read.'));
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw malformed(text.slice(0, 300), 'JSON');
  }
}
