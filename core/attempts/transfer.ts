/**
 * One call of one deployment, from the first byte sent to the last received.
 *
 * It is `ready` with a whole reply, or with the first content of a stream:
 * until then nothing has been shown to anyone and another deployment may be
 * tried. Afterwards a sink takes what comes. Exactly one of `end` and `fail`
 * reaches the sink, and the upstream is closed whenever the transfer is over.
 */
import { type ChatEvent, type Relay, RutterError, type Usage } from '@rutter/plugin-sdk';
import { replyEvents } from '@rutter/plugin-sdk/codecs';
import { Rostered } from '../live/roster.ts';
import { createFrameReader, type FrameReader } from '../upstream/framing.ts';
import type { Exchange, ExchangeListener } from '../upstream/types.ts';
import type { Decoded, Sink, TransferPlan } from './transfer-plan.ts';
import type { Watchdog, Watched } from './watchdog.ts';

/** More of an error's body would say no more. */
const errorBodyBytes = 256 * 1024;
/** Most bytes, or events, ahead of the first content: comments and lifecycle frames. */
const heldBytes = 4 * 1024 * 1024;
const heldEvents = 10_000;
/** The same of all that comes, though nothing of it is held; larger than the largest first event. */
const aheadBytes = 32 * 1024 * 1024;
/** How long the connection behind a whole stream is waited for: usage may come late, an end may never come. */
const behindWholeMs = 5000;

export class Transfer extends Rostered implements ExchangeListener, Watched {
  readonly ready: Promise<void>;
  readonly startedAt: number;
  status = 0;
  headers: Readonly<Record<string, string>> = {};
  /** A whole reply's bytes, where they pass through. */
  body: Buffer | undefined;
  /** A whole reply that was read. */
  decoded: Decoded | undefined;
  firstContentAt = 0;
  endedAt = 0;
  error: RutterError | undefined;
  readonly #plan: TransferPlan;
  readonly #watchdog: Watchdog;
  #resolve!: () => void;
  #reject!: (error: RutterError) => void;
  #exchange: Exchange | undefined;
  #parts: Buffer[] = [];
  #frames: FrameReader | undefined;
  #held: (Uint8Array | readonly ChatEvent[])[] = [];
  #sink: Sink | undefined;
  #isCollecting = false;
  #isReady = false;
  #isOver = false;
  /** Choices that have begun and not ended. */
  readonly #open = new Set<number>();
  #hasEnded = false;
  #isPaused = false;
  #collected = 0;
  #heldBytes = 0;
  #heldEvents = 0;
  #eventUsage: Usage | undefined;
  #eventLength = 0;
  #dueAt: number;
  readonly #totalDueAt: number;
  readonly #onOver: (() => void)[] = [];

  constructor(plan: TransferPlan, watchdog: Watchdog) {
    super();
    this.#plan = plan;
    this.#watchdog = watchdog;
    this.startedAt = performance.now();
    this.#totalDueAt = this.startedAt + plan.timers.totalMs;
    this.#dueAt = plan.stream ? this.startedAt + plan.timers.firstContentMs : Number.POSITIVE_INFINITY;
    this.ready = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    watchdog.add(this);
  }

