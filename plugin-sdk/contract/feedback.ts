/**
 * What callers say of the answers they were given, for whoever learns from it.
 */
import type { RequestContext } from './request.ts';

/** What is kept of one answered request. */
export interface RatedAnswer {
  readonly requestId: string;
  readonly group: string;
  /** Undefined where a cache or a plugin answered. */
  readonly deployment: string | undefined;
  /** Names by which a router may know the model that answered, the nearest first; none where no model did. */
  readonly names: readonly string[];
}

/** One caller's word on one answer: a score, a preference, or both. */
export interface FeedbackMark extends RatedAnswer {
  /** Rises with each mark of the store; the order in which to learn. */
  readonly sequence: number;
  /** Stable id of the key that asked, and rated. */
  readonly principal: string;
  /** For whom the request was made, within that key; '' where nobody was named. */
  readonly user: string;
  /** As {@link Feedback.subject} gives it; undefined where nobody was named. */
  readonly subject: string | undefined;
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
  readonly givenAt: number;
  /** How good the answer was, 0 to 1. */
  readonly score: number | undefined;
  /** Another answer of the same key, and how far this one is better: 1 clearly, 0.5 not at all, 0 clearly worse. */
  readonly over: (RatedAnswer & { readonly strength: number }) | undefined;
  /** What a router sees of the question; undefined where it was not kept or cannot be read any more. */
  readonly features:
    | {
        /** Version of the embedder. */
        readonly embedder: string;
        readonly embedding: Float32Array;
        readonly traits: Float32Array;
      }
    | undefined;
  /** SHA-256 of the words of the request, lower-case hex. */
  readonly promptHash: string;
  /** The words themselves, where the operator has them kept. */
  readonly prompt: string | undefined;
}

/** A state that follows the marks; see {@link Feedback.follow}. */
export interface FollowedFeedback<S> {
  readonly current: S;
  stop(): void;
}

/** The marks of all callers, in one order for all workers and replicas that share a store. */
export interface Feedback {
  /** Whose taste a request is answered to: its user within its key. Undefined where nobody is named. */
  subject(context: RequestContext): string | undefined;
  /** Marks with a higher sequence, oldest first, at most `limit` (1,000 at most); an empty page is the end. */
  marks(after: number, limit: number): Promise<readonly FeedbackMark[]>;
  /**
   * Keeps a state that is the sum of the marks: `apply` is called for each kept mark in order, and for each new one.
   * Where marks were changed or erased, a new state is made from those that are left and takes the place of
   * `current` in one step, so that nothing of an erased mark remains. Resolves when `current` has caught up, or could
   * not for now; it never rejects for a store that is away.
   */
  follow<S>(start: () => S, apply: (state: S, mark: FeedbackMark) => void): Promise<FollowedFeedback<S>>;
}
