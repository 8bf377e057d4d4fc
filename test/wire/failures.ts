/** What goes wrong at vendors, and the errors that clients read. */
import OpenAI from 'openai';
import { html, type VendorHandler } from '../support/index.ts';
import type { Fields } from './truth.ts';

/** A class of the SDK's errors; each takes other statuses. */
type ErrorKind = new (...parameters: never[]) => Error;

export interface FailureCase {
  readonly title: string;
  /** The vendor's status. */
  readonly status: number;
  readonly openAi: Fields;
  readonly anthropic: Fields;
  readonly simulate?: Fields;
  /** What the client reads. */
  readonly kind: ErrorKind;
  readonly told: number;
}

const anthropicTypes: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  500: 'api_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

interface Words {
  readonly message?: string;
  /** OpenAI's code, which the simulated provider tells too. */
  readonly code?: string;
  readonly type?: string;
}

function failure(
  title: string,
  status: number,
  [kind, told]: readonly [ErrorKind, number],
  { message = `a failure of ${status}`, code, type = anthropicTypes[status] ?? 'invalid_request_error' }: Words = {},
): FailureCase {
  return {
    title,
    status,
    openAi: {
      error: {
        message,
        type: status < 500 ? 'invalid_request_error' : 'server_error',
        param: null,
        code: code ?? null,
      },
    },
    anthropic: { type: 'error', error: { type, message }, request_id: 'req_wire' },
    simulate: { errorStatus: status, errorMessage: message, ...(code && { errorCode: code }) },
    kind,
    told,
  };
}

const { BadRequestError, AuthenticationError, PermissionDeniedError, NotFoundError, ConflictError } = OpenAI;
const { UnprocessableEntityError, RateLimitError, InternalServerError, APIError } = OpenAI;

export const failures: readonly FailureCase[] = [
  failure('A bad request', 400, [BadRequestError, 400]),
  failure('A prompt that is too long', 400, [BadRequestError, 400], {
    message: 'prompt is too long: 210000 tokens > 200000 maximum',
    code: 'context_length_exceeded',
  }),
  failure('A prompt against the content policy', 400, [BadRequestError, 400], {
    message: 'Output blocked by content filtering policy',
    code: 'content_policy_violation',
  }),
  failure('A wrong key', 401, [AuthenticationError, 401], {
    message: 'Incorrect API key provided: sk-vendor-1234567890',
  }),
  failure('No permission', 403, [PermissionDeniedError, 403]),
  failure('No such model', 404, [NotFoundError, 404]),
  failure('A request timeout', 408, [APIError, 408]),
  failure('A conflict', 409, [ConflictError, 409]),
  failure('A body that is too large', 413, [APIError, 413]),
  failure('An unprocessable request', 422, [UnprocessableEntityError, 422]),
  failure('A rate limit', 429, [RateLimitError, 429]),
  failure('A spent quota', 429, [RateLimitError, 429], {
    message: 'You exceeded your current quota.',
    code: 'insufficient_quota',
  }),
  failure('An internal error', 500, [InternalServerError, 500]),
  failure('A bad gateway', 502, [InternalServerError, 502], { type: 'api_error' }),
  failure('An unavailable service', 503, [InternalServerError, 503], { type: 'api_error' }),
  failure('A timeout of the vendor', 504, [APIError, 408]),
  failure('An overloaded vendor', 529, [InternalServerError, 503]),
];

/** Failures that no body tells of. */
export interface BrokenCase {
  readonly title: string;
  readonly handler: VendorHandler;
  readonly told: number;
}

export const broken: readonly BrokenCase[] = [
  { title: 'A page of a proxy', handler: html(502), told: 502 },
  { title: 'A page of a proxy in place of a reply', handler: html(200), told: 502 },
  { title: 'A connection closed before any answer', handler: ({ socket }) => socket.destroy(), told: 500 },
  {
    title: 'A reply cut in its middle',
    handler: ({ response }) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '500' });
      response.write('{"id":"half", "choices":', () => response.destroy());
    },
    told: 500,
  },
  {
    title: 'An empty reply',
    handler: ({ response }) => void response.writeHead(200, { 'content-type': 'application/json' }).end(),
    told: 502,
  },
];
