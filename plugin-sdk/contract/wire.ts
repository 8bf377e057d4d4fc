/**
 * The two halves of translation: a dialect faces the client, a codec faces
 * the vendor. Both are pure; the kernel does all input and output.
 *
 * Where a call's dialect equals a codec's, bytes pass through: the codec says
 * what to change in the body (`pass`) and reads along in the reply (`relay`).
 */
import type { ChatEvent, ChatReply, ChatRequest, EmbeddingsReply, EmbeddingsRequest, Usage } from './chat.ts';
import type { ErrorCode, RutterError } from './errors.ts';
import type { Attempt, Controls, Cost, Deployment, Operation, RequestContext } from './request.ts';

/** Fields of a JSON body by wire name. Strings over 64 KiB may be stand-ins that the kernel fills in again on the way out. */
export type Fields = Readonly<Record<string, unknown>>;

export interface DialectInput {
  readonly fields: Fields;
  /** Path parameters, such as `model` of `/engines/:model/chat/completions`. */
  readonly params: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
}

/** What a dialect reads from a body before anything is called. */
export interface CallFacts {
  readonly model: string;
  readonly stream: boolean;
  /** The caller asked to see usage in the stream. */
  readonly includeUsage: boolean;
  readonly controls: Controls;
  /** A reply in JSON is asked for: the kernel then looks whether the vendor's own way to it will do before bytes pass. */
  readonly asksForJson?: boolean;
  /** Top-level fields that are the gateway's and never reach a vendor. */
  readonly strip: readonly string[];
}

export interface WriteContext {
  readonly requestId: string;
  /** The name the reply shows: the client's own, or the answering group's after a fallback. */
  readonly model: string;
  /** Seconds since the epoch. */
  readonly created: number;
  readonly includeUsage: boolean;
  readonly fields: Fields;
}

/** Writes one streamed reply. Every method returns the text to send, '' for nothing. */
export interface EventWriter {
  event(event: ChatEvent): string;
  /** After the last event: what closes a complete stream. */
  end(): string;
  /** Instead of `end`, when the stream broke: one typed error and nothing after it. */
  fail(error: RutterError): string;
}

/** What response headers may tell of a call; plain facts, no secrets. */
export interface ReplySummary {
  readonly context: RequestContext;
  readonly requestedModel: string;
  readonly group: string;
  readonly deployment: Deployment | undefined;
  readonly route: string;
  readonly attempts: readonly Attempt[];
  readonly retries: number;
  readonly maxRetries: number;
  readonly fallbacks: number;
  readonly maxFallbacks: number;
  readonly timeoutMs: number | undefined;
  readonly costNanoUsd: number | undefined;
  /** The same in parts; undefined when unknown. */
  readonly cost?: Cost | undefined;
  /** The margin as a share, such as 0.1, where one is set for the deployment's provider. */
  readonly marginShare?: number | undefined;
  readonly cacheHit: boolean;
  readonly durationMs: number;
  readonly overheadMs: number;
  /** Headers of the vendor's reply, lower case, hop-by-hop and cookies removed. */
  readonly vendorHeaders: Readonly<Record<string, string>>;
  readonly version: string;
}

/** A client-facing dialect of one operation. */
export interface Dialect {
  /** Unique, such as `openai-chat`. */
  readonly name: string;
  readonly operation: Operation;
  /** Checks required fields, types and nesting; throws ERR_REQUEST_INVALID with `param`. */
  read(input: DialectInput): CallFacts;
  /** The neutral form of a chat-like body. Called at most once per target, and not at all where bytes pass through. */
  chat?(fields: Fields): ChatRequest;
  embeddings?(fields: Fields): EmbeddingsRequest;
  /** The words of the request for features and guards. */
  text(fields: Fields): string;
  /** A whole reply in this dialect, ready for JSON. */
  reply?(reply: ChatReply, context: WriteContext): unknown;
  embeddingsReply?(reply: EmbeddingsReply, context: WriteContext): unknown;
  /** A streamed reply in this dialect. */
  writer?(context: WriteContext): EventWriter;
  /** The error envelope. */
  failure(error: RutterError): unknown;
  /** An in-stream error for bytes that passed through. */
  streamFailure?(error: RutterError): string;
  /**
   * Response headers of this dialect's family, a name, its value, the next name: a flat list is written without
   * ever becoming an object of thirty members. The kernel replaces what cannot stand in a header.
   */
  headers?(summary: ReplySummary): string[];
}

/** How a vendor frames a streamed reply. */
export type Framing = 'sse' | 'ndjson' | 'aws-event-stream' | 'json';

