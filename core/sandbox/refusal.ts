/** What a guest threw, turned into an error of ours; it can say no, and it cannot speak for the gateway. */
import { type ErrorCode, errorKinds, RutterError } from '@rutter/plugin-sdk';

/** Codes by which a guard refuses. */
const refusing = /^ERR_(REQUEST|LIMIT)_/;
const longest = 1000;

export function refusalOf(thrown: unknown): RutterError {
  const { code, message, status, retryAfterMs, param } = (thrown ?? {}) as Readonly<Record<string, unknown>>;
  const words = typeof message === 'string' ? message.slice(0, longest) : 'no words';
  if (typeof code !== 'string' || !refusing.test(code) || !Object.hasOwn(errorKinds, code))
    return new RutterError('ERR_PLUGIN_FAILED', `it failed: ${words}`);
  return new RutterError(code as ErrorCode, words, {
    status: isRefusal(status) ? status : undefined,
    retryAfterMs:
      typeof retryAfterMs === 'number' && retryAfterMs >= 0 ? Math.min(retryAfterMs, 86_400_000) : undefined,
    param: typeof param === 'string' ? param.slice(0, longest) : undefined,
  });
}

const isRefusal = (status: unknown): status is number =>
  typeof status === 'number' && Number.isInteger(status) && status >= 400 && status < 500;

/** Whether an error is a guard's own no, which is its work and no fall. */
export const isRefusing = (error: unknown): boolean => RutterError.is(error) && refusing.test(error.code);
