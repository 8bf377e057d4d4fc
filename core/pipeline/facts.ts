/**
 * What is known of one request. Plugins see it as a RequestContext; whatever
 * costs something to make is made when first asked for.
 */
import { randomUUID } from 'node:crypto';
import type { Credential, FeatureValues, Operation, Principal, RequestContext, RutterError } from '@rutter/plugin-sdk';
import { credentialHeaders, readCredential } from '../http/credentials.ts';
import { parseTraceparent, spanId, type TraceParent } from '../http/trace.ts';
import { Rostered } from '../live/roster.ts';
import type { RequestPath } from './path.ts';

type RawHeaders = Readonly<Record<string, string | string[] | undefined>>;

const noOne: Principal = Object.freeze({ id: 'anonymous', kind: 'anonymous', permissions: [] });
const noTags: readonly string[] = Object.freeze([]);
const idPattern = /^[A-Za-z0-9._-]{1,128}$/;

export interface FactsInit {
  readonly method: string;
  readonly path: string;
  readonly headers: RawHeaders;
  /** The generation that serves it. */
  readonly on: RequestPath;
  readonly parent?: RequestContext;
}

/** Takes the caller's id only when it is safe to log and to send on. */
function requestId(headers: RawHeaders): string {
  const given = headers['x-request-id'] ?? headers['x-litellm-call-id'];
  return typeof given === 'string' && idPattern.test(given) ? given : randomUUID();
}

export class Facts extends Rostered implements RequestContext {
  readonly id: string;
  readonly receivedAt = Date.now();
  readonly startedAt = performance.now();
  readonly method: string;
  readonly path: string;
  readonly generation: number;
  principal: Principal = noOne;
  group = '';
  operation: Operation = '';
  tags: readonly string[] = noTags;
  endUser: string | undefined;
  readonly parent?: string;
  readonly #raw: RawHeaders;
  readonly #on: RequestPath;
  #trace: TraceParent | undefined;
  #spanId: string | undefined;
  #headers: Readonly<Record<string, string>> | undefined;
  #controller: AbortController | undefined;
  #abortReason: RutterError | undefined;
  #features: FeatureValues | undefined;
  #makeFeatures: (() => FeatureValues) | undefined;

  constructor(init: FactsInit) {
    super();
    this.#raw = init.headers;
    this.#on = init.on;
    this.method = init.method;
    this.path = init.path;
    this.generation = init.on.number;
    this.id = init.parent ? `${init.parent.id.slice(0, 110)}.${randomUUID().slice(0, 8)}` : requestId(init.headers);
    if (!init.parent) return;
    this.parent = init.parent.id;
    this.principal = init.parent.principal;
    this.tags = init.parent.tags;
    this.endUser = init.parent.endUser;
    this.#trace = { traceId: init.parent.traceId, parentId: init.parent.spanId, flags: '01', state: undefined };
  }

  /** The request path a context belongs to; undefined for what is not one of ours. */
  static pathOf(context: RequestContext): RequestPath | undefined {
    return #on in context ? context.#on : undefined;
  }

  get trace(): TraceParent {
    this.#trace ??= parseTraceparent(this.#raw);
    return this.#trace;
  }

  get traceId(): string {
    return this.trace.traceId;
  }

  get spanId(): string {
    this.#spanId ??= spanId();
    return this.#spanId;
  }

  get headers(): Readonly<Record<string, string>> {
    this.#headers ??= visibleHeaders(this.#raw, this.#on.configuration.kernel.keyHeader);
    return this.#headers;
  }

  /** One header as it came; for the kernel. */
  rawHeader(name: string): string | undefined {
    const value = this.#raw[name];
    return typeof value === 'string' ? value : value?.[0];
  }

  credential(query?: string): Credential | undefined {
    return readCredential(this.#raw, this.#on.configuration.kernel.keyHeader, query);
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#abortReason) this.#controller.abort(this.#abortReason);
    return this.#controller.signal;
  }

  get aborted(): RutterError | undefined {
    return this.#abortReason;
  }

  /** Ends everything that listens to `signal`. */
  abort(reason: RutterError): void {
    if (this.#abortReason) return;
    this.#abortReason = reason;
    this.#controller?.abort(reason);
  }

  useFeatures(make: () => FeatureValues): void {
    this.#makeFeatures = make;
  }

  get features(): FeatureValues {
    this.#features ??= this.#makeFeatures?.() ?? noFeatures;
    return this.#features;
  }
}

const noFeatures: FeatureValues = { get: () => undefined, want: async () => undefined };

/** Lower-case headers without credentials and cookies. */
function visibleHeaders(raw: RawHeaders, keyHeader: string | undefined): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(raw)) {
    if (value === undefined || credentialHeaders.has(name) || name === keyHeader) continue;
    headers[name] = typeof value === 'string' ? value : value.join(', ');
  }
  return Object.freeze(headers);
}
