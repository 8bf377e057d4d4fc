/**
 * The tapable hooks of one generation. Only the kernel taps them on behalf of
 * plugins; an extension may tap them itself.
 */
import type { Candidate, ChatReply, Extension, Outcome, Ranking, RequestContext, Strategy } from '@rutter/plugin-sdk';
import { AsyncSeriesBailHook, AsyncSeriesWaterfallHook, SyncBailHook, SyncHook } from 'tapable';
import { onBehalfOf } from '../plugins/build-fault.ts';
import type { AskedAhead, PluginInstance } from '../plugins/types.ts';
import type { ModelCall } from './model-call.ts';
import type { Target } from './models.ts';
import type { Held } from './path.ts';
import type { Served } from './served.ts';

export interface Hooks {
  /** The first reply ends the search. */
  readonly preRoute: AsyncSeriesBailHook<[ModelCall], Served | undefined>;
  /** The first ranking wins. Taps ahead of all strategies. */
  readonly select: SyncBailHook<[RequestContext, readonly Candidate[]], Ranking>;
  /** Once a candidate, ahead of its upstream; a reply stands in for it. */
  readonly call: AsyncSeriesBailHook<[ModelCall, Target], Served | undefined>;
  /** May amend a whole reply before its first byte leaves. */
  readonly postCall: AsyncSeriesWaterfallHook<[ChatReply, ModelCall]>;
  /** Only watches. */
  readonly settled: SyncHook<[Outcome]>;
}

export function createHooks(extensions: readonly PluginInstance<'extension'>[]): Hooks {
  const hooks: Hooks = {
    preRoute: new AsyncSeriesBailHook(['call'], 'preRoute'),
    select: new SyncBailHook(['context', 'candidates'], 'select'),
    call: new AsyncSeriesBailHook(['call', 'target'], 'call'),
    postCall: new AsyncSeriesWaterfallHook(['reply', 'call'], 'postCall'),
    settled: new SyncHook(['outcome'], 'settled'),
  };
  for (const extension of extensions)
    onBehalfOf(extension.name, () =>
      (extension.value as Extension).apply?.(hooks as unknown as Parameters<NonNullable<Extension['apply']>>[0]),
    );
  return hooks;
}

/** What a selector answers: who goes first and why. */
export interface Selection {
  readonly ranking: readonly Candidate[];
  readonly reason: string;
  /** Those that ranked, the first one first. */
  readonly by: readonly PluginInstance[];
}

interface RankedBy {
  readonly ranking: NonNullable<Ranking>;
  readonly index: number;
}

/** Reports a tap that failed; the request goes on without it. */
export type OnFault = (instance: PluginInstance, error: unknown) => void;

/**
 * The strategies of one group as hooks: the first ranking wins, its ties go to
 * the strategies after it, silence means configured order.
 */
export class Selector {
  readonly #hooks: readonly SelectHook[];
  /** Set where a strategy cannot answer at once: all of them are then asked through these. */
  readonly #hooksAhead: readonly SelectAheadHook[] | undefined;
  /** Ties that were shared so far. */
  #turn = 0;
  readonly strategies: readonly PluginInstance<'strategy'>[];
  readonly orchestrator: PluginInstance<'strategy'> | undefined;
  readonly preparers: readonly PluginInstance<'strategy'>[];
  /** Those that look at the ranking again when it is there. */
  readonly reviewers: readonly PluginInstance<'strategy'>[];
  /** Those with limits of their own. */
  readonly chargers: readonly Held<Strategy>[];

  constructor(strategies: readonly PluginInstance<'strategy'>[], hooks: Hooks, onFault: OnFault) {
    this.strategies = strategies;
    this.orchestrator = strategies.find(({ value }) => (value as Strategy).orchestrate !== undefined);
    this.preparers = strategies.filter(({ value }) => (value as Strategy).prepare !== undefined);
    this.reviewers = strategies.filter(({ value }) => (value as Strategy).review !== undefined);
    this.chargers = strategies.flatMap((instance) => {
      const value = instance.value as Strategy;
      return value.charge ? [{ instance, value }] : [];
    });
    const isAhead = strategies.some(({ value }) => (value as AskedAhead).rank !== undefined);
    const parts = { strategies, hooks, onFault };
    this.#hooks = isAhead ? [] : hooksOf(parts);
    this.#hooksAhead = isAhead ? hooksAheadOf(parts) : undefined;
  }

  /** Whether `selectAhead` has to be asked in the stead of `select`. */
  get isAhead(): boolean {
    return this.#hooksAhead !== undefined;
  }

  /** As `select`, where a strategy answers later; a strategy that is late, down or wrong is passed over. */
  async selectAhead(context: RequestContext, candidates: readonly Candidate[], from = 0): Promise<Selection> {
    const first = candidates.length > 1 ? await this.#hooksAhead?.[from]?.promise(context, candidates) : undefined;
    if (!first) return this.#unranked(candidates, from);
    const parts = this.#parts(first);
    return parts.tie ? joined(parts, await this.selectAhead(context, parts.tie, first.index + 1)) : parts;
  }

  select(context: RequestContext, candidates: readonly Candidate[], from = 0): Selection {
    const first = candidates.length > 1 ? this.#hooks[from]?.call(context, candidates) : undefined;
    if (!first) return this.#unranked(candidates, from);
    const parts = this.#parts(first);
    return parts.tie ? joined(parts, this.select(context, parts.tie, first.index + 1)) : parts;
  }

  /** Silence of all leaves the configured order; a tie that nobody breaks is shared. */
  #unranked(candidates: readonly Candidate[], from: number): Selection {
    if (candidates.length < 2) return { ranking: candidates, reason: 'the only candidate', by: nobody };
    if (from === 0) return { ranking: candidates, reason: 'first in configured order', by: nobody };
    const first = inTurn(candidates, this.#turn++);
    return { ranking: [first, ...candidates.filter((one) => one !== first)], reason: 'in turn', by: nobody };
  }

