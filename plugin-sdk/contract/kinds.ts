/**
 * What each kind of plugin returns from `setup`, and the facets any may add.
 */
import type { ChatEvent, ChatReply, ChatRequest } from './chat.ts';
import type { Explanation, Judgement } from './decision.ts';
import type { ErrorCode } from './errors.ts';
import type {
  CacheableReply,
  Call,
  CallResult,
  Candidate,
  Credential,
  Deployment,
  Outcome,
  Principal,
  RequestContext,
} from './request.ts';
import type { Embedder, Migration, Reservation, ReserveResult, Services, Source, State, Store } from './services.ts';
import type { Auth, ChatCodec, Dialect, EmbeddingsCodec, FailureReader, RawCodec } from './wire.ts';

/** Permission names a route may ask for. `public` needs no credential. */
export type Permission =
  | 'public'
  | 'model.call'
  | 'model.read'
  | 'health.read'
  | 'metrics.read'
  | 'admin.read'
  | 'admin.write'
  | (string & {});

export interface RouteRequest {
  readonly method: string;
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  /** Raw bytes, in order; `json` and `multipart` routes have them parsed beside it. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Parsed body of a `json` route; undefined when it was empty. */
  readonly json: unknown;
  readonly context: RequestContext;
}

export interface RouteReply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON. An iterable is streamed; it is closed when the client leaves. */
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array | string> | object;
}

/** One part of a multipart form, in the order it came. A file's body must be read before the next part. */
export interface FormPart {
  readonly name: string;
  /** Set for a file. */
  readonly filename?: string;
  readonly mediaType?: string;
  readonly value: string | AsyncIterable<Uint8Array>;
}

/** One WebSocket connection, plain values in and out. */
export interface RouteSocket {
  /** The subprotocol agreed on; '' for none. */
  readonly protocol: string;
  readonly messages: AsyncIterable<string | Uint8Array>;
  /** Resolves when the message has been handed to the network; waits while the client reads slowly. */
  send(message: string | Uint8Array): Promise<void>;
  close(code?: number, reason?: string): void;
}

interface RouteBase {
  /** A path with `:name` parameters, such as `/engines/:model/embeddings`. A trailing `*name` takes the rest. */
  readonly path: string;
  readonly permission: Permission;
  /** Most bytes of the body; the kernel's own cap for the mode when absent. */
  readonly maxBodyBytes?: number;
}

/** A route whose handler answers. */
export interface HandlerRoute extends RouteBase {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly mode: 'json' | 'raw';
  handler(request: RouteRequest): RouteReply | Promise<RouteReply>;
}

/** A route that takes a multipart form, part by part. */
export interface MultipartRoute extends RouteBase {
  readonly method: 'POST' | 'PUT';
  readonly mode: 'multipart';
  handler(request: RouteRequest, parts: AsyncIterable<FormPart>): Promise<RouteReply>;
}

/** A WebSocket route. The connection closes when the handler returns. */
export interface UpgradeRoute extends RouteBase {
  readonly method: 'GET';
  readonly mode: 'upgrade';
  /**
   * In the order of preference; the first one offered is agreed on where this is absent. A key may come as
   * the subprotocol `openai-insecure-api-key.<key>`, which is never agreed on.
   */
  readonly subprotocols?: readonly string[];
  handler(request: RouteRequest, socket: RouteSocket): Promise<void>;
}

/** A route that calls a model: the kernel runs the whole request path on what the dialect reads. */
export interface ModelRoute extends RouteBase {
  readonly method: 'POST';
  readonly mode: 'model';
  /** `multipart` streams the form on to the vendor; JSON when absent. */
  readonly encoding?: 'json' | 'multipart';
  /** Name of one of the plugin's dialects. */
  readonly dialect: string;
}

export type Route = HandlerRoute | MultipartRoute | UpgradeRoute | ModelRoute;

/** A command of the `rutter` program: `rutter <name> …`. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  /** Writes to the given output; the number is the exit code. */
  run(args: readonly string[], output: { write(text: string): void }): Promise<number>;
}

