/**
 * What a plugin may know about one request, from its arrival to its outcome.
 *
 * Everything here is read-only to plugins. Secrets are not part of it: the
 * caller's credential is an opaque object, a vendor's key never appears.
 */
import type { ChatEvent, ChatReply, ChatRequest, EmbeddingsReply, EmbeddingsRequest, Usage } from './chat.ts';
import type { Decision } from './decision.ts';
import type { RutterError } from './errors.ts';

/** What kind of work is asked for. `chat`, `completions` and `embeddings` have neutral models; others pass as bytes. */
export type Operation = 'chat' | 'completions' | 'embeddings' | (string & {});

/**
 * Unit prices in integer pico-dollars (1e-12 USD), by bucket of {@link Usage}, as they are said: at the vendor's
 * standard tier and for short prompts. For comparing deployments; the kernel charges by finer and fuller ones.
 */
export interface Prices {
  readonly input?: bigint;
  readonly output?: bigint;
  readonly cachedInput?: bigint;
  readonly cachedAudioInput?: bigint;
  readonly cachedImageInput?: bigint;
  readonly cacheWrite?: bigint;
  readonly cacheWriteLong?: bigint;
  readonly reasoning?: bigint;
  readonly audioInput?: bigint;
  readonly audioOutput?: bigint;
  readonly imageInput?: bigint;
  readonly imageOutput?: bigint;
  readonly videoInput?: bigint;
  readonly inputImages?: bigint;
  readonly outputImages?: bigint;
  readonly outputPixels?: bigint;
  readonly seconds?: bigint;
  readonly audioSeconds?: bigint;
  readonly videoSeconds?: bigint;
  readonly inputCharacters?: bigint;
  readonly outputCharacters?: bigint;
  readonly queries?: bigint;
  readonly pages?: bigint;
  readonly fileSearches?: bigint;
  readonly codeSessions?: bigint;
  /** Per call, whatever its tokens. */
  readonly request?: bigint;
}

/** A cost in integer nano-dollars (1e-9 USD), each part rounded half up on its own. */
export interface Cost {
  /** What is charged: the original less the discount, plus the margin. */
  readonly nanoUsd: number;
  /** By the vendor's prices. */
  readonly originalNanoUsd: number;
  readonly discountNanoUsd: number;
  readonly marginNanoUsd: number;
}

/** One callable model with its origin; the secret stays with the kernel. */
export interface Deployment {
  /** Stable over reloads while its settings stay the same. */
  readonly id: string;
  /** The model group it belongs to: what a caller asks for. */
  readonly group: string;
  /** The model name the vendor knows, provider prefix removed. */
  readonly model: string;
  /** The prefix that chose the provider, such as `openai`. */
  readonly provider: string;
  readonly weight?: number;
  /** Lower is tried first, when orders are given. */
  readonly order?: number;
  /** Requests and tokens a minute that the vendor allows. */
  readonly rpm?: number;
  readonly tpm?: number;
  readonly maxParallelRequests?: number;
  readonly tags: readonly string[];
  /** Base address, when the configuration names one. */
  readonly apiBase?: string;
  readonly apiVersion?: string;
  /** Set where the configuration names an API key of its own; the key stays with the kernel. */
  readonly hasApiKey?: true;
  /** Absent when no price is known, which differs from a price of zero. */
  readonly prices?: Prices;
  /** Whatever else the configuration says of it, secrets removed. */
  readonly params: Readonly<Record<string, unknown>>;
  /**
   * `model_info` of the configuration, over what is known of the model otherwise: `max_input_tokens`,
   * `max_output_tokens`, `mode`, `supports_…`. What is absent is unknown.
   */
  readonly info: Readonly<Record<string, unknown>>;
}

/** Measured by the kernel, outliving reloads; mirrored through `state` where replicas share one. */
export interface LiveNumbers {
  /** Successful calls seen so far. */
  readonly samples: number;
  /** Smoothed time to the whole reply, in milliseconds; 0 before the first sample. */
  readonly latencyMs: number;
  /** Smoothed time to first content, in milliseconds; 0 before the first sample. */
  readonly firstTokenMs: number;
  /** Calls running now. Rises in the tick of the decision. */
  readonly inFlight: number;
  /** Smoothed share of failed calls, 0 to 1. */
  readonly errorRate: number;
  /** Requests and tokens counted in the current minute. */
  readonly requestsThisMinute: number;
  readonly tokensThisMinute: number;
  /** End of its last cooldown, in milliseconds since the epoch; 0 for none yet. A candidate's has passed: it is back. */
  readonly cooledUntil: number;
}

/** A deployment eligible now. Candidates arrive in configured order. */
export interface Candidate {
  readonly deployment: Deployment;
  readonly live: LiveNumbers;
}

