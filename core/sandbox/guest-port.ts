/**
 * One isolate from outside: calls into it, each with a deadline, and what it
 * asks of the host meanwhile.
 *
 * Invariant: every call ends at its deadline at the latest; a child that does
 * not even say that it is late is killed.
 */
import { type Clock, type RequestContext, RutterError, type Secret } from '@rutter/plugin-sdk';
import type { Frame } from './child/frames.ts';
import { inBounds, mostAnswerCharacters, mostCalls, mostFrameBytes, outBounds, silenceMs } from './limits.ts';
import type { Room, Rooms } from './pool.ts';
import type { Tenant } from './process.ts';
import { refusalOf, type Speaking } from './refusal.ts';
import { readValue, type Special, writeValue } from './values.ts';

/** Something the guest wants of its host; the promise's value is copied to it. */
export type Answerer = (
  what: string,
  argument: Readonly<Record<string, unknown>>,
  context: RequestContext | undefined,
) => unknown;

export interface PortOptions {
  readonly clock: Clock;
  /** Secrets of its configuration, by number. */
  readonly secrets: readonly Secret[];
  readonly answer: Answerer;
  /** Calls that may be open at once; `mostCalls` when undefined. */
  readonly queue: number | undefined;
  /**
   * Set where calls wait for one thread: what is late behind another call has
   * waited, and is no fall of the plugin's. How long the thread may be silent.
   */
  readonly serialSilenceMs: number | undefined;
  /** The isolate is gone; `isCulprit` when it was its own doing and has not been told of as a call that was late. */
  onGone(isCulprit: boolean, reason?: string): void;
}

export interface CallOptions {
  readonly ms: number;
  /** The request it is about, for what the guest may ask of it. */
  readonly context?: RequestContext;
  readonly special?: Special;
  readonly mayRefuse?: Speaking;
}

interface Open {
  readonly mayRefuse: Speaking | undefined;
  readonly context: RequestContext | undefined;
  readonly ms: number;
  /** Whether being late counts as a fall already. */
  readonly isCounted: boolean;
  resolve(value: unknown): void;
  reject(error: RutterError): void;
  timer: NodeJS.Timeout;
  isLate: boolean;
  /** It has been let go because others were ahead of it. */
  hasWaited: boolean;
}

const falls: Readonly<
  Record<
    string,
    readonly ['ERR_PLUGIN_TIMEOUT' | 'ERR_PLUGIN_FAILED' | 'ERR_PLUGIN_DOWN' | 'ERR_PLUGIN_INVALID', string]
  >
> = {
  timeout: ['ERR_PLUGIN_TIMEOUT', 'ran longer than it may'],
  late: ['ERR_PLUGIN_TIMEOUT', 'did not answer in time'],
  waited: ['ERR_PLUGIN_DOWN', 'was busy with other calls'],
  memory: ['ERR_PLUGIN_DOWN', 'used more memory than it may'],
  threw: ['ERR_PLUGIN_FAILED', 'failed in a way that cannot be read'],
  huge: ['ERR_PLUGIN_INVALID', 'gave an answer that is too large'],
};

export class GuestPort implements Tenant {
  readonly #options: PortOptions;
  readonly #calls = new Map<number, Open>();
  readonly #opened = Promise.withResolvers<void>();
  #room: Room | undefined;
  #last = 0;
  #isGone = false;
  #isSilent = false;
  /** When the oldest call became that, in milliseconds of this process. */
  #headSince = 0;
  #turnedAway = 0;

  private constructor(options: PortOptions) {
    this.#options = options;
    this.#opened.promise.catch(() => {});
  }