/** What any plugin may add to its kind. */
export interface Facets {
  readonly routes?: readonly Route[];
  readonly dialects?: readonly Dialect[];
  readonly commands?: readonly Command[];
  /** Applied through `store` before the instance is used; the namespace is the plugin's name. */
  readonly migrations?: readonly Migration[];
  /** For readiness; throws or rejects when something it needs is away. */
  health?(): void | Promise<void>;
  /** Called once, after the last generation that holds the instance has drained. */
  dispose?(): void | Promise<void>;
  /**
   * A bounded loop around everything from candidates to reply. `next` may be called again with changes;
   * `limits` bounds it. Return what `next` gave to pass it on untouched, or events of your own: they stream to the client.
   */
  wrap?(
    call: Call,
    next: (change?: Partial<ChatRequest>) => Promise<CallResult>,
    context: RequestContext,
  ): Promise<CallResult | AsyncIterable<ChatEvent>>;
  /** Bounds of `wrap` and `orchestrate`: inner calls (8 when absent), tokens, nano-dollars and milliseconds in all. */
  readonly limits?: {
    readonly calls?: number;
    readonly tokens?: number;
    readonly nanoUsd?: number;
    readonly timeMs?: number;
  };
  readonly guard?: Guard;
  readonly observer?: Observer;
  readonly provider?: Provider;
  /** What the manifest's `provides` names. A `store`, `state` or `embedder` is its service itself and need not stand here. */
  readonly services?: Readonly<Partial<Services>>;
}

export interface Protocol {
  readonly routes: readonly Route[];
  readonly dialects?: readonly Dialect[];
}

/** Where a guard's checks stand to the call: ahead of it, beside it (the reply waits for both), or on the reply. */
export type GuardMode = 'before' | 'beside' | 'after';

/** Looks at a stream's events and may amend or stop it. Text it holds back has not been sent. */
export interface StreamGuard {
  /**
   * Most characters held back of one strand: one sort of text (reply, reasoning, refusal) of one choice.
   * The kernel refuses more with ERR_PLUGIN_INVALID.
   */
  readonly holdBack: number;
  /**
   * Characters held back now, of the strand with most. A guard that shortens text must tell them: where this
   * is absent, all that went in and has not come out counts as held back.
   */
  readonly held?: number;
  /** Events to send on now, in order; throw to stop the stream with a typed error. */
  push(event: ChatEvent): readonly ChatEvent[];
  /** What was still held back. */
  end(): readonly ChatEvent[];
}

/**
 * Limits of single deployments. The kernel charges them in one step, all or none, when a candidate has been chosen and
 * ahead of its call, and settles them exactly once with what that call used, whatever becomes of it.
 */
export interface Charging {
  /** In the tick of the choice. A candidate whose limits are refused is left out, and another one chosen. */
  charge?(context: RequestContext, candidate: Candidate): readonly Reservation[];
  /**
   * What became of what `charge` returned, the same array: `granted` with what remains of each limit; refused by the
   * limit at `index`; or undefined where nothing was charged because another's limit refused, or the state was away.
   */
  charged?(candidate: Candidate, reservations: readonly Reservation[], result: ReserveResult | undefined): void;
  /** What was used in the end, in place of each amount. Called once for what was granted. */
  discharged?(candidate: Candidate, reservations: readonly Reservation[], actual: readonly number[]): void;
}

export interface Guard extends Charging {
  readonly mode?: GuardMode;
  /** Who asks. Undefined leaves it to the next guard; throw ERR_REQUEST_UNAUTHENTICATED to refuse. */
  identify?(
    credential: Credential | undefined,
    request: { readonly method: string; readonly path: string; readonly headers: Readonly<Record<string, string>> },
  ): Principal | undefined | Promise<Principal | undefined>;
  /** Throws to refuse. `groups` are all model groups the request may reach by its own fallbacks or those of its principal. */
  authorise?(context: RequestContext, call: Call, groups: readonly string[]): void | Promise<void>;
  /** Candidates that may stay, in order. */
  filter?(context: RequestContext, candidates: readonly Candidate[]): readonly Candidate[];
  /** Throws to refuse; returns changes to the request, or a whole reply that ends the search. */
  checkRequest?(context: RequestContext, call: Call): GuardVerdict | Promise<GuardVerdict>;
  /** Limits to charge; the kernel reserves those of all guards in one step and settles each exactly once. */
  reserve?(context: RequestContext, call: Call, candidates: readonly Candidate[]): readonly Reservation[];
  /** Throws to refuse; returns an amended reply, or nothing. Whole replies only: see `events`. */
  checkReply?(context: RequestContext, reply: ChatReply): ChatReply | undefined | Promise<ChatReply | undefined>;
  /** One watcher a stream. */
  events?(context: RequestContext): StreamGuard;
}

