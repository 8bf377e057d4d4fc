import { type ChatEvent, type Facets, RutterError, type Usage } from '@rutter/plugin-sdk';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { begun, eventsUntilAborted, openLoop, spend, untilAborted } from './loop-budget.ts';
import type { ModelCall } from './model-call.ts';

/** As much of a call as a loop touches. */
function callWith(parts: { usage?: Usage; nanoUsd?: number; timeoutMs?: number; isOver?: boolean } = {}) {
  const facts: { aborted: RutterError | undefined; principal: object } = { aborted: undefined, principal: {} };
  const call = {
    facts,
    onAbort: new Set<(reason: RutterError) => void>(),
    controls: parts.timeoutMs === undefined ? {} : { timeoutMs: parts.timeoutMs },
    path: { configuration: { router: { timeoutMs: 60_000 } } },
    usage: parts.usage,
    isOver: parts.isOver ?? false,
    costNanoUsd: () => parts.nanoUsd,
    abort(reason: RutterError) {
      facts.aborted ??= reason;
      for (const listener of [...call.onAbort]) listener(reason);
    },
  };
  return call as unknown as ModelCall;
}

const never = () => new Promise<never>(() => {});
const left = new RutterError('ERR_REQUEST_ABORTED', 'left');
const text = (words: string): ChatEvent => ({ type: 'text-delta', text: words });

async function* stream(...events: readonly (ChatEvent | Error)[]): AsyncGenerator<ChatEvent> {
  for (const event of events) {
    if (event instanceof Error) throw event;
    yield event;
  }
}

async function all(events: AsyncIterable<ChatEvent>): Promise<ChatEvent[]> {
  const seen: ChatEvent[] = [];
  for await (const event of events) seen.push(event);
  return seen;
}

describe('waiting for a plugin', () => {
  it('ends with the call, although the plugin goes on', async () => {
    const call = callWith();
    const waiting = untilAborted(call, never());
    call.abort(left);
    await expect(waiting).rejects.toBe(left);
    await expect(untilAborted(call, never())).rejects.toBe(left);
  });

  it('gives what the plugin brings, and leaves no listener behind', async () => {
    const call = callWith();
    expect(await untilAborted(call, Promise.resolve(7))).toBe(7);
    await expect(untilAborted(call, Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(call.onAbort.size).toBe(0);
  });

  it('ends between two events of a plugin that is stuck, and does not wait for its clean-up', async () => {
    const call = callWith();
    let isTold = false;
    const stuck: AsyncIterable<ChatEvent> = {
      [Symbol.asyncIterator]: () => ({
        next: never,
        return() {
          isTold = true;
          return never();
        },
      }),
    };
    const reading = all(eventsUntilAborted(call, stuck));
    call.abort(left);
    await expect(reading).rejects.toBe(left);
    expect(isTold).toBe(true);
  });

  it('ends the plugin’s iteration when nobody reads on, and not when it has ended itself', async () => {
    let returns = 0;
    const counted = (...events: readonly ChatEvent[]): AsyncIterable<ChatEvent> => ({
      [Symbol.asyncIterator]() {
        const inner = stream(...events);
        return {
          next: () => inner.next(),
          return: () => {
            returns++;
            return inner.return(undefined);
          },
        };
      },
    });
    for await (const _ of eventsUntilAborted(callWith(), counted(text('a'), text('b')))) break;
    expect(returns).toBe(1);
    expect(await all(eventsUntilAborted(callWith(), counted(text('a'), text('b'))))).toHaveLength(2);
    expect(returns).toBe(1);
  });
});

describe('a loop’s events once they have begun', () => {
  it('come whole and in order', async () => {
    const events: ChatEvent[] = [{ type: 'start' }, text('a'), text('b'), { type: 'end', reason: 'stop' }];
    expect(await all(await begun(stream(...events)))).toEqual(events);
    expect(await all(await begun(stream()))).toEqual([]);
  });

  it('have failed already when nothing was shown, and fail later when something was', async () => {
    const failure = new RutterError('ERR_PROVIDER_INTERNAL', 'no');
    await expect(begun(stream({ type: 'start' }, failure))).rejects.toBe(failure);
    const events = await begun(stream({ type: 'start' }, text('a'), failure));
    await expect(all(events)).rejects.toBe(failure);
  });
});

describe('the bounds of a loop', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const open = (call: ModelCall, ...limits: Facets['limits'][]) => {
    call.loop = openLoop(call, limits);
    return call;
  };
  const refused = (what: RegExp) =>
    expect.objectContaining({ code: 'ERR_LIMIT_LOOP', message: expect.stringMatching(what) });

  it('are the tightest of all loops’, eight calls when none says', () => {
    const call = open(callWith(), { calls: 5 }, undefined, { calls: 3 });
    for (let count = 0; count < 3; count++) spend(call);
    expect(() => spend(call)).toThrow(refused(/the 3 inner calls/));
    const unbounded = open(callWith(), undefined);
    for (let count = 0; count < 8; count++) spend(unbounded);
    expect(() => spend(unbounded)).toThrow(refused(/the 8 inner calls/));
  });

  it('are tokens of every bucket, and money', () => {
    const usage = { input: 40, cachedInput: 30, output: 20, reasoning: 10 };
    expect(() => spend(open(callWith({ usage }), { tokens: 100 }))).toThrow(refused(/the 100 tokens/));
    spend(open(callWith({ usage }), { tokens: 101 }));
    expect(() => spend(open(callWith({ nanoUsd: 7 }), { nanoUsd: 7 }))).toThrow(refused(/the 7 nano-dollars/));
    spend(open(callWith({ nanoUsd: 6 }), { nanoUsd: 7 }));
  });

  it('are time, after which the call is ended: the loops’ own, the request’s, or the router’s', () => {
    const cases = [
      [callWith(), [{ timeMs: 500 }, { timeMs: 400 }], 400],
      [callWith({ timeoutMs: 700 }), [undefined], 700],
      [callWith(), [{ calls: 2 }], 60_000],
    ] as const;
    for (const [call, limits, timeMs] of cases) {
      open(call, ...limits);
      vi.advanceTimersByTime(timeMs - 1);
      expect(call.facts.aborted).toBeUndefined();
      vi.advanceTimersByTime(1);
      expect(call.facts.aborted).toEqual(refused(new RegExp(`the ${timeMs} ms`)));
    }
  });

  it('refuse a plugin that begins a call when the request is over', () => {
    expect(() => spend(open(callWith({ isOver: true })))).toThrow(
      expect.objectContaining({ code: 'ERR_REQUEST_ABORTED' }),
    );
  });
});
