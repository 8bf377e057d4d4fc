/**
 * One model call on its way: what was asked, what has been tried, what it has
 * cost so far. Guards, caches, wraps and strategies see it as a Call.
 */
import {
  type Attempt,
  type Call,
  type CallFacts,
  type ChatRequest,
  type Controls,
  type Cost,
  type Dialect,
  type EmbeddingsRequest,
  type Exposure,
  type Fields,
  type Message,
  type Operation,
  type Outcome,
  RutterError,
  type Usage,
} from '@rutter/plugin-sdk';
import { chatText } from '@rutter/plugin-sdk/codecs';
import type { FormBody } from '../http/form-body.ts';
import type { JsonBody } from '../http/json-body.ts';
import { Rostered } from '../live/roster.ts';
import { InlineFiles, type InlineRule } from '../media/inline-parts.ts';
import { Bill, type BillOptions, noCost } from '../pricing/bill.ts';
import { addUsage } from '../pricing/usage.ts';
import type { Decided } from './decided.ts';
import type { Facts } from './facts.ts';
import type { HeldReservation } from './held-reservation.ts';
import type { LoopBudget } from './loop-budget.ts';
import type { Target } from './models.ts';
import type { RequestPath } from './path.ts';

/** Of one file that is fetched to be sent inline. */
const mostInlineBytes = 20 * 1024 * 1024;
const mostInlineMs = 30_000;

/** It goes into a header, the log and the ledger. */
const longestExplanation = 300;

/** An attempt while it runs; frozen into the outcome by its end. */
export type RunningAttempt = { -readonly [K in keyof Attempt]: Attempt[K] };

const nothing: ReadonlyMap<string, string> = new Map();
const noFields: Fields = Object.freeze({});

export interface ModelCallInit {
  readonly facts: Facts;
  readonly path: RequestPath;
  readonly dialect: Dialect;
  readonly body: JsonBody;
  readonly read: CallFacts;
  /** What the caller brought along for the deployment, by wire name; nothing when absent. */
  readonly brought?: ReadonlyMap<string, string>;
  /** Fields put over those of the body. */
  readonly overrides?: Fields;
  /** The body is a multipart form, streamed on. */
  readonly form?: FormBody;
  /** The call it is a part of. */
  readonly outer?: ModelCall;
}

export class ModelCall extends Rostered implements Call {
  readonly facts: Facts;
  readonly path: RequestPath;
  readonly wire: Dialect;
  readonly body: JsonBody;
  readonly read: CallFacts;
  readonly operation: Operation;
  readonly dialect: string;
  readonly model: string;
  readonly stream: boolean;
  readonly controls: Controls;
  readonly form: FormBody | undefined;
  readonly brought: ReadonlyMap<string, string>;
  readonly overrides: Fields;
  /** The body's, under the overrides. */
  readonly fields: Fields;
  readonly outer: ModelCall | undefined;
  /** A plugin has asked for it inside a request; see invoke.ts. */
  isInvoked = false;
  /** Calls of a loop that are calls of their own. */
  parts = 0;
  readonly attempts: RunningAttempt[] = [];
  /** The group being served now: the asked one, then fallbacks. */
  group = '';
  retries = 0;
  maxRetries = 0;
  fallbacks = 0;
  /** In words, for `x-rutter-route`. */
  route = '';
  /** What a loop says of how it went. */
  explanation = '';
  /** Choices of deployments, the first ones; and the last one. */
  readonly decisions: Decided[] = [];
  decided: Decided | undefined;
  /** Its variant in the group that it was last drawn for. */
  exposure: Exposure | undefined;
  exposedIn: string | undefined;
  usage: Usage | undefined;
  readonly bill = new Bill();
  cacheHit = false;
  /** Milliseconds spent waiting for vendors. */
  upstreamMs = 0;
  firstTokenMs: number | undefined;
  servedBy: Target | undefined;
  /** The attempt whose error is told, when nobody serves. */
  failedBy: { readonly target: Target; readonly headers: Readonly<Record<string, string>> } | undefined;
  dropped: string[] = [];
  /** How the model was held to a schema in the last attempt. */
  structuredOutput: Outcome['structuredOutput'];
  /** Told once, with the reason, when the client has left or the time is up. */
  readonly onAbort = new Set<(reason: RutterError) => void>();
  /** Set where someone must see events or the neutral reply: no bytes pass through then. */
  needsNeutral = false;
  /** Set where loops run around it. */
  loop: LoopBudget | undefined;
  /** Everything has been sent: no loop may begin anything more. */
  isOver = false;
  /** Only its choice is wanted. */
  isDryRun = false;
  /** A copy for comparison, which nobody waits for; and whether one of this call has been sent. */
  isShadow = false;
  hasShadow = false;
  /** Answered with a text written down in place of a call. */
  isMocked = false;
  /** Of the reply that is being sent. */
  vendorHeaders: Readonly<Record<string, string>> = {};
  /** Checks that run beside the call; the reply waits for them. */
  readonly beside: Promise<unknown>[] = [];
  reservation: HeldReservation | undefined;
  #change: Partial<ChatRequest> | undefined;
  #chat: ChatRequest | undefined;
  #text: string | undefined;
  #files: InlineFiles | undefined;

