/**
 * One isolate with one plugin in it.
 *
 * Invariant: nothing of the guest's is touched here but texts it hands over;
 * what it throws is read by V8 alone and told in words of our own.
 */
import type ivm from 'isolated-vm';

export interface CellOptions {
  readonly memoryMb: number;
  /** Text of the guest's own part, see `../guest`. */
  readonly guest: string;
  /** The guest asks something of the gateway; false when it may not ask more. */
  onAsk(text: string): boolean;
  /** The isolate has run out of memory in a way that takes the process with it. */
  onCatastrophe(): void;
}

/** Why a call came to nothing. */
export type Fall = 'timeout' | 'late' | 'memory' | 'threw' | 'huge';

export type Answer = { readonly text: string } | { readonly fall: Fall };

const startMs = 2000;

export class Cell {
  readonly #isolate: ivm.Isolate;
  readonly #engine: typeof ivm;
  readonly #options: CellOptions;
  #dispatch: ivm.Reference<(text: string) => string | Promise<string>> | undefined;

  constructor(engine: typeof ivm, options: CellOptions) {
    this.#engine = engine;
    this.#options = options;
    this.#isolate = new engine.Isolate({
      memoryLimit: options.memoryMb,
      onCatastrophicError: () => options.onCatastrophe(),
    });
  }

  get isGone(): boolean {
    return this.#isolate.isDisposed;
  }

  async start(): Promise<void> {
    const context = await this.#isolate.createContext();
    // Synchronous on purpose: a guest that asks without end waits for us each time.
    const ask = new this.#engine.Callback((text: unknown) =>
      typeof text === 'string' ? this.#options.onAsk(text) : false,
    );
    this.#dispatch = await context.evalClosure(`${this.#options.guest}\nreturn guest.start($0);`, [ask], {
      timeout: startMs,
      result: { reference: true },
    });
  }

  /** Never rejects. `ms` bounds both the time it runs and the time it takes. */
  call(text: string, ms: number, mostCharacters: number): Promise<Answer> {
    const dispatch = this.#dispatch;
    if (dispatch === undefined || this.isGone) return Promise.resolve({ fall: 'memory' });
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve({ fall: 'late' }), ms);
      const end = (answer: Answer) => {
        clearTimeout(timer);
        resolve(answer);
      };
      dispatch.apply(undefined, [text], { timeout: ms, result: { promise: true, copy: true } }).then(
        (answer: unknown) => end(typeof answer !== 'string' ? { fall: 'threw' } : bounded(answer, mostCharacters)),
        (error: unknown) => end({ fall: this.#fallOf(error) }),
      );
    });
  }

  close(): void {
    if (!this.#isolate.isDisposed) this.#isolate.dispose();
  }

  /** The engine's own words; a guest that throws the same words only lies about how it failed. */
  #fallOf(error: unknown): Fall {
    if (this.isGone) return 'memory';
    const message = error instanceof Error ? Object.getOwnPropertyDescriptor(error, 'message')?.value : undefined;
    return message === 'Script execution timed out.' ? 'timeout' : 'threw';
  }
}

const bounded = (text: string, most: number): Answer => (text.length > most ? { fall: 'huge' } : { text });