/** Nothing, changes to the request, or a reply in the vendor's stead. */
export type GuardVerdict = undefined | { readonly change: Partial<ChatRequest> } | { readonly reply: ChatReply };

/** A cache that keeps replies itself. */
export interface Cache {
  read(context: RequestContext, call: Call): CacheableReply | undefined | Promise<CacheableReply | undefined>;
  /** After the reply has gone out; complete replies only. */
  write(context: RequestContext, call: Call, reply: CacheableReply): void | Promise<void>;
  readonly key?: never;
}

/**
 * A cache that says which requests are equal, and keeps nothing: the kernel keeps the replies in the `state` service,
 * for each plugin, caller, model group and operation apart. Asked once a request, for chats, completions and embeddings.
 */
export interface KeyedCache {
  /**
   * The same text for requests that may be given the same reply, 1 to 1,048,576 characters; undefined for one that is
   * not to be answered from here, nor kept. Any other answer, and an error, leaves the request uncached.
   *
   * `digest` gives SHA-256, as lower-case hex, of the caller, the model group, the operation and the request in its
   * neutral form, whether streamed or not: equal where the same caller asks the very same again. Without the grant of
   * `text` it is what a plugin in the sandbox has of the request's words.
   */
  key(context: RequestContext, call: Call, digest: () => string): string | undefined | Promise<string | undefined>;
  /** For how long a reply may be given again: a whole number of milliseconds from 1 to 86,400,000; 600,000 when absent. */
  readonly ttlMs?: number;
  readonly read?: never;
  readonly write?: never;
}

/** Best first; an inner array is a tie that the next strategy breaks. Undefined leaves it to the next strategy. */
export type Ranking = readonly Candidate[] | readonly (readonly Candidate[])[] | undefined;

export interface InnerCallOptions {
  /** To the whole reply, or to the first content of a stream, in milliseconds; then ERR_PROVIDER_TIMEOUT. */
  readonly timeoutMs?: number;
}

/**
 * Asks one candidate, or the best of several that answers, with changes to the request. An inner array is a tie that
 * the strategies after this one break. Each call has a row of its own in the ledger, with the request's id as `parent_id`.
 * Throws ERR_LIMIT_LOOP where a bound of `limits` is reached.
 */
export type Invoke = (
  candidates: Candidate | readonly Candidate[] | readonly (readonly Candidate[])[],
  change?: Partial<ChatRequest>,
  options?: InnerCallOptions,
) => Promise<CallResult>;

export interface Strategy extends Charging {
  /** Before `select`: asks `context.features.want(…)` for what `select` reads. */
  prepare?(context: RequestContext): Promise<void> | void;
  select(context: RequestContext, candidates: readonly Candidate[]): Ranking;
  /**
   * What it went by in its last `select` for this request, or why it left the choice to others: for the record of the
   * decision, asked behind `select`. Numbers at hand, nothing computed anew; no paths and no words of the request.
   */
  explain?(context: RequestContext): Explanation | undefined;
  /**
   * Asked at once when all have ranked and ties are broken: which candidate is to go first after all; undefined leaves it.
   * `judged` is what those that ranked say of the candidates. For what stands across models, such as the price of a
   * change.
   */
  review?(context: RequestContext, ranking: readonly Candidate[], judged: readonly Judgement[]): Candidate | undefined;
  /**
   * Several rounds of calls. Its result is the reply; only what it returns streams to the client. Undefined leaves the
   * request to plain routing, where `select` and the strategies after it are asked. Inner calls are not orchestrated again.
   */
  orchestrate?(
    context: RequestContext,
    candidates: readonly Candidate[],
    invoke: Invoke,
    call: Call,
  ): Promise<CallResult | AsyncIterable<ChatEvent> | undefined>;
  observe?(outcome: Outcome): void;
}

