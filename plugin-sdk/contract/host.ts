/**
 * What a plugin is handed at set-up. What its manifest's `needs` does not list
 * is refused with ERR_PLUGIN_INVALID when it is used.
 */
import type { ChatRequest } from './chat.ts';
import type { CallResult, RequestContext, Secret } from './request.ts';
import type { Services } from './services.ts';
import type { Auth } from './wire.ts';

/** Structured log of one instance; secrets are redacted at the sink. */
export interface Log {
  debug(fields: Readonly<Record<string, unknown>>, message?: string): void;
  info(fields: Readonly<Record<string, unknown>>, message?: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message?: string): void;
  error(fields: Readonly<Record<string, unknown>>, message?: string): void;
}

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds, never going back. */
  monotonic(): number;
  /** Resolves after the time, or rejects when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** A header that holds a secret behind a known word, such as `Bearer `. */
export interface PrefixedSecret {
  readonly prefix: string;
  readonly secret: Secret;
}

export interface HostFetchOptions {
  readonly method?: string;
  /** A {@link Secret} value is sent as it is, or behind a prefix, and shown to nobody. */
  readonly headers?: Readonly<Record<string, string | Secret | PrefixedSecret>>;
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>;
  /** Milliseconds for the whole exchange; 30,000 when absent. */
  readonly timeoutMs?: number;
  /** Most bytes of the reply body; 16 MiB when absent. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
  /** How the kernel signs the request; for plugins of kind `source` alone, which are shown no credential. */
  readonly auth?: Auth;
  /** Settings of the credential under the names of deployments, such as `aws_profile_name`; with `auth` only. */
  readonly credentials?: Readonly<Record<string, string | Secret>>;
}

export interface HostResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array>;
  text(): Promise<string>;
  json(): Promise<unknown>;
}

/** A child process of a trusted plugin; killed, group and all, when the instance ends. */
export interface HostChild {
  readonly pid: number;
  /** Resolves when the child has taken the text. */
  write(text: string): Promise<void>;
  /** Lines of standard output, without line ends, each at most 1 MiB. */
  readonly lines: AsyncIterable<string>;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  kill(): void;
}

/** Features this instance can compute; see {@link RequestContext.features}. */
export interface FeatureRegistry {
  /** Registers a named feature. `compute` runs at most once a request, under `timeoutMs` (50 when absent). */
  define(
    name: string,
    compute: (context: RequestContext, text: string) => number | Float32Array | Promise<number | Float32Array>,
    options?: { readonly timeoutMs?: number },
  ): void;
}

export interface InvokeOptions {
  /** The request this call belongs to: it shares its deadline, the bounds of its loop, and its trace. */
  readonly within: RequestContext;
  /** The whole call, in milliseconds; of a stream to its first content. */
  readonly timeoutMs?: number;
}

export interface Host {
  /** Name of this instance: `as` of its entry, else the plugin's name. */
  readonly name: string;
  readonly version: string;
  /** The instance's writable folder under the gateway's data folder; needs `files`. */
  readonly dataFolder: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly features: FeatureRegistry;
  /** Seeded, in [0, 1). */
  random(): number;
  /** A timer that ends with the instance; overlapping runs are skipped. Returns the way to stop. */
  every(intervalMs: number, task: () => void | Promise<void>): () => void;
  /** State that survives generations while name and version stay; bounded to 64 entries an instance. */
  keep<T>(name: string, version: number, make: () => T): T;
  /** HTTP by the kernel: deadline, address rules, no redirects. Needs `fetch`. */
  fetch(url: string, options?: HostFetchOptions): Promise<HostResponse>;
  /** Starts a child process with only the environment given. Needs `spawn`; trusted plugins only. */
  spawn(
    command: string,
    args: readonly string[],
    options?: { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string },
  ): HostChild;
  /**
   * An inner call on the same path, as the caller of the request: with its rights (ERR_REQUEST_FORBIDDEN for a group it
   * may not call) and on its limits. Whole, unless `request.stream` is true. A group already being invoked in this
   * request is refused with ERR_LIMIT_LOOP. Needs `invoke`.
   */
  invoke(
    group: string,
    request: Partial<ChatRequest> & Pick<ChatRequest, 'messages'>,
    options: InvokeOptions,
  ): Promise<CallResult>;
  /** A service named in the manifest's `uses`. */
  use<S extends keyof Services>(name: S): Services[S];
}