/** Error classes by which LiteLLM's retry and cooldown policies are keyed. */
export type ErrorClass =
  | 'BadRequestError'
  | 'AuthenticationError'
  | 'TimeoutError'
  | 'RateLimitError'
  | 'ContentPolicyViolationError'
  | 'InternalServerError';

/** Who stands in for whom: by model group, its alias, its name without the provider, or `*` for those without an entry. */
export type GroupFallbacks = Readonly<Record<string, readonly (string | Readonly<Record<string, unknown>>)[]>>;

/**
 * How the calls of one principal are routed, where it differs from the configuration: LiteLLM's `router_settings` of
 * keys and teams (https://docs.litellm.ai/docs/proxy/keys_teams_router_settings). What is absent is as configured.
 */
export interface PrincipalRouting {
  /** Tries after the first, 0 to 100. A deployment's own number and a retry policy stand over it, as over a request's. */
  readonly numRetries?: number;
  /** In place of `retry_policy`: tries after the first, 0 to 100, by class of error. A group's own policy stands over it. */
  readonly retryPolicy?: Readonly<Partial<Record<ErrorClass, number>>>;
  /** The whole call, in milliseconds, above 0; over a deployment's own. */
  readonly timeoutMs?: number;
  /** To the first content of a stream, in milliseconds, above 0; over a deployment's own. */
  readonly streamTimeoutMs?: number;
  /** In place of `fallbacks` and `default_fallbacks`; empty for none. */
  readonly fallbacks?: GroupFallbacks;
  /** In place of `context_window_fallbacks`. Set without an entry for a group, the error is told at once. */
  readonly contextWindowFallbacks?: GroupFallbacks;
  /** In place of `content_policy_fallbacks`, in the same way. */
  readonly contentPolicyFallbacks?: GroupFallbacks;
  /** Follow no fallbacks, unless the request sets this to false. */
  readonly disableFallbacks?: boolean;
}

