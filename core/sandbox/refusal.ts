/** What a guest threw, turned into an error of ours; it can say no, and it cannot speak for the gateway. */
import { type ErrorCode, errorKinds, RutterError } from '@rutter/plugin-sdk';

/** Codes by which a guard refuses. */
const refusing = /^ERR_(REQUEST|LIMIT)_/;
/** Codes by which a provider tells what its vendor, or a request that cannot be put to it, has failed by. */
export const speaksForVendor = /^ERR_(PROVIDER_\w+|REQUEST_UNSUPPORTED_PARAMETER|REQUEST_INVALID)$/;

/** By what right an error is taken for an answer: a guard's no, or a vendor's failure. */
export type Speaking = 'guard' | 'vendor';
const longest = 1000;

export function refusalOf(thrown: unknown, speaking: Speaking = 'guard'): RutterError {
  const { code, message, status, retryAfterMs, param } = (thrown ?? {}) as Readonly<Record<string, unknown>>;
  const words = typeof message === 'string' ? message.slice(0, longest) : 'no words';
  if (typeof code !== 'string' || !codesOf(speaking).test(code) || !Object.hasOwn(errorKinds, code))
    return new RutterError('ERR_PLUGIN_FAILED', `it failed: ${words}`);
  return new RutterError(code as ErrorCode, words, {
    status: isRefusal(status, speaking === 'vendor' ? 600 : 500) ? status : undefined,
    retryAfterMs:
      typeof retryAfterMs === 'number' && retryAfterMs >= 0 ? Math.min(retryAfterMs, 86_400_000) : undefined,
    param: typeof param === 'string' ? param.slice(0, longest) : undefined,
  });
}

const codesOf = (speaking: Speaking) => (speaking === 'vendor' ? speaksForVendor : refusing);

const isRefusal = (status: unknown, below: number): status is number =>
  typeof status === 'number' && Number.isInteger(status) && status >= 400 && status < below;

/** Whether an error is an answer, which is the plugin's work and no fall. */
export const isRefusing = (error: unknown, speaking: Speaking): boolean =>
  RutterError.is(error) && codesOf(speaking).test(error.code);
