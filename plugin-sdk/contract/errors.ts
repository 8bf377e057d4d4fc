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

/** Every code with its default HTTP status and retry advice. The page `core/docs/errors.md` is made from this table. */
export const errorKinds = {
  /** The request is not what the route expects: malformed JSON, a missing field, a wrong type. `param` names the field. */
  ERR_REQUEST_INVALID: { status: 400, retry: 'never' },
  /** The chosen vendor cannot do what a parameter asks for; `drop_params: true` leaves such parameters out. */
  ERR_REQUEST_UNSUPPORTED_PARAMETER: { status: 400, retry: 'never' },
  /** No model group, alias or pattern has the name that was asked for. */
  ERR_REQUEST_UNKNOWN_MODEL: { status: 400, retry: 'never' },
  /** A guard refused the content, or the address rules a URL the caller chose. */
  ERR_REQUEST_REFUSED: { status: 400, retry: 'never' },
  /** No key was sent, or one that no guard knows. */
  ERR_REQUEST_UNAUTHENTICATED: { status: 401, retry: 'never' },
  /** The key is known and may not do this: the route needs another permission, or the model is not among its own. */
  ERR_REQUEST_FORBIDDEN: { status: 403, retry: 'never' },
  /** Nothing is served at this path, or the named thing does not exist. */
  ERR_REQUEST_NOT_FOUND: { status: 404, retry: 'never' },
  /** The path exists, with another method. */
  ERR_REQUEST_METHOD: { status: 405, retry: 'never' },
  /** The head or the body of the request did not arrive in time. */
  ERR_REQUEST_TIMEOUT: { status: 408, retry: 'never' },
  /** The `Idempotency-Key` belongs to a request that still runs, or to another body. */
  ERR_REQUEST_CONFLICT: { status: 409, retry: 'never' },
  /** The body, a form or the head is larger than the bound that the message names. */
  ERR_REQUEST_TOO_LARGE: { status: 413, retry: 'never' },
  /** The body has another media type or coding than the route reads. */
  ERR_REQUEST_MEDIA_TYPE: { status: 415, retry: 'never' },
  /** The client left before the reply was complete. Seen in the log and the ledger only. */
  ERR_REQUEST_ABORTED: { status: 499, retry: 'never' },
  /** A limit on requests, tokens or parallel calls is used up; `retry-after` says for how long. */
  ERR_LIMIT_RATE: { status: 429, retry: 'never' },
  /** A budget of money is used up. */
  ERR_LIMIT_BUDGET: { status: 429, retry: 'never' },
  /** A loop of tools or of calls inside the request has reached its bound, or would call itself. */
  ERR_LIMIT_LOOP: { status: 429, retry: 'never' },
  /** The gateway, or a part of it, already does as much at once as it may. */
  ERR_LIMIT_OVERLOADED: { status: 503, retry: 'never' },
  /** Every deployment of the group cools down, is full, or was filtered out. */
  ERR_ROUTE_NO_DEPLOYMENT: { status: 429, retry: 'never' },
  /** No deployment of the group carries the tags of the request. */
  ERR_ROUTE_NO_MATCHING_TAGS: { status: 401, retry: 'never' },
  /** The chosen deployment's provider has no such operation; another deployment may have it. */
  ERR_ROUTE_UNSUPPORTED: { status: 400, retry: 'next' },
  /** The vendor says that the request is wrong. */
  ERR_PROVIDER_BAD_REQUEST: { status: 400, retry: 'never' },
  /** The prompt is longer than the model takes; `context_window_fallbacks` apply. */
  ERR_PROVIDER_CONTEXT_WINDOW: { status: 400, retry: 'never' },
  /** The vendor refused the content; `content_policy_fallbacks` apply. */
  ERR_PROVIDER_CONTENT_POLICY: { status: 400, retry: 'never' },
  /** The vendor does not accept the deployment's credentials, or there are none. */
  ERR_PROVIDER_AUTHENTICATION: { status: 401, retry: 'next' },
  /** The deployment's credentials may not do this at the vendor. */
  ERR_PROVIDER_PERMISSION: { status: 403, retry: 'next' },
  /** The vendor does not know the model or the path. */
  ERR_PROVIDER_NOT_FOUND: { status: 404, retry: 'never' },
  /** The vendor did not answer, or went silent in a stream, for longer than allowed. */
  ERR_PROVIDER_TIMEOUT: { status: 408, retry: 'next' },
  /** The vendor understood the request and cannot process it. */
  ERR_PROVIDER_UNPROCESSABLE: { status: 422, retry: 'never' },
  /** The vendor's rate limit is used up. */
  ERR_PROVIDER_RATE_LIMIT: { status: 429, retry: 'next' },
  /** The account's quota or credit at the vendor is used up; waiting does not help. */
  ERR_PROVIDER_QUOTA: { status: 429, retry: 'next' },
  /** The vendor failed. */
  ERR_PROVIDER_INTERNAL: { status: 500, retry: 'same' },
  /** The connection to the vendor could not be opened, or broke before the reply began. */
  ERR_PROVIDER_CONNECTION: { status: 500, retry: 'same' },
  /** Something between the gateway and the vendor failed. */
  ERR_PROVIDER_BAD_GATEWAY: { status: 502, retry: 'same' },
  /** The vendor's reply is not HTTP, not JSON, or not in the vendor's own format. */
  ERR_PROVIDER_MALFORMED: { status: 502, retry: 'same' },
  /** The vendor says that it is unavailable. */
  ERR_PROVIDER_UNAVAILABLE: { status: 503, retry: 'same' },
  /** The vendor says that it is overloaded, or too many calls already wait for a connection to it. */
  ERR_PROVIDER_OVERLOADED: { status: 503, retry: 'next' },
  /** The reply does not fit the JSON Schema that was asked for, also after one round to mend it. */
  ERR_PROVIDER_SCHEMA: { status: 502, retry: 'never' },
  /** A stream ended before it was complete, or told of an error in its midst. */
  ERR_PROVIDER_STREAM: { status: 502, retry: 'same' },
  /** A plugin that runs elsewhere, or a service it gives, is away at present. */
  ERR_PLUGIN_DOWN: { status: 503, retry: 'next' },
  /** A plugin threw where the request cannot go on without it, such as a guard. */
  ERR_PLUGIN_FAILED: { status: 500, retry: 'never' },
  /** A plugin did not answer within its deadline. */
  ERR_PLUGIN_TIMEOUT: { status: 500, retry: 'never' },
  /** A plugin broke the contract: its manifest, its packed text, or what it returned. */
  ERR_PLUGIN_INVALID: { status: 500, retry: 'never' },
  /** A configuration, a command line or an environment that cannot be started with. */
  ERR_CONFIG_INVALID: { status: 500, retry: 'never' },
  /** Two parts of a configuration claim one thing, such as a route. */
  ERR_CONFIG_CONFLICT: { status: 500, retry: 'never' },
  /** The gateway is stopping, or the drain deadline has ended the generation under the request. */
  ERR_KERNEL_DRAINING: { status: 503, retry: 'never' },
  /** A fault of the gateway itself; the log has it under the request id. */
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
