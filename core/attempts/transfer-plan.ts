/** What a transfer is told of its reply, and who takes what comes of it. */
import type { ChatEvent, ChatReply, EmbeddingsReply, Frame, Relay, RutterError, Usage } from '@rutter/plugin-sdk';
import type { Scrubber } from './scrub.ts';

/** Takes a stream once content has begun. */
export interface Sink {
  bytes(chunk: Uint8Array): void;
  events(events: readonly ChatEvent[]): void;
  end(): void;
  fail(error: RutterError): void;
}

/** A whole reply after reading, by its operation; at most one of the two is set. */
export interface Decoded {
  readonly chat?: ChatReply;
  readonly embeddings?: EmbeddingsReply;
  readonly usage: Usage | undefined;
}

export interface TransferTimers {
  /** To the whole reply, or to the end of the stream. */
  readonly totalMs: number;
  readonly firstContentMs: number;
  readonly betweenMs: number;
}

/** Reads a reply where the codec lives elsewhere, and each answer comes later. */
export interface ReadElsewhere {
  /** One stream's reader. */
  open(): { read(frames: readonly Frame[]): Promise<readonly ChatEvent[]>; close(): void };
  whole(body: unknown): Promise<Decoded>;
  failure(status: number, body: string, headers: Readonly<Record<string, string>>): Promise<RutterError>;
}

/** How this reply is to be read. */
export interface TransferPlan {
  readonly stream: boolean;
  /** Bytes pass through under a relay; without one, frames become events. */
  readonly relay: Relay | undefined;
  readonly framing: 'sse' | 'ndjson' | 'aws-event-stream' | 'json';
  readonly reader: ((frame: { event: string; data: string }) => readonly ChatEvent[]) | undefined;
  /** Reads a whole reply that does not pass through; also where one comes instead of a stream. */
  readonly decode: ((body: Buffer) => Decoded) | undefined;
  readonly failure: (status: number, body: string, headers: Readonly<Record<string, string>>) => RutterError;
  readonly timers: TransferTimers;
  readonly scrubber: Scrubber;
  /** Most bytes of a reply that is kept whole. */
  readonly wholeBytes: number;
}
