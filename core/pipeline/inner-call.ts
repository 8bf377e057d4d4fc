/**
 * One call that a strategy makes inside a request: a call of its own, with a
 * row in the ledger and a span under the request's, whose tries, tokens and
 * money are the request's as well. It ends with the request at the latest.
 */
import { RutterError } from '@rutter/plugin-sdk';
import { callGroup, type GroupOptions } from '../attempts/group.ts';
import { Facts } from './facts.ts';
import { ModelCall } from './model-call.ts';
import type { Group } from './models.ts';
import type { Served } from './served.ts';
import { settle } from './settle.ts';

export interface InnerOptions extends GroupOptions {
  /** To the whole reply, or to the first content of a stream, in milliseconds. */
  readonly timeoutMs?: number | undefined;
}

export async function innerCall(outer: ModelCall, group: Group, options: InnerOptions): Promise<Served> {
  const call = partOf(outer, options);
  const end = endingWith(outer, call, options.timeoutMs);
  try {
    const served = await callGroup(call, group, options);
    end.began();
    outer.servedBy = call.servedBy;
    if (served.kind === 'transfer') served.transfer.whenOver(() => end.settled(served.transfer.error));
    else end.settled(undefined);
    return served;
  } catch (thrown) {
    const error = RutterError.from(thrown);
    outer.failedBy = call.failedBy;
    end.settled(error);
    throw error;
  } finally {
    join(outer, call);
  }
}

function partOf(outer: ModelCall, { change }: InnerOptions): ModelCall {
  const { facts, path, wire, body, read, brought, overrides } = outer;
  const own = new Facts({ method: facts.method, path: facts.path, headers: {}, on: path, parent: facts });
  own.operation = facts.operation;
  own.useFeatures(() => facts.features);
  const stream = change?.stream ?? outer.stream;
  const call = new ModelCall({
    facts: own,
    path,
    dialect: wire,
    body,
    read: { ...read, stream },
    brought,
    overrides,
    outer,
  });
  call.needsNeutral = true;
  call.hasShadow = outer.hasShadow;
  // Drawn once for the request.
  call.exposedIn = outer.exposedIn;
  call.exposure = outer.exposure;
  call.inherit(outer);
  return call;
}

/** Ends the call with its request or its time, and settles it once. */
function endingWith(outer: ModelCall, call: ModelCall, timeoutMs: number | undefined) {
  const leave = (reason: RutterError) => call.abort(reason);
  outer.onAbort.add(leave);
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(
          () => call.abort(new RutterError('ERR_PROVIDER_TIMEOUT', `An inner call took longer than ${timeoutMs} ms.`)),
          timeoutMs,
        );
  let isSettled = false;
  return {
    began: () => clearTimeout(timer),
    settled(error: RutterError | undefined): void {
      if (isSettled) return;
      isSettled = true;
      clearTimeout(timer);
      outer.onAbort.delete(leave);
      call.isOver = true;
      const hasLeft = outer.facts.aborted?.code === 'ERR_REQUEST_ABORTED';
      const ending = error === undefined ? 'complete' : hasLeft ? 'client' : call.servedBy ? 'broke' : 'error';
      settle(call, { status: error?.status ?? 200, ending, error });
    },
  };
}

/** What the request tells of its calls, whichever of them answers in the end. */
function join(outer: ModelCall, call: ModelCall): void {
  outer.parts++;
  outer.retries += call.retries;
  outer.maxRetries = Math.max(outer.maxRetries, call.maxRetries);
  outer.upstreamMs += call.upstreamMs;
  outer.firstTokenMs ??= call.firstTokenMs === undefined ? undefined : outer.elapsed();
  outer.structuredOutput ??= call.structuredOutput;
  outer.dropped.push(...call.dropped);
  outer.hasShadow ||= call.hasShadow;
}
