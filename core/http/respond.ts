/**
 * Sends to the client what answers a model call: bytes that pass, or the
 * neutral form written in the client's dialect.
 */
import type { ServerResponse } from 'node:http';
import {
  type CacheableReply,
  type ChatEvent,
  type ChatReply,
  type EventWriter,
  type ReplySummary,
  RutterError,
  type WriteContext,
} from '@rutter/plugin-sdk';
import { collectEvents, replyEvents } from '@rutter/plugin-sdk/codecs';
import { timers } from '../attempts/timers.ts';
import type { Transfer } from '../attempts/transfer.ts';
import { costShown, usageShown } from '../pipeline/loop-budget.ts';
import type { ModelCall } from '../pipeline/model-call.ts';
import type { Target } from '../pipeline/models.ts';
import { eventsOf, wholeReply } from '../pipeline/results.ts';
import { retriesOf } from '../pipeline/routing.ts';
import type { Served } from '../pipeline/served.ts';
import { routeInWords } from '../pipeline/settle.ts';
import type { ClientStream } from './client-stream.ts';
import { exposed } from './envelope.ts';
import { GuardedEvents } from './guarded-events.ts';
import { writeHead } from './write-head.ts';

/** How the sending ended, for the outcome. */
export interface Sent {
  readonly error: RutterError | undefined;
  readonly cacheable?: CacheableReply | undefined;
}

function summarise(
  call: ModelCall,
  vendorHeaders: Readonly<Record<string, string>>,
  target: Target | undefined = call.servedBy,
): ReplySummary {
  const { configuration, services } = call.path;
  const durationMs = call.elapsed();
  // Of a stream that is being sent the cost is not known yet; one that never began cost nothing.
  const cost = call.stream && call.servedBy && call.usage === undefined ? undefined : costShown(call);
  return {
    context: call.facts,
    requestedModel: call.model,
    group: call.group,
    deployment: target?.deployment,
    route:
      inCanary(call) + routeInWords(call) + (call.servedBy && !call.cacheHit ? (call.decided?.inWords() ?? '') : ''),
    attempts: call.attempts,
    retries: call.retries,
    maxRetries: call.attempts.length > 0 ? call.maxRetries : retriesOf(call),
    fallbacks: call.fallbacks,
    maxFallbacks: configuration.router.maxFallbacks,
    timeoutMs: target && timers(call, target).totalMs,
    costNanoUsd: cost?.nanoUsd,
    cost,
    marginShare: target?.adjustment?.marginShare,
    cacheHit: call.cacheHit,
    durationMs,
    overheadMs: Math.max(0, durationMs - call.upstreamMs),
    vendorHeaders,
    version: services.version,
  };
}

const inCanary = ({ path }: ModelCall) => (path.isCanary ? `canary (generation ${path.number}): ` : '');

/** The dialect's headers and those that every reply of ours carries. */
export function replyHeaders(call: ModelCall, vendorHeaders: Readonly<Record<string, string>>): string[] {
  return withOwn(call, call.wire.headers?.(summarise(call, vendorHeaders)));
}

/** The same of a call that ends in an error: they tell of the attempt it failed by. */
export function failureHeaders(call: ModelCall): string[] {
  const { target, headers = {} } = call.servedBy ? {} : (call.failedBy ?? {});
  return withOwn(call, call.wire.headers?.(summarise(call, headers, target)));
}

function withOwn(call: ModelCall, headers: string[] = []): string[] {
  headers.push('x-request-id', call.facts.id);
  const { exposure } = call;
  if (exposure) headers.push('x-rutter-experiment', `${exposure.experiment}=${exposure.variant}`);
  if (call.structuredOutput) headers.push('x-rutter-structured-output', call.structuredOutput);
  if (call.dropped.length > 0) headers.push('x-rutter-translation', `dropped ${[...new Set(call.dropped)].join(', ')}`);
  return headers;
}

function writeContext(call: ModelCall): WriteContext {
  return {
    requestId: call.facts.id,
    model: call.fallbacks > 0 ? call.group : call.model,
    created: Math.floor(call.facts.receivedAt / 1000),
    includeUsage: call.read.includeUsage || call.path.configuration.kernel.alwaysIncludeStreamUsage,
    fields: call.body.fields,
  };
}

/** Larger replies are sent as they are: copying them would cost more than a write. */
const mostTogether = 64 * 1024;

/** A whole reply; a promise only where something must be read first. */
export function sendWhole(call: ModelCall, served: Served, response: ServerResponse): Sent | Promise<Sent> {
  if (served.kind !== 'transfer' || served.form !== 'bytes') return writeWhole(call, served, response);
  const { transfer } = served;
  end(call, response, transfer.headers, {
    type: transfer.headers['content-type'] ?? json,
    body: transfer.body ?? Buffer.alloc(0),
  });
  return allSent;
}

const json = 'application/json';
const allSent: Sent = { error: undefined };

