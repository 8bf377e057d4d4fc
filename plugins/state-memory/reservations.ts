/** Reservations: charged all or none in one synchronous step, and settled once. */
import { type Reservation, type ReserveResult, RutterError } from '@rutter/plugin-sdk';
import type { Ending, Expiring } from './expiring.ts';
import type { Charge, Meter } from './meters.ts';

/** A reservation that has not been settled. */
export interface Held extends Ending {
  readonly charges: readonly Charge[];
}

export interface Parts {
  readonly held: Expiring<Held>;
  readonly windows: Meter;
  readonly slots: Meter;
  nextId(): string;
}

export function reservationsOf({ held, windows, slots, nextId }: Parts) {
  function reserve(reservations: readonly Reservation[]): ReserveResult {
    for (const reservation of reservations) checkReservation(reservation);
    const charges: Charge[] = [];
    const remaining: number[] = [];
    try {
      for (const [index, reservation] of reservations.entries()) {
        const meter = reservation.measure === 'parallel' ? slots : windows;
        const current = meter.used(reservation.key);
        // Written so that a limit that is no number refuses.
        if (!(current + reservation.amount <= reservation.limit)) {
          undo(charges);
          return { granted: false, index, current, retryAfterMs: meter.retryAfterMs(reservation) };
        }
        charges.push(meter.charge(reservation));
        remaining.push(reservation.limit - current - reservation.amount);
      }
      const id = nextId();
      held.set(id, { charges, endsAtMs: endOf(charges) });
      return { granted: true, id, remaining };
    } catch (error) {
      undo(charges);
      throw error;
    }
  }

  function settle(id: string, actual: readonly number[]): void {
    const found = held.get(id);
    if (found === undefined) return;
    held.delete(id);
    for (const [index, charge] of found.charges.entries()) charge.settle(actual[index]);
  }

  function heartbeat(id: string): void {
    const found = held.get(id);
    if (found === undefined) return;
    for (const charge of found.charges) charge.beat();
    found.endsAtMs = endOf(found.charges);
  }

  return { reserve, settle, heartbeat };
}

const endOf = (charges: readonly Charge[]) => charges.reduce((last, charge) => Math.max(last, charge.endsAtMs()), 0);

// Last first: an entry may have been charged to a window that an earlier one opened.
function undo(charges: readonly Charge[]): void {
  for (const charge of charges.toReversed()) charge.undo();
}

function checkReservation({ key, amount, windowMs }: Reservation): void {
  if (amount >= 0 && amount < Number.POSITIVE_INFINITY && windowMs > 0) return;
  throw new RutterError(
    'ERR_PLUGIN_INVALID',
    `A reservation of ${amount} over ${windowMs} ms was asked for '${key}'; expected an amount from 0 up and a window above 0.`,
  );
}
