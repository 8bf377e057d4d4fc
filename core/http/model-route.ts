/**
 * A model call over HTTP: from the body to the settled outcome.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type CallFacts, type Dialect, type Log, type ModelRoute, RutterError } from '@rutter/plugin-sdk';
import type { Facts } from '../pipeline/facts.ts';
import { ModelCall } from '../pipeline/model-call.ts';
import type { RequestPath } from '../pipeline/path.ts';
import { resolveCall } from '../pipeline/resolve-call.ts';
import { serve } from '../pipeline/serve.ts';
import type { Served } from '../pipeline/served.ts';
import { settle } from '../pipeline/settle.ts';
import { checkCoding, checkJsonType } from './body-type.ts';
import { applyRules } from './call-rules.ts';
import { ClientStream } from './client-stream.ts';
import { applyHeaderControls } from './controls.ts';
import { exposed, sendError } from './envelope.ts';
import { FormBody } from './form-body.ts';
import { formFields, readJsonBody } from './json-body.ts';
import { formParts } from './multipart.ts';
import { type BodyLimits, discardRest, readBody, streamBody } from './read-body.ts';
import { failureHeaders, replyHeaders, type Sent, sendStream, sendWhole } from './respond.ts';

export interface ModelExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly facts: Facts;
  readonly path: RequestPath;
  readonly route: ModelRoute;
  readonly params: Readonly<Record<string, string>>;
  readonly log: Pick<Log, 'error'>;
}

/** Runs the whole request; it never rejects. Everything has been sent and settled when it resolves, true for a complete reply. */
export async function serveModelRoute(exchange: ModelExchange): Promise<boolean> {
  const { response, facts, path, route } = exchange;
  const dialect = path.dialects.get(route.dialect);
  let call: ModelCall;
  try {
    if (!dialect)
      throw new RutterError(
        'ERR_KERNEL_INTERNAL',
        `Route ${route.path} names dialect ${route.dialect}, which no plugin has.`,
      );
    call = await readCall(exchange, dialect);
  } catch (error) {
    const failure = RutterError.from(error);
    tellFault(exchange, failure);
    sendError(response, failure, facts.id, dialect?.failure(exposed(failure)));
    discardRest(exchange.request, path.configuration.kernel.bodyTimeoutMs);
    return false;
  }
  const run = new CallRun(call, response);
  const sent = await run.sent();
  tellFault(exchange, sent.error);
  const over = run.over();
  if (over) await over;
  return settle(call, ending(call, sent, response)).ending === 'complete';
}

/** A fault of ours shows a caller nothing but its id: the log has the rest. */
function tellFault({ facts, log }: ModelExchange, error: RutterError | undefined): void {
  if (error?.code === 'ERR_KERNEL_INTERNAL') log.error({ requestId: facts.id, err: error }, 'request failed');
}

/** What a route's body may be, by its own bound or the configured one. */
export function bodyLimits({ configuration: { kernel }, services }: RequestPath, route: ModelRoute): BodyLimits {
  const most = route.encoding === 'multipart' ? kernel.maxMultipartBytes : kernel.maxRequestBytes;
  return { maxBytes: route.maxBodyBytes ?? most, timeoutMs: kernel.bodyTimeoutMs, watchdog: services.watchdog };
}

async function readCall(exchange: ModelExchange, dialect: Dialect): Promise<ModelCall> {
  const { request, facts, path, route, params } = exchange;
  if (route.encoding === 'multipart') return readFormCall(exchange, dialect);
  checkJsonType(request.headers);
  const bytes = await readBody(request, bodyLimits(path, route));
  const waiting = readJsonBody(bytes);
  const body = waiting instanceof Promise ? await waiting : waiting;
  const read: CallFacts = applyHeaderControls(
    dialect.read({ fields: body.fields, params, headers: facts.headers }),
    facts,
  );
  checkModelName(body.whole(read.model));
  facts.operation = dialect.operation;
  facts.tags = read.controls.tags ?? facts.tags;
  const ruled = applyRules(path.configuration.kernel.callers, { read, fields: body.fields, facts });
  const call = new ModelCall({ facts, path, dialect, body, ...ruled });
  facts.useFeatures(() => path.features(facts, call));
  return call;
}

/** Names go into logs, headers and the ledger; longer than this is none. */
const longestName = 256;

function checkModelName(name: string): void {
  if (name.length <= longestName) return;
  throw new RutterError(
    'ERR_REQUEST_UNKNOWN_MODEL',
    `Invalid model name passed in model=${name.slice(0, 40)}…: found ${name.length} characters, expected at most ${longestName}.`,
    { param: 'model' },
  );
}

