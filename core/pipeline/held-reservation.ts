/**
 * What has been reserved for a call, or for one attempt of it, until it is
 * settled: exactly once, whatever became of the call.
 */
import type { Reservation, State } from '@rutter/plugin-sdk';

/** What was used in the end. */
export interface Used {
  /** False for a call that was never sent. */
  readonly isSent: boolean;
  readonly tokens: number;
  readonly nanoUsd: number;
}

/** Renewed three times within the life of its slots, at most once a second. */
const leastBeatMs = 1000;

export class HeldReservation {
  readonly reservations: readonly Reservation[];
  readonly #state: State;
  readonly #id: string;
  readonly #heartbeat: NodeJS.Timeout | undefined;
  #isSettled = false;

  constructor(state: State, id: string, reservations: readonly Reservation[]) {
    this.#state = state;
    this.#id = id;
    this.reservations = reservations;
    const slots = reservations.filter(({ measure }) => measure === 'parallel');
    if (slots.length === 0) return;
    const beatMs = Math.max(leastBeatMs, Math.min(...slots.map(({ windowMs }) => windowMs)) / 3);
    this.#heartbeat = setInterval(() => void state.heartbeat(id).catch(() => {}), beatMs).unref();
  }

  /** Gives what each reservation is settled with; undefined the second time. */
  settle(used: Used, onError: (error: unknown) => void): readonly number[] | undefined {
    if (this.#isSettled) return undefined;
    this.#isSettled = true;
    clearInterval(this.#heartbeat);
    const actual = this.reservations.map((reservation) => actualOf(reservation, used));
    this.#state.settle(this.#id, actual).catch(onError);
    return actual;
  }
}

function actualOf({ measure, amount }: Reservation, { isSent, tokens, nanoUsd }: Used): number {
  if (measure === 'requests') return isSent ? amount : 0;
  if (measure === 'tokens') return tokens;
  return measure === 'nano-usd' ? nanoUsd : 0;
}