/** Who asks, as a guard identified them. */
export interface Principal {
  /** Stable and safe to log; never the key itself. */
  readonly id: string;
  readonly kind: 'admin' | 'key' | 'anonymous';
  readonly user?: string;
  readonly team?: string;
  readonly organization?: string;
  /** Model groups it may call, with `*` patterns; all when absent. */
  readonly models?: readonly string[];
  /** Permission names it holds, with `*` patterns. */
  readonly permissions: readonly string[];
  /**
   * Settings of routing that stand under the request's own and over the configuration's. Whoever identifies has merged
   * them already, a key's over its team's. A target of its fallbacks that `models` leaves out is refused with
   * ERR_REQUEST_FORBIDDEN, as one that a request names; settings of the wrong shape fail with ERR_PLUGIN_INVALID.
   */
  readonly routing?: PrincipalRouting;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** A value that does not print, serialise or compare by accident. */
export interface Secret {
  /** Constant-time comparison. */
  equals(other: Secret | string): boolean;
  /** SHA-256, lower-case hex. */
  digest(): string;
  toString(): string;
  toJSON(): string;
}

/** The credential a caller sent, first header of the accepted ones. */
export interface Credential extends Secret {
  /** The header it came in, lower case, or `query` for `?key=`. */
  readonly source: string;
  /** Whether it begins with the given public prefix, such as `sk-`. */
  startsWith(prefix: string): boolean;
}

/**
 * Computed once per request and shared by all who ask; numbers or vectors, by name.
 *
 * The kernel's own can be had at once: `input-tokens` (estimated), `output-limit` (the most tokens the caller wants;
 * undefined where none are named) and `stream` (1 or 0).
 */
export interface FeatureValues {
  /** A value that has already been computed. */
  get(name: string): number | Float32Array | undefined;
  /** Computes it if need be, under the feature's deadline; undefined when it failed or was late. */
  want(name: string): Promise<number | Float32Array | undefined>;
}

/** Facts about one request. */
export interface RequestContext {
  /** Unique, `[A-Za-z0-9._-]{1,128}`. */
  readonly id: string;
  /** W3C trace id, 32 hex digits, and the span the kernel opened for this request. */
  readonly traceId: string;
  readonly spanId: string;
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
  readonly method: string;
  readonly path: string;
  /** Lower-case names; credentials and cookies removed. */
  readonly headers: Readonly<Record<string, string>>;
  readonly principal: Principal;
  /** The model group in question; '' on routes without one. */
  readonly group: string;
  readonly operation: Operation;
  readonly tags: readonly string[];
  /** Whom the caller acts for, as the request's `user` or a header names them; never verified. */
  readonly endUser?: string | undefined;
  /** Aborts when the client has left or the deadline has passed. */
  readonly signal: AbortSignal;
  readonly features: FeatureValues;
  /** Number of the generation that serves this request. */
  readonly generation: number;
  /** Set for an inner call: the request it belongs to. */
  readonly parent?: string;
}

/** What a request may steer; gateway-only body fields and headers, already taken out of the body. */
export interface Controls {
  readonly numRetries?: number;
  readonly timeoutMs?: number;
  readonly streamTimeoutMs?: number;
  /** Client-side fallbacks: group names, or objects with `model` and fields that replace the request's. */
  readonly fallbacks?: readonly (string | Readonly<Record<string, unknown>>)[];
  readonly contextWindowFallbacks?: readonly unknown[];
  readonly contentPolicyFallbacks?: readonly unknown[];
  readonly disableFallbacks?: boolean;
  readonly tags?: readonly string[];
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly cache?: Readonly<Record<string, unknown>>;
  /** Leave out what the vendor does not take (`drop_params`); over what the deployment says. */
  readonly dropParams?: boolean;
  /** Names or paths of parameters to leave out, such as `tools[*].function.strict`; beside the deployment's. */
  readonly additionalDropParams?: readonly string[];
  /** Parameters to pass on although the vendor is not known to take them; beside the deployment's. */
  readonly allowedParams?: readonly string[];
  /** Gateway-only fields that a later capability owns, by wire name. */
  readonly rest?: Readonly<Record<string, unknown>>;
}

/** The work asked for, parsed no further than someone needed. */
export interface Call {
  readonly operation: Operation;
  /** The caller's dialect, such as `openai-chat`. */
  readonly dialect: string;
  /** What the caller asked for, before aliases. */
  readonly model: string;
  readonly stream: boolean;
  readonly controls: Controls;
  /** The neutral form; throws ERR_REQUEST_INVALID where the operation has none. */
  chat(): ChatRequest;
  embeddings(): EmbeddingsRequest;
  /** The words of the request, joined by line feeds: what features and guards read. */
  text(): string;
  /**
   * Says in a few words how a loop around this call went, for `x-rutter-route`, the log and the ledger; the last one
   * said counts, at most 300 characters. Names and numbers, never what was asked or answered.
   */
  explain(reason: string): void;
}

/** A reply as wraps and strategies see it: whole, or as events. Use one of the two, once. */
export interface CallResult {
  /** The deployment that answered; undefined when a plugin made the reply itself. */
  readonly deployment: Deployment | undefined;
  /** Collects the whole reply. */
  reply(): Promise<ChatReply>;
  /** Streams it; ending the iteration early closes the upstream. */
  events(): AsyncIterable<ChatEvent>;
}

/** One try of one deployment. */
export interface Attempt {
  readonly deployment: string;
  readonly provider: string;
  readonly model: string;
  readonly group: string;
  /** Milliseconds since the request arrived. */
  readonly startedMs: number;
  readonly firstTokenMs?: number;
  readonly endedMs: number;
  readonly status?: number;
  readonly error?: { readonly code: string; readonly message: string };
}

/** What happened in the end. Observers and the ledger read it; nothing in it is secret or content. */
export interface Outcome {
  readonly context: RequestContext;
  readonly requestedModel: string;
  readonly group: string;
  readonly operation: Operation;
  readonly stream: boolean;
  readonly status: number;
  /** The deployment that served, if any did. */
  readonly deployment: Deployment | undefined;
  /** In words: which deployment served and why. */
  readonly route: string;
  readonly attempts: readonly Attempt[];
  /** How deployments were chosen, in order: at most the first 16 choices. Absent in the sandbox. */
  readonly decisions?: readonly Decision[];
  readonly fallbacks: number;
  readonly usage: Usage | undefined;
  /** Integer nano-dollars (1e-9 USD); undefined when the price is unknown. */
  readonly costNanoUsd: number | undefined;
  /** The same in parts; undefined when unknown. */
  readonly cost?: Cost | undefined;
  /** Calls of vendors whose price, or a part of it, is unknown; 0 when absent. */
  readonly unpricedCalls?: number;
  /** One of the calls that a strategy made inside a request: its tokens, cost and tries are in the request's outcome too. */
  readonly isPart?: true;
  /** How many such calls this request had; each has had an outcome of its own. */
  readonly parts?: number;
  readonly cacheHit: boolean;
  /** How the model was held to JSON, where that was asked for. */
  readonly structuredOutput?: 'native' | 'tool' | 'json' | undefined;
  /** `client` left, the stream `broke` after content, or it is complete. */
  readonly ending: 'complete' | 'client' | 'broke' | 'error';
  readonly durationMs: number;
  readonly firstTokenMs: number | undefined;
  /** Time not spent waiting for upstreams. */
  readonly overheadMs: number;
  readonly error: RutterError | undefined;
}

/** Replies a cache may keep or give. */
export type CacheableReply =
  | { readonly operation: 'chat' | 'completions'; readonly reply: ChatReply }
  | { readonly operation: 'embeddings'; readonly reply: EmbeddingsReply };