  constructor(init: ModelCallInit) {
    super();
    this.facts = init.facts;
    this.path = init.path;
    this.wire = init.dialect;
    this.body = init.body;
    this.read = init.read;
    this.form = init.form;
    this.outer = init.outer;
    this.brought = init.brought ?? nothing;
    this.overrides = init.overrides ?? noFields;
    this.fields = this.overrides === noFields ? init.body.fields : { ...init.body.fields, ...this.overrides };
    this.operation = init.dialect.operation;
    this.dialect = init.dialect.name;
    this.model = init.read.model;
    this.stream = init.read.stream;
    this.controls = init.read.controls;
  }

  chat(): ChatRequest {
    if (!this.wire.chat) throw new RutterError('ERR_REQUEST_INVALID', `A ${this.operation} request has no chat form.`);
    this.#chat ??= { ...this.wire.chat(this.fields), ...this.#change };
    return this.#chat;
  }

  embeddings(fields: Fields = this.fields): EmbeddingsRequest {
    if (!this.wire.embeddings)
      throw new RutterError('ERR_REQUEST_INVALID', `A ${this.operation} request has no embeddings form.`);
    return this.wire.embeddings(fields);
  }

  text(): string {
    this.#text ??= this.body.whole(this.#change ? chatText(this.chat()) : this.wire.text(this.body.fields));
    return this.#text;
  }

  explain(reason: string): void {
    this.explanation = reason.slice(0, longestExplanation);
  }

  /** A guard's changes; from here on the bytes that came no longer say what is asked. */
  amend(change: Partial<ChatRequest>): void {
    this.#change = { ...this.#change, ...change };
    this.#chat = undefined;
    this.#text = undefined;
  }

  /** Takes over what guards have changed in another call of the same body. */
  inherit(other: ModelCall): void {
    if (other.#change) this.amend(other.#change);
  }

  get isAmended(): boolean {
    return this.#change !== undefined;
  }

  /** What guards have changed so far. */
  get amendment(): Partial<ChatRequest> | undefined {
    return this.#change;
  }

  /** Messages with the parts inline that the vendor wants so. Each address is fetched once, however many deployments are tried. */
  inline(messages: readonly Message[], rule: InlineRule, timeoutMs: number): Promise<readonly Message[]> {
    const { services, configuration } = this.path;
    const { maxRequestBytes } = configuration.kernel;
    this.#files ??= new InlineFiles(services.upstream, {
      maxBytes: Math.min(mostInlineBytes, maxRequestBytes),
      // A request may fetch as much as it may bring along.
      maxTotalBytes: maxRequestBytes,
      timeoutMs: Math.min(mostInlineMs, timeoutMs),
      signal: this.facts.signal,
      userAgent: `rutter/${services.version}`,
    });
    return this.#files.inline(messages, rule, (text) => this.body.isWhole(text));
  }

  /** Adds what one transfer used, and its price. */
  account(usage: Usage, target: Target): void {
    this.outer?.account(usage, target);
    this.usage = addUsage(this.usage, usage);
    const { pricing, deployment } = target;
    const options = this.#billing(target);
    if (this.bill.add(usage, pricing.tariff, options)) return;
    const missing = pricing.tariff?.unpriced(usage, options.serviceTier) ?? ['all'];
    this.path.services.onUnpriced(`${deployment.provider}/${deployment.model}`, missing);
  }

  /** What one transfer alone costs, in integer nano-dollars; undefined when unknown. */
  costOf(usage: Usage, target: Target): number | undefined {
    const bill = new Bill();
    bill.add(usage, target.pricing.tariff, this.#billing(target));
    return bill.nanoUsd;
  }

  #billing({ adjustment, settings: { defaults } }: Target): BillOptions {
    const asked = this.body.fields.service_tier ?? defaults.service_tier;
    return { adjustment, serviceTier: typeof asked === 'string' ? asked : undefined };
  }

  /** Integer nano-dollars; undefined when some of it has no price. */
  costNanoUsd(): number | undefined {
    return this.cacheHit ? 0 : this.bill.nanoUsd;
  }

  /** The same in parts. */
  cost(): Cost | undefined {
    return this.cacheHit ? noCost : this.bill.cost;
  }

  /** Ends the call and everything under it. */
  abort(reason: RutterError): void {
    this.facts.abort(reason);
    for (const listener of [...this.onAbort]) listener(reason);
  }

  /** Closes upstreams that a loop opened and nobody read to their end. */
  closeAll(): void {
    this.isOver = true;
    clearTimeout(this.loop?.timer);
    if (this.onAbort.size === 0 || this.facts.aborted) return;
    const reason = new RutterError('ERR_REQUEST_ABORTED', 'The request is over.');
    for (const listener of [...this.onAbort]) listener(reason);
  }

  elapsed(): number {
    return performance.now() - this.facts.startedAt;
  }

  /** Milliseconds since the request arrived that this belongs to. */
  sinceArrival(): number {
    return (this.outer ?? this).elapsed();
  }
}