/**
 * Environment variables that stand in for settings a deployment leaves out, by the setting's name:
 * `{ api_base: ['ACME_API_BASE'] }`. The first that is filled counts. Open settings only: the variables
 * of keys and secrets belong into `auth`, so that no plugin sees them.
 */
export type SettingVariables = Readonly<Record<string, readonly string[]>>;

export interface Provider {
  /** Base address when the deployment names none; codec paths are appended. '' where every deployment must name its own. */
  readonly origin: string | ((deployment: Deployment) => string);
  /** Given the prefix that chose the provider, where one plugin claims several vendors'. */
  readonly variables?: SettingVariables | ((prefix: string) => SettingVariables);
  readonly auth: Auth | ((deployment: Deployment) => Auth);
  readonly chat?: ChatCodec;
  readonly completions?: ChatCodec;
  readonly embeddings?: EmbeddingsCodec;
  /** Other operations, by name. */
  readonly raw?: Readonly<Partial<Record<string, RawCodec>>>;
  readonly failure?: FailureReader;
  /** `cancel` closes the upstream when the client leaves (the default); `drain` reads it to its end to learn what it cost. */
  readonly whenClientLeaves?: 'cancel' | 'drain';
  /** Answers without a socket: for simulated vendors only. Chunks in the vendor's own framing. */
  respond?(
    request: UpstreamCall,
    signal: AbortSignal,
  ): Promise<{
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: AsyncIterable<Uint8Array>;
  }>;
}

/** What would have gone over the socket. */
export interface UpstreamCall {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** Something the kernel changed or noticed. */
export type KernelEvent =
  | { readonly type: 'generation-started'; readonly generation: number }
  | { readonly type: 'generation-retired'; readonly generation: number }
  /** A generation beside the one in force serves a share of the credentials, from 0 to 1. */
  | { readonly type: 'canary-started'; readonly generation: number; readonly share: number }
  /** It is in force, or ends; `stable` is in force from now on. */
  | {
      readonly type: 'canary-ended';
      readonly generation: number;
      readonly outcome: 'promoted' | 'reverted' | 'replaced';
      readonly stable: number;
    }
  | { readonly type: 'reload-refused'; readonly reasons: readonly string[] }
  | {
      readonly type: 'deployment-cooled';
      readonly deployment: string;
      readonly untilMs: number;
      readonly reason: string;
    }
  | { readonly type: 'deployment-recovered'; readonly deployment: string }
  /** A plugin outside of the gateway's own thread threw, was late, died or forged an answer; `falls` since it was set up. */
  | { readonly type: 'plugin-fell'; readonly plugin: string; readonly code: ErrorCode; readonly falls: number }
  /** It is not asked any more, until a new generation or an operator releases it. */
  | { readonly type: 'plugin-quarantined'; readonly plugin: string; readonly falls: number }
  | { readonly type: 'plugin-released'; readonly plugin: string }
  | { readonly type: 'draining' };

export interface Observer {
  settled?(outcome: Outcome): void | Promise<void>;
  changed?(event: KernelEvent): void | Promise<void>;
}

export interface SecretsResolver {
  /** The value of a reference such as `aws-secret/name`; undefined when there is none. */
  resolve(reference: string): Promise<string | undefined>;
}

/** The raw hooks, as tapable objects; trusted plugins only. One that lives by its facets, a `wrap` for instance, needs none. */
export interface Extension {
  apply?(hooks: Readonly<Record<'preRoute' | 'select' | 'call' | 'postCall' | 'settled', unknown>>): void;
}

/** What `setup` returns, by kind. */
export interface Kinds {
  protocol: Protocol;
  guard: Guard;
  cache: Cache | KeyedCache;
  strategy: Strategy;
  provider: Provider;
  observer: Observer;
  embedder: Embedder;
  store: Store;
  state: State;
  source: Source;
  secrets: SecretsResolver;
  extension: Extension;
}

export type Kind = keyof Kinds;
