/**
 * Starts one call of one deployment: chooses between passing bytes through
 * and translating, makes the vendor's request, signs it and sends it.
 */
import {
  type ChatCodec,
  type ChatRequest,
  type CodecContext,
  type PassInput,
  type PassRequest,
  type RawCodec,
  type Relay,
  type RelayContext,
  RutterError,
  type UpstreamRequest,
  type Usage,
} from '@rutter/plugin-sdk';
import { malformed } from '@rutter/plugin-sdk/codecs';
import { spanId, traceparent } from '../http/trace.ts';
import type { ModelCall } from '../pipeline/model-call.ts';
import type { Target } from '../pipeline/models.ts';
import type { TransferForm } from '../pipeline/served.ts';
import type { CredentialLookup } from '../upstream/auth/authenticator.ts';
import { vendorError } from './errors.ts';
import { Scrubber } from './scrub.ts';
import { simulate } from './simulate.ts';
import { Transfer } from './transfer.ts';
import type { Decoded, TransferPlan, TransferTimers } from './transfer-plan.ts';

export interface Started {
  readonly transfer: Transfer;
  readonly form: TransferForm;
}

/** What goes to the vendor, and how what comes back is read. */
interface Prepared {
  readonly path: string;
  readonly query: Readonly<Record<string, string>> | undefined;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>> | undefined;
  readonly body: Buffer | string | Promise<Buffer> | AsyncIterable<Uint8Array>;
  readonly stream: boolean;
  readonly form: TransferForm;
  readonly plan: Pick<TransferPlan, 'relay' | 'framing' | 'reader' | 'decode'>;
  readonly dropped: readonly string[];
}

/** Of a stream; whole replies have a lower bound, see transfer.ts. */
const streamBytes = 1024 * 1024 * 1024;

/** A promise only where the body must be written in turns, or a token fetched. */
export function startTransfer(
  call: ModelCall,
  target: Target,
  change: Partial<ChatRequest> | undefined,
): Started | Promise<Started> {
  const prepared = prepare(call, target, change);
  if (prepared.dropped.length > 0) call.dropped.push(...prepared.dropped);
  const { body } = prepared;
  return body instanceof Promise
    ? body.then((written) => signAndSend(call, target, prepared, written))
    : signAndSend(call, target, prepared, body);
}

type Body = Buffer | string | AsyncIterable<Uint8Array>;

function signAndSend(call: ModelCall, target: Target, prepared: Prepared, body: Body): Started | Promise<Started> {
  const url = address(target, prepared);
  const { method } = prepared;
  const headers = upstreamHeaders(call, target, prepared);
  const signable = typeof body === 'string' || body instanceof Uint8Array ? body : undefined;
  const request = { url, method, headers, body };
  const signed = call.path.services.authenticator.apply(
    target.auth,
    { url, method, headers, body: signable },
    credentials(target),
  );
  if (!(signed instanceof Promise)) {
    if (signed !== undefined) request.url = signed;
    return sendPrepared(call, target, prepared, request);
  }
  return signed.then((signedUrl) => sendPrepared(call, target, prepared, { ...request, url: signedUrl ?? url }));
}

interface Outgoing {
  url: string;
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: Body;
}

function sendPrepared(call: ModelCall, target: Target, prepared: Prepared, request: Outgoing): Started {
  const { relay, framing, reader, decode } = prepared.plan;
  const transfer = new Transfer(
    {
      relay,
      framing,
      reader,
      decode,
      stream: prepared.stream,
      failure: (status, text, replyHeaders) => vendorError(target.provider.failure, status, text, replyHeaders),
      timers: timers(call, target),
      scrubber: scrubberOf(target),
    },
    call.path.services.watchdog,
  );
  send(call, target, request, transfer);
  return { transfer, form: prepared.form };
}

const scrubbers = new WeakMap<Target, Scrubber>();

function scrubberOf(target: Target): Scrubber {
  let scrubber = scrubbers.get(target);
  if (!scrubber) {
    scrubber = new Scrubber(target.settings);
    scrubbers.set(target, scrubber);
  }
  return scrubber;
}

/** A body that is not JSON, or not what the codec knows, is the vendor's fault. */
function decoder<T>(read: (body: never) => T): (body: Buffer) => T {
  return (body) => {
    const parsed = parseJson(body);
    try {
      return read(parsed as never);
    } catch (error) {
      throw RutterError.from(error, 'ERR_PROVIDER_MALFORMED', 'The vendor sent a reply that cannot be read.');
    }
  };
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw malformed(body.toString('utf8', 0, 300), 'JSON');
  }
}

