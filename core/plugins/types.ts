/** What the plugin runtime hands to the request path. */
import type {
  Candidate,
  ChatEvent,
  ChatReply,
  ChatRequest,
  CodecContext,
  Deployment,
  EmbeddingsReply,
  EmbeddingsRequest,
  ErrorCode,
  Facets,
  Frame,
  Kind,
  Kinds,
  Manifest,
  Ranking,
  RequestContext,
  RutterError,
  StreamGuard,
  UpstreamRequest,
} from '@rutter/plugin-sdk';

export type PlaceName = 'in-process' | 'worker' | 'supervisor' | 'sandbox';

/**
 * What the contract makes synchronous, of a plugin that cannot answer at once:
 * asked for ahead, with a promise that is kept by the plugin's deadline.
 */
export interface AskedAhead {
  /** In the stead of a strategy's `prepare` and `select`. */
  rank?(context: RequestContext, candidates: readonly Candidate[]): Promise<Ranking>;
  /** Ahead of a guard's `filter`, which then tells what was answered here. */
  filterAhead?(context: RequestContext, candidates: readonly Candidate[]): Promise<void>;
  /** In the stead of a guard's `events`. */
  watch?(context: RequestContext): StreamWatch;
  /** In the stead of a provider's `failure`. */
  failureAhead?(
    status: number,
    body: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<ErrorCode | RutterError | undefined>;
}

/** A stream guard that answers later; asked one event at a time, in order. */
export interface StreamWatch extends Pick<StreamGuard, 'holdBack'> {
  readonly held?: number | undefined;
  push(event: ChatEvent): Promise<readonly ChatEvent[]>;
  end(): Promise<readonly ChatEvent[]>;
  /** The stream is over, however it ended. */
  close(): void;
}

/** Of a chat codec that answers later; its own `request`, `reply` and `events` are not asked. */
export interface ChatElsewhere {
  request(input: ChatRequest & { readonly deployment: Deployment }): Promise<UpstreamRequest>;
  reply(body: unknown, context: CodecContext): Promise<ChatReply>;
  events(context: CodecContext): { read(frames: readonly Frame[]): Promise<readonly ChatEvent[]>; close(): void };
}

export interface EmbeddingsElsewhere {
  request(input: EmbeddingsRequest & { readonly deployment: Deployment }): Promise<UpstreamRequest>;
  reply(body: unknown, input: EmbeddingsRequest & { readonly deployment: Deployment }): Promise<EmbeddingsReply>;
}

/** What a codec of another place carries beside its data. */
export interface Elsewhere<T> {
  readonly elsewhere?: T;
}

/** What is known of an instance in the sandbox, or in a worker thread. */
export interface SandboxStatus {
  /** `down` while its isolate is opened again; `quarantined` when it is not asked any more. */
  readonly state: 'running' | 'down' | 'quarantined';
  /** Since it was set up. */
  readonly falls: number;
  /** Times its isolate or thread had to be opened again. */
  readonly restarts: number;
  /** Calls it has not answered yet, and those turned away because its queue was full. */
  readonly waiting: number;
  readonly turnedAway: number;
  /** The child process it lives in; undefined while there is none, and in a worker thread. */
  readonly pid: number | undefined;
}

export interface PackedFile {
  readonly file: string;
  readonly map: string | undefined;
  readonly digest: string;
  /** The text itself where it was read with the manifest: what was checked is what runs, whatever becomes of the file. */
  readonly text?: string;
}

/** A plugin found on disk, described as data; nothing of it has run. */
export interface PluginPackage {
  readonly manifest: Manifest;
  readonly folder: string;
  /** The packed text and its source map, or undefined while only sources exist. */
  readonly packed: PackedFile | undefined;
  /** `untrusted` code runs in the sandbox or not at all. */
  readonly origin: 'shipped' | 'folder' | 'untrusted';
  /** Trusted by a key that has signed it, or by its name. */
  readonly isVouched?: boolean;
}

/** A running copy of a plugin, shared by every generation whose key for it is the same. */
export interface PluginInstance<K extends Kind = Kind> {
  /** Name + digest + configuration + place. */
  readonly key: string;
  readonly name: string;
  readonly manifest: Manifest;
  readonly digest: string;
  readonly place: PlaceName;
  readonly reason: string;
  /** Model groups it serves; all when undefined. */
  readonly for: readonly string[] | undefined;
  readonly value: Kinds[K] & Facets;
  readonly setupMs: number;
  /** Undefined in-process. */
  readonly sandbox: SandboxStatus | undefined;
  lastError: { readonly at: number; readonly message: string } | undefined;
}

/** A request's hold on its generation. Giving it back twice is harmless. */
export interface Lease {
  release(): void;
}
