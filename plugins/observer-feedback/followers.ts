/**
 * States that follow the marks: each is a function of the marks in the store,
 * applied in their order, so that workers agree without talking of anything
 * but that there is something new.
 */
import type { FeedbackMark, FollowedFeedback, Log } from '@rutter/plugin-sdk';
import { type MarkRow, type Marks, markOf } from './marks.ts';

const page = 500;
const mostRestarts = 5;

interface Follower {
  catchUp(): Promise<void>;
}

export interface FollowersOptions {
  readonly marks: Pick<Marks, 'after' | 'standing'>;
  readonly log: Log;
  /** Of more marks than these only the latest count. */
  readonly mostMarks: number;
}

export class Followers {
  readonly #options: FollowersOptions;
  readonly #all = new Set<Follower>();
  #running: Promise<void> | undefined;
  #isWanted = false;

  constructor(options: FollowersOptions) {
    this.#options = options;
  }

  /** Lets everyone catch up. Calls while it runs make it look once more. */
  wake(): Promise<void> {
    this.#isWanted = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    while (this.#isWanted) {
      this.#isWanted = false;
      for (const follower of this.#all) await follower.catchUp();
    }
  }

  async follow<S>(start: () => S, apply: (state: S, mark: FeedbackMark) => void): Promise<FollowedFeedback<S>> {
    const state = new Following(this.#options, start, apply);
    const follower = {
      catchUp: () =>
        state.catchUp().catch((error: unknown) => {
          this.#options.log.warn({ reason: String(error) }, 'feedback cannot be read; what was learnt before goes on');
        }),
    };
    this.#all.add(follower);
    await follower.catchUp();
    return {
      get current() {
        return state.current;
      },
      stop: () => void this.#all.delete(follower),
    };
  }
}

/** One state. */
class Following<S> {
  current: S;
  readonly #options: FollowersOptions;
  readonly #start: () => S;
  readonly #apply: (state: S, mark: FeedbackMark) => void;
  #epoch = -1;
  #last = 0;

  constructor(options: FollowersOptions, start: () => S, apply: (state: S, mark: FeedbackMark) => void) {
    this.#options = options;
    this.#start = start;
    this.#apply = apply;
    this.current = start();
  }

  async catchUp(): Promise<void> {
    const { marks, mostMarks } = this.#options;
    for (let left = mostRestarts; left > 0; left--) {
      const { epoch, last } = await marks.standing();
      if (epoch === this.#epoch && last <= this.#last) return;
      const isNew = epoch !== this.#epoch;
      const state = isNew ? this.#start() : this.current;
      const reached = await this.#read(state, isNew ? Math.max(0, last - mostMarks) : this.#last);
      // Read while marks were being erased, it may be the sum of both.
      if ((await marks.standing()).epoch !== epoch) continue;
      this.current = state;
      this.#epoch = epoch;
      this.#last = reached;
      return;
    }
  }

  async #read(state: S, from: number): Promise<number> {
    let at = from;
    for (;;) {
      const rows: readonly MarkRow[] = await this.#options.marks.after(at, page);
      for (const row of rows) {
        at = row.sequence as number;
        this.#apply(state, markOf(row));
      }
      if (rows.length < page) return at;
    }
  }
}
