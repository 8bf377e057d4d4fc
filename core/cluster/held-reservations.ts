/**
 * What each worker has reserved and not settled: a worker that dies can settle
 * nothing any more, and its parallel slots must not stay taken.
 */
import type { Reservation, ReserveResult, State } from '@rutter/plugin-sdk';

export class HeldReservations {
  readonly #byWorker = new Map<number, Map<string, readonly Reservation[]>>();

  /** To be told of every call and its result. */
  saw(worker: number, { method, args, result }: { method: string; args: readonly unknown[]; result: unknown }): void {
    if (method === 'settle') this.#byWorker.get(worker)?.delete(args[0] as string);
    if (method !== 'reserve') return;
    const { granted, id } = result as Partial<Extract<ReserveResult, { granted: true }>>;
    const reservations = args[0] as readonly Reservation[];
    if (!granted || id === undefined || !reservations.some(({ measure }) => measure === 'parallel')) return;
    const held = this.#byWorker.get(worker) ?? new Map<string, readonly Reservation[]>();
    this.#byWorker.set(worker, held.set(id, reservations));
  }

  /** Gives back the slots of a worker that is gone; what else it reserved stays charged, since nobody knows how far it came. */
  async release(worker: number, state: State): Promise<void> {
    const held = this.#byWorker.get(worker);
    this.#byWorker.delete(worker);
    for (const [id, reservations] of held ?? [])
      await state.settle(
        id,
        reservations.map(({ measure, amount }) => (measure === 'parallel' ? 0 : amount)),
      );
  }
}
