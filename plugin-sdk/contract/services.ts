/**
 * Services that plugins provide for each other, by name.
 *
 * A manifest says `provides` and `uses`; `host.use(name)` hands the service
 * over. Set-up order follows from it and cycles are refused.
 */
import type { Usage } from './chat.ts';
import type { Feedback } from './feedback.ts';
import type { Cost, Deployment, RequestContext } from './request.ts';
import type { Routing } from './routing.ts';

/** One limit to be charged: all of a request's reservations succeed together or not at all. */
export interface Reservation {
  /** Names the counter, such as `key:abc:tpm`. */
  readonly key: string;
  /** What to charge now. */
  readonly amount: number;
  /** The most the counter may hold within the window. */
  readonly limit: number;
  /** Window length, opening at the first charge; with `parallel`, how long a slot lives without a heartbeat. */
  readonly windowMs: number;
  /** What the kernel settles it with: requests, all tokens, nano-dollars, or a slot given back at the end. */
  readonly measure: 'requests' | 'tokens' | 'nano-usd' | 'parallel';
  /** Named to the caller when it is exceeded; defaults to the key. */
  readonly label?: string;
}

export type ReserveResult =
  | { readonly granted: true; readonly id: string; readonly remaining: readonly number[] }
  | { readonly granted: false; readonly index: number; readonly current: number; readonly retryAfterMs: number };

/** Atomic counters, reservations, leases, expiring values and messages. */
export interface State {
  /** Charges all or none, in one step. */
  reserve(reservations: readonly Reservation[]): Promise<ReserveResult>;
  /** Replaces the charged amounts by the actual ones, exactly once per id; a second call does nothing. */
  settle(id: string, actual: readonly number[]): Promise<void>;
  /** Keeps the parallel slots of a long request alive. */
  heartbeat(id: string): Promise<void>;
  /** Adds and returns the new value; the counter dies `ttlMs` after its first increment. */
  increment(key: string, by: number, ttlMs: number): Promise<number>;
  get(key: string): Promise<string | undefined>;
  set(
    key: string,
    value: string,
    options?: { readonly ttlMs?: number; readonly onlyIfAbsent?: boolean },
  ): Promise<boolean>;
  delete(key: string): Promise<boolean>;
  /** Takes or renews a named lease; false while another owner holds it. */
  lease(name: string, owner: string, ttlMs: number): Promise<boolean>;
  publish(channel: string, message: string): Promise<void>;
  /** Returns the way to stop. Messages published by this process arrive too. */
  subscribe(channel: string, listener: (message: string) => void): Promise<() => void>;
}

/** A column value that every store keeps exactly. Integers stay below 2^53. */
export type SqlValue = string | number | null;

/** One step of a schema, applied once, in order of `id` within its namespace. */
export interface Migration {
  /** Sortable, such as `0001-sessions`. */
  readonly id: string;
  /** Statements both SQLite and PostgreSQL accept, `?` for no values; split on `;` at line ends. */
  readonly sql: string;
}

/** Durable records: SQL behind one ordered writer. */
export interface Store {
  readonly flavour: 'sqlite' | 'postgres';
  /** Applies what is missing of a namespace's steps; safe when replicas do it together. */
  migrate(namespace: string, migrations: readonly Migration[]): Promise<void>;
  /** Reads rows; `?` marks a value. Bounded by the store's statement deadline. */
  query(sql: string, values?: readonly SqlValue[]): Promise<Record<string, SqlValue>[]>;
  /** Runs one writing statement, after everything appended before it; resolves when durable. */
  run(sql: string, values?: readonly SqlValue[]): Promise<{ readonly changes: number }>;
  /**
   * Queues one row for the ordered writer and returns at once; written in batches, durable within 50 ms.
   * Returns false, and counts the loss, when the bounded queue is full.
   */
  append(table: string, columns: readonly string[], values: readonly SqlValue[]): boolean;
  /** Resolves when everything appended so far is durable. */
  flush(): Promise<void>;
}

/** Turns texts into vectors of one fixed length. */
export interface Embedder {
  embed(texts: readonly string[]): Promise<Float32Array[]>;
  readonly dimensions: number;
  /** Changes whenever the same text would give another vector. */
  readonly version: string;
}

/** Where artefacts, plugins and configuration come from: blobs by key. */
export interface Source {
  /** Undefined when there is no such key; `unchanged` when its ETag still equals the one given. */
  get(
    key: string,
    options?: { readonly etag?: string },
  ): Promise<{ readonly body: Uint8Array; readonly etag: string } | 'unchanged' | undefined>;
  list(prefix: string): Promise<readonly { readonly key: string; readonly etag: string; readonly size: number }[]>;
  /** False when the condition did not hold. */
  put(
    key: string,
    body: Uint8Array,
    options?: { readonly ifMatch?: string; readonly ifNoneMatch?: '*' },
  ): Promise<boolean>;
}

/**
 * What is known of one model, under the names of LiteLLM's map: prices in dollars a unit (numbers, or decimal
 * texts), `max_input_tokens`, `max_output_tokens`, `mode`, `supports_…`. What is absent is unknown.
 */
export type ModelRow = Readonly<Record<string, unknown>>;

export interface ModelQuery {
  /** The prefix that chose the provider. */
  readonly provider: string;
  /** The name the vendor knows. */
  readonly model: string;
  /** The model whose prices and limits apply, where the name says nothing (a deployment at Azure). */
  readonly baseModel?: string;
}

/** Prices and limits of models. Answers are kept until `version` changes. */
export interface PriceBook {
  /** Rises whenever an answer may have changed. */
  readonly version: number;
  /** The row of the first name that is known: the base model's, `provider/model`, `model`; undefined for none. */
  find(query: ModelQuery): { readonly name: string; readonly row: ModelRow; readonly source: string } | undefined;
  /** Whether a provider's prices for long prompts begin at the threshold rather than above it. */
  includesThreshold(provider: string): boolean;
}

/** A deployment with what it costs. */
export interface PricedDeployment {
  readonly deployment: Deployment;
  /** The prices in force, under the names of LiteLLM's map, in dollars; empty when unknown. */
  readonly prices: ModelRow;
  /** Where they are from, in words; undefined when unknown. */
  readonly priceSource: string | undefined;
}

/** What may be called, for lists of models. Provided by the kernel. */
export interface Models {
  /** Every name the caller may ask for, in configured order, aliases among them; `group` is the model group behind it. */
  list(
    context: RequestContext,
    options?: { readonly withWildcards?: boolean },
  ): readonly { readonly id: string; readonly group: string }[];
  /** What stands behind one of those names, in configured order; empty for names that the caller may not ask for. */
  deployments(context: RequestContext, name: string): readonly PricedDeployment[];
  /** What a usage would cost at a deployment, by its id, with discount and margin; undefined when a price is unknown. */
  cost(context: RequestContext, deployment: string, usage: Usage): Cost | undefined;
  /** OpenAI's parameters that a deployment, by its id, takes; undefined where it does neither chats nor embeddings, or is not the caller's. */
  parameters(context: RequestContext, deployment: string): Promise<readonly string[] | undefined>;
}

/** Services by name; a plugin package may add its own by declaration merging. */
export interface Services {
  state: State;
  store: Store;
  embedder: Embedder;
  feedback: Feedback;
  models: Models;
  routing: Routing;
  prices: PriceBook;
}
