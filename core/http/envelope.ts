/** Errors on their way out, on routes without a dialect of their own. */
import type { ServerResponse } from 'node:http';
import type { RutterError } from '@rutter/plugin-sdk';
import { openAiErrorEnvelope } from '@rutter/plugin-sdk/codecs';
import { headerRecord, writeHead } from './write-head.ts';

const hidden = 'Something went wrong inside the gateway; the log has it under this request id.';

/** What a caller may read of an error. */
export function exposed(error: RutterError): RutterError {
  if (error.expose) return error;
  // The class is kept, the words are not.
  return Object.assign(Object.create(Object.getPrototypeOf(error) as object) as RutterError, {
    ...error,
    message: hidden,
    cause: undefined,
  });
}

function errorHeaders(error: RutterError, requestId: string): Record<string, string> {
  const headers: Record<string, string> = {
    ...error.headers,
    'content-type': 'application/json',
    'x-request-id': requestId,
  };
  if (error.retryAfterMs !== undefined)
    headers['retry-after'] = String(Math.max(1, Math.ceil(error.retryAfterMs / 1000)));
  else if (error.code === 'ERR_LIMIT_OVERLOADED' || error.code === 'ERR_KERNEL_DRAINING') headers['retry-after'] = '1';
  if (error.status === 401) headers['www-authenticate'] = 'Bearer';
  return headers;
}

/** The envelope, unless the head is out already or nobody is there to read it. */
export function sendError(
  response: ServerResponse,
  error: RutterError,
  requestId: string,
  body: unknown = openAiErrorEnvelope(exposed(error)),
  more: readonly string[] = [],
): void {
  if (response.headersSent || response.destroyed) {
    response.end();
    return;
  }
  const text = JSON.stringify(body);
  const headers = {
    ...headerRecord(more),
    ...errorHeaders(error, requestId),
    'content-length': String(Buffer.byteLength(text)),
  };
  writeHead(response, error.status, Object.entries(headers).flat());
  response.end(text);
}
