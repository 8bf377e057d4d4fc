/**
 * What the kernel measures of each deployment. One registry a process: the
 * numbers outlive generations, since a reload says nothing about a vendor.
 */
import type { LiveNumbers } from '@rutter/plugin-sdk';

/** Weight of the newest sample in a smoothed value. */
const gain = 0.1;
const minuteMs = 60_000;

export class LiveRecord implements LiveNumbers {
  samples = 0;
  latencyMs = 0;
  firstTokenMs = 0;
  inFlight = 0;
  errorRate = 0;
  /** Cooled down until this time, in milliseconds since the epoch; 0 for not. */
  cooledUntil = 0;
  coolReason = '';
  /** Failures and successes since `countedSince`, for the cooldown rules. */
  failures = 0;
  successes = 0;
  failuresSince = 0;
  #minute = 0;
  #requests = 0;
  #tokens = 0;
  /** Last use, for dropping records nobody uses any more. */
  usedAt = 0;
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  get requestsThisMinute(): number {
    this.#turn();
    return this.#requests;
  }

  get tokensThisMinute(): number {
    this.#turn();
    return this.#tokens;
  }

  /** In the tick of the decision. */
  began(): void {
    this.#turn();
    this.#requests++;
    this.inFlight++;
  }

  ended(): void {
    this.inFlight--;
  }

  succeeded(latencyMs: number, firstTokenMs: number, tokens: number): void {
    this.#turn();
    this.#tokens += tokens;
    // From the first sample, not from zero: zero would make a new deployment look fastest.
    const isFirst = this.samples++ === 0;
    this.latencyMs = isFirst ? latencyMs : this.latencyMs + gain * (latencyMs - this.latencyMs);
    this.firstTokenMs = isFirst ? firstTokenMs : this.firstTokenMs + gain * (firstTokenMs - this.firstTokenMs);
    this.errorRate -= gain * this.errorRate;
  }

  failed(): void {
    this.errorRate += gain * (1 - this.errorRate);
  }

  /** Starts the counts for cooldown rules anew once `windowMs` has gone by. */
  rollWindow(windowMs: number): void {
    const now = this.#now();
    if (now - this.failuresSince < windowMs) return;
    this.failuresSince = now;
    this.failures = 0;
    this.successes = 0;
  }

  #turn(): void {
    const now = this.#now();
    this.usedAt = now;
    const minute = Math.floor(now / minuteMs);
    if (minute === this.#minute) return;
    this.#minute = minute;
    this.#requests = 0;
    this.#tokens = 0;
  }
}

/** Records by deployment id; those unused for an hour are dropped once there are many. */
export class LiveRegistry {
  readonly #records = new Map<string, LiveRecord>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  of(deployment: string): LiveRecord {
    let record = this.#records.get(deployment);
    if (!record) {
      if (this.#records.size >= 10_000) this.#sweep();
      record = new LiveRecord(this.#now);
      this.#records.set(deployment, record);
    }
    return record;
  }

  #sweep(): void {
    const before = this.#now() - 3_600_000;
    for (const [id, record] of this.#records)
      if (record.usedAt < before && record.inFlight === 0) this.#records.delete(id);
  }

  get size(): number {
    return this.#records.size;
  }
}