async function readFormCall(
  { request, facts, path, route, params }: ModelExchange,
  dialect: Dialect,
): Promise<ModelCall> {
  checkCoding(request.headers);
  const form = await FormBody.open(formParts(request, streamBody(request, bodyLimits(path, route))));
  try {
    const read = applyHeaderControls(dialect.read({ fields: form.fields, params, headers: facts.headers }), facts);
    checkModelName(read.model);
    facts.operation = dialect.operation;
    facts.tags = read.controls.tags ?? facts.tags;
    const ruled = applyRules(path.configuration.kernel.callers, { read, fields: form.fields, facts });
    return new ModelCall({ facts, path, dialect, body: formFields(form.fields), ...ruled, form });
  } catch (error) {
    await form.close();
    throw error;
  }
}

/** A call that has been read, until everything of it has been sent. */
class CallRun {
  readonly #call: ModelCall;
  readonly #response: ServerResponse;
  readonly #stream: ClientStream | undefined;
  #served: Served | undefined;
  #onClosed: (() => void) | undefined;

  constructor(call: ModelCall, response: ServerResponse) {
    this.#call = call;
    this.#response = response;
    const { path } = call;
    const { keepAliveMs, bodyTimeoutMs } = path.configuration.kernel;
    if (call.stream)
      this.#stream = new ClientStream(response, {
        watchdog: path.services.watchdog,
        keepAliveMs,
        stalledMs: bodyTimeoutMs,
        headers: () => replyHeaders(call, call.vendorHeaders),
        isOver: () => call.facts.aborted !== undefined || (this.#served !== undefined && isAllThere(this.#served)),
      });
    response.once('close', () => {
      if (!response.writableFinished) clientLeft(call);
      this.#onClosed?.();
    });
    path.active.add(call);
  }

  /** Serves it and sends what comes; never rejects. */
  async sent(): Promise<Sent> {
    const call = this.#call;
    const response = this.#response;
    const stream = this.#stream;
    try {
      const served = await serve(call, resolveCall(call));
      this.#served = served;
      if (served.kind === 'transfer') call.vendorHeaders = served.transfer.headers;
      const sending = stream ? sendStream(call, served, stream) : sendWhole(call, served, response);
      return sending instanceof Promise ? await sending : sending;
    } catch (error) {
      const failure = RutterError.from(error);
      fail(call, failure, response, stream);
      return { error: failure };
    }
  }

  /** Lets go of everything; a promise where the socket, or a form, is still being waited for. */
  over(): Promise<void> | undefined {
    const call = this.#call;
    clearTimeout(call.loop?.timer);
    this.#stream?.close();
    const closing = call.form ? call.form.close().then(() => this.#closed()) : this.#closed();
    if (closing) return closing.then(() => this.#end());
    this.#end();
    return undefined;
  }

  #end(): void {
    const call = this.#call;
    call.path.active.delete(call);
    call.closeAll();
  }

  /** Resolves when the socket has taken everything or is gone; a client that takes nothing for a body's time is let go. */
  #closed(): Promise<void> | undefined {
    const response = this.#response;
    if (response.closed || response.destroyed) return undefined;
    // Nearly always everything has been taken by now: only then is a timer worth its price.
    if (response.writableLength > 0)
      response.setTimeout(this.#call.path.configuration.kernel.bodyTimeoutMs, () => response.destroy());
    return new Promise((done) => {
      this.#onClosed = done;
    });
  }
}

/** Whether nothing more will come of it, so that only the client is waited for. */
const isAllThere = (served: Served) => (served.kind === 'transfer' ? served.transfer.isOver : served.kind !== 'events');

function ending(call: ModelCall, sent: Sent, response: ServerResponse) {
  const aborted = call.facts.aborted;
  const error = aborted ?? sent.error;
  const isClient = aborted?.code === 'ERR_REQUEST_ABORTED';
  const kind =
    error === undefined
      ? 'complete'
      : isClient
        ? 'client'
        : call.firstTokenMs !== undefined && response.headersSent && response.statusCode === 200
          ? 'broke'
          : 'error';
  const status = isClient ? 499 : response.headersSent ? response.statusCode : (error?.status ?? 200);
  return { status, ending: kind, error, cacheable: error ? undefined : sent.cacheable } as const;
}

/** Closes the upstream at once, or lets it run on where the vendor bills the whole reply anyway. */
function clientLeft(call: ModelCall): void {
  const reason = new RutterError('ERR_REQUEST_ABORTED', 'The client left before the reply was complete.');
  if (call.servedBy?.provider.whenClientLeaves === 'drain') call.facts.abort(reason);
  else call.abort(reason);
}

function fail(call: ModelCall, error: RutterError, response: ServerResponse, stream: ClientStream | undefined): void {
  // Nobody is left to read it; whatever else ended the call is told.
  if (response.destroyed) return;
  const shown = exposed(error);
  if (stream?.hasHead) {
    const text = call.wire.streamFailure?.(shown) ?? '';
    stream.end(text);
    return;
  }
  sendError(response, error, call.facts.id, call.wire.failure(shown), failureHeaders(call));
}
