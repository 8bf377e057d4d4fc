/**
 * The end of a request: its outcome, the ledger first, then everyone who
 * watches. Nothing here can fail the request; it is over.
 */
import type { CacheableReply, Outcome, RutterError } from '@rutter/plugin-sdk';
import { writeLedger } from './ledger.ts';
import type { ModelCall } from './model-call.ts';
import { settleReservation } from './pre-route.ts';

export interface Ending {
  readonly status: number;
  readonly ending: Outcome['ending'];
  readonly error: RutterError | undefined;
  /** What a cache may keep; set for complete replies that did not come from one. */
  readonly cacheable?: CacheableReply | undefined;
}

export function settle(call: ModelCall, end: Ending): Outcome {
  const { path, facts } = call;
  const durationMs = call.elapsed();
  const cost = call.cost();
  const outcome: Outcome = {
    context: facts,
    requestedModel: call.model,
    group: call.group || facts.group,
    operation: call.operation,
    stream: call.stream,
    status: end.status,
    deployment: call.servedBy?.deployment,
    route: routeInWords(call),
    attempts: call.attempts,
    decisions: call.decisions.map((decided) => decided.record()),
    fallbacks: call.fallbacks,
    usage: call.usage,
    costNanoUsd: cost?.nanoUsd,
    cost,
    unpricedCalls: call.bill.unpriced,
    ...(call.outer ? { isPart: true } : {}),
    ...(call.parts > 0 ? { parts: call.parts } : {}),
    cacheHit: call.cacheHit,
    structuredOutput: call.structuredOutput,
    ending: end.ending,
    durationMs: rounded(durationMs),
    firstTokenMs: call.firstTokenMs === undefined ? undefined : rounded(call.firstTokenMs),
    overheadMs: rounded(Math.max(0, durationMs - call.upstreamMs)),
    error: end.error,
  };
  if (path.store) writeLedger(path.store, outcome);
  settleReservation(call, (error) =>
    path.services.onFault(path.instances.find(({ manifest }) => manifest.kind === 'state') as never, error),
  );
  if (path.hooks.settled.isUsed()) path.hooks.settled.call(outcome);
  if (end.cacheable && !call.cacheHit && !call.isMocked) writeCaches(call, end.cacheable);
  return outcome;
}

/** `gpt-4o: openai/gpt-4o-mini, least-busy of 3; after 1 retry`. */
export function routeInWords(call: ModelCall): string {
  const { servedBy } = call;
  const who = servedBy
    ? `${call.group}: ${servedBy.deployment.provider}/${servedBy.deployment.model} (${servedBy.deployment.id})`
    : call.group || call.model;
  const parts = [who];
  if (call.route) parts.push(call.route);
  if (call.retries > 0) parts.push(`after ${call.retries} ${call.retries === 1 ? 'retry' : 'retries'}`);
  if (call.fallbacks > 0) parts.push(`fallback ${call.fallbacks} for ${call.model}`);
  return parts.join(', ');
}

const rounded = (ms: number) => Math.round(ms * 1000) / 1000;

function writeCaches(call: ModelCall, cacheable: CacheableReply): void {
  for (const { instance, value } of call.path.caches) {
    try {
      const writing = value.write(call.facts, call, cacheable);
      if (writing instanceof Promise) writing.catch((error: unknown) => call.path.services.onFault(instance, error));
    } catch (error) {
      call.path.services.onFault(instance, error);
    }
  }
}
