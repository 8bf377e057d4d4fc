/**
 * Errors of Google's APIs, as a status or as an object inside a stream.
 * https://cloud.google.com/apis/design/errors, https://ai.google.dev/gemini-api/docs/troubleshooting
 */
import type { ErrorCode, RutterError } from '../../contract/errors.ts';
import { statusCode, type VendorError, vendorFailure } from '../failures.ts';
import { isArray, isFilled, isNumber, isObject, isString, type JsonObject, parseJson } from '../values.ts';

type Headers = Readonly<Record<string, string>>;

interface Found extends VendorError {
  readonly status: number | undefined;
  readonly details: readonly JsonObject[];
}

const byStatus: Readonly<Record<string, { readonly code: ErrorCode; readonly status: number }>> = {
  INVALID_ARGUMENT: { code: 'ERR_PROVIDER_BAD_REQUEST', status: 400 },
  FAILED_PRECONDITION: { code: 'ERR_PROVIDER_BAD_REQUEST', status: 400 },
  OUT_OF_RANGE: { code: 'ERR_PROVIDER_BAD_REQUEST', status: 400 },
  UNAUTHENTICATED: { code: 'ERR_PROVIDER_AUTHENTICATION', status: 401 },
  PERMISSION_DENIED: { code: 'ERR_PROVIDER_PERMISSION', status: 403 },
  NOT_FOUND: { code: 'ERR_PROVIDER_NOT_FOUND', status: 404 },
  RESOURCE_EXHAUSTED: { code: 'ERR_PROVIDER_RATE_LIMIT', status: 429 },
  CANCELLED: { code: 'ERR_PROVIDER_INTERNAL', status: 499 },
  ABORTED: { code: 'ERR_PROVIDER_INTERNAL', status: 409 },
  INTERNAL: { code: 'ERR_PROVIDER_INTERNAL', status: 500 },
  UNKNOWN: { code: 'ERR_PROVIDER_INTERNAL', status: 500 },
  UNAVAILABLE: { code: 'ERR_PROVIDER_UNAVAILABLE', status: 503 },
  DEADLINE_EXCEEDED: { code: 'ERR_PROVIDER_TIMEOUT', status: 504 },
};

const contextWindow =
  /input token count\b.*\bexceeds|exceeds the maximum (?:number of )?(?:input )?tokens|input context is too long/is;
const contentPolicy =
  /violat\w+ (?:our|the) (?:usage |content )?polic|prohibited[ _]content|blocked (?:by|due to) safety/i;
// Google answers 400 for these.
const badKey = /API[ _]key not valid|API[ _]key expired|API_KEY_INVALID|API_KEY_EXPIRED/i;

/** Error of a status other than 2xx, for {@link FailureReader}; undefined where the body says nothing. */
export function geminiFailure(
  status: number,
  body: string,
  headers: Headers = {},
): ErrorCode | RutterError | undefined {
  const found = readError(parseJson(body));
  return found && failureOf(found, status, headers);
}

/** Error found inside a reply that began as a success; its own status stands in for that of HTTP. */
export function innerFailure(body: unknown): RutterError {
  const found = readError(body) ?? {
    message: 'The vendor reported an error without saying which.',
    status: undefined,
    details: [],
  };
  return failureOf(found, found.status ?? known(found.type)?.status ?? 500, {});
}

function failureOf(found: Found, status: number, headers: Headers): RutterError {
  const delayMs = retryDelayMs(found.details);
  const waiting = delayMs === undefined ? headers : { ...headers, 'retry-after-ms': String(delayMs) };
  return vendorFailure(classify(found, status), status, found, waiting);
}

const known = (type: string | undefined) =>
  type !== undefined && Object.hasOwn(byStatus, type) ? byStatus[type] : undefined;

function classify({ message, type, details }: Found, status: number): ErrorCode {
  const reasons = details.map(({ reason }) => reason);
  if (status < 500 && status !== 429) {
    if (badKey.test(message) || reasons.some((reason) => isString(reason) && badKey.test(reason)))
      return 'ERR_PROVIDER_AUTHENTICATION';
    if (contextWindow.test(message)) return 'ERR_PROVIDER_CONTEXT_WINDOW';
    if (contentPolicy.test(message)) return 'ERR_PROVIDER_CONTENT_POLICY';
  }
  const code = known(type)?.code ?? statusCode(status);
  return code === 'ERR_PROVIDER_UNAVAILABLE' && /overloaded/i.test(message) ? 'ERR_PROVIDER_OVERLOADED' : code;
}

/** Without `alt=sse` an error comes inside an array. Only Google's shape is read: others share hosts with it. */
function readError(body: unknown): Found | undefined {
  const outer = isArray(body) ? body[0] : body;
  if (!isObject(outer) || !isObject(outer.error)) return undefined;
  const { message, status: type, code, details } = outer.error;
  if (!isFilled(message) || !(isString(type) || isNumber(code))) return undefined;
  const status = isNumber(code) && code >= 400 && code <= 599 ? code : undefined;
  return {
    message,
    type: isString(type) ? type : undefined,
    code: isNumber(code) ? code : undefined,
    status,
    details: isArray(details) ? details.filter(isObject) : [],
  };
}

/** Of google.rpc.RetryInfo: a number of seconds with an `s` behind it. */
function retryDelayMs(details: readonly JsonObject[]): number | undefined {
  for (const { '@type': type, retryDelay } of details) {
    if (!isString(type) || !type.endsWith('google.rpc.RetryInfo') || !isString(retryDelay)) continue;
    const found = /^(\d+(?:\.\d+)?)s$/.exec(retryDelay);
    if (found !== null) return Math.ceil(Number(found[1]) * 1000);
  }
  return undefined;
}
