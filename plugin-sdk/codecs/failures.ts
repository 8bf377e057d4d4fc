/**
 * What all vendors' errors have in common: status classes, waiting times, and
 * messages that are safe to hand on.
 */
import { type ErrorCode, RutterError } from '../contract/errors.ts';
import { isObject } from './values.ts';

type Headers = Readonly<Record<string, string>>;

const byStatus: Readonly<Record<number, ErrorCode>> = {
  401: 'ERR_PROVIDER_AUTHENTICATION',
  402: 'ERR_PROVIDER_QUOTA',
  403: 'ERR_PROVIDER_PERMISSION',
  404: 'ERR_PROVIDER_NOT_FOUND',
  408: 'ERR_PROVIDER_TIMEOUT',
  422: 'ERR_PROVIDER_UNPROCESSABLE',
  429: 'ERR_PROVIDER_RATE_LIMIT',
  502: 'ERR_PROVIDER_BAD_GATEWAY',
  503: 'ERR_PROVIDER_UNAVAILABLE',
  504: 'ERR_PROVIDER_TIMEOUT',
  529: 'ERR_PROVIDER_OVERLOADED',
};

/** The code for a vendor's HTTP status when its body says nothing better. */
export const statusCode = (status: number): ErrorCode =>
  byStatus[status] ?? (status >= 500 ? 'ERR_PROVIDER_INTERNAL' : 'ERR_PROVIDER_BAD_REQUEST');

/**
 * How long the vendor asks to wait, in milliseconds: `retry-after-ms`, else
 * `retry-after` in seconds or as an HTTP date. Undefined when it does not say.
 */
export function retryAfterMs(headers: Headers, nowMs: number = Date.now()): number | undefined {
  const exact = number(headers['retry-after-ms']);
  if (exact !== undefined) return exact;
  const text = headers['retry-after'];
  const seconds = number(text);
  if (seconds !== undefined) return Math.round(seconds * 1000);
  // `Date.parse` would take "-1" for a year.
  const date = text !== undefined && /^[A-Za-z]{3}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}

function number(text: string | undefined): number | undefined {
  if (text === undefined || text.trim() === '') return undefined;
  const value = Number(text);
  return Number.isFinite(value) && value >= 0 ? value : undefined;
}

// Vendors repeat the key they were sent, in part or whole; nothing of it may reach a caller.
const keys = /\b(?:sk|pk|rk|gsk|xai|key|AIza)[-_A-Za-z0-9*.]{8,}|\bBearer\s+\S+/g;

/** A vendor's message without keys and at most 2,000 characters long. */
export const safeMessage = (message: string): string => message.slice(0, 2000).replace(keys, '[redacted]');

/** What a vendor said, made ready for {@link RutterError.vendor}. */
export interface VendorError {
  readonly message: string;
  readonly type?: string | undefined;
  readonly code?: string | number | undefined;
  readonly param?: string | undefined;
  readonly requestId?: string | undefined;
}

/** One of our errors from what a vendor said. */
export function vendorFailure(code: ErrorCode, status: number, found: VendorError, headers: Headers = {}): RutterError {
  const { message, type, code: vendorCode, param, requestId } = found;
  const vendor: Record<string, unknown> = { status };
  if (type !== undefined) vendor.type = type;
  if (vendorCode !== undefined) vendor.code = vendorCode;
  if (requestId !== undefined) vendor.request_id = requestId;
  // A 4xx of no class of its own, such as 413, keeps its status; a failed stream of a 200 has none to keep.
  const isOwn = code === 'ERR_PROVIDER_BAD_REQUEST' && status >= 400 && status < 500;
  return new RutterError(code, safeMessage(message), {
    status: isOwn ? status : undefined,
    retryAfterMs: retryAfterMs(headers),
    param,
    vendor,
  });
}

/** A 200 whose body is not what was promised. */
export function malformed(text: string, expected: string): RutterError {
  const found = safeMessage(text.trimStart().slice(0, 60).replace(/\s+/g, ' '));
  return new RutterError(
    'ERR_PROVIDER_MALFORMED',
    `The vendor answered with ${found === '' ? 'nothing' : JSON.stringify(found)}; expected ${expected}.`,
  );
}

/** The body as an object, or {@link malformed}. */
export function replyObject(body: unknown, expected: string): Record<string, unknown> {
  if (isObject(body)) return body;
  throw malformed(typeof body === 'string' ? body : (JSON.stringify(body) ?? ''), expected);
}

/** Refuses a parameter the vendor cannot honour, and says what to do about it. */
export function unsupported(param: string, what: string): RutterError {
  return new RutterError(
    'ERR_REQUEST_UNSUPPORTED_PARAMETER',
    `${what} Leave ${param} out, or set drop_params: true on the deployment to have it dropped.`,
    { param },
  );
}
