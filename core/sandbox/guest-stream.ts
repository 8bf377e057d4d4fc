/**
 * One stream that a plugin in the sandbox follows: opened by its first
 * question, and lost with the isolate that was told of it.
 */
import { RutterError } from '@rutter/plugin-sdk';
import type { Asking, Resident } from './resident.ts';

export interface StreamMethods {
  /** Asked with `{ stream, open?, … }`. */
  readonly ask: string;
  readonly close: string;
}

let last = 0;

export class GuestStream {
  readonly #resident: Resident;
  readonly #methods: StreamMethods;
  readonly #number: number;
  /** What the first question carries; undefined afterwards. */
  #open: object | undefined;
  readonly #isolate: number;

  constructor(resident: Resident, methods: StreamMethods, open: object) {
    last += 1;
    this.#number = last;
    this.#resident = resident;
    this.#methods = methods;
    this.#open = open;
    this.#isolate = resident.isolate;
  }

  /** One question at a time, in order. */
  async ask<T>(more: object, asking: Asking, accept: (answer: unknown) => T): Promise<T> {
    if (this.#resident.isolate !== this.#isolate)
      throw new RutterError('ERR_PLUGIN_DOWN', 'The sandbox was opened again in the midst of a stream.');
    const open = this.#open;
    this.#open = undefined;
    const argument = { stream: this.#number, ...(open && { open }), ...more };
    return this.#resident.call(this.#methods.ask, argument, asking, accept);
  }

  close(): void {
    if (this.#open === undefined && this.#resident.isolate === this.#isolate)
      this.#resident.tell(this.#methods.close, { stream: this.#number });
  }
}
