/**
 * The values by which the request path knows plugins of the sandbox: the same
 * shapes as of those inside, each call carried over the border.
 */
import type {
  Candidate,
  Guard,
  KernelEvent,
  KeyedCache,
  Kind,
  Observer,
  Outcome,
  Ranking,
  RequestContext,
  Strategy,
} from '@rutter/plugin-sdk';
import { RutterError } from '@rutter/plugin-sdk';
import { cacheKey } from '../plugins/cache-key.ts';
import type { AskedAhead, PluginInstance } from '../plugins/types.ts';
import { replyOf, verdictOf } from './amended.ts';
import { candidatesAt, type Shown } from './plain.ts';
import { type ProviderOffer, provider } from './provider.ts';
import type { Resident } from './resident.ts';
import { watchStream } from './watch.ts';

type Value = PluginInstance['value'];

/** What the plugin said of itself at set-up. */
export interface Offer {
  readonly parts: ReadonlySet<string>;
  readonly mode: Guard['mode'];
  readonly dimensions: number;
  readonly version: string;
  readonly features: readonly { readonly name: string; readonly timeoutMs: number | undefined }[];
  /** Of a cache. */
  readonly ttlMs?: number | undefined;
  /** Milliseconds between two turns of each of its timers. */
  readonly timers: readonly number[];
  /** Of a provider. */
  readonly provider?: ProviderOffer | undefined;
}

export interface Neighbour {
  readonly name: string;
  readonly resident: Resident;
  readonly shown: Shown;
  readonly offer: Offer;
  /** How long one answer may take. */
  readonly ms: number;
  /** Origins that the operator grants. */
  readonly origins: readonly string[];
}

/** What of each kind is asked in the sandbox. */
const served: Readonly<Partial<Record<Kind, readonly string[]>>> = {
  strategy: ['select', 'prepare', 'observe'],
  guard: ['mode', 'authorise', 'filter', 'checkRequest', 'checkReply', 'events'],
  observer: ['settled', 'changed'],
  embedder: ['embed', 'dimensions', 'version'],
  provider: ['origin', 'auth', 'whenClientLeaves', 'chat', 'completions', 'embeddings', 'failure'],
  cache: ['key', 'ttlMs'],
};

/** Left out without harm: what they would add is told in a warning. */
const leftOut: readonly string[] = [
  ...['health', 'explain', 'review', 'charge', 'charged', 'discharged', 'limits'],
  ...['variables', 'raw'],
];

/** What the contract has besides, and a plugin cannot do without if it brings it. Other names are its own affair. */
const needed: readonly string[] = [
  ...['routes', 'dialects', 'commands', 'migrations', 'wrap', 'services', 'guard', 'observer', 'provider'],
  ...['orchestrate', 'identify', 'reserve', 'apply', 'respond', 'resolve'],
];

/** Of a cache that keeps replies itself, which would hold what belongs to several callers. */
const keeping: readonly string[] = ['read', 'write'];

export function partsServed(kind: Kind): readonly string[] {
  return [...(served[kind] ?? []), 'dispose'];
}

/** Which of what the plugin returned is not served; `refused` are those it cannot do without. */
export function unserved(kind: Kind, parts: Iterable<string>) {
  const others = [...parts].filter((part) => !partsServed(kind).includes(part));
  return {
    leftOut: others.filter((part) => leftOut.includes(part)),
    refused: others.filter((part) => needed.includes(part) || (kind === 'cache' && keeping.includes(part))),
  };
}

export function makeValue(kind: Kind, neighbour: Neighbour): Value {
  const make = { strategy, guard, observer, embedder, provider: ofProvider, cache }[kind as string];
  if (make === undefined) throw new RutterError('ERR_PLUGIN_INVALID', `The sandbox has no place for a ${kind}.`);
  return make(neighbour) as Value;
}

function strategy({ resident, shown, offer, ms, name }: Neighbour): Strategy & AskedAhead {
  return {
    rank: (context, candidates) => {
      const argument = { context: shown.context(context), ...shown.candidates(candidates) };
      return resident.call('rank', argument, { ms, context }, (answer) => {
        const { ranking, looked } = (answer ?? {}) as { readonly ranking?: unknown; readonly looked?: unknown };
        shown.looked(looked);
        return rankingOf(ranking, candidates);
      });
    },
    select: () => {
      throw new RutterError('ERR_KERNEL_INTERNAL', `Strategy ${name} is asked ahead.`);
    },
    ...(offer.parts.has('observe') && {
      observe: (outcome: Outcome) => watch(resident, 'observe', shown.outcome(outcome), ms),
    }),
  };
}

