/**
 * Cuts the bytes of a streamed reply into frames, wherever the network cut them.
 *
 * Text is decoded a whole line or message at a time, so that no character is
 * split. What a frame may hold is bounded: an endless one ends the stream.
 */
import { type Frame, type Framing, RutterError } from '@rutter/plugin-sdk';
import { EventStreamReader } from './aws-event-stream.ts';
import { ByteGatherer } from './byte-gatherer.ts';
import { type FrameCutter, LineCutter } from './lines.ts';
import { SseReader } from './sse.ts';

export interface FrameReader {
  /** Frames completed by this chunk, in order. Throws ERR_PROVIDER_STREAM; frames ahead of the fault are handed over first, and the next call throws. */
  push(chunk: Uint8Array): readonly Frame[];
  /** The upstream ended: frames that lacked only their end mark. Throws ERR_PROVIDER_STREAM for one that was cut off. */
  finish(): readonly Frame[];
}

export interface FrameLimits {
  /** Most bytes of one event, line or message; 16 MiB when absent. A `json` body is bounded by its exchange instead. */
  readonly maxFrameBytes?: number;
}

const usualMaxFrameBytes = 16 * 1024 * 1024;
const noFrames: readonly Frame[] = [];

/** `event` is the SSE event name or the AWS event type, '' where there is none. */
export function createFrameReader(
  framing: Framing,
  { maxFrameBytes = usualMaxFrameBytes }: FrameLimits = {},
): FrameReader {
  return new GuardedReader(cutterOf(framing, maxFrameBytes));
}

function cutterOf(framing: Framing, maxFrameBytes: number): FrameCutter {
  switch (framing) {
    case 'sse':
      return new SseReader(maxFrameBytes);
    case 'ndjson':
      return new NdjsonReader(maxFrameBytes);
    case 'aws-event-stream':
      return new EventStreamReader(maxFrameBytes);
    case 'json':
      return new WholeReader();
  }
}

/** Holds a fault back until the frames ahead of it have been taken. */
class GuardedReader implements FrameReader {
  readonly #cutter: FrameCutter;
  #fault: RutterError | undefined;

  constructor(cutter: FrameCutter) {
    this.#cutter = cutter;
  }

  push(chunk: Uint8Array): readonly Frame[] {
    if (chunk.length === 0) return noFrames;
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    return this.#run((into) => this.#cutter.read(bytes, into));
  }

  finish(): readonly Frame[] {
    return this.#run((into) => this.#cutter.end(into));
  }

  #run(cut: (into: Frame[]) => void): readonly Frame[] {
    if (this.#fault !== undefined) throw this.#fault;
    const frames: Frame[] = [];
    try {
      cut(frames);
    } catch (error) {
      this.#fault = RutterError.from(error, 'ERR_PROVIDER_STREAM');
      if (frames.length === 0) throw this.#fault;
    }
    return frames;
  }
}

class NdjsonReader implements FrameCutter {
  readonly #lines: LineCutter;

  constructor(maxFrameBytes: number) {
    this.#lines = new LineCutter(maxFrameBytes, false);
  }

  read(chunk: Buffer, into: Frame[]): void {
    this.#lines.push(chunk, (bytes, start, end) => addLine(bytes, start, end, into));
  }

  end(into: Frame[]): void {
    this.#lines.finish((bytes, start, end) => addLine(bytes, start, end, into));
  }
}

function addLine(bytes: Buffer, start: number, end: number, into: Frame[]): void {
  const data = bytes.toString('utf8', start, end).trim();
  if (data !== '') into.push({ event: '', data });
}

class WholeReader implements FrameCutter {
  readonly #body = new ByteGatherer();

  read(chunk: Buffer): void {
    this.#body.add(chunk);
  }

  end(into: Frame[]): void {
    if (this.#body.length > 0) into.push({ event: '', data: this.#body.take().toString('utf8') });
  }
}
