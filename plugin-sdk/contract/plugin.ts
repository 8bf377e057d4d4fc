/**
 * How a plugin is written down: a definition made by one factory, and a
 * manifest that describes it as data.
 */
import { z } from 'zod';
import type { Host } from './host.ts';
import type { Facets, Kind, Kinds } from './kinds.ts';

/** The version of this contract; a manifest names the one it was written for. */
export const apiVersion = 1;

/** Abilities a plugin may ask for; what it does not list it does not get. */
export const needNames = ['node', 'fetch', 'spawn', 'invoke', 'files', 'text'] as const;
export type Need = (typeof needNames)[number];

/** What in a configuration calls for a plugin. Two claimants of one thing are an error. */
export interface Claims {
  /** `openai` claims `openai/…` in `litellm_params.model`. */
  readonly modelPrefixes?: readonly string[];
  readonly routingStrategies?: readonly string[];
  /**
   * A path that is set, `general_settings.master_key`, or set to a value or a list with it,
   * `litellm_settings.cache_params.type: redis`; in entries of a list, `model_list[].litellm_params.max_budget`.
   * With ` as name` behind it what stands there becomes the option of that name.
   */
  readonly settings?: readonly string[];
  /** Prefixes of secret references. */
  readonly references?: readonly string[];
  /** Schemes of addresses that it is the source for: `s3` for `s3://bucket/name`. */
  readonly sources?: readonly string[];
  /** Names of commands it has: whoever types one gets the plugin composed for it, and nobody else. */
  readonly commands?: readonly string[];
  /**
   * Keys of vendors in the environment, and the models to offer when one is found and no configuration is given,
   * under `prefix` (the first of `modelPrefixes` when absent).
   */
  readonly environment?: readonly {
    readonly variable: string;
    readonly models: readonly string[];
    readonly prefix?: string;
  }[];
}

/** The `rutter` block of a plugin's package.json. */
export interface Manifest {
  readonly api: number;
  readonly kind: Kind;
  readonly name: string;
  readonly entry: string;
  readonly version: string;
  readonly description?: string;
  readonly needs: readonly Need[];
  readonly claims: Claims;
  readonly provides: readonly string[];
  readonly uses: readonly string[];
  /** Native or large packages, resolved from the plugin's folder and changed only by a restart. */
  readonly external: readonly string[];
  /** Set up once beside several workers, which reach it by messages: for `state` and `store` that live in one process. */
  readonly shared: boolean;
  /** `worker`: it holds the processor for long, and asks for a thread of its own. Its entry has the last word. */
  readonly place?: 'in-process' | 'worker';
  readonly stability: 'stable' | 'beta' | 'experimental';
  /** JSON Schema of the configuration, written by `pack`. */
  readonly config?: unknown;
}

export type Instance<K extends Kind> = Kinds[K] & Facets;

export interface PluginDefinition<K extends Kind = Kind, S extends z.ZodType = z.ZodType> {
  readonly kind: K;
  readonly config: S;
  setup(host: Host, config: z.output<S>): Instance<K> | Promise<Instance<K>>;
}

/**
 * Makes a plugin. `config` describes its options (every one with a default or
 * optional, described); `setup` runs once per instance and returns what the
 * kind asks for, plus facets.
 */
export function definePlugin<K extends Kind, S extends z.ZodType = z.ZodObject>(plugin: {
  readonly kind: K;
  readonly config?: S;
  setup(host: Host, config: z.output<S>): Instance<NoInfer<K>> | Promise<Instance<NoInfer<K>>>;
}): PluginDefinition<K, S> {
  return { kind: plugin.kind, config: plugin.config ?? (z.strictObject({}) as unknown as S), setup: plugin.setup };
}

/** A setting that holds a secret: kept out of logs, traces and dumps, handed over as a {@link Secret}. */
export const secret = () =>
  z
    .custom<import('./request.ts').Secret>((value) => typeof value === 'string' || isSecret(value))
    .meta({ type: 'string', secret: true });

/**
 * A setting that names a file or an address. A relative path is one from the file of the configuration that it is
 * written in, and is handed over as an absolute one.
 */
export const location = () => z.string().min(1).meta({ location: true });

/**
 * A {@link location} of a file that the plugin reads as it is, such as a learnt router. It may be an address in a
 * source (`s3://bucket/router.rra`): the gateway brings the file and hands over its path, pinned to its digest, and a
 * changed file is another instance, which must set up before it takes the place of this one. See {@link readPinned}.
 */
export const artefact = () => z.string().min(1).meta({ location: true, artefact: true });

/** A file, and the SHA-256 (lower-case hex) that it must have, where its path ends in `#sha256=…`. */
export interface PinnedFile {
  readonly path: string;
  readonly sha256: string | undefined;
}

/** Reads what an {@link artefact} setting holds. */
export function readPinned(text: string): PinnedFile {
  const [, path = text, sha256] = /^(.*)#sha256=([0-9a-f]{64})$/s.exec(text) ?? [];
  return { path, sha256 };
}

function isSecret(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'digest' in value && 'equals' in value;
}

export { z };
