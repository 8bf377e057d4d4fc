/**
 * Bounds of the loops around one request: inner calls, tokens, money and
 * time. Whatever a plugin in a loop waits for, the request waits no longer
 * than these allow, nor longer than its client does.
 */
import { type ChatEvent, type Cost, type Facets, RutterError, type Usage } from '@rutter/plugin-sdk';
import { noCost } from '../pricing/bill.ts';
import { addUsage, totalTokens } from '../pricing/usage.ts';
import type { ModelCall } from './model-call.ts';
import { timeoutOf } from './routing.ts';

export interface LoopBudget {
  calls: number;
  /** What inner calls of other groups used: charged and written down as theirs, shown to the caller with the rest. */
  usage: Usage | undefined;
  /** Undefined when some of it has no price. */
  cost: Cost | undefined;
  readonly maxCalls: number;
  readonly maxTokens: number;
  readonly maxNanoUsd: number;
  /** Ends the call when its time is up. */
  readonly timer: NodeJS.Timeout;
}

const longestMs = 2 ** 31 - 1;

/** Calls with loops around them, by what plugins know of them. */
export const loops = new WeakMap<object, ModelCall>();

/** The tightest of what the loops around this call allow; its time begins now. */
export function openLoop(call: ModelCall, limits: readonly Facets['limits'][]): LoopBudget {
  const least = (name: 'calls' | 'tokens' | 'nanoUsd' | 'timeMs', otherwise: number) =>
    Math.min(...limits.map((limit) => limit?.[name] ?? otherwise));
  loops.set(call.facts, call);
  const timeMs = least('timeMs', timeoutOf(call));
  const timer = setTimeout(() => call.abort(usedUp(`the ${timeMs} ms allowed`)), Math.min(timeMs, longestMs));
  return {
    calls: 0,
    usage: undefined,
    cost: noCost,
    maxCalls: least('calls', 8),
    maxTokens: least('tokens', Number.POSITIVE_INFINITY),
    maxNanoUsd: least('nanoUsd', Number.POSITIVE_INFINITY),
    timer: timer.unref(),
  };
}

/** Counts one inner call, or refuses it where a bound is reached. What calls that run now will cost is not known yet. */
export function spend(call: ModelCall): void {
  const { loop } = call;
  if (!loop) return;
  if (call.isOver) throw new RutterError('ERR_REQUEST_ABORTED', 'The request of this loop is over.');
  const usage = usageShown(call);
  const tokens = usage ? totalTokens(usage) : 0;
  const nanoUsd = (call.costNanoUsd() ?? 0) + (loop.cost?.nanoUsd ?? 0);
  if (loop.calls >= loop.maxCalls) throw usedUp(`the ${loop.maxCalls} inner calls allowed`);
  if (tokens >= loop.maxTokens) throw usedUp(`the ${loop.maxTokens} tokens allowed`);
  if (nanoUsd >= loop.maxNanoUsd) throw usedUp(`the ${loop.maxNanoUsd} nano-dollars allowed`);
  loop.calls++;
}

/** Adds what an inner call of another group used to what its request shows. */
export function addInvoked({ loop }: ModelCall, inner: ModelCall): void {
  if (!loop) return;
  if (inner.usage) loop.usage = addUsage(loop.usage, inner.usage);
  loop.cost = addCosts(loop.cost, inner.cost());
}

/** What the caller is told that a request used, all calls inside it included. */
export const usageShown = ({ usage, loop }: ModelCall): Usage | undefined =>
  loop?.usage ? addUsage(usage, loop.usage) : usage;

/** The same of its cost; undefined when some of it has no price. */
export const costShown = (call: ModelCall): Cost | undefined =>
  call.loop ? addCosts(call.cost(), call.loop.cost) : call.cost();

const addCosts = (a: Cost | undefined, b: Cost | undefined): Cost | undefined =>
  a &&
  b && {
    nanoUsd: a.nanoUsd + b.nanoUsd,
    originalNanoUsd: a.originalNanoUsd + b.originalNanoUsd,
    discountNanoUsd: a.discountNanoUsd + b.discountNanoUsd,
    marginNanoUsd: a.marginNanoUsd + b.marginNanoUsd,
  };

const usedUp = (what: string) => new RutterError('ERR_LIMIT_LOOP', `The loop around this request has used up ${what}.`);

/** What the plugin brings, unless the call is ended first. */
export function untilAborted<T>(call: ModelCall, work: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    if (call.facts.aborted) reject(call.facts.aborted);
    else call.onAbort.add(reject);
    work.then(resolve, reject).finally(() => call.onAbort.delete(reject));
  });
}

/** A plugin's events, until the call is ended. Leaving it early ends the plugin's iteration too. */
export async function* eventsUntilAborted(
  call: ModelCall,
  events: AsyncIterable<ChatEvent>,
): AsyncGenerator<ChatEvent> {
  const iterator = events[Symbol.asyncIterator]();
  let isDone = false;
  try {
    for (;;) {
      const next = await untilAborted(call, iterator.next());
      isDone = next.done === true;
      if (isDone) return;
      yield next.value as ChatEvent;
    }
  } finally {
    // Not awaited: a plugin that waits for something else must not hold up a request that is over.
    if (!isDone) void Promise.resolve(iterator.return?.()).catch(() => {});
  }
}

/**
 * The same events, once the first of them that shows something has come:
 * until then a failure can still become a status, or another way be taken.
 */
export async function begun(events: AsyncGenerator<ChatEvent>): Promise<AsyncIterable<ChatEvent>> {
  const held: ChatEvent[] = [];
  for (;;) {
    const { value, done } = await events.next();
    if (done) break;
    held.push(value);
    if (value.type !== 'start' && value.type !== 'other' && value.type !== 'usage') break;
  }
  return (async function* () {
    try {
      yield* held;
      yield* events;
    } finally {
      await events.return(undefined);
    }
  })();
}