  #parts({ ranking, index }: RankedBy): Parts {
    const instance = this.strategies[index];
    const said = { reason: `chosen by ${instance?.name ?? 'an extension'}`, by: instance ? [instance] : [] };
    const [first, ...others] = ranking as readonly (readonly Candidate[])[];
    if (!Array.isArray(first)) return { ...said, tie: undefined, ranking: ranking as readonly Candidate[] };
    const rest = others.flat();
    return first.length < 2
      ? { ...said, tie: undefined, ranking: [...first, ...rest] }
      : { ...said, tie: first, ranking: rest };
  }
}

/** A ranking; where its first place is a tie, what comes behind that. */
interface Parts extends Selection {
  readonly tie: readonly Candidate[] | undefined;
}

const joined = ({ ranking, reason, by }: Parts, broken: Selection): Selection => ({
  ranking: [...broken.ranking, ...ranking],
  reason: `${reason}, then ${broken.reason}`,
  by: [...by, ...broken.by],
});

type SelectHook = SyncBailHook<[RequestContext, readonly Candidate[]], RankedBy | undefined>;
type SelectAheadHook = AsyncSeriesBailHook<[RequestContext, readonly Candidate[]], RankedBy | undefined>;

interface SelectorParts {
  readonly strategies: readonly PluginInstance<'strategy'>[];
  readonly hooks: Hooks;
  readonly onFault: OnFault;
}

const nobody: readonly PluginInstance[] = Object.freeze([]);

/** By weight, 1 where there is none, as evenly as can be: multiples of the golden ratio leave no gaps. */
function inTurn(candidates: readonly Candidate[], turn: number): Candidate {
  const weightOf = ({ deployment }: Candidate) => Math.max(0, deployment.weight ?? 1);
  const total = candidates.reduce((sum, one) => sum + weightOf(one), 0);
  let left = ((turn * 0.6180339887498949) % 1) * total;
  for (const one of candidates) {
    left -= weightOf(one);
    if (left < 0) return one;
  }
  return candidates[0] as Candidate;
}

/** One hook per starting point, so that the ties of strategy n are broken by n + 1 and those after it. */
function hooksOf({ strategies, hooks, onFault }: SelectorParts): readonly SelectHook[] {
  return Array.from({ length: strategies.length + 1 }, (_, from) => {
    const hook: SelectHook = new SyncBailHook(['context', 'candidates'], 'select');
    if (from === 0 && hooks.select.isUsed())
      hook.tap('extensions', (context, candidates) => byExtensions(hooks, context, candidates));
    strategies.slice(from).forEach((instance, offset) => {
      hook.tap(instance.name, (context, candidates) => ranked(instance, from + offset, onFault, context, candidates));
    });
    return hook;
  });
}

/** The same where some are asked ahead; those inside answer in their turn. */
function hooksAheadOf({ strategies, hooks, onFault }: SelectorParts): readonly SelectAheadHook[] {
  return Array.from({ length: strategies.length + 1 }, (_, from) => {
    const hook: SelectAheadHook = new AsyncSeriesBailHook(['context', 'candidates'], 'select');
    if (from === 0 && hooks.select.isUsed())
      hook.tap('extensions', (context, candidates) => byExtensions(hooks, context, candidates));
    strategies.slice(from).forEach((instance, offset) => {
      hook.tapPromise(instance.name, (context, candidates) =>
        rankedAhead(instance, from + offset, onFault, context, candidates),
      );
    });
    return hook;
  });
}

function byExtensions(hooks: Hooks, context: RequestContext, candidates: readonly Candidate[]): RankedBy | undefined {
  const ranking = hooks.select.call(context, candidates);
  return ranking && { ranking, index: -1 };
}

async function rankedAhead(
  instance: PluginInstance<'strategy'>,
  index: number,
  onFault: OnFault,
  context: RequestContext,
  candidates: readonly Candidate[],
): Promise<RankedBy | undefined> {
  const { rank } = instance.value as AskedAhead;
  if (rank === undefined) return ranked(instance, index, onFault, context, candidates);
  try {
    const ranking = await rank(context, candidates);
    const known = ranking && checked(ranking, candidates);
    return known && { ranking: known, index };
  } catch (error) {
    onFault(instance, error);
    return undefined;
  }
}

function ranked(
  instance: PluginInstance<'strategy'>,
  index: number,
  onFault: OnFault,
  context: RequestContext,
  candidates: readonly Candidate[],
): RankedBy | undefined {
  try {
    const ranking = (instance.value as Strategy).select(context, candidates);
    if (ranking === undefined) return undefined;
    if (!Array.isArray(ranking))
      throw new TypeError(`select returned ${typeof ranking}; expected an array of candidates`);
    const known = checked(ranking, candidates);
    return known && { ranking: known, index };
  } catch (error) {
    onFault(instance, error);
    return undefined;
  }
}

/** A strategy can neither invent a deployment nor repeat one; an empty ranking counts as silence. */
function checked(ranking: NonNullable<Ranking>, candidates: readonly Candidate[]): NonNullable<Ranking> | undefined {
  const flat = (
    Array.isArray(ranking[0]) ? (ranking as readonly (readonly Candidate[])[]).flat() : ranking
  ) as readonly Candidate[];
  if (flat.length === 0) return undefined;
  if (flat.length > candidates.length)
    throw new TypeError(`select ranked ${flat.length} candidates of ${candidates.length}`);
  for (const candidate of flat)
    if (!candidates.includes(candidate)) throw new TypeError('select ranked a candidate it was not given');
  return ranking;
}
