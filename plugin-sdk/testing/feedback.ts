/** Feedback that a test gives itself. */
import type { Feedback, FeedbackMark } from '../contract/feedback.ts';

export interface FakeFeedback extends Feedback {
  /** Tells it to all who follow; what is left out says nothing. */
  give(mark: Partial<FeedbackMark>): void;
  /** Takes back what fits: who follows begins again with what is left. */
  erase(fits: (mark: FeedbackMark) => boolean): void;
}

/** Keeps what it is given in memory. The subject of a request is its end user. */
export function fakeFeedback(): FakeFeedback {
  let kept: FeedbackMark[] = [];
  let last = 0;
  const followers = new Set<{ mark(mark: FeedbackMark): void; restart(): void }>();
  return {
    subject: ({ endUser }) => endUser,
    marks: async (after, limit) => kept.filter(({ sequence }) => sequence > after).slice(0, limit),
    async follow(start, apply) {
      let current = start();
      const follower = {
        mark: (mark: FeedbackMark) => apply(current, mark),
        restart() {
          current = start();
          for (const mark of kept) apply(current, mark);
        },
      };
      follower.restart();
      followers.add(follower);
      return {
        get current() {
          return current;
        },
        stop: () => void followers.delete(follower),
      };
    },
    give(mark) {
      const whole = { ...blank, ...mark, sequence: ++last };
      kept.push(whole);
      for (const follower of followers) follower.mark(whole);
    },
    erase(fits) {
      kept = kept.filter((mark) => !fits(mark));
      for (const follower of followers) follower.restart();
    },
  };
}

const blank: FeedbackMark = {
  sequence: 0,
  requestId: 'request-1',
  principal: 'key-1',
  user: '',
  subject: undefined,
  group: 'group',
  deployment: 'deployment-1',
  names: [],
  receivedAt: 0,
  givenAt: 0,
  score: undefined,
  over: undefined,
  features: undefined,
  promptHash: '',
  prompt: undefined,
};
