/** How long one call may take, by the nearest place that says so. */
import type { ModelCall } from '../pipeline/model-call.ts';
import type { Target } from '../pipeline/models.ts';
import type { TransferTimers } from './transfer-plan.ts';

/** Total, first content and silence between contents, each from the nearest place that names it. */
export function timers(call: ModelCall, target: Target): TransferTimers {
  const { router, kernel } = call.path.configuration;
  const totalMs = call.controls.timeoutMs ?? target.settings.timeoutMs ?? router.timeoutMs;
  const firstContentMs =
    call.controls.streamTimeoutMs ?? target.settings.streamTimeoutMs ?? router.streamTimeoutMs ?? totalMs;
  return { totalMs, firstContentMs, betweenMs: kernel.interTokenTimeoutMs };
}