/** One frame of a streamed reply: for SSE its `event` and `data`, for the others the text or the decoded payload in `data`. */
export interface Frame {
  readonly event: string;
  readonly data: string;
  /** Headers of an AWS event-stream message. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface UpstreamRequest {
  /** POST when absent. */
  readonly method?: string;
  /** Appended to the deployment's base address. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Serialised as JSON by the kernel. */
  readonly body?: unknown;
  /** Parameters of the caller's that were left out, by name; told in `x-rutter-translation`. */
  readonly dropped?: readonly string[];
}

export interface CodecContext {
  readonly deployment: Deployment;
  readonly stream: boolean;
  /** The neutral request this reply answers. */
  readonly request: ChatRequest;
}

export interface PassInput {
  readonly deployment: Deployment;
  readonly stream: boolean;
  /** The caller's body, for reading only. */
  readonly fields: Fields;
}

/** Changes to the caller's bytes: `set` replaces or adds top-level fields, `remove` takes them out. */
export interface PassRequest {
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly set?: Fields;
  readonly remove?: readonly string[];
  /** As in {@link UpstreamRequest}. */
  readonly dropped?: readonly string[];
}

export interface RelayContext {
  /** The model name the client shall see; the vendor's own is left when undefined. */
  readonly model: string | undefined;
  /** Whether the client asked to see usage in the stream; without it the usage event is hidden. */
  readonly includeUsage: boolean;
}

/** Reads along while bytes pass. Bytes returned may share memory with the input. */
export interface Relay {
  /** A whole reply. Throws the error that a 200 body may carry. */
  whole(body: Uint8Array): Uint8Array;
  /** One chunk of a stream, cut anywhere: what may be sent on, whole events only; undefined for nothing yet. */
  push(chunk: Uint8Array): Uint8Array | undefined;
  /** The upstream ended: throws ERR_PROVIDER_STREAM where it was not complete, else what remains. */
  finish(): Uint8Array | undefined;
  /** Whether model output has been seen, as opposed to lifecycle frames. */
  readonly hasContent: boolean;
  /** Whether the dialect's last event has been seen. */
  readonly isComplete: boolean;
  readonly usage: Usage | undefined;
  /** Characters of output seen; the basis of an estimate when the vendor reports no usage. */
  readonly outputLength: number;
  /** An error event inside the stream. */
  readonly failure: RutterError | undefined;
}

/** Translation of chat for one vendor. */
export interface ChatCodec {
  readonly framing: Framing;
  /** The dialect whose bytes this vendor takes unchanged. */
  readonly dialect?: string;
  /** Whether this deployment takes those bytes, where one provider has models of several dialects; all do when absent. */
  passes?(deployment: Deployment): boolean;
  /** Throws ERR_REQUEST_UNSUPPORTED_PARAMETER with `param` for what the vendor cannot do. */
  request(input: ChatRequest & { readonly deployment: Deployment }): UpstreamRequest;
  reply(body: never, context: CodecContext): ChatReply;
  /** One reader a stream. It throws a RutterError for an error event. */
  events(context: CodecContext): (frame: Frame) => readonly ChatEvent[];
  pass?(input: PassInput): PassRequest;
  relay?(context: RelayContext): Relay;
  /**
   * Sorts of parts the vendor takes only as bytes: the kernel downloads the http and https addresses of these, and
   * `request` sees them inline. Addresses of other schemes and file ids are the codec's.
   */
  readonly inlines?: readonly ('image' | 'file')[];
  /** Whether the vendor takes a document, sound or film where a request says image. Of others the kernel sees to it that it is one. */
  readonly imagesAreFiles?: boolean;
  /** Whether the vendor reads this http(s) address itself, one of its own file store for instance; the kernel then leaves it. */
  readsAddress?(address: string, deployment: Deployment): boolean;
  /**
   * The best way to hold this model to a JSON Schema: the vendor's own parameter (`native`, when absent), a
   * forced tool call, or its JSON mode with the reply checked. The kernel rewrites the request for all but the first.
   * `request` is what is asked, for models that cannot be made to call a tool while they reason, for instance; where
   * it asks for JSON of any shape, `tool` has it forced by a tool too and the others leave it to `request`.
   */
  structured?(deployment: Deployment, request: ChatRequest): 'native' | 'tool' | 'json';
  readonly count?: TokenCount;
}

/** How a vendor counts the tokens of a prompt without answering it. */
export interface TokenCount {
  /** The request that counts, made from the one that would ask the model. */
  request(chat: UpstreamRequest): UpstreamRequest;
  /** Tokens of the prompt, from the vendor's reply; undefined when it does not tell them. */
  tokens(body: never): number | undefined;
}

export interface EmbeddingsCodec {
  readonly dialect?: string;
  request(input: EmbeddingsRequest & { readonly deployment: Deployment }): UpstreamRequest;
  reply(body: never, deployment: Deployment): EmbeddingsReply;
  pass?(input: PassInput): PassRequest;
  relay?(context: RelayContext): Relay;
}