async function writeWhole(call: ModelCall, served: Served, response: ServerResponse): Promise<Sent> {
  const vendorHeaders = served.kind === 'transfer' ? served.transfer.headers : call.vendorHeaders;
  if (call.operation === 'embeddings') {
    const reply =
      served.kind === 'embeddings'
        ? served.reply
        : served.kind === 'transfer'
          ? served.transfer.decoded?.embeddings
          : undefined;
    if (!reply || !call.wire.embeddingsReply)
      throw new RutterError('ERR_KERNEL_INTERNAL', 'No embeddings came back for an embeddings request.');
    const body = writeJson(call.wire.embeddingsReply(reply, writeContext(call)));
    end(call, response, vendorHeaders, { type: json, body: Buffer.from(body) });
    return { error: undefined, cacheable: { operation: 'embeddings', reply } };
  }
  const reply = await wholeReply(served);
  if (!call.wire.reply) throw new RutterError('ERR_KERNEL_INTERNAL', `Dialect ${call.dialect} cannot write a reply.`);
  const body = writeJson(call.wire.reply(withUsage(call, reply), writeContext(call)));
  end(call, response, vendorHeaders, { type: json, body: Buffer.from(body) });
  return { error: undefined, cacheable: cacheable(call, reply) };
}

/** What a vendor nested a hundred thousand levels deep can be read, but not written. */
function writeJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new RutterError('ERR_PROVIDER_MALFORMED', 'The vendor sent a reply that is nested too deep to be written.');
  }
}

/** The caller sees what the whole request used, inner calls included. */
function withUsage(call: ModelCall, reply: ChatReply): ChatReply {
  const usage = usageShown(call);
  return usage && !call.cacheHit ? { ...reply, usage } : reply;
}

const cacheable = (call: ModelCall, reply: ChatReply): CacheableReply => ({
  operation: call.operation === 'completions' ? 'completions' : 'chat',
  reply,
});

/** One text of one byte a letter: Node writes head and body together, where bytes would cost a second buffer and a gathered write. */
function end(
  call: ModelCall,
  response: ServerResponse,
  vendorHeaders: Readonly<Record<string, string>>,
  { type, body }: { readonly type: string; readonly body: Buffer },
): void {
  const headers = replyHeaders(call, vendorHeaders);
  headers.push('content-type', type, 'content-length', String(body.length));
  writeHead(response, 200, headers);
  if (body.length > mostTogether) response.end(body);
  else response.end(body.toString('latin1'), 'latin1');
}

/** A streamed reply. Resolves when its last byte has been handed over, however it ended. */
export function sendStream(call: ModelCall, served: Served, stream: ClientStream): Promise<Sent> {
  stream.begin();
  if (served.kind === 'transfer' && served.form === 'bytes') return pipeBytes(call, served.transfer, stream);
  return writeEvents(call, served, stream);
}

function pipeBytes(call: ModelCall, transfer: Transfer, stream: ClientStream): Promise<Sent> {
  const context = writeContext(call);
  let writer: EventWriter | undefined;
  const send = (chunk: Uint8Array | string) => {
    if (!stream.write(chunk) && !transfer.isOver) {
      transfer.pause();
      stream.whenDrained(() => transfer.resume());
    }
  };
  return new Promise((resolve) => {
    transfer.flow({
      bytes: send,
      // The vendor answered a stream request with one JSON reply.
      events: (events) => {
        writer ??= call.wire.writer?.(context);
        send(events.map((event) => writer?.event(event) ?? '').join(''));
      },
      end: () => {
        stream.end(writer?.end());
        resolve({ error: undefined });
      },
      fail: (error) => {
        stream.end(failureText(call, error, writer));
        resolve({ error });
      },
    });
  });
}

/** One typed error and no `[DONE]`: the client must not take a broken stream for a whole one. */
function failureText(call: ModelCall, error: RutterError, writer: EventWriter | undefined): string {
  const shown = exposed(error);
  return writer?.fail(shown) ?? call.wire.streamFailure?.(shown) ?? '';
}

async function writeEvents(call: ModelCall, served: Served, stream: ClientStream): Promise<Sent> {
  const writer = call.wire.writer?.(writeContext(call));
  if (!writer) throw new RutterError('ERR_KERNEL_INTERNAL', `Dialect ${call.dialect} cannot write a stream.`);
  // What a cache gives out has passed the guards already.
  const guarded = new GuardedEvents(
    call.cacheHit ? [] : call.path.streamGuards,
    call.facts,
    call.path.services.onFault,
  );
  const kept: ChatEvent[] | undefined = call.path.caches.length > 0 ? [] : undefined;
  // What one inner call used says nothing of the whole: the sum goes out at the end.
  const isSummed = call.loop !== undefined;
  const send = async (passed: readonly ChatEvent[] | Promise<readonly ChatEvent[]>) => {
    const events = passed instanceof Promise ? await passed : passed;
    kept?.push(...events);
    const text = events.map((event) => writer.event(event)).join('');
    if (!stream.write(text)) await new Promise<void>((resolve) => stream.whenDrained(resolve));
    if (call.facts.aborted) throw call.facts.aborted;
  };
  try {
    // For whoever reads a loop's reply it begins now, not when the first inner call did.
    if (isSummed) call.firstTokenMs = call.elapsed();
    for await (const event of served.kind === 'reply' ? replyEvents(served.reply) : eventsOf(served)) {
      if (!isSummed || event.type !== 'usage') await send(guarded.push(event));
    }
    const usage = isSummed ? usageShown(call) : undefined;
    if (usage) await send(guarded.push({ type: 'usage', ...usage }));
    await send(guarded.end());
    stream.end(writer.end());
    return { error: undefined, cacheable: kept && cacheable(call, await collectEvents(kept)) };
  } catch (thrown) {
    const error = RutterError.from(thrown);
    if (served.kind === 'transfer') served.transfer.abort(error);
    stream.end(writer.fail(exposed(error)));
    return { error };
  } finally {
    guarded.close();
  }
}
