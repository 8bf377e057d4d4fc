/**
 * A value with an end, such as a token, fetched once for all who wait and
 * renewed before it ends.
 *
 * While a valid value is held, `get` answers at once: renewal runs behind, and
 * its failure changes nothing until the value has ended. Failures are answered
 * from memory for a while, so that a broken identity provider is not stormed.
 */
import { RutterError } from '@rutter/plugin-sdk';

export interface Lived<T> {
  readonly value: T;
  /** Milliseconds since the epoch; infinity for a value that does not end. */
  readonly expiresAt: number;
}

const firstBackoffMs = 1_000;
const longestBackoffMs = 60_000;
/** Not used any more this close to its end: it must still be valid where it arrives. */
const marginMs = 10_000;
/** But used for most of its life, however short: else every request would fetch one. */
const marginShare = 0.1;
const earlyMs = 5 * 60_000;
const earlyShare = 0.8;
/** A value younger than this is not thrown away: it was refused for another reason. */
const youngMs = 1_000;

export class Renewable<T> {
  readonly #obtain: () => Promise<Lived<T>>;
  readonly #now: () => number;
  #current: Lived<T> | undefined;
  #obtainedAt = 0;
  #renewAt = 0;
  #usableUntil = 0;
  #underWay: Promise<T> | undefined;
  #failures = 0;
  #failure: RutterError | undefined;
  #retryAt = 0;

  constructor(obtain: () => Promise<Lived<T>>, now: () => number) {
    this.#obtain = obtain;
    this.#now = now;
  }

  /** The value, or a promise of it; the promise rejects with ERR_PROVIDER_AUTHENTICATION. */
  get(): T | Promise<T> {
    const now = this.#now();
    const current = this.#current;
    if (current !== undefined && now < this.#usableUntil) {
      // Its failure is kept by `#renew` and comes up once the value has ended.
      if (now >= this.#renewAt && now >= this.#retryAt) this.#renew().catch(() => {});
      return current.value;
    }
    if (this.#underWay !== undefined) return this.#underWay;
    if (this.#failure !== undefined && now < this.#retryAt) {
      return this.#lastMoments(now) ?? Promise.reject(this.#failure);
    }
    return this.#renew();
  }

  /** What was handed out at this time has been refused where it was shown: true when the next `get` gives another. */
  invalidate(usedAt: number): boolean {
    if (this.#current !== undefined && usedAt < this.#obtainedAt) return true;
    if (this.#now() - this.#obtainedAt < youngMs) return false;
    this.#current = undefined;
    return true;
  }

  #renew(): Promise<T> {
    this.#underWay ??= this.#fetch().finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  async #fetch(): Promise<T> {
    try {
      const next = await this.#obtain();
      const now = this.#now();
      const lifetime = next.expiresAt - now;
      this.#current = next;
      this.#obtainedAt = now;
      this.#usableUntil = next.expiresAt - Math.min(marginMs, Math.max(0, lifetime) * marginShare);
      // Whichever is later, so that a token of a few minutes is not renewed all the time.
      this.#renewAt = now + Math.max(lifetime * earlyShare, lifetime - earlyMs);
      this.#failures = 0;
      this.#failure = undefined;
      this.#retryAt = 0;
      return next.value;
    } catch (error) {
      this.#failure = RutterError.from(error, 'ERR_PROVIDER_AUTHENTICATION', 'The credential could not be fetched.');
      this.#retryAt = this.#now() + Math.min(firstBackoffMs * 2 ** this.#failures, longestBackoffMs);
      this.#failures++;
      const still = this.#lastMoments(this.#now());
      if (still === undefined) throw this.#failure;
      return still;
    }
  }

  /** The value held, where it is near its end but nothing better could be had. */
  #lastMoments(now: number): T | undefined {
    return this.#current !== undefined && now < this.#current.expiresAt ? this.#current.value : undefined;
  }
}
