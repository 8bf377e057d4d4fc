/** The latest marks of each user, bounded in both. */
import type { FeedbackMark } from '../../contract/feedback.ts';

const mostUsers = 10_000;
const none: readonly FeedbackMark[] = [];

export class LatestMarks {
  readonly #most: number;
  /** Whoever was heard of last at the end; the first goes where there are too many. */
  readonly #users = new Map<string, readonly FeedbackMark[]>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Marks of nobody in particular are passed over. */
  add(mark: FeedbackMark): void {
    const { subject } = mark;
    if (subject === undefined) return;
    const marks = [...(this.#users.get(subject) ?? none), mark].slice(-this.#most);
    this.#users.delete(subject);
    if (this.#users.size >= mostUsers) this.#users.delete(this.#users.keys().next().value as string);
    this.#users.set(subject, marks);
  }

  /** The oldest first. */
  of(subject: string | undefined): readonly FeedbackMark[] {
    return (subject === undefined ? undefined : this.#users.get(subject)) ?? none;
  }
}

/** Works out what follows from a mark when it is first needed: reading thousands of marks at a start is to be quick. */
export function onceForEach<T>(of: (mark: FeedbackMark) => T): (mark: FeedbackMark) => T {
  const known = new WeakMap<FeedbackMark, { readonly value: T }>();
  return (mark) => {
    const found = known.get(mark) ?? { value: of(mark) };
    known.set(mark, found);
    return found.value;
  };
}
