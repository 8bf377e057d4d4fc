import { describe, expect, it } from 'vitest';
import { geminiFailure, innerFailure } from './failure.ts';

const body = (code: number | undefined, status: string | undefined, message: string, details?: unknown) => ({
  error: { code, status, message, details },
});
const read = (status: number, found: unknown, headers = {}) => geminiFailure(status, JSON.stringify(found), headers);

it.each([
  [400, 'INVALID_ARGUMENT', 'Request contains an invalid argument.', 'ERR_PROVIDER_BAD_REQUEST'],
  [400, 'FAILED_PRECONDITION', 'User location is not supported for the API use.', 'ERR_PROVIDER_BAD_REQUEST'],
  [400, 'INVALID_ARGUMENT', 'API key expired. Please renew the API key.', 'ERR_PROVIDER_AUTHENTICATION'],
  [
    400,
    'INVALID_ARGUMENT',
    'The input token count (9) exceeds the maximum number of tokens allowed (8).',
    'ERR_PROVIDER_CONTEXT_WINDOW',
  ],
  [
    400,
    'INVALID_ARGUMENT',
    'Unable to submit request because the input token count is 9 but the model only supports up to 8. It exceeds it.',
    'ERR_PROVIDER_CONTEXT_WINDOW',
  ],
  [400, 'INVALID_ARGUMENT', 'The prompt violates our usage policies.', 'ERR_PROVIDER_CONTENT_POLICY'],
  [401, 'UNAUTHENTICATED', 'Request had invalid authentication credentials.', 'ERR_PROVIDER_AUTHENTICATION'],
  [403, 'PERMISSION_DENIED', 'denied', 'ERR_PROVIDER_PERMISSION'],
  [404, 'NOT_FOUND', 'no model', 'ERR_PROVIDER_NOT_FOUND'],
  [429, 'RESOURCE_EXHAUSTED', 'Quota exceeded: input token count exceeds the quota', 'ERR_PROVIDER_RATE_LIMIT'],
  [499, 'CANCELLED', 'The operation was cancelled.', 'ERR_PROVIDER_INTERNAL'],
  [500, 'INTERNAL', 'x', 'ERR_PROVIDER_INTERNAL'],
  [503, 'UNAVAILABLE', 'x', 'ERR_PROVIDER_UNAVAILABLE'],
  [503, 'UNAVAILABLE', 'The model is overloaded. Please try again later.', 'ERR_PROVIDER_OVERLOADED'],
  [504, 'DEADLINE_EXCEEDED', 'x', 'ERR_PROVIDER_TIMEOUT'],
  [429, 'A_STATUS_OF_TOMORROW', 'x', 'ERR_PROVIDER_RATE_LIMIT'],
])('reads %i %s (%s) as %s', (status, name, message, code) => {
  expect(read(status, body(status, name, message))).toMatchObject({ code, message });
  expect(read(status, [body(status, name, message)])).toMatchObject({ code });
  expect(innerFailure(body(status, name, message))).toMatchObject({ code });
});

it('knows a bad key by its reason, whatever the message says', () => {
  const details = [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID' }];
  expect(read(400, body(400, 'INVALID_ARGUMENT', 'no', details))).toMatchObject({
    code: 'ERR_PROVIDER_AUTHENTICATION',
  });
});

describe('the time to wait', () => {
  const delay = (retryDelay: unknown) => [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay }];
  it.each([
    ['34.074824224s', 34_075],
    ['5s', 5_000],
    ['0s', 0],
    ['soon', undefined],
    [7, undefined],
  ])('of %j is %j milliseconds', (text, ms) => {
    expect(read(429, body(429, 'RESOURCE_EXHAUSTED', 'x', delay(text)))).toMatchObject({ retryAfterMs: ms });
  });

  it('is that of the header where the body does not say', () => {
    expect(read(429, body(429, 'RESOURCE_EXHAUSTED', 'x'), { 'retry-after': '3' })).toMatchObject({
      retryAfterMs: 3_000,
    });
  });
});

it('leaves the shapes of other vendors to others', () => {
  const others = [
    { type: 'error', error: { type: 'overloaded_error', message: 'm' } },
    { error: { message: 'm', type: 't', code: 'context_length_exceeded' } },
    { error: 'text' },
    { error: { code: 400, message: null } },
    null,
    [],
  ];
  for (const other of others) expect(read(400, other)).toBeUndefined();
  expect(geminiFailure(502, '<html>')).toBeUndefined();
});

it('is an error even where the object says nothing', () => {
  expect(innerFailure({ error: {} })).toMatchObject({ code: 'ERR_PROVIDER_INTERNAL' });
});

it('tells no key', () => {
  const message = "Consumer 'api_key:AIzaSyA-secret_0123456789' has been suspended.";
  expect(read(403, body(403, 'PERMISSION_DENIED', message))).toMatchObject({
    message: "Consumer 'api_key:[redacted]' has been suspended.",
  });
});
