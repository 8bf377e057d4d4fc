/**
 * The two ways a reservation is measured: what was used within a window, and
 * how many slots are taken at this moment.
 *
 * A charge holds on to the very window or slot it made. Settling it changes
 * that one, never a window opened since under the same key.
 */
import type { Reservation } from '@rutter/plugin-sdk';
import type { Ending, Expiring } from './expiring.ts';

/** One key's count within one window. */
export interface Window extends Ending {
  used: number;
}

interface Slot extends Ending {
  readonly amount: number;
}

/** The slots of one key; ends with the last of them. */
export interface SlotSet extends Ending {
  readonly slots: Set<Slot>;
}

/** One reservation as it was charged. */
export interface Charge {
  /** As if it had never been. */
  undo(): void;
  settle(actual: number | undefined): void;
  /** A sign of life of the holder. */
  beat(): void;
  /** When nothing is left to settle, as things stand. */
  endsAtMs(): number;
}

export interface Meter {
  used(key: string): number;
  charge(reservation: Reservation): Charge;
  /** Milliseconds until what is used may have become less. */
  retryAfterMs(reservation: Reservation): number;
}

/** Fixed windows that open at their first charge. */
export function windowMeter(windows: Expiring<Window>, now: () => number): Meter {
  const chargeOf = (window: Window, amount: number, undo: () => void): Charge => ({
    undo,
    settle: (actual = amount) => {
      window.used = Math.max(0, window.used + actual - amount);
    },
    beat: () => {},
    endsAtMs: () => window.endsAtMs,
  });

  return {
    used: (key) => windows.get(key)?.used ?? 0,
    charge({ key, amount, windowMs }) {
      const open = windows.get(key);
      if (open === undefined) {
        const opened = { used: amount, endsAtMs: now() + windowMs };
        windows.set(key, opened);
        return chargeOf(opened, amount, () => windows.delete(key));
      }
      open.used += amount;
      return chargeOf(open, amount, () => {
        open.used -= amount;
      });
    },
    retryAfterMs: ({ key, windowMs }) => (windows.get(key)?.endsAtMs ?? now() + windowMs) - now(),
  };
}

/** How soon a slot may be tried for again: they come free at any moment. */
const slotRetryMs = 1_000;

/** Slots that come free when they are settled, or when their holder has been silent too long. */
export function slotMeter(slotSets: Expiring<SlotSet>, now: () => number): Meter {
  const live = (key: string): Iterable<Slot> => {
    const slots = slotSets.get(key)?.slots;
    if (slots === undefined) return [];
    const nowMs = now();
    for (const slot of slots) if (slot.endsAtMs <= nowMs) slots.delete(slot);
    return slots;
  };

  return {
    used(key) {
      let used = 0;
      for (const { amount } of live(key)) used += amount;
      return used;
    },
    charge({ key, amount, windowMs }) {
      const set = slotSets.get(key) ?? { slots: new Set<Slot>(), endsAtMs: 0 };
      const slot: Slot = { amount, endsAtMs: 0 };
      const extend = () => {
        slot.endsAtMs = now() + windowMs;
        set.endsAtMs = Math.max(set.endsAtMs, slot.endsAtMs);
      };
      const free = () => void set.slots.delete(slot);
      extend();
      slotSets.set(key, set);
      set.slots.add(slot);
      return {
        undo: free,
        settle: free,
        beat: () => (slot.endsAtMs > now() ? extend() : undefined),
        endsAtMs: () => slot.endsAtMs,
      };
    },
    retryAfterMs({ key, windowMs }) {
      let soonestMs = Math.min(slotRetryMs, windowMs);
      for (const { endsAtMs } of live(key)) soonestMs = Math.min(soonestMs, endsAtMs - now());
      return soonestMs;
    },
  };
}
