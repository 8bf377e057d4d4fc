import { describe, expect, it } from 'vitest';
import { RutterError } from '../../contract/errors.ts';
import { retryAfterMs, statusCode } from '../failures.ts';
import { writeFailure, writeStreamFailure } from './envelope.ts';
import { openAiFailure } from './failure.ts';

const body = (error: unknown) => JSON.stringify({ error });

function failure(status: number, text: string, headers = {}): RutterError {
  const found = openAiFailure(status, text, headers);
  if (!RutterError.is(found)) throw new Error(`The body was not read: ${String(found)}`);
  return found;
}

describe('an error of the vendor', () => {
  it.each([
    [
      400,
      { message: 'x', type: 'invalid_request_error', code: null, param: 'messages' },
      'ERR_PROVIDER_BAD_REQUEST',
      400,
    ],
    [400, { message: 'x', code: 'context_length_exceeded' }, 'ERR_PROVIDER_CONTEXT_WINDOW', 400],
    [400, { message: "This model's maximum context length is 8192 tokens" }, 'ERR_PROVIDER_CONTEXT_WINDOW', 400],
    [400, { message: 'x', code: 'content_filter' }, 'ERR_PROVIDER_CONTENT_POLICY', 400],
    [400, { message: 'x', code: 'content_policy_violation' }, 'ERR_PROVIDER_CONTENT_POLICY', 400],
    [
      400,
      { message: 'Your request was rejected as a result of our safety system.' },
      'ERR_PROVIDER_CONTENT_POLICY',
      400,
    ],
    [401, { message: 'x', code: 'invalid_api_key' }, 'ERR_PROVIDER_AUTHENTICATION', 401],
    [402, { message: 'Insufficient credits' }, 'ERR_PROVIDER_QUOTA', 429],
    [403, { message: 'x' }, 'ERR_PROVIDER_PERMISSION', 403],
    [404, { message: 'x', code: 'model_not_found' }, 'ERR_PROVIDER_NOT_FOUND', 404],
    [400, { message: 'x', code: 'model_decommissioned' }, 'ERR_PROVIDER_NOT_FOUND', 404],
    [400, { message: 'x', type: 'invalid_model', code: '1500' }, 'ERR_PROVIDER_NOT_FOUND', 404],
    [429, { message: 'x', type: 'rate_limited', code: '1300' }, 'ERR_PROVIDER_RATE_LIMIT', 429],
    [408, { message: 'x' }, 'ERR_PROVIDER_TIMEOUT', 408],
    [413, { message: 'too big' }, 'ERR_PROVIDER_BAD_REQUEST', 413],
    [422, { message: 'x' }, 'ERR_PROVIDER_UNPROCESSABLE', 422],
    [429, { message: 'x', code: 'rate_limit_exceeded' }, 'ERR_PROVIDER_RATE_LIMIT', 429],
    [429, { message: 'Too many input tokens a minute' }, 'ERR_PROVIDER_RATE_LIMIT', 429],
    [429, { message: 'x', type: 'insufficient_quota', code: 'insufficient_quota' }, 'ERR_PROVIDER_QUOTA', 429],
    [500, { message: 'x', type: 'server_error' }, 'ERR_PROVIDER_INTERNAL', 500],
    [502, { message: 'x' }, 'ERR_PROVIDER_BAD_GATEWAY', 502],
    [503, { message: 'x' }, 'ERR_PROVIDER_UNAVAILABLE', 503],
    [503, { message: 'The engine is currently overloaded' }, 'ERR_PROVIDER_OVERLOADED', 503],
    [504, { message: 'x' }, 'ERR_PROVIDER_TIMEOUT', 408],
  ])('%i %j is %s', (status, error, code, shown) => {
    expect(failure(status, body(error))).toMatchObject({ code, status: shown });
  });

  it.each([
    { detail: [{ type: 'extra_forbidden', loc: ['body', 'messages', 0, 'name'], msg: 'Extra inputs', input: 'x' }] },
    { object: 'error', message: { detail: [{ loc: ['messages', 0, 'name'], msg: 'Extra inputs' }] }, type: 't' },
  ])('names the field that %j complains of', (said) => {
    expect(failure(422, JSON.stringify(said))).toMatchObject({
      code: 'ERR_PROVIDER_UNPROCESSABLE',
      message: 'messages[0].name: Extra inputs',
      param: 'messages[0].name',
    });
  });

  it.each<[string, number, object, string, RegExp]>([
    [
      'the words of the vendor behind it',
      400,
      { raw: '{"error":{"message":"prompt is too long: 9 > 5"}}', provider_name: 'Acme' },
      'ERR_PROVIDER_CONTEXT_WINDOW',
      /^Provider returned error \(Acme\): prompt is too long: 9 > 5$/,
    ],
    [
      'its code',
      400,
      { raw: '{"error":{"message":"m","code":"content_filter"}}' },
      'ERR_PROVIDER_CONTENT_POLICY',
      /: m$/,
    ],
    ['what is no JSON', 429, { raw: 'slow down' }, 'ERR_PROVIDER_RATE_LIMIT', /: slow down$/],
    [
      'reasons of a moderation',
      403,
      { reasons: ['violence'] },
      'ERR_PROVIDER_CONTENT_POLICY',
      /^Provider returned error$/,
    ],
    ['nothing', 402, {}, 'ERR_PROVIDER_QUOTA', /^Provider returned error$/],
  ])('of a router tells %s', (_what, code, metadata, expected, message) => {
    const body = JSON.stringify({ error: { code, message: 'Provider returned error', metadata } });
    expect(openAiFailure(code, body)).toMatchObject({ code: expected, message: expect.stringMatching(message) });
  });

  it('keeps what the vendor said', () => {
    const { message, param, vendor } = failure(
      400,
      body({ message: 'Bad value', type: 'invalid_request_error', code: 'bad_value', param: 'n' }),
    );
    expect({ message, param, vendor }).toEqual({
      message: 'Bad value',
      param: 'n',
      vendor: { status: 400, type: 'invalid_request_error', code: 'bad_value' },
    });
  });

  it.each([
    ['{"error":"broken"}', 'broken'],
    ['{"object":"error","message":"broken","code":400}', 'broken'],
    ['{"detail":"broken"}', 'broken'],
    ['{"detail":[{"loc":["body"],"msg":"missing"}]}', 'missing'],
    ['[{"error":{"message":"broken"}}]', 'broken'],
  ])('is read from %s', (text, message) => {
    expect(failure(400, text).message).toBe(message);
  });

  it.each([['<html>'], [''], ['{}'], ['null'], ['[]']])('is left to the status when the body is %j', (text) => {
    expect(openAiFailure(502, text)).toBeUndefined();
  });

  it('shows no key', () => {
    expect(
      failure(401, body({ message: 'Incorrect API key provided: sk-proj-abc***wxyz1234. See Bearer sk-live-99887766' }))
        .message,
    ).not.toMatch(/abc|wxyz|9988/);
  });

  it('waits as long as the vendor asks', () => {
    expect(failure(429, body({ message: 'x' }), { 'retry-after': '3' }).retryAfterMs).toBe(3000);
  });
});

