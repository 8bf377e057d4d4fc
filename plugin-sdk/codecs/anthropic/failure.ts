/** Errors of the Messages API, as a status or as an event inside a stream. */
import type { ErrorCode, RutterError } from '../../contract/errors.ts';
import { statusCode, type VendorError, vendorFailure } from '../failures.ts';
import { isObject, isString, parseJson } from '../values.ts';

type Headers = Readonly<Record<string, string>>;

const byType: Readonly<Record<string, { readonly code: ErrorCode; readonly status: number }>> = {
  invalid_request_error: { code: 'ERR_PROVIDER_BAD_REQUEST', status: 400 },
  authentication_error: { code: 'ERR_PROVIDER_AUTHENTICATION', status: 401 },
  billing_error: { code: 'ERR_PROVIDER_QUOTA', status: 402 },
  permission_error: { code: 'ERR_PROVIDER_PERMISSION', status: 403 },
  not_found_error: { code: 'ERR_PROVIDER_NOT_FOUND', status: 404 },
  request_too_large: { code: 'ERR_PROVIDER_BAD_REQUEST', status: 413 },
  rate_limit_error: { code: 'ERR_PROVIDER_RATE_LIMIT', status: 429 },
  api_error: { code: 'ERR_PROVIDER_INTERNAL', status: 500 },
  timeout_error: { code: 'ERR_PROVIDER_TIMEOUT', status: 504 },
  overloaded_error: { code: 'ERR_PROVIDER_OVERLOADED', status: 529 },
};

const contextWindow = /prompt is too long|exceed(?:s|ed)? (?:the )?(?:model's )?(?:maximum )?context|context window/i;
const contentPolicy = /content filtering policy|content policy|usage polic/i;
const spent = /credit balance is too low|usage limits?/i;

/** Error of a status other than 2xx, for {@link FailureReader}; undefined where the body says nothing. */
export function anthropicFailure(
  status: number,
  body: string,
  headers: Headers = {},
): ErrorCode | RutterError | undefined {
  const found = readError(parseJson(body), headers);
  return found && vendorFailure(classify(found, status), status, found, headers);
}

/** Error found inside a reply that began as a success; its type stands in for the status. */
export function innerFailure(body: unknown): RutterError {
  const found = readError(body, {}) ?? { message: 'The vendor reported an error without saying which.' };
  const status = known(found.type)?.status ?? 500;
  return vendorFailure(classify(found, status), status, found);
}

const known = (type: string | undefined) =>
  type !== undefined && Object.hasOwn(byType, type) ? byType[type] : undefined;

function classify({ message, type }: VendorError, status: number): ErrorCode {
  if (status < 500) {
    if (contextWindow.test(message)) return 'ERR_PROVIDER_CONTEXT_WINDOW';
    if (contentPolicy.test(message)) return 'ERR_PROVIDER_CONTENT_POLICY';
    if (status !== 429 && spent.test(message)) return 'ERR_PROVIDER_QUOTA';
  }
  // The status says more than the type that stands for every failure of theirs.
  return (type === 'api_error' ? undefined : known(type)?.code) ?? statusCode(status);
}

function readError(body: unknown, headers: Headers): VendorError | undefined {
  if (!isObject(body) || !isObject(body.error) || !isString(body.error.message)) return undefined;
  const { message, type } = body.error;
  const requestId = isString(body.request_id) ? body.request_id : headers['request-id'];
  return { message, type: isString(type) ? type : undefined, requestId };
}
