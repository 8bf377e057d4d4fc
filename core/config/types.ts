/**
 * A configuration after reading: references resolved, layers merged, every
 * problem known with its place. Immutable once built.
 */
import type { ErrorClass, Secret } from '@rutter/plugin-sdk';

/** Where something stands in a configuration file. Lines and columns count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Keys and indices from the root, as `model_list[2].litellm_params.model`. */
  readonly path: string;
}

/** One thing wrong with a configuration. An `error` keeps it from starting; a `warning` does not. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning';
  readonly message: string;
  readonly found: string;
  readonly expected: string;
  readonly place: Place;
  /** What it is about, where that is one of these: a key without effect, or a variable that is not set. */
  readonly topic?: 'ignored' | 'variable';
  /** The path of the key, or the name of the variable. */
  readonly subject?: string;
}

/** What a plugin in the sandbox may have beyond what is harmless. */
export interface Grants {
  /** Words of requests and replies, and their headers. */
  readonly text: boolean;
  /** Origins it may fetch from. */
  readonly fetch: readonly string[];
  /** Longest wait for one answer; by its kind when undefined. Counts in a worker too, as does `queue`. */
  readonly timeoutMs: number | undefined;
  /** Longest time to load, and to set up, each; by its place when undefined. Counts in every place. */
  readonly setupMs: number | undefined;
  /** Calls it may be asked at once; more are turned away. 256 when undefined. */
  readonly queue: number | undefined;
}

/** One entry of `plugins:`. */
export interface PluginEntry {
  /** A shipped plugin's name, or a folder (absolute, resolved from the file that named it). */
  readonly use: string;
  readonly as: string;
  /** Model groups it serves; all when absent. */
  readonly for: readonly string[] | undefined;
  readonly trust: boolean;
  /** Where it is to run once it is trusted; what its manifest says when undefined. */
  readonly runsIn?: 'in-process' | 'worker' | undefined;
  readonly grants: Grants;
  readonly onFailure: 'abort' | 'continue' | 'quarantine';
  /** Secrets inside are {@link Secret} objects where the plugin's schema says so, else plain values. */
  readonly config: Readonly<Record<string, unknown>>;
  /** In words: why it is part of the composition. */
  readonly reason: string;
  readonly place: Place;
}

/** Other plugins for a share of the callers. */
export interface CanarySettings {
  readonly share: number;
  readonly plugins: readonly PluginEntry[];
}

/** One key, or one name, that is trusted. */
export interface TrustedPlugins {
  /** Undefined for plugins trusted by name. */
  readonly key: { readonly id: string; readonly publicKey: string } | undefined;
  /** Each `name` or `name@range`; all when undefined. */
  readonly plugins: readonly string[] | undefined;
  readonly needs: readonly string[] | undefined;
}

/** Which plugins that are not shipped may run. */
export interface TrustSettings {
  readonly trusted: readonly TrustedPlugins[];
  readonly needsSignature: boolean;
  readonly allow: readonly string[] | undefined;
  readonly needs: readonly string[] | undefined;
}