/** An operation without a neutral model: bytes or a multipart form go through, `model` rewritten. */
export interface RawCodec {
  readonly dialect: string;
  pass(input: PassInput): PassRequest;
  /** What a whole reply used, where it tells it, or where the request does: `fields` are the caller's. */
  usage?(body: Uint8Array, fields: Fields): Usage | undefined;
}

/** Header sent with a key: `authorization: Bearer …`, `x-api-key: …`. */
export interface HeaderAuth {
  readonly scheme: 'header';
  readonly header: string;
  /** Put before the key, `Bearer ` for instance. */
  readonly prefix?: string;
  /** Setting of the deployment that holds the key; `api_key` when absent. */
  readonly keyParam?: string;
  /** Environment variable that holds the key when the deployment names none; of several the first that is filled. */
  readonly variable?: string | readonly string[];
  /** Without a key the request goes without one; else it fails with ERR_PROVIDER_AUTHENTICATION. For vendors that also run at home. */
  readonly optional?: boolean;
}

export interface QueryAuth {
  readonly scheme: 'query';
  readonly parameter: string;
  readonly keyParam?: string;
  readonly variable?: string | readonly string[];
  readonly optional?: boolean;
}

/**
 * AWS Signature Version 4; credentials from the deployment's `aws_*` settings, environment, profile, web identity,
 * container role or assumed role. A bearer key (`api_key`, AWS_BEARER_TOKEN_<SERVICE>) goes in its place.
 * `{region}` in the host of the address becomes the region: of the settings, the environment, the profile, an ARN in the path.
 */
export interface SigV4Auth {
  readonly scheme: 'sigv4';
  readonly service: string;
  /** When the deployment and the environment name none. */
  readonly region?: string;
}

/**
 * An access token, sent as `authorization: Bearer …`, kept, and renewed before it ends.
 *
 * - `client_credentials`: RFC 6749 §4.4, with a client's id and secret.
 * - `client_assertion`: the same with a signed token in place of the secret, RFC 7523 §2.2. It is read
 *   from a file at each renewal, because whoever mounts it there (Kubernetes) replaces it.
 * - `jwt_bearer`: RFC 7523 §2.1, an assertion signed with a service account's key.
 * - `managed_identity`: asked of the Azure machine the gateway runs on, for `audience`. `tokenUrl` is the
 *   address of the instance metadata service; IDENTITY_ENDPOINT, where it is set, takes its place.
 *
 * What is named a setting here is one of the deployment's, secret ones among them.
 */
export interface OAuth2Auth {
  readonly scheme: 'oauth2';
  readonly grant: 'client_credentials' | 'client_assertion' | 'jwt_bearer' | 'managed_identity';
  /** May hold `{name}` places, filled from the deployment's settings. */
  readonly tokenUrl: string;
  readonly scope?: string;
  readonly audience?: string;
  /** Names of the deployment's settings; `client_id` and `client_secret` when absent. */
  readonly clientIdParam?: string;
  readonly clientSecretParam?: string;
  /** Setting with a service account (JSON text or file path) for `jwt_bearer`, or the file of a `client_assertion`. */
  readonly keyParam?: string;
  /** Environment variables that stand in for settings the deployment leaves out, by the setting's name. */
  readonly variables?: Readonly<Record<string, string>>;
}

/**
 * An access token of Google's, sent as a bearer: by the deployment's own credential, else by the machine's
 * application default credentials (GOOGLE_APPLICATION_CREDENTIALS, gcloud's file, the metadata server).
 * `{project}` in the address is filled with the project the credential belongs to.
 */
export interface GoogleAuth {
  readonly scheme: 'google';
  readonly scope: string;
  /** Setting with the credential: JSON text, a mapping, or the path of a file. */
  readonly keyParam: string;
}

/**
 * The first way for which a deployment's own settings hold what it needs; else the first for which the
 * environment does; else the first of all, whose error says what is missing.
 */
export interface FirstAuth {
  readonly scheme: 'first';
  readonly of: readonly (HeaderAuth | QueryAuth | OAuth2Auth)[];
}

export interface NoAuth {
  readonly scheme: 'none';
}

/** Authentication as data: the kernel does it, so that no plugin sees a secret. */
export type Auth = HeaderAuth | QueryAuth | SigV4Auth | OAuth2Auth | GoogleAuth | FirstAuth | NoAuth;

/** Turns a vendor's error into one of ours: a code, or a whole error. Undefined leaves it to the status. */
export type FailureReader = (
  status: number,
  body: string,
  headers: Readonly<Record<string, string>>,
) => ErrorCode | RutterError | undefined;
