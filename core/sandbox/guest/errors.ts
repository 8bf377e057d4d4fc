/** What a plugin threw, as data; looking at it must not run into its traps. */
import { RutterError } from '@rutter/plugin-sdk';

export interface GuestError {
  readonly message: string;
  /** Set where the plugin refused on purpose. */
  readonly code?: string;
  readonly status?: number;
  readonly retryAfterMs?: number;
  readonly param?: string;
  readonly trace?: string;
}

const longest = 1000;

export function describeError(error: unknown): GuestError {
  try {
    if (typeof error !== 'object' || error === null) return { message: String(error).slice(0, longest) };
    const { message, stack } = error as Error;
    const said = { message: String(message).slice(0, longest), trace: String(stack).slice(0, longest) };
    if (!RutterError.is(error)) return said;
    const { code, status, retryAfterMs, param } = error;
    return {
      ...said,
      code,
      status,
      ...(typeof retryAfterMs === 'number' && { retryAfterMs }),
      ...(typeof param === 'string' && { param: param.slice(0, longest) }),
    };
  } catch {
    return { message: 'something that cannot be read' };
  }
}
