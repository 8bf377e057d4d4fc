/**
 * Classes of errors: by status, by LiteLLM's names, and what each may cause.
 */
import { type ErrorClass, type FailureReader, RutterError } from '@rutter/plugin-sdk';
import { retryAfterMs, statusCode } from '@rutter/plugin-sdk/codecs';

/** The error of a vendor's reply that is not a success. */
export function vendorError(
  read: FailureReader | undefined,
  status: number,
  body: string,
  headers: Readonly<Record<string, string>>,
): RutterError {
  // Ahead of what the body says: whoever redirects may not be the vendor.
  if (status < 400)
    return new RutterError(
      'ERR_PROVIDER_MALFORMED',
      `The vendor answered with a redirect (${status}); redirects are not followed with credentials.`,
    );
  const found = read?.(status, body, headers);
  if (RutterError.is(found)) return found;
  const code = found ?? statusCode(status);
  const waitMs = retryAfterMs(headers);
  return new RutterError(
    code,
    `The vendor answered ${status}: ${summary(body)}`,
    waitMs === undefined ? {} : { retryAfterMs: waitMs },
  );
}

/** What a vendor's error body says, short and on one line. HTML pages say nothing a caller could use. */
function summary(body: string): string {
  const text = body.trim();
  if (text === '') return 'no message';
  if (text.startsWith('<')) return 'an HTML page instead of JSON';
  try {
    const parsed = JSON.parse(text) as { error?: { message?: unknown } | string; message?: unknown };
    const message = typeof parsed.error === 'object' ? parsed.error?.message : (parsed.error ?? parsed.message);
    if (typeof message === 'string') return message.slice(0, 1000);
  } catch {
    // Not JSON: the text itself is the message.
  }
  return text.replace(/\s+/g, ' ').slice(0, 300);
}

/** LiteLLM's name for the class of an error, by which its policies are keyed. */
export function errorClass(error: RutterError): ErrorClass | undefined {
  if (error.code === 'ERR_PROVIDER_CONTENT_POLICY') return 'ContentPolicyViolationError';
  if (error.status === 400 || error.status === 404 || error.status === 422) return 'BadRequestError';
  if (error.status === 401 || error.status === 403) return 'AuthenticationError';
  if (error.status === 408) return 'TimeoutError';
  if (error.status === 429) return 'RateLimitError';
  return error.status >= 500 ? 'InternalServerError' : undefined;
}

/** Whether a failure speaks against the deployment: 401, 404, 408, 429 and 5xx; never a connection of ours, nor what a model made of a schema. */
export function isCooling(error: RutterError): boolean {
  if (error.code === 'ERR_PROVIDER_CONNECTION' || error.code === 'ERR_PROVIDER_SCHEMA') return false;
  if (!error.code.startsWith('ERR_PROVIDER_')) return false;
  return [401, 404, 408, 429].includes(error.status) || error.status >= 500;
}
