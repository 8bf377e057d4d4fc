/** W3C trace context, level 1: taken in, continued, sent on to vendors. */
import { randomUUID } from 'node:crypto';

export interface TraceParent {
  /** 32 hex digits. */
  readonly traceId: string;
  /** The caller's span, 16 hex digits, or '' when the trace begins here. */
  readonly parentId: string;
  readonly flags: string;
  readonly state: string | undefined;
}

type RawHeaders = Readonly<Record<string, string | string[] | undefined>>;

const pattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const zeros = /^0+$/;

/** The caller's trace where it is valid, else a new one. */
export function parseTraceparent(headers: RawHeaders): TraceParent {
  const given = headers.traceparent;
  const match = typeof given === 'string' ? pattern.exec(given.trim()) : null;
  const [, version = 'ff', traceId = '0', parentId = '0', flags = '01', rest] = match ?? [];
  const isValid = version !== 'ff' && !zeros.test(traceId) && !zeros.test(parentId) && !(version === '00' && rest);
  if (!isValid) return { traceId: randomUUID().replaceAll('-', ''), parentId: '', flags: '01', state: undefined };
  const state = headers.tracestate;
  return { traceId, parentId, flags, state: typeof state === 'string' && state.length <= 512 ? state : undefined };
}

/** A new span id: 16 hex digits, never all zero, since a UUID's version is among them. */
export function spanId(): string {
  const id = randomUUID();
  return id.slice(14, 18) + id.slice(24);
}

export const traceparent = (traceId: string, span: string, flags: string) => `00-${traceId}-${span}-${flags}`;