/** One callable model. `apiKey` and other secrets never leave the kernel. */
export interface DeploymentSettings {
  /** `model_info.id`, else a stable hash of its parameters. */
  readonly id: string;
  readonly modelName: string;
  /** Provider prefix, from `model: prefix/name` or `custom_llm_provider`. */
  readonly provider: string;
  /** Vendor's model name, prefix removed; may hold `*`. */
  readonly model: string;
  readonly apiKey: Secret | undefined;
  readonly apiBase: string | undefined;
  readonly apiVersion: string | undefined;
  readonly organization: string | undefined;
  readonly weight: number | undefined;
  readonly order: number | undefined;
  readonly rpm: number | undefined;
  readonly tpm: number | undefined;
  readonly maxParallelRequests: number | undefined;
  readonly tags: readonly string[];
  readonly tagRegex: readonly string[];
  readonly timeoutMs: number | undefined;
  readonly streamTimeoutMs: number | undefined;
  readonly numRetries: number | undefined;
  readonly cooldownMs: number | undefined;
  readonly extraHeaders: Readonly<Record<string, string>>;
  readonly extraBody: Readonly<Record<string, unknown>>;
  /** Prices it names itself, under LiteLLM's names; decimals as they were written. */
  readonly prices: Readonly<Record<string, unknown>> | undefined;
  /** Names by which callers may be given all models that carry them. */
  readonly accessGroups: readonly string[];
  readonly healthCheck: { readonly model: string | undefined; readonly timeoutMs: number };
  /** Group that gets a copy of each chat. */
  readonly silentModel: string | undefined;
  /** Whether the vendor's certificates are checked, where the deployment says it itself. */
  readonly verifies: boolean | undefined;
  /** What a caller may bring along, by wire name, with the pattern its value must fit. */
  readonly clientParameters: ReadonlyMap<string, string | undefined>;
  /** Request parameters used when the caller sends none, by wire name. */
  readonly defaults: Readonly<Record<string, unknown>>;
  /** Settings with secrets (`aws_secret_access_key`, `client_secret`, …) by wire name: for `core/upstream/auth` only. */
  readonly secrets: Readonly<Record<string, Secret>>;
  /** Remaining non-secret `litellm_params`, by wire name. */
  readonly params: Readonly<Record<string, unknown>>;
  readonly info: Readonly<Record<string, unknown>>;
  readonly place: Place;
}

export type FallbackTarget = string | Readonly<Record<string, unknown>>;

/** Fallback lists by group. Undefined means the list is not set at all, which differs from an empty one. */
export type FallbackLists = ReadonlyMap<string, readonly FallbackTarget[]>;

export interface RouterSettings {
  readonly routingStrategy: string;
  readonly routingStrategyArgs: Readonly<Record<string, unknown>>;
  /** Tries after the first; 2 when unset. */
  readonly numRetries: number;
  /** Least wait between tries, in milliseconds. */
  readonly retryAfterMs: number;
  /** Whole call, in milliseconds; 600,000 when unset. */
  readonly timeoutMs: number;
  /** First content of a stream, in milliseconds; undefined when unset. */
  readonly streamTimeoutMs: number | undefined;
  readonly allowedFails: number | undefined;
  readonly allowedFailsPolicy: Readonly<Partial<Record<ErrorClass, number>>> | undefined;
  readonly cooldownMs: number;
  readonly disableCooldowns: boolean;
  readonly maxFallbacks: number;
  readonly fallbacks: FallbackLists | undefined;
  readonly contextWindowFallbacks: FallbackLists | undefined;
  readonly contentPolicyFallbacks: FallbackLists | undefined;
  readonly defaultFallbacks: readonly FallbackTarget[] | undefined;
  /** Names that stand for several groups, with `*` at the end of patterns. */
  readonly modelGroupLists: ReadonlyMap<string, readonly string[]>;
  readonly modelGroupAlias: ReadonlyMap<string, { readonly model: string; readonly hidden: boolean }>;
  readonly retryPolicy: Readonly<Partial<Record<ErrorClass, number>>> | undefined;
  readonly modelGroupRetryPolicy: ReadonlyMap<string, Readonly<Partial<Record<ErrorClass, number>>>>;
  readonly enableTagFiltering: boolean;
  readonly tagFilteringMatchAny: boolean;
  readonly enablePreCallChecks: boolean;
  readonly defaultMaxParallelRequests: number | undefined;
  readonly enableHealthCheckRouting: boolean;
}