  /** ERR_PLUGIN_DOWN where there is no isolate within the time. */
  static async open(pool: Rooms, options: PortOptions, ms: number): Promise<GuestPort> {
    const port = new GuestPort(options);
    port.#room = await pool.take(port);
    const timer = setTimeout(() => port.#room?.process.kill(), ms);
    try {
      await port.#opened.promise;
      return port;
    } finally {
      clearTimeout(timer);
    }
  }

  get isBusy(): boolean {
    return this.#calls.size > 0;
  }

  /** Calls that are open. */
  get waiting(): number {
    return this.#calls.size;
  }

  /** Calls turned away because too many were open. */
  get turnedAway(): number {
    return this.#turnedAway;
  }

  get pid(): number | undefined {
    return this.#room?.process.pid;
  }

  /** What the guest answers, as plain data. Rejects with a RutterError: its refusal, or how it fell. */
  call(method: string, argument: unknown, { ms, context, special, mayRefuse }: CallOptions): Promise<unknown> {
    if (this.#isGone || this.#room === undefined) return Promise.reject(down('it is not there at present'));
    const bound = this.#options.queue ?? mostCalls;
    const most = isInner(method) ? 2 * bound : bound;
    if (this.#calls.size >= most) {
      this.#turnedAway += 1;
      return Promise.reject(down(`its queue is full, it already has ${most} calls to answer`));
    }
    const id = ++this.#last;
    const text = this.#written(method, id, argument, special);
    if (text === undefined) return Promise.reject(down('what it would be shown is too large, or nested too deeply'));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#late(id), ms);
      if (this.#calls.size === 0) this.#headSince = performance.now();
      this.#calls.set(id, {
        context,
        ms,
        mayRefuse,
        isCounted: !isInner(method),
        resolve,
        reject,
        timer,
        isLate: false,
        hasWaited: false,
      });
      this.#room?.process.send({ t: 'call', cell: this.#room.cell, id, ms, most: mostAnswerCharacters }, text);
    });
  }

  /** Undefined for what is too large: that is the fault of whoever sent it, and no fall of the plugin's. */
  #written(method: string, call: number, argument: unknown, special: Special | undefined): string | undefined {
    const { clock } = this.#options;
    try {
      const message = { method, call, now: clock.now(), monotonic: clock.monotonic(), argument };
      const text = writeValue(message, outBounds, special);
      return text.length > mostFrameBytes / 3 ? undefined : text;
    } catch {
      return undefined;
    }
  }

  close(): void {
    this.#isGone = true;
    this.#room?.process.close(this.#room.cell);
    this.#rejectAll('it has ended');
  }

  onFrame({ header, payload }: Frame): void {
    if (header.t === 'opened') this.#opened.resolve();
    else if (header.t === 'ask') void this.#answer(payload);
    else if (header.t === 'done' || header.t === 'fell') this.#settle(Number(header.id), header, payload);
  }

  onGone(isCulprit: boolean, reason?: string): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#opened.reject(down('its isolate could not be opened'));
    this.#rejectAll(isCulprit ? (reason ?? 'it brought itself down') : 'a neighbour brought the process down');
    this.#options.onGone(isCulprit && !this.#isSilent, reason);
  }

  #rejectAll(reason: string): void {
    for (const { timer, reject } of this.#calls.values()) {
      clearTimeout(timer);
      reject(down(reason));
    }
    this.#calls.clear();
  }

  #late(id: number): void {
    const open = this.#calls.get(id);
    if (open === undefined) return;
    open.isLate = true;
    const { serialSilenceMs } = this.#options;
    const [oldest] = this.#calls.keys();
    if (serialSilenceMs !== undefined) {
      const leftMs = oldest === id ? open.ms - (performance.now() - this.#headSince) : open.ms;
      if (leftMs > 1) {
        // It has had less than its time of the thread: that is nobody's fault until the rest has passed as well.
        open.hasWaited = true;
        open.reject(down(`it was busy with other calls for ${open.ms} ms`));
        open.timer = setTimeout(() => this.#late(id), leftMs);
        return;
      }
    }
    open.reject(new RutterError('ERR_PLUGIN_TIMEOUT', `it did not answer within ${open.ms} ms`));
    open.timer = setTimeout(() => {
      const room = this.#room;
      this.#isSilent = open.isCounted && !open.hasWaited;
      room?.process.kill(room.cell);
    }, serialSilenceMs ?? silenceMs);
  }

  #settle(id: number, header: Frame['header'], payload: string): void {
    const open = this.#calls.get(id);
    if (open === undefined) return;
    this.#calls.delete(id);
    clearTimeout(open.timer);
    this.#headSince = performance.now();
    if (open.isLate) return;
    if (header.t === 'fell') {
      const [code, words] = falls[String(header.fall)] ?? ['ERR_PLUGIN_FAILED', 'failed'];
      open.reject(new RutterError(code, `it ${words}`));
      return;
    }
    try {
      const { value, error } = readValue(payload, inBounds) as { readonly value?: unknown; readonly error?: unknown };
      if (error === undefined) open.resolve(value);
      else open.reject(refusalOf(error, open.mayRefuse));
    } catch (cause) {
      open.reject(new RutterError('ERR_PLUGIN_INVALID', 'it gave an answer that is no plain data', { cause }));
    }
  }

  async #answer(payload: string): Promise<void> {
    let id = -1;
    let ms = silenceMs;
    let answer: Readonly<Record<string, unknown>>;
    try {
      const asked = readValue(payload, inBounds, (number) => this.#options.secrets[Number(number)]);
      const { what, argument, within, ...rest } = asked as Readonly<Record<string, unknown>>;
      id = Number(rest.id);
      const open = this.#calls.get(Number(within));
      ms = open?.ms ?? silenceMs;
      const fields = (argument ?? {}) as Readonly<Record<string, unknown>>;
      answer = { id, value: await this.#options.answer(String(what), fields, open?.context) };
    } catch (error) {
      answer = {
        id,
        refused: RutterError.is(error) ? error.message : 'It was asked for in a way that is not understood.',
      };
    }
    if (this.#isGone || this.#room === undefined) return;
    const { clock } = this.#options;
    const message = { method: 'answered', now: clock.now(), monotonic: clock.monotonic(), argument: answer };
    this.#room.process.send({ t: 'answer', cell: this.#room.cell, ms }, writeValue(message, outBounds));
  }
}

/** Asked on behalf of a call that is open already, or of the gateway: turned away later than the others. */
const isInner = (method: string) =>
  method === 'feature' || method === 'tick' || method === 'kept' || method === 'dispose';

const down = (reason: string) => new RutterError('ERR_PLUGIN_DOWN', reason);
