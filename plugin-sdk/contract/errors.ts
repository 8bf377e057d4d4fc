/**
 * The one error that crosses a border, and the codes it may carry.
 *
 * A code decides the HTTP status a caller sees and whether the kernel may try
 * again; both can be overridden on a single error. Messages say what was
 * found, what was expected and what to do, and never carry a secret.
 */

/** What the attempt loop may do after this error: the same deployment, another one, or nothing. */
export type Retry = 'same' | 'next' | 'never';

interface ErrorKind {
  readonly status: number;
  readonly retry: Retry;
}

/** Every code with its default HTTP status and retry advice. */
export const errorKinds = {
  ERR_REQUEST_INVALID: { status: 400, retry: 'never' },
  ERR_REQUEST_UNSUPPORTED_PARAMETER: { status: 400, retry: 'never' },
  ERR_REQUEST_UNKNOWN_MODEL: { status: 400, retry: 'never' },
  ERR_REQUEST_REFUSED: { status: 400, retry: 'never' },
  ERR_REQUEST_UNAUTHENTICATED: { status: 401, retry: 'never' },
  ERR_REQUEST_FORBIDDEN: { status: 403, retry: 'never' },
  ERR_REQUEST_NOT_FOUND: { status: 404, retry: 'never' },
  ERR_REQUEST_METHOD: { status: 405, retry: 'never' },
  ERR_REQUEST_TIMEOUT: { status: 408, retry: 'never' },
  ERR_REQUEST_CONFLICT: { status: 409, retry: 'never' },
  ERR_REQUEST_TOO_LARGE: { status: 413, retry: 'never' },
  ERR_REQUEST_MEDIA_TYPE: { status: 415, retry: 'never' },
  ERR_REQUEST_ABORTED: { status: 499, retry: 'never' },
  ERR_LIMIT_RATE: { status: 429, retry: 'never' },
  ERR_LIMIT_BUDGET: { status: 429, retry: 'never' },
  ERR_LIMIT_LOOP: { status: 429, retry: 'never' },
  ERR_LIMIT_OVERLOADED: { status: 503, retry: 'never' },
  ERR_ROUTE_NO_DEPLOYMENT: { status: 429, retry: 'never' },
  ERR_ROUTE_NO_MATCHING_TAGS: { status: 401, retry: 'never' },
  ERR_ROUTE_UNSUPPORTED: { status: 400, retry: 'next' },
  ERR_PROVIDER_BAD_REQUEST: { status: 400, retry: 'never' },
  ERR_PROVIDER_CONTEXT_WINDOW: { status: 400, retry: 'never' },
  ERR_PROVIDER_CONTENT_POLICY: { status: 400, retry: 'never' },
  ERR_PROVIDER_AUTHENTICATION: { status: 401, retry: 'next' },
  ERR_PROVIDER_PERMISSION: { status: 403, retry: 'next' },
  ERR_PROVIDER_NOT_FOUND: { status: 404, retry: 'never' },
  ERR_PROVIDER_TIMEOUT: { status: 408, retry: 'next' },
  ERR_PROVIDER_UNPROCESSABLE: { status: 422, retry: 'never' },
  ERR_PROVIDER_RATE_LIMIT: { status: 429, retry: 'next' },
  ERR_PROVIDER_QUOTA: { status: 429, retry: 'next' },
  ERR_PROVIDER_INTERNAL: { status: 500, retry: 'same' },
  ERR_PROVIDER_CONNECTION: { status: 500, retry: 'same' },
  ERR_PROVIDER_BAD_GATEWAY: { status: 502, retry: 'same' },
  ERR_PROVIDER_MALFORMED: { status: 502, retry: 'same' },
  ERR_PROVIDER_UNAVAILABLE: { status: 503, retry: 'same' },
  ERR_PROVIDER_OVERLOADED: { status: 503, retry: 'next' },
  ERR_PROVIDER_STREAM: { status: 502, retry: 'same' },
  ERR_PLUGIN_DOWN: { status: 503, retry: 'next' },
  ERR_PLUGIN_FAILED: { status: 500, retry: 'never' },
  ERR_PLUGIN_TIMEOUT: { status: 500, retry: 'never' },
  ERR_PLUGIN_INVALID: { status: 500, retry: 'never' },
  ERR_CONFIG_INVALID: { status: 500, retry: 'never' },
  ERR_CONFIG_CONFLICT: { status: 500, retry: 'never' },
  ERR_KERNEL_DRAINING: { status: 503, retry: 'never' },
  ERR_KERNEL_INTERNAL: { status: 500, retry: 'never' },
} as const satisfies Record<string, ErrorKind>;

/** One of the codes of {@link errorKinds}. */
export type ErrorCode = keyof typeof errorKinds;

/** What an error may override or add. */
export interface ErrorOptions {
  /** HTTP status, when it differs from the code's own. */
  readonly status?: number | undefined;
  /** Retry advice, when it differs from the code's own. */
  readonly retry?: Retry | undefined;
  /** Whether a caller may read the message. Defaults to true below 500 and for every `ERR_PROVIDER_` code. */
  readonly expose?: boolean | undefined;
  /** How long to wait before another try, in milliseconds, when the vendor or a limit said so. */
  readonly retryAfterMs?: number | undefined;
  /** The request field at fault, as a path such as `messages[2].role`. */
  readonly param?: string | undefined;
  /** What the vendor said, when that helps the caller: its own type, code and message, as plain data. */
  readonly vendor?: Readonly<Record<string, unknown>> | undefined;
  /** Response headers that belong to this error. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The error underneath; logged, never shown to a caller. */
  readonly cause?: unknown;
}

const brand = Symbol.for('rutter.error');

/** The error every plugin and the kernel throw. Test with {@link RutterError.is}: copies of this class may coexist. */
export class RutterError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly retry: Retry;
  readonly expose: boolean;
  readonly retryAfterMs: number | undefined;
  readonly param: string | undefined;
  readonly vendor: Readonly<Record<string, unknown>> | undefined;
  readonly headers: Readonly<Record<string, string>> | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    const kind = errorKinds[code];
    this.name = 'RutterError';
    this.code = code;
    this.status = options.status ?? kind.status;
    this.retry = options.retry ?? kind.retry;
    this.expose = options.expose ?? (this.status < 500 || code.startsWith('ERR_PROVIDER_'));
    this.retryAfterMs = options.retryAfterMs;
    this.param = options.param;
    this.vendor = options.vendor;
    this.headers = options.headers;
    Object.defineProperty(this, brand, { value: true });
  }

  /** Whether a thrown value is a RutterError, whichever copy of this module made it. */
  static is(value: unknown): value is RutterError {
    return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[brand] === true;
  }

  /** The value itself when it is a RutterError, else one of the given code around it. */
  static from(value: unknown, code: ErrorCode = 'ERR_KERNEL_INTERNAL', message?: string): RutterError {
    if (RutterError.is(value)) return value;
    const found = value instanceof Error ? value.message : String(value);
    return new RutterError(code, message ?? found, { cause: value });
  }
}
