/**
 * Prefers the deployments that have lately answered fastest.
 *
 * Whole replies are compared by their time for each token, streams by the time
 * to their first content. Among those nearly as fast as the fastest the less
 * busy of two drawn by chance goes first. What has not been measured lately is
 * tried at once, but with one call at a time.
 */
import { type Attempt, type Candidate, definePlugin, type Outcome, z } from '@rutter/plugin-sdk';
import { deploymentLimits, expectedReplies, shuffle, slowStart } from '@rutter/plugin-sdk/routing';
import { type Speeds, speeds } from './speeds.ts';

const config = z.strictObject({
  lowest_latency_buffer: z
    .number()
    .min(0)
    .default(0)
    .describe('How much slower than the fastest is still as good, as a share: 0.5 is half as slow again.'),
  max_latency_list_size: z.int().min(1).max(1000).default(10).describe('Samples kept of each deployment.'),
  ttl: z.number().positive().default(3600).describe('Seconds for which a sample counts.'),
  half_life: z
    .number()
    .positive()
    .default(300)
    .describe('Seconds after which a sample weighs half as much as a new one.'),
  exploration: z
    .number()
    .min(0)
    .max(1)
    .default(0.02)
    .describe('Share of requests given to one of the slower ones, to see whether it has recovered.'),
});

export default definePlugin({
  kind: 'strategy',
  config,
  setup(host, options) {
    const replies = expectedReplies(host);
    const starts = slowStart(host);
    const limits = deploymentLimits(host, { replies });
    const measured = speeds(host, {
      most: options.max_latency_list_size,
      ttlMs: options.ttl * 1000,
      halfLifeMs: options.half_life * 1000,
    });

    return {
      charge: limits.charge,
      charged: limits.charged,
      discharged: limits.discharged,
      select(context, candidates) {
        const held = starts.held(candidates);
        const sort = context.features.get('stream') === 1 ? 'stream' : 'whole';
        const entries = candidates.map((candidate): Entry => {
          const speed = measured.of(candidate.deployment.id, sort);
          const { inFlight, errorRate } = candidate.live;
          // A call that fails has to be made again: what is expected is the time until one succeeds.
          const expected = speed === undefined ? 0 : speed / Math.max(leastSuccess, 1 - errorRate);
          const standing = limits.isFull(context, candidate)
            ? 3
            : held.has(candidate) || (speed === undefined && inFlight > 0)
              ? 2
              : speed === undefined
                ? 0
                : 1;
          return { candidate, standing, expected, inFlight };
        });
        shuffle(entries, host.random).sort(
          (a, b) => a.standing - b.standing || a.expected - b.expected || a.inFlight - b.inFlight,
        );
        promote(entries, {
          buffer: options.lowest_latency_buffer,
          exploration: options.exploration,
          random: host.random,
        });
        return entries.map(({ candidate }) => candidate);
      },
      observe(outcome) {
        replies.observe(outcome);
        starts.observe(outcome);
        record(outcome, measured);
      },
    };
  },
});

/** Share of successes below which a deployment is held to be no worse. */
const leastSuccess = 0.05;

interface Entry {
  readonly candidate: Candidate;
  /** 0 not measured and free, 1 measured, 2 held back, 3 full. */
  readonly standing: number;
  /** Lower is better; in milliseconds, for each token or until the first. */
  readonly expected: number;
  readonly inFlight: number;
}

interface Promotion {
  readonly buffer: number;
  readonly exploration: number;
  readonly random: () => number;
}

/** Puts one of those that are nearly as fast as the first, or now and then one of the slower, ahead of it. */
function promote(entries: Entry[], { buffer, exploration, random }: Promotion): void {
  const [first] = entries;
  if (first?.standing !== 1) return;
  const alike = countWhile(
    entries,
    ({ standing, expected }) => standing === 1 && expected <= first.expected * (1 + buffer),
  );
  const measured = countWhile(entries, ({ standing }) => standing === 1);
  if (measured > alike && random() < exploration) {
    toFront(entries, alike + Math.floor(random() * (measured - alike)));
    return;
  }
  if (alike < 2) return;
  // Of two drawn by chance: the least busy of all would have every gateway send its burst to one place.
  const one = Math.floor(random() * alike);
  const other = (one + 1 + Math.floor(random() * (alike - 1))) % alike;
  toFront(entries, (entries[other] as Entry).inFlight < (entries[one] as Entry).inFlight ? other : one);
}

function countWhile(entries: readonly Entry[], test: (entry: Entry) => boolean): number {
  const end = entries.findIndex((entry) => !test(entry));
  return end < 0 ? entries.length : end;
}

function toFront(entries: Entry[], index: number): void {
  entries.unshift(...entries.splice(index, 1));
}

/** A timeout says that the deployment is at least so slow; any other failure says nothing of its speed. */
function record({ attempts, stream, usage, cacheHit, parts }: Outcome, measured: Speeds): void {
  // Of a request of several calls each has been seen by itself.
  if (cacheHit || parts) return;
  const served = attempts.filter(({ error }) => error === undefined);
  for (const attempt of attempts)
    if (attempt.error?.code === 'ERR_PROVIDER_TIMEOUT')
      measured.add(attempt.deployment, stream ? 'stream' : 'whole', { ms: tookMs(attempt), tokens: 1 });
  const [only] = served;
  // With several, whose the tokens are cannot be told.
  if (only === undefined || served.length > 1) return;
  if (stream && only.firstTokenMs !== undefined)
    measured.add(only.deployment, 'stream', { ms: only.firstTokenMs - only.startedMs, tokens: 1 });
  else if (!stream) {
    const tokens = usage === undefined ? 1 : usage.output + (usage.reasoning ?? 0);
    measured.add(only.deployment, 'whole', { ms: tookMs(only), tokens: Math.max(1, tokens) });
  }
}

const tookMs = ({ startedMs, endedMs }: Attempt): number => endedMs - startedMs;
