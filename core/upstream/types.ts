/** One HTTP exchange with an upstream, by callbacks: the cheapest form undici has. */

export interface ExchangeRequest {
  /** Whole address, `https://host:port/path?query`. */
  readonly url: string;
  readonly method: string;
  /** Lower-case names. `content-length` is added for bytes. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string | AsyncIterable<Uint8Array> | undefined;
  readonly connectTimeoutMs: number;
  /** Most bytes of the reply's body; more ends it with ERR_PROVIDER_MALFORMED. */
  readonly maxReplyBytes: number;
  /** Checks the address at connect time: for any URL a caller or plugin can influence. */
  readonly guarded: boolean;
  /** Whether certificates are checked, where that is not left to what holds for all. Guarded exchanges do not heed it. */
  readonly verifies?: boolean | undefined;
}

/** Called in order: head once, data any number of times, then exactly one of end and error. */
export interface ExchangeListener {
  onHead(status: number, headers: Readonly<Record<string, string>>): void;
  onData(chunk: Buffer): void;
  onEnd(): void;
  /** A RutterError: ERR_PROVIDER_CONNECTION, ERR_PROVIDER_TIMEOUT, ERR_PROVIDER_MALFORMED or what `abort` was given. */
  onError(error: Error): void;
}

export interface Exchange {
  /** Closes the upstream socket; `onError` receives the reason unless the exchange has ended. */
  abort(reason: Error): void;
  pause(): void;
  resume(): void;
}
