/**
 * The log: JSON lines on standard output by pino, redacted at the sink and
 * written in batches.
 */
import type { Log } from '@rutter/plugin-sdk';
import pino, { type Logger } from 'pino';
import { writeQuickLines } from './quick-lines.ts';
import { Redactor } from './redact.ts';
import { wholeLines } from './whole-lines.ts';

const flushMs = 100;
/** A terminal or pipe that does not read must not make the gateway grow. */
const mostWaiting = 16 * 1024 * 1024;

export interface LogSink {
  write(text: string): void;
}

export class KernelLog {
  readonly redactor = new Redactor();
  readonly #sink: LogSink;
  readonly #isShared: boolean;
  #waiting: string[] = [];
  #length = 0;
  #lost = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly root: Logger;

  /** `isShared` where other processes write to the same output. */
  constructor(options: { readonly level: string; readonly sink?: LogSink; readonly isShared?: boolean }) {
    this.#sink = options.sink ?? process.stdout;
    this.#isShared = options.isShared ?? false;
    this.root = pino(
      { level: options.level, base: null, timestamp: pino.stdTimeFunctions.epochTime, serializers: { err: safeError } },
      { write: (line: string) => this.#write(line) },
    );
    writeQuickLines(this.root);
  }

  /** The log of one part or plugin instance. */
  of(name: string): Log {
    const child = this.root.child({ name });
    return {
      debug: (fields, message) => child.debug(fields, message),
      info: (fields, message) => child.info(fields, message),
      warn: (fields, message) => child.warn(fields, message),
      error: (fields, message) => child.error(fields, message),
    };
  }

  #write(line: string): void {
    if (this.#length > mostWaiting) {
      this.#lost++;
      return;
    }
    // Searching also makes one flat text of it: until then it is a tree of its parts, which the collector would walk.
    this.#waiting.push(this.redactor.clean(line));
    this.#length += line.length;
    this.#timer ??= setTimeout(() => this.flush(), flushMs);
  }

  /** Writes what waits; synchronous as far as the sink is. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting.length === 0) return;
    const texts = this.#isShared ? wholeLines(this.#waiting) : [this.#waiting.join('')];
    this.#waiting = [];
    this.#length = 0;
    for (const text of texts) this.#sink.write(text);
    if (this.#lost === 0) return;
    const lost = this.#lost;
    this.#lost = 0;
    this.root.warn({ lost }, 'log lines were dropped: the output was not read fast enough');
  }
}

/** Errors as data: code, message, stack, and the cause's message; nothing that was attached to them. */
function safeError(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error).slice(0, 1000);
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    ...(typeof code === 'string' ? { code } : {}),
    message: error.message.slice(0, 2000),
    stack: error.stack?.slice(0, 4000),
    ...(error.cause instanceof Error ? { cause: error.cause.message.slice(0, 1000) } : {}),
  };
}