function send(call: ModelCall, target: Target, request: Outgoing, transfer: Transfer): void {
  if (target.provider.respond) {
    const { body } = request;
    if (typeof body !== 'string' && !(body instanceof Uint8Array))
      throw new RutterError('ERR_ROUTE_UNSUPPORTED', 'A simulated vendor takes no forms.');
    transfer.attach(simulate(target.provider, { ...request, body }, transfer));
    return;
  }
  const { kernel } = call.path.configuration;
  const { url, method, headers, body } = request;
  const exchange = call.path.services.upstream.exchange(
    {
      ...{ url, method, headers, body },
      connectTimeoutMs: kernel.connectTimeoutMs,
      maxReplyBytes: streamBytes,
      guarded: false,
    },
    transfer,
  );
  transfer.attach(exchange);
}

/** Total, first content and silence between contents, each from the nearest place that names it. */
export function timers(call: ModelCall, target: Target): TransferTimers {
  const { router, kernel } = call.path.configuration;
  const totalMs = call.controls.timeoutMs ?? target.settings.timeoutMs ?? router.timeoutMs;
  const firstContentMs =
    call.controls.streamTimeoutMs ?? target.settings.streamTimeoutMs ?? router.streamTimeoutMs ?? totalMs;
  return { totalMs, firstContentMs, betweenMs: kernel.interTokenTimeoutMs };
}

function address(target: Target, prepared: Prepared): string {
  const isWhole = prepared.path.startsWith('https://') || prepared.path.startsWith('http://');
  if (!isWhole && target.baseUrl === '') throw withoutBase(target);
  const url = isWhole ? prepared.path : target.baseUrl + prepared.path;
  if (!prepared.query) return url;
  return `${url}${url.includes('?') ? '&' : '?'}${new URLSearchParams(prepared.query)}`;
}

function withoutBase({ deployment, provider: { variables } }: Target): RutterError {
  const named = typeof variables === 'function' ? variables(deployment.provider) : variables;
  const hint = named?.api_base?.map((name) => ` or the environment variable ${name}`).join('') ?? '';
  return new RutterError(
    'ERR_CONFIG_INVALID',
    `Deployment ${deployment.id} (${deployment.provider}) has no address. Expected api_base in its settings${hint}.`,
    { retry: 'next', expose: true },
  );
}

function upstreamHeaders(call: ModelCall, target: Target, { stream, headers: own }: Prepared): Record<string, string> {
  const { facts } = call;
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: stream ? 'text/event-stream' : 'application/json',
    'user-agent': `rutter/${call.path.services.version}`,
    'x-request-id': facts.id,
    traceparent: traceparent(facts.traceId, spanId(), facts.trace.flags),
  };
  if (facts.trace.state !== undefined) headers.tracestate = facts.trace.state;
  if (call.path.configuration.kernel.forwardClientHeaders)
    for (const [name, value] of Object.entries(facts.headers)) if (name.startsWith('x-')) headers[name] ??= value;
  if (own) Object.assign(headers, own);
  for (const name in target.settings.extraHeaders)
    headers[name.toLowerCase()] = target.settings.extraHeaders[name] as string;
  return headers;
}

/** One lookup a target: the authenticator caches tokens by its id. */
const lookups = new WeakMap<Target, CredentialLookup>();

export function credentials(target: Target): CredentialLookup {
  let lookup = lookups.get(target);
  if (!lookup) {
    const { settings } = target;
    lookup = {
      id: settings.id,
      apiKey: settings.apiKey,
      secret: (name) => settings.secrets[name],
      param: (name) => settings.params[name],
    };
    lookups.set(target, lookup);
  }
  return lookup;
}

function prepare(call: ModelCall, target: Target, change: Partial<ChatRequest> | undefined): Prepared {
  const { provider } = target;
  const raw = provider.raw?.[call.operation];
  if (raw)
    return passed(call, target, raw.pass, { relay: undefined, decode: (body) => ({ usage: countedBy(raw, body) }) });
  const isAsItCame = change === undefined && !call.isAmended && !call.needsNeutral;
  if (call.operation === 'embeddings') return embeddings(call, target, isAsItCame);
  const codec = call.operation === 'completions' ? (provider.completions ?? provider.chat) : provider.chat;
  if (!codec || !call.wire.chat)
    throw new RutterError(
      'ERR_ROUTE_UNSUPPORTED',
      `Deployment ${target.deployment.id} (${target.deployment.provider}) does not offer ${call.operation}.`,
    );
  if (isAsItCame && codec.dialect === call.dialect && codec.pass && codec.relay)
    return passed(call, target, codec.pass, relayed(codec.relay(relayContext(call)), codec, call, target));
  return translated(call, target, provider.chat ?? codec, change);
}

/** Vendors answer some operations with text or bytes: where usage cannot be read, the reply is none the worse for it. */
function countedBy(raw: RawCodec, body: Buffer): Usage | undefined {
  try {
    return raw.usage?.(body);
  } catch {
    return undefined;
  }
}

function relayContext(call: ModelCall): RelayContext {
  // The caller reads the name that was asked for, or, of a fallback, the name of the group that answered.
  const model = call.fallbacks > 0 ? call.group : call.model;
  return { model, includeUsage: call.read.includeUsage || call.path.configuration.kernel.alwaysIncludeStreamUsage };
}