function rankingOf(ranking: unknown, candidates: readonly Candidate[]): Ranking {
  if (ranking === undefined || ranking === null) return undefined;
  const isTied = Array.isArray(ranking) && Array.isArray(ranking[0]);
  if (!isTied) return candidatesAt(ranking, candidates);
  const tiers = ranking as readonly unknown[];
  if (!tiers.every((tier) => Array.isArray(tier)))
    throw new RutterError('ERR_PLUGIN_INVALID', 'it mixed ties with candidates');
  const flat = candidatesAt(tiers.flat(), candidates);
  let start = 0;
  return (tiers as readonly (readonly unknown[])[]).map(({ length }) => {
    start += length;
    return flat.slice(start - length, start);
  });
}

function guard(neighbour: Neighbour): Guard & Partial<AskedAhead> {
  const { resident, shown, offer, ms } = neighbour;
  const has = (part: string) => offer.parts.has(part);
  const nothing = () => undefined;
  return {
    ...(offer.mode !== undefined && { mode: offer.mode }),
    ...(has('authorise') && {
      authorise: (context, call, groups) =>
        resident.call(
          'authorise',
          { context: shown.context(context), call: shown.asked(call), groups },
          { ms, context, mayRefuse: 'guard' },
          nothing,
        ),
    }),
    ...(has('checkRequest') && {
      checkRequest: (context, call) =>
        resident.call(
          'checkRequest',
          { context: shown.context(context), call: shown.asked(call) },
          { ms, context, mayRefuse: 'guard' },
          verdictOf,
        ),
    }),
    ...(has('checkReply') && {
      checkReply: (context, reply) =>
        resident.call(
          'checkReply',
          { context: shown.context(context), reply },
          { ms, context, mayRefuse: 'guard' },
          (answer) => replyOf(answer, reply),
        ),
    }),
    ...(has('events') && {
      events: () => {
        throw new RutterError(
          'ERR_KERNEL_INTERNAL',
          `Guard ${neighbour.name} lives in the sandbox; it is told of events.`,
        );
      },
      watch: (context) => watchStream(neighbour, context),
    }),
    ...(has('filter') && filtering(neighbour)),
  };
}

/** `filter` is synchronous where candidates are picked: the verdict is asked for ahead, and read there. */
function filtering({ resident, shown, ms, name }: Neighbour): Pick<Guard, 'filter'> & Partial<AskedAhead> {
  const verdicts = new WeakMap<RequestContext, Set<Candidate>>();
  return {
    filterAhead: async (context, candidates) => {
      const argument = { context: shown.context(context), ...shown.candidates(candidates) };
      const kept = await resident.call('filter', argument, { ms, context }, (answer) =>
        answer === undefined || answer === null ? candidates : candidatesAt(answer, candidates),
      );
      const all = verdicts.get(context) ?? new Set();
      for (const candidate of candidates) all.delete(candidate);
      for (const candidate of kept) all.add(candidate);
      verdicts.set(context, all);
    },
    filter: (context, candidates) => {
      const kept = verdicts.get(context);
      if (kept === undefined) throw new RutterError('ERR_PLUGIN_DOWN', `Guard ${name} has not been asked.`);
      return candidates.filter((candidate) => kept.has(candidate));
    },
  };
}

function observer({ resident, shown, offer, ms }: Neighbour): Observer {
  return {
    ...(offer.parts.has('settled') && {
      settled: (outcome: Outcome) => watch(resident, 'settled', shown.outcome(outcome), ms),
    }),
    ...(offer.parts.has('changed') && { changed: (event: KernelEvent) => watch(resident, 'changed', event, ms) }),
  };
}

const watch = (resident: Resident, method: string, argument: object, ms: number): Promise<void> =>
  resident.call(method, argument, { ms }, () => undefined);

function ofProvider({ offer, ...neighbour }: Neighbour) {
  return provider({ ...neighbour, offer: offer.provider as ProviderOffer });
}

function cache({ resident, shown, offer, ms }: Neighbour): KeyedCache {
  return {
    ...(offer.ttlMs !== undefined && { ttlMs: offer.ttlMs }),
    key: (context, call, digest) => {
      const argument = { context: shown.context(context), call: shown.asked(call), digest: digest() };
      return resident.call('key', argument, { ms, context }, (answer) => {
        const { key, looked } = (answer ?? {}) as { readonly key?: unknown; readonly looked?: unknown };
        shown.looked(looked);
        return cacheKey(key);
      });
    },
  };
}

function embedder({ resident, offer, ms }: Neighbour) {
  const { dimensions, version } = offer;
  return {
    dimensions,
    version,
    embed: (texts: readonly string[]) =>
      resident.call('embed', { texts }, { ms }, (answer) => vectorsOf(answer, texts.length, dimensions)),
  };
}

function vectorsOf(answer: unknown, count: number, dimensions: number): Float32Array[] {
  const isRight =
    Array.isArray(answer) &&
    answer.length === count &&
    answer.every((one) => one instanceof Float32Array && one.length === dimensions && one.every(Number.isFinite));
  if (!isRight) throw new RutterError('ERR_PLUGIN_INVALID', `it gave no ${count} vectors of ${dimensions} numbers`);
  return answer as Float32Array[];
}
