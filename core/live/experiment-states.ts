/** What operators and guards have made of experiments, and what shadows have said; outlives generations. */

import type { Steering } from '@rutter/plugin-sdk';

export interface ShadowCount {
  asked: number;
  agreed: number;
  /** Times it left the choice to others, or failed. */
  silent: number;
  /** Times there were too many under way. */
  skipped: number;
}

const untouched: Steering = Object.freeze({ off: Object.freeze({}) });
/** Names are those of configurations: this many are never written. */
const most = 1024;

export class ExperimentStates {
  readonly #steered = new Map<string, Steering>();
  readonly #shadows = new Map<string, ShadowCount>();

  of(experiment: string): Steering {
    return this.#steered.get(experiment) ?? untouched;
  }

  steer(experiment: string, steered: Steering): void {
    if (this.#steered.size < most || this.#steered.has(experiment)) this.#steered.set(experiment, steered);
  }

  shadow(name: string): ShadowCount {
    let count = this.#shadows.get(name);
    if (!count) {
      count = { asked: 0, agreed: 0, silent: 0, skipped: 0 };
      if (this.#shadows.size < most) this.#shadows.set(name, count);
    }
    return count;
  }
}