function passed(
  call: ModelCall,
  target: Target,
  pass: (input: PassInput) => PassRequest,
  plan: Pick<Prepared['plan'], 'relay' | 'decode'>,
): Prepared {
  const { deployment, settings } = target;
  const { defaults, extraBody } = settings;
  const missing = Object.keys(defaults).filter((name) => !(name in call.body.fields));
  const fields = missing.length > 0 ? { ...defaults, ...call.body.fields } : call.body.fields;
  const request = pass({ deployment, stream: call.stream, fields });
  const set: Record<string, unknown> = { ...request.set, ...extraBody };
  if (!call.form)
    for (const name of missing) if (!(name in set) && !request.remove?.includes(name)) set[name] = defaults[name];
  const remove = request.remove ? [...call.read.strip, ...request.remove] : call.read.strip;
  const body = call.form ? call.form.encode({ set, defaults, remove }) : call.body.edit({ set, remove });
  return {
    path: request.path,
    query: request.query,
    method: 'POST',
    headers: call.form ? { ...request.headers, 'content-type': call.form.contentType } : request.headers,
    body,
    stream: call.stream && call.operation !== 'embeddings',
    form: 'bytes',
    plan: { ...plan, framing: 'sse', reader: undefined },
    dropped: request.dropped ?? [],
  };
}

function translated(
  call: ModelCall,
  target: Target,
  codec: ChatCodec,
  change: Partial<ChatRequest> | undefined,
): Prepared {
  const { deployment } = target;
  const asked = withDefaults(call, target);
  // A loop may ask for whole drafts although the client reads a stream, or the other way round.
  const stream = change?.stream ?? call.stream;
  const request: ChatRequest = { ...asked, ...change, model: deployment.model, stream };
  const context: CodecContext = { deployment, stream, request };
  const upstream = codec.request({ ...request, deployment });
  return {
    ...common(call, target, upstream),
    stream,
    form: stream ? 'events' : 'chat-reply',
    plan: {
      relay: undefined,
      framing: codec.framing,
      reader: stream ? codec.events(context) : undefined,
      decode: chatDecoder(codec, context),
    },
  };
}

function chatDecoder(codec: ChatCodec, context: CodecContext): (body: Buffer) => Decoded {
  return decoder((body: never) => {
    const chat = codec.reply(body, context);
    return { chat, usage: chat.usage };
  });
}

/** Bytes pass; only a stream answered by one JSON reply has to be read after all. */
function relayed(
  relay: Relay,
  codec: ChatCodec,
  call: ModelCall,
  target: Target,
): Pick<Prepared['plan'], 'relay' | 'decode'> {
  if (!call.stream) return { relay, decode: undefined };
  return {
    relay,
    decode: (body) => chatDecoder(codec, { deployment: target.deployment, stream: true, request: call.chat() })(body),
  };
}

/** The deployment's default parameters, under what the caller sent, and the gateway's own fields taken out. */
function withDefaults(call: ModelCall, target: Target): ChatRequest {
  const { defaults } = target.settings;
  const chat = call.chat();
  if (Object.keys(defaults).length === 0 || !call.wire.chat) return chat;
  return { ...call.wire.chat({ ...defaults, ...call.body.fields }), ...(call.isAmended ? chat : {}) };
}

function embeddings(call: ModelCall, target: Target, isAsItCame: boolean): Prepared {
  const codec = target.provider.embeddings;
  if (!codec)
    throw new RutterError(
      'ERR_ROUTE_UNSUPPORTED',
      `Deployment ${target.deployment.id} (${target.deployment.provider}) does not offer embeddings.`,
    );
  if (isAsItCame && codec.dialect === call.dialect && codec.pass && codec.relay)
    return passed(call, target, codec.pass, { relay: codec.relay(relayContext(call)), decode: undefined });
  const upstream = codec.request({
    ...call.embeddings(),
    model: target.deployment.model,
    deployment: target.deployment,
  });
  return {
    ...common(call, target, upstream),
    stream: false,
    form: 'embeddings-reply',
    plan: {
      relay: undefined,
      framing: 'json',
      reader: undefined,
      decode: decoder((body: never) => {
        const reply = codec.reply(body, target.deployment);
        return { embeddings: reply, usage: reply.usage };
      }),
    },
  };
}

function common(call: ModelCall, target: Target, upstream: UpstreamRequest) {
  const { extraBody } = target.settings;
  const hasMore = Object.keys(extraBody).length > 0 && typeof upstream.body === 'object';
  return {
    path: upstream.path,
    query: upstream.query,
    method: upstream.method ?? 'POST',
    headers: upstream.headers,
    body: call.body.write(hasMore ? { ...(upstream.body as object), ...extraBody } : upstream.body),
    dropped: upstream.dropped ?? [],
  };
}