  /** The exchange this listens to; it may already have failed. */
  attach(exchange: Exchange): void {
    this.#exchange = exchange;
    if (this.#isOver && this.error) exchange.abort(this.error);
  }

  /** Called once when nothing more will come, in the order they were given. */
  whenOver(listener: () => void): void {
    if (this.#isOver) listener();
    else this.#onOver.push(listener);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether content of a stream has come: from then on nobody else may be tried. */
  get hasBegun(): boolean {
    return this.#isReady;
  }

  get usage(): Usage | undefined {
    return this.#plan.relay?.usage ?? this.#eventUsage ?? this.decoded?.usage;
  }

  get outputLength(): number {
    return this.#plan.relay?.outputLength ?? this.#eventLength;
  }

  /** Ends the call from this side. */
  abort(error: RutterError): void {
    if (this.#isOver) return;
    this.#over(error);
    this.#exchange?.abort(error);
  }

  /** Hands over what was held and all that follows. */
  flow(sink: Sink): void {
    this.#sink = sink;
    const held = this.#held;
    this.#held = [];
    for (const item of held) this.#give(item);
    if (!this.#isOver) return;
    if (this.error) sink.fail(this.error);
    else sink.end();
  }

  /** The client reads slowly: silence is not the vendor's fault meanwhile. */
  pause(): void {
    if (this.#isOver || this.#isPaused) return;
    this.#isPaused = true;
    this.#dueAt = Number.POSITIVE_INFINITY;
    this.#exchange?.pause();
  }

  resume(): void {
    if (this.#isOver || !this.#isPaused) return;
    this.#isPaused = false;
    this.#dueAt = this.#watchdog.now + this.#plan.timers.betweenMs;
    this.#exchange?.resume();
  }

  check(now: number): void {
    if (now < this.#dueAt && now < this.#totalDueAt) return;
    const { timers } = this.#plan;
    if (this.#isWhole) this.#endWhole();
    else if (now >= this.#totalDueAt) this.abort(timeout(`no complete reply within ${timers.totalMs} ms`));
    else if (this.#isReady) this.abort(timeout(`the stream fell silent for ${timers.betweenMs} ms`));
    else this.abort(timeout(`no first content within ${timers.firstContentMs} ms`));
  }

  /** The vendor said all and keeps the connection open: nobody waits for it. */
  #endWhole(): void {
    this.onEnd();
    this.#exchange?.abort(timeout('the connection was kept open behind a whole reply'));
  }

  onHead(status: number, headers: Readonly<Record<string, string>>): void {
    this.status = status;
    this.headers = this.#plan.scrubber.headers(headers);
    const type = headers['content-type'] ?? '';
    const isWhole = this.#plan.framing === 'sse' && (type.includes('json') || type.startsWith('text/html'));
    this.#isCollecting = !this.#plan.stream || status >= 300 || isWhole;
    if (!this.#isCollecting && this.#plan.reader) this.#frames = createFrameReader(this.#plan.framing);
  }

  /** Whether the reply is gathered until it is whole. */
  get isCollecting(): boolean {
    return this.#isCollecting;
  }

  /** What has been gathered, for whoever reads it elsewhere and tells `onDecoded` or `abort`. */
  takeBody(): string {
    const body = Buffer.concat(this.#parts);
    this.#parts = [];
    return body.toString('utf8');
  }

  /** A part of a stream that was read elsewhere. */
  onEvents(events: readonly ChatEvent[]): void {
    if (!this.#isOver && events.length > 0) this.#take(events);
  }

  /** A whole reply that was read elsewhere. */
  onDecoded(decoded: Decoded): void {
    if (this.#isOver) return;
    this.firstContentAt = performance.now();
    if (this.#plan.stream && decoded.chat) this.#take(replyEvents(decoded.chat));
    else this.decoded = decoded;
    this.#over(undefined);
  }

  onData(chunk: Buffer): void {
    if (this.#isOver) return;
    if (this.#isCollecting) {
      this.#gather(chunk);
      return;
    }
    try {
      if (this.#plan.relay) this.#relay(this.#plan.relay, chunk);
      else this.#translate((this.#frames as FrameReader).push(chunk));
      if (!this.#isReady) this.#countAhead(chunk.length);
    } catch (error) {
      this.abort(RutterError.from(error, 'ERR_PROVIDER_MALFORMED', 'The vendor sent a stream that cannot be read.'));
    }
  }

  #countAhead(length: number): void {
    this.#collected += length;
    if (this.#collected > aheadBytes) throw tooMuch(`more than ${aheadBytes} bytes ahead of any content`, 'content');
  }

  #gather(chunk: Buffer): void {
    this.#collected += chunk.length;
    if (this.#collected <= (this.status < 300 ? this.#plan.wholeBytes : errorBodyBytes)) {
      this.#parts.push(chunk);
    } else if (this.status < 300) {
      this.#parts = [];
      this.abort(tooMuch(`a reply of more than ${this.#plan.wholeBytes} bytes`, 'a smaller one'));
    } else this.abort(this.#failure());
  }

  /** The error of a reply that is no success. */
  #failure(): RutterError {
    const body = Buffer.concat(this.#parts);
    this.#parts = [];
    return this.#plan.failure(this.status, body.toString('utf8'), this.headers);
  }

  onEnd(): void {
    if (this.#isOver) return;
    try {
      if (this.#isCollecting) this.#collect();
      else this.#finish();
      this.#over(undefined);
    } catch (error) {
      this.#over(RutterError.from(error, 'ERR_PROVIDER_MALFORMED', 'The vendor sent a reply that cannot be read.'));
    }
  }

  onError(error: Error): void {
    if (this.#isOver) return;
    // A reply that has come whole has lost nothing with its connection.
    if (this.#isWhole) {
      this.onEnd();
      return;
    }
    const cause = RutterError.from(error, 'ERR_PROVIDER_CONNECTION');
    this.#over(
      this.#isReady
        ? new RutterError('ERR_PROVIDER_STREAM', `The vendor's stream broke: ${cause.message}`, { cause })
        : cause,
    );
  }

  #relay(relay: Relay, chunk: Uint8Array): void {
    const bytes = relay.push(chunk);
    this.#arrived(relay.hasContent || relay.isComplete);
    // What came ahead of an error in the same chunk is still the client's.
    if (bytes) this.#give(bytes);
    if (relay.failure) throw relay.failure;
  }

  #translate(frames: readonly { event: string; data: string }[]): void {
    for (const frame of frames) {
      const events = this.#plan.reader?.(frame) ?? [];
      if (events.length > 0) this.#take(events);
    }
  }

  #take(events: readonly ChatEvent[]): void {
    this.#arrived(this.#follow(events));
    this.#give(events);
  }

  /** Takes down what the events tell; true when the model has said something, or ended. */
  #follow(events: readonly ChatEvent[]): boolean {
    let hasContent = false;
    for (const event of events) {
      if (event.type === 'usage') this.#eventUsage = event;
      else if (event.type === 'end') {
        this.#hasEnded = true;
        this.#open.delete(event.choice ?? 0);
        hasContent = true;
      } else if (event.type !== 'start' && event.type !== 'other') {
        this.#open.add(event.choice ?? 0);
        hasContent = true;
        if ('text' in event) this.#eventLength += event.text.length;
        else if ('arguments' in event) this.#eventLength += event.arguments?.length ?? 0;
      }
    }
    return hasContent;
  }

  #arrived(hasContent: boolean): void {
    if (!hasContent) return;
    const { betweenMs } = this.#plan.timers;
    this.#dueAt = this.#watchdog.now + (this.#isWhole ? Math.min(betweenMs, behindWholeMs) : betweenMs);
    if (this.#isReady) return;
    this.firstContentAt = performance.now();
    this.#isReady = true;
    this.#resolve();
  }

  #give(item: Uint8Array | readonly ChatEvent[]): void {
    if (!this.#sink) this.#hold(item);
    else if (item instanceof Uint8Array) this.#sink.bytes(item);
    else this.#sink.events(item);
  }

  #hold(item: Uint8Array | readonly ChatEvent[]): void {
    this.#held.push(item);
    if (this.#isReady) return;
    if (item instanceof Uint8Array) this.#heldBytes += item.length;
    else this.#heldEvents += item.length;
    if (this.#heldBytes > heldBytes || this.#heldEvents > heldEvents)
      throw tooMuch(`more than ${heldBytes} bytes or ${heldEvents} events ahead of any content`, 'content');
  }

  #collect(): void {
    if (this.status >= 300) throw this.#failure();
    const body = this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts);
    this.#parts = [];
    this.firstContentAt = performance.now();
    const { relay, stream, decode } = this.#plan;
    if (stream) {
      this.#streamed(body);
      return;
    }
    this.decoded = decode?.(body);
    this.body = relay ? asBuffer(relay.whole(body)) : body;
  }

  /** A vendor that was asked to stream answered whole: the reply becomes events, or an error. */
  #streamed(body: Buffer): void {
    this.#plan.relay?.whole(body);
    const reply = this.#plan.decode?.(body).chat;
    if (!reply) throw new RutterError('ERR_PROVIDER_MALFORMED', 'The vendor answered a stream request with JSON.');
    this.#take(replyEvents(reply));
  }

  #finish(): void {
    if (this.#plan.relay) {
      const rest = this.#plan.relay.finish();
      if (rest) this.#give(rest);
    } else if (this.#frames) this.#finishFrames(this.#frames);
    else if (!this.#isWhole) throw incomplete();
    this.#arrived(true);
  }

  /** A frame that lacks its end counts where it makes the reply complete, as half of anything else does not. */
  #finishFrames(frames: FrameReader): void {
    const wasComplete = this.#isWhole;
    try {
      const events = frames.finish().flatMap((frame) => this.#plan.reader?.(frame) ?? []);
      this.#follow(events);
      if (!this.#isWhole) throw incomplete();
      if (events.length > 0) this.#give(events);
    } catch (error) {
      if (wasComplete) return;
      // Half a frame looks like garbage.
      throw RutterError.is(error) && error.code === 'ERR_PROVIDER_MALFORMED' ? incomplete(error) : error;
    }
  }

  /** Whether a stream lacks nothing that its reader wants: every choice that began has ended. */
  get #isWhole(): boolean {
    return this.#plan.stream && (this.#plan.relay?.isComplete ?? (this.#hasEnded && this.#open.size === 0));
  }

  #over(reason: RutterError | undefined): void {
    if (this.#isOver) return;
    const error = reason && this.#plan.scrubber.error(reason);
    this.#isOver = true;
    this.error = error;
    this.endedAt = performance.now();
    this.#watchdog.remove(this);
    if (!error) this.#resolve();
    else if (!this.#isReady) this.#reject(error);
    if (this.#sink) {
      if (error) this.#sink.fail(error);
      else this.#sink.end();
    }
    for (const listener of this.#onOver) listener();
  }
}

const incomplete = (cause?: unknown) =>
  new RutterError('ERR_PROVIDER_STREAM', 'The vendor ended the stream before the reply was complete.', { cause });

const tooMuch = (found: string, expected: string) =>
  new RutterError('ERR_PROVIDER_MALFORMED', `The vendor sent ${found}; expected ${expected}.`);

const timeout = (what: string) => new RutterError('ERR_PROVIDER_TIMEOUT', `The vendor was too slow: ${what}.`);

const asBuffer = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