/** The kernel's own settings; LiteLLM's names in the file where it has one. */
export interface KernelSettings {
  /** Requests served at once before 503; undefined for no bound. (`general_settings.max_concurrent_requests`; LiteLLM's `global_max_parallel_requests` is read too.) */
  readonly maxConcurrentRequests: number | undefined;
  readonly maxRequestBytes: number;
  readonly maxMultipartBytes: number;
  /** How long a retired generation, or a stopping process, may finish its requests. Default 600,000. */
  readonly drainMs: number;
  readonly connectTimeoutMs: number;
  /** Longest silence between two contents of a stream. Default 120,000. */
  readonly interTokenTimeoutMs: number;
  /** `: ping` is sent after this much silence. Default 15,000; 0 switches it off. */
  readonly keepAliveMs: number;
  /** Longest wait for a client's body. Default 30,000. */
  readonly bodyTimeoutMs: number;
  /** Extra accepted header for the key (`litellm_key_header_name`). */
  readonly keyHeader: string | undefined;
  readonly pluginFolder: string | undefined;
  /** How often sources of plugins are looked at. Default 30,000. */
  readonly sourcePollMs: number;
  /** Vendor and plugin addresses in private networks that host.fetch and caller-chosen addresses may reach: CIDRs or host names. */
  readonly allowedAddresses: readonly string[];
  readonly mockTestingAllowed: boolean;
  readonly alwaysIncludeStreamUsage: boolean;
  readonly forwardClientHeaders: boolean;
  readonly callers: CallerSettings;
  /** Undefined: no background health checks. */
  readonly healthIntervalMs: number | undefined;
  readonly showsHealthDetails: boolean;
  readonly tls: TlsSettings;
  readonly forwardsTrace: boolean;
  /** Largest whole reply of a vendor. */
  readonly maxReplyBytes: number;
  /** Most retries as a share of first tries, over the last ten seconds; a floor of 10 is always allowed. Default 0.2. */
  readonly retryBudget: number;
}

/** What is taken off and put on vendors' prices, by provider. Shares and dollars are decimals as they were written. */
export interface CostSettings {
  readonly discounts: ReadonlyMap<string, string>;
  /** `global` holds for providers without one of their own. */
  readonly margins: ReadonlyMap<string, { readonly share: string; readonly fixed: string }>;
}

/** Who may call what, and what a call must say. */
export interface CallerSettings {
  /** Models that calls are served by whatever they ask for, by operation. */
  readonly forcedModels: Readonly<Record<string, string>>;
  /** Other names of models, looked up before all others. */
  readonly modelAliases: ReadonlyMap<string, { readonly model: string; readonly hidden: boolean }>;
  readonly mustNameUser: boolean;
  /** Fields that calls must have, with dots between steps. */
  readonly requiredFields: readonly string[];
  /** Headers that name the end user, lower case, in order. */
  readonly userHeaders: readonly string[];
  readonly refusesTags: boolean;
  /** Addresses and ranges that may call; undefined for all. */
  readonly allowedIps: readonly string[] | undefined;
  readonly trustsForwardedFor: boolean;
  /** Paths, a `*` at their end for all below. */
  readonly publicPaths: readonly string[];
  readonly adminPaths: readonly string[];
  /** Undefined for all. */
  readonly allowedPaths: readonly string[] | undefined;
}

/** How connections to vendors are made. */
export interface TlsSettings {
  readonly verifies: boolean;
  /** Absolute path of a file with authorities, in place of the built-in ones. */
  readonly authorityFile: string | undefined;
  /** Absolute path of a file with the certificate and key of this gateway. */
  readonly certificateFile: string | undefined;
  readonly isIpv4Only: boolean;
}

export interface Configuration {
  /** `environment_variables` of the file. Never logged. */
  readonly variables: Readonly<Record<string, string>>;
  /** Every file that took part, in the order read. */
  readonly files: readonly string[];
  /** SHA-256 of all that took part. */
  readonly digest: string;
  readonly plugins: readonly PluginEntry[];
  /** The entries that differ for a share of the credentials, from 0 to 1; none when absent. */
  readonly canary?: CanarySettings | undefined;
  readonly trust: TrustSettings;
  /** False when `derive: false` switches composition by claims off. */
  readonly derive: boolean;
  readonly deployments: readonly DeploymentSettings[];
  readonly router: RouterSettings;
  readonly kernel: KernelSettings;
  readonly costs: CostSettings;
  /** The merged file as plain values, environment references resolved: for claims on settings. Never logged. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Place of a path in the files, for messages about it. */
  placeOf(path: string): Place;
  /** Warnings; a configuration with errors is not built. */
  readonly warnings: readonly Diagnostic[];
}
