/** How long to wait before another try, and the waiting itself. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RutterError } from '@rutter/plugin-sdk';
import type { ModelCall } from '../pipeline/model-call.ts';

const longestMs = 8000;
const firstMs = 500;
const jitterMs = 750;
const longestAskedMs = 60_000;

/**
 * Nothing where another deployment is healthy; else what the vendor asked for,
 * up to a minute, or exponential back-off with jitter, at least `retry_after`.
 */
export function waitBefore(call: ModelCall, error: RutterError, count: number, hasOther: boolean): number {
  if (hasOther) return 0;
  const floor = call.path.configuration.router.retryAfterMs;
  const asked = error.retryAfterMs;
  if (asked !== undefined && asked > 0 && asked <= longestAskedMs) return Math.max(floor, asked);
  const backOff = Math.min(firstMs * 2 ** count, longestMs) + call.path.services.random() * jitterMs;
  return Math.max(floor, backOff);
}

/** Ends early, with the reason, when the client leaves. */
export async function pause(call: ModelCall, ms: number): Promise<void> {
  if (ms <= 0) return;
  try {
    await sleep(ms, undefined, { signal: call.facts.signal });
  } catch {
    throw call.facts.aborted ?? new Error('interrupted');
  }
}
