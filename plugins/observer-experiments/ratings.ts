/** Marks of callers, by the variant that their request was given. */
import type { Feedback, FeedbackMark, FollowedFeedback } from '@rutter/plugin-sdk';
import type { Exposures, Given } from './exposures.ts';
import { noSample, type Sample, withScore } from './lift.ts';

interface Rated {
  readonly score: number;
  readonly receivedAt: number;
  readonly givenAt: number;
}

/** An exposure is written behind its request: a mark may be there first, but not for long. */
const lateMs = 60_000;

export class Ratings {
  readonly #exposures: Exposures;
  readonly #followed: FollowedFeedback<Map<string, Rated>>;
  readonly #now: () => number;
  /** Undefined for a request that was in no experiment. */
  #given = new Map<string, Given | undefined>();

  static async follow(feedback: Feedback, exposures: Exposures, now: () => number): Promise<Ratings> {
    return new Ratings(await feedback.follow(() => new Map<string, Rated>(), taken), exposures, now);
  }

  private constructor(followed: FollowedFeedback<Map<string, Rated>>, exposures: Exposures, now: () => number) {
    this.#followed = followed;
    this.#exposures = exposures;
    this.#now = now;
  }

  stop(): void {
    this.#followed.stop();
  }

  /** Looks up what the requests were given that have been rated since. */
  async refresh(): Promise<void> {
    const rated = this.#followed.current;
    const unknown = [...rated.keys()].filter((id) => !this.#given.has(id));
    const found = await this.#exposures.of(unknown);
    const kept = new Map<string, Given | undefined>();
    const old = this.#now() - lateMs;
    for (const [id, { givenAt }] of rated) {
      const given = this.#given.get(id) ?? found.get(id);
      if (given !== undefined || givenAt < old) kept.set(id, given);
    }
    this.#given = kept;
  }

  /** Scores of one variant, on requests from a moment on. */
  sample(experiment: string, variant: string, sinceMs: number): Sample {
    let sample = noSample;
    for (const [id, { score, receivedAt }] of this.#followed.current) {
      const given = this.#given.get(id);
      if (given?.experiment === experiment && given.variant === variant && receivedAt >= sinceMs)
        sample = withScore(sample, score);
    }
    return sample;
  }
}

/** The last word on a request counts; a preference alone is no score. */
function taken(rated: Map<string, Rated>, { requestId, score, receivedAt, givenAt }: FeedbackMark): void {
  if (score !== undefined) rated.set(requestId, { score, receivedAt, givenAt });
}
