/** Sets of candidates that a strategy may meet: generated ones by seed, and hand-picked extremes. */
import type { Candidate, Deployment, LiveNumbers } from '../contract/request.ts';
import { candidate } from './fixtures.ts';
import { seededRandom } from './random.ts';

const sizes = [1, 2, 3, 5, 10, 100];

/** The same seed gives equal candidates, in new objects each time. */
export function generatedCandidates(seed: number): Candidate[] {
  const random = seededRandom(seed);
  const upTo = (limit: number) => Math.floor(random() * limit);
  const maybe = <T>(value: T): T | undefined => (random() < 0.5 ? value : undefined);

  return Array.from({ length: sizes[upTo(sizes.length)] ?? 1 }, (_, index) => {
    const samples = upTo(30);
    const live: Partial<LiveNumbers> = {
      samples,
      latencyMs: samples === 0 ? 0 : random() * 5_000,
      firstTokenMs: samples === 0 ? 0 : random() * 800,
      inFlight: upTo(6),
      errorRate: random(),
      requestsThisMinute: upTo(100),
      tokensThisMinute: upTo(50_000),
      cooledUntil: upTo(2),
    };
    return candidate(
      `deployment-${index}`,
      live,
      given({
        weight: maybe(upTo(5)),
        order: maybe(upTo(3)),
        rpm: maybe(upTo(200)),
        tpm: maybe(upTo(100_000)),
        prices: maybe({ input: BigInt(upTo(9_000)), output: BigInt(upTo(90_000)) }),
      }),
    );
  });
}

const given = (fields: { [K in keyof Deployment]?: Deployment[K] | undefined }): Partial<Deployment> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

const huge = Number.MAX_SAFE_INTEGER;
const extremeLive: readonly Partial<LiveNumbers>[] = [
  {},
  {
    samples: huge,
    latencyMs: huge,
    firstTokenMs: huge,
    inFlight: huge,
    errorRate: 1,
    requestsThisMinute: huge,
    tokensThisMinute: huge,
    cooledUntil: huge,
  },
  { samples: 1, latencyMs: Number.MIN_VALUE, firstTokenMs: Number.MIN_VALUE },
  { samples: 1, latencyMs: 1e308, firstTokenMs: 1e308 },
];
const extremeSettings: readonly Partial<Deployment>[] = [
  {},
  { weight: 0 },
  { weight: 0, rpm: 0, tpm: 0, order: 0, maxParallelRequests: 0 },
  { weight: Number.MIN_VALUE },
  { weight: huge, rpm: huge, tpm: huge, order: huge },
  { order: -1, prices: {} },
  { prices: { input: 0n, output: 0n } },
  { prices: { input: 10n ** 30n, output: 10n ** 30n } },
];

/** Every extreme alone, every pair of them, and groups that are all alike. */
export function extremeCandidates(): Candidate[][] {
  const all = extremeLive.flatMap((live) => extremeSettings.map((settings) => ({ live, settings })));
  const make = (entries: typeof all) =>
    entries.map(({ live, settings }, index) => candidate(`deployment-${index}`, live, settings));
  const alone = all.map((entry) => make([entry]));
  const pairs = all.flatMap((first) => all.map((second) => make([first, second])));
  const alike = all.map((entry) => make([entry, entry, entry]));
  return [...alone, ...pairs, ...alike, make(all)];
}
