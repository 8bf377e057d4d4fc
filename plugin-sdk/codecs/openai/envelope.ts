/** The error envelope, and what a stream says when it breaks. */
import type { ErrorCode, RutterError } from '../../contract/errors.ts';
import { isString } from '../values.ts';

const types: Partial<Record<ErrorCode, string>> = {
  ERR_REQUEST_UNAUTHENTICATED: 'auth_error',
  ERR_REQUEST_FORBIDDEN: 'permission_error',
  ERR_REQUEST_NOT_FOUND: 'not_found_error',
  ERR_REQUEST_TIMEOUT: 'timeout_error',
  ERR_LIMIT_RATE: 'rate_limit_error',
  ERR_LIMIT_LOOP: 'rate_limit_error',
  ERR_LIMIT_BUDGET: 'budget_exceeded',
  ERR_ROUTE_NO_DEPLOYMENT: 'rate_limit_error',
  ERR_ROUTE_NO_MATCHING_TAGS: 'auth_error',
  ERR_PROVIDER_AUTHENTICATION: 'auth_error',
  ERR_PROVIDER_PERMISSION: 'permission_error',
  ERR_PROVIDER_NOT_FOUND: 'not_found_error',
  ERR_PROVIDER_TIMEOUT: 'timeout_error',
  ERR_PROVIDER_RATE_LIMIT: 'rate_limit_error',
  ERR_PROVIDER_QUOTA: 'insufficient_quota',
};

function errorType(error: RutterError): string {
  const vendorType = error.vendor?.type;
  if (isString(vendorType)) return vendorType;
  return types[error.code] ?? (error.status < 500 ? 'invalid_request_error' : 'api_error');
}

/** `{error: {message, type, param, code}}`; `code` is the HTTP status as a string, `rutter_code` ours. */
export function writeFailure(error: RutterError): { readonly error: Record<string, unknown> } {
  return {
    error: {
      message: error.expose ? error.message : 'The gateway failed to answer this request.',
      type: errorType(error),
      param: error.param ?? null,
      code: String(error.status),
      rutter_code: error.code,
      ...(error.vendor !== undefined && error.expose && { provider_specific_fields: error.vendor }),
    },
  };
}

/** One in-band error event; a broken stream has no `[DONE]`. */
export const writeStreamFailure = (error: RutterError): string => `data: ${JSON.stringify(writeFailure(error))}\n\n`;