describe('the waiting time', () => {
  it.each([
    [{ 'retry-after-ms': '250', 'retry-after': '9' }, 250],
    [{ 'retry-after': '1.5' }, 1500],
    [{ 'retry-after': '0' }, 0],
    [{ 'retry-after': 'Thu, 01 Jan 1970 00:01:00 GMT' }, 50_000],
    [{ 'retry-after': 'Thu, 01 Jan 1970 00:00:01 GMT' }, 0],
    [{ 'retry-after': 'soon' }, undefined],
    [{ 'retry-after': '-1', 'retry-after-ms': '' }, undefined],
    [{}, undefined],
  ])('of %j is %s', (headers, expected) => {
    expect(retryAfterMs(headers, 10_000)).toBe(expected);
  });
});

describe('a status', () => {
  it('without a class of its own is the vendor\u2019s fault from 500 on, else the request\u2019s', () => {
    expect([400, 418, 500, 599, 529].map(statusCode)).toEqual([
      'ERR_PROVIDER_BAD_REQUEST',
      'ERR_PROVIDER_BAD_REQUEST',
      'ERR_PROVIDER_INTERNAL',
      'ERR_PROVIDER_INTERNAL',
      'ERR_PROVIDER_OVERLOADED',
    ]);
  });
});

describe('the error envelope', () => {
  it('has the status as a string', () => {
    expect(writeFailure(new RutterError('ERR_REQUEST_INVALID', 'n: bad', { param: 'n' }))).toEqual({
      error: {
        message: 'n: bad',
        type: 'invalid_request_error',
        param: 'n',
        code: '400',
        rutter_code: 'ERR_REQUEST_INVALID',
      },
    });
  });

  it.each([
    ['ERR_REQUEST_UNAUTHENTICATED', 'auth_error', '401'],
    ['ERR_LIMIT_BUDGET', 'budget_exceeded', '429'],
    ['ERR_PROVIDER_RATE_LIMIT', 'rate_limit_error', '429'],
    ['ERR_PROVIDER_UNAVAILABLE', 'api_error', '503'],
  ] as const)('of %s has the type %s', (code, type, status) => {
    expect(writeFailure(new RutterError(code, 'x'))).toMatchObject({ error: { type, code: status, param: null } });
  });

  it('keeps what the vendor said in its own words', () => {
    const error = failure(400, body({ message: 'x', type: 'their_type', code: 'context_length_exceeded' }));
    expect(writeFailure(error)).toMatchObject({
      error: { type: 'their_type', code: '400', provider_specific_fields: { code: 'context_length_exceeded' } },
    });
  });

  it('tells nothing of an error inside the gateway', () => {
    expect(JSON.stringify(writeFailure(new RutterError('ERR_KERNEL_INTERNAL', 'a detail')))).not.toContain('a detail');
  });

  it('is one event inside a stream', () => {
    expect(writeStreamFailure(new RutterError('ERR_PROVIDER_STREAM', 'x\n\ny'))).toMatch(
      /^data: \{"error":\{[^\n]*\}\}\n\n$/,
    );
  });
});
