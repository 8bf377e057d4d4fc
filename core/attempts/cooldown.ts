/**
 * When a deployment that fails is left alone, and for how long.
 *
 * LiteLLM's rules (router `cooldown_handlers`): an immediate cooldown for 429
 * in a group of several and for statuses no retry can cure; otherwise by the
 * share of failures in the current minute, or by `allowed_fails` where set.
 */
import type { RutterError } from '@rutter/plugin-sdk';
import type { RouterSettings } from '../config/types.ts';
import type { Target } from '../pipeline/models.ts';
import { errorClass, isCooling } from './errors.ts';

/** Failures in a minute below this many are too few to judge by. */
const leastRequests = 5;
/** A deployment without siblings is cooled only after this many failures and no success. */
const leastAlone = 1000;
const minuteMs = 60_000;

export interface CooldownNotice {
  readonly deployment: string;
  readonly untilMs: number;
  readonly reason: string;
}

export class Cooldowns {
  readonly #router: RouterSettings;
  readonly #now: () => number;
  readonly #notify: (notice: CooldownNotice) => void;

  constructor(router: RouterSettings, now: () => number, notify: (notice: CooldownNotice) => void) {
    this.#router = router;
    this.#now = now;
    this.#notify = notify;
  }

  isCooling(target: Target): boolean {
    return target.live.cooledUntil > this.#now();
  }

  /** Counts a failure and cools the deployment down where a rule says so. */
  failed(target: Target, error: RutterError, groupSize: number): void {
    const { live } = target;
    const allowed = this.#allowedFails(error);
    live.rollWindow(allowed === undefined ? minuteMs : this.#length(target, undefined));
    live.failed();
    if (this.#router.disableCooldowns || !isCooling(error)) return;
    const reason = allowed === undefined ? standardReason(live, error, groupSize) : live.failures > allowed ? `${live.failures} failures, ${allowed} allowed` : undefined;
    if (reason === undefined) return;
    const length = this.#length(target, error);
    if (length <= 0) return;
    // A longer cooldown already running is never shortened.
    const until = Math.max(live.cooledUntil, this.#now() + length);
    live.cooledUntil = until;
    live.coolReason = reason;
    this.#notify({ deployment: target.deployment.id, untilMs: until, reason });
  }

  succeeded(target: Target): void {
    target.live.rollWindow(minuteMs);
  }

  #allowedFails(error: RutterError): number | undefined {
    const name = errorClass(error);
    const byClass = name && this.#router.allowedFailsPolicy?.[name];
    return byClass ?? this.#router.allowedFails;
  }

  /** Deployment's own, else what the vendor asked for, else the router's. */
  #length(target: Target, error: RutterError | undefined): number {
    return target.settings.cooldownMs ?? error?.retryAfterMs ?? this.#router.cooldownMs;
  }
}

function standardReason(live: { failures: number; successes: number }, error: RutterError, groupSize: number): string | undefined {
  const total = live.failures + live.successes;
  if (error.status === 429 && groupSize > 1) return 'the vendor answered 429';
  if (error.status === 401 || error.status === 404) return `the vendor answered ${error.status}`;
  if (groupSize > 1 && total >= leastRequests && live.failures / total > 0.5) return `${live.failures} of ${total} calls failed this minute`;
  if (groupSize === 1 && live.successes === 0 && total >= leastAlone) return `all of ${total} calls failed this minute`;
  return undefined;
}
