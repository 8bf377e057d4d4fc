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
/** Failures allowed to a class that `allowed_fails_policy` does not name. */
const usualAllowedFails = 3;
/** A cooldown outlives reloads: a vendor's slip in `Retry-After` must not take a deployment away for days. */
const longestAskedMs = 3_600_000;

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
    return target.live.cooledUntil > 0 && !this.#router.disableCooldowns && target.live.cooledUntil > this.#now();
  }

  /** Counts a failure and cools the deployment down where a rule says so. `isBrokenStream` is one that had begun. */
  failed(target: Target, error: RutterError, groupSize: number, isBrokenStream = false): void {
    const { live } = target;
    if (error.code === 'ERR_PROVIDER_CONNECTION') live.failed();
    // What a caller got wrong says nothing about the deployment, and must not add up against it.
    if (!isCooling(error)) return;
    const allowed = this.#allowedFails(error);
    live.rollWindow(this.#windowOf(target));
    live.failed();
    live.failures++;
    if (this.#router.disableCooldowns) return;
    const reason =
      allowed === undefined
        ? standardReason(live, error, { groupSize, isBrokenStream })
        : live.failures > allowed
          ? `${live.failures} failures, ${allowed} allowed`
          : undefined;
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
    target.live.rollWindow(this.#windowOf(target));
    target.live.successes++;
  }

  /** Failures are counted within the cooldown time where a number of them is allowed, else by the minute. */
  #windowOf({ settings }: Target): number {
    const { allowedFails, allowedFailsPolicy, cooldownMs } = this.#router;
    return allowedFails === undefined && allowedFailsPolicy === undefined
      ? minuteMs
      : (settings.cooldownMs ?? cooldownMs);
  }

  /** Undefined when neither a number nor a policy is set; a class that the policy leaves out falls to the number. */
  #allowedFails(error: RutterError): number | undefined {
    const { allowedFails, allowedFailsPolicy } = this.#router;
    if (!allowedFailsPolicy) return allowedFails;
    const name = errorClass(error);
    return (name && allowedFailsPolicy[name]) ?? allowedFails ?? usualAllowedFails;
  }

  /** Deployment's own, else what the vendor asked for, else the router's. */
  #length(target: Target, error: RutterError): number {
    const asked = error.retryAfterMs;
    return (
      target.settings.cooldownMs ?? (asked === undefined ? this.#router.cooldownMs : Math.min(asked, longestAskedMs))
    );
  }
}

function standardReason(
  live: { failures: number; successes: number },
  error: RutterError,
  { groupSize, isBrokenStream }: { groupSize: number; isBrokenStream: boolean },
): string | undefined {
  const total = live.failures + live.successes;
  if (error.status === 429 && groupSize > 1) return 'the vendor answered 429';
  if (error.status === 401 || error.status === 404) return `the vendor answered ${error.status}`;
  // Nothing can be tried again for the caller who lost the reply: the next one is sent elsewhere, if there is an elsewhere.
  if (isBrokenStream && groupSize > 1) return 'a stream broke off';
  if (groupSize > 1 && total >= leastRequests && live.failures / total > 0.5)
    return `${live.failures} of ${total} calls failed this minute`;
  if (groupSize === 1 && live.successes === 0 && total >= leastAlone) return `all of ${total} calls failed this minute`;
  return undefined;
}
