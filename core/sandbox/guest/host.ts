/**
 * The host as a guest sees it: what the gateway grants, asked of it by texts.
 *
 * Time is the gateway's and stands still while the guest runs; chance is
 * seeded by the gateway, with the numbers the same plugin would get inside.
 */
import { type FeatureRegistry, type Host, type HostResponse, type Log, RutterError } from '@rutter/plugin-sdk';
import type { Ask } from './asks.ts';

export interface GuestSetUp {
  readonly name: string;
  readonly version: string;
  /** State of the generator sfc32. */
  readonly seed: readonly number[];
  readonly kept: ReadonlyMap<string, Kept>;
  /** Of a trusted plugin in a worker: what its manifest asks for. */
  readonly trusted?: {
    readonly dataFolder?: string;
    readonly embedder?: { readonly dimensions: number; readonly version: string };
  };
}

interface Kept {
  readonly version: number;
  readonly value: unknown;
}

export interface GuestTime {
  now: number;
  monotonic: number;
}

type Compute = Parameters<FeatureRegistry['define']>[1];

export interface GuestHost {
  readonly host: Host;
  readonly features: ReadonlyMap<string, { readonly compute: Compute; readonly timeoutMs: number | undefined }>;
  readonly kept: Map<string, Kept>;
  /** What is to be done again and again, by its place in the list. */
  readonly timers: readonly Timer[];
}

export interface Timer {
  readonly ms: number;
  readonly task: () => unknown;
}

export type MakeHost = (given: GuestSetUp, time: GuestTime) => GuestHost;

/** What the host of a plugin that is trusted has over that of one that is not. */
export type Abilities = Pick<Host, 'every' | 'use' | 'dataFolder'> & { readonly timers: readonly Timer[] };

interface Given {
  readonly time: GuestTime;
  readonly ask: Ask;
  readonly abilities?: Abilities;
}

const mostKept = 64;
const mostFeatures = 16;

export function guestHost(given: GuestSetUp, { time, ask, abilities = noAbilities }: Given): GuestHost {
  const features = new Map<string, { compute: Compute; timeoutMs: number | undefined }>();
  const kept = new Map<string, Kept>();
  const host: Host = {
    name: given.name,
    version: given.version,
    clock: {
      now: () => time.now,
      monotonic: () => time.monotonic,
      sleep: async (ms) => {
        await ask('sleep', { ms });
      },
    },
    log: logTo(ask),
    features: {
      define(name, compute, options) {
        if (features.size >= mostFeatures) throw refused(`more than ${mostFeatures} features`);
        features.set(name, { compute, timeoutMs: options?.timeoutMs });
      },
    },
    random: sfc32(given.seed),
    keep: (name, version, make) => keep(given, kept, { name, version }, make),
    fetch: async (url, { method, headers, body, timeoutMs, maxBytes } = {}) => {
      if (body !== undefined && typeof body !== 'string') throw refused('a body of host.fetch that is no text');
      return responseOf(await ask('fetch', { url: String(url), method, headers, body, timeoutMs, maxBytes }));
    },
    get dataFolder(): string {
      return abilities.dataFolder;
    },
    every: abilities.every,
    spawn: () => {
      throw refused('host.spawn');
    },
    invoke: () => {
      throw refused('host.invoke');
    },
    use: abilities.use,
  };
  return { host, features, kept, timers: abilities.timers };
}

const refused = (what: string) =>
  new RutterError('ERR_PLUGIN_INVALID', `There is no ${what} here; only a plugin that runs inside the gateway has it.`);

const noAbilities: Abilities = {
  timers: [],
  get dataFolder(): string {
    throw refused('host.dataFolder');
  },
  every: () => {
    throw refused('host.every');
  },
  use: () => {
    throw refused('host.use');
  },
};

function logTo(ask: Ask): Log {
  const at = (level: keyof Log) => (fields: Readonly<Record<string, unknown>>, message?: string) =>
    void ask('log', { level, fields, message }).catch(() => {});
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function keep<T>(
  given: GuestSetUp,
  kept: Map<string, Kept>,
  { name, version }: { readonly name: string; readonly version: number },
  make: () => T,
): T {
  const found = kept.get(name);
  if (found?.version === version) return found.value as T;
  if (found === undefined && kept.size >= mostKept)
    throw refused(`room for more than ${mostKept} entries of host.keep`);
  const earlier = given.kept.get(name);
  const value = found === undefined && earlier?.version === version ? (earlier.value as T) : make();
  kept.set(name, { version, value });
  return value;
}

/** As the kernel's own generator: the same state gives the same numbers. */
function sfc32(seed: readonly number[]): () => number {
  let [a = 0, b = 0, c = 0, counter = 0] = seed;
  return () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
}

function responseOf(answer: unknown): HostResponse {
  const { status, headers, text } = answer as { status: number; headers: Record<string, string>; text: string };
  return {
    status,
    headers,
    body: (async function* body() {
      yield utf8(text);
    })(),
    text: async () => text,
    json: async () => JSON.parse(text) as unknown,
  };
}

/** A guest has no TextEncoder. */
function utf8(text: string): Uint8Array {
  const escaped = encodeURIComponent(text.toWellFormed());
  const bytes = escaped.match(/%..|[^%]/g) ?? [];
  return Uint8Array.from(bytes, (one) => (one.length === 3 ? Number.parseInt(one.slice(1), 16) : one.charCodeAt(0)));
}
