/** How long one call may take, by the nearest place that says so. */
import type { ModelCall } from '../pipeline/model-call.ts';
import type { Target } from '../pipeline/models.ts';
import { streamTimeoutOf, timeoutOf } from '../pipeline/routing.ts';
import type { TransferTimers } from './transfer-plan.ts';

/** Total, first content and silence between contents, each from the nearest place that names it. */
export function timers(call: ModelCall, target: Target): TransferTimers {
  const totalMs = timeoutOf(call, target);
  const firstContentMs = streamTimeoutOf(call, target) ?? totalMs;
  return { totalMs, firstContentMs, betweenMs: call.path.configuration.kernel.interTokenTimeoutMs };
}
