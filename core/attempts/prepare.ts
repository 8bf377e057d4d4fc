/**
 * One deployment's call, ready to be sent: the caller's bytes with a few
 * fields changed, or the neutral request as the vendor's codec writes it.
 *
 * Ahead of a codec the kernel leaves out what is not wanted, fetches what the
 * vendor takes only as bytes, and rewrites a request for JSON by a schema
 * where the model cannot be held to one otherwise.
 */
import {
  type ChatCodec,
  type ChatRequest,
  type CodecContext,
  type Deployment,
  type Fields,
  type Framing,
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
import { hasParts, type InlineRule } from '../media/inline-parts.ts';
import type { ModelCall } from '../pipeline/model-call.ts';
import type { Target } from '../pipeline/models.ts';
import type { TransferForm } from '../pipeline/served.ts';
import { type Held, holdToSchema, type Rung } from '../structured/ladder.ts';
import { deploymentFor, unwantedPaths, withoutNeutral, withoutPaths } from './parameters.ts';
import { askedElsewhere, embeddedElsewhere } from './prepare-elsewhere.ts';
import { timers } from './timers.ts';
import type { Decoded, ReadElsewhere, TransferPlan } from './transfer-plan.ts';
import { withWholeCalls } from './whole-calls.ts';

/** What goes to the vendor, and how what comes back is read. */
export interface Prepared {
  readonly path: string;
  readonly query: Readonly<Record<string, string>> | undefined;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>> | undefined;
  readonly body: Buffer | string | Promise<Buffer> | AsyncIterable<Uint8Array>;
  readonly stream: boolean;
  readonly form: TransferForm;
  readonly plan: Pick<TransferPlan, 'relay' | 'framing' | 'reader' | 'decode'>;
  /** Where the codec lives elsewhere, and reads what comes back there. */
  readonly reading?: ReadElsewhere | undefined;
  readonly dropped: readonly string[];
  /** Milliseconds of the call that have gone into fetching files. */
  readonly spentMs: number;
  /** How the model is held to a schema; undefined where no JSON is asked for. */
  readonly rung?: Rung | undefined;
  readonly check?: Held['check'];
  /** What the caller said, as it is repeated where a reply has to be mended. */
  readonly messages?: ChatRequest['messages'] | undefined;
}

/** One target under what the request itself says of parameters. */
interface Addressed {
  readonly target: Target;
  readonly deployment: Deployment;
  readonly unwanted: readonly string[];
}

/** A promise only where something has to be fetched first. */
export function prepare(
  call: ModelCall,
  target: Target,
  change: Partial<ChatRequest> | undefined,
): Prepared | Promise<Prepared> {
  const { provider } = target;
  const deployment = deploymentFor(call, target.deployment);
  const to: Addressed = { target, deployment, unwanted: unwantedPaths(call, deployment) };
  const raw = provider.raw?.[call.operation];
  if (raw)
    return passed(call, to, raw.pass, {
      relay: undefined,
      decode: (body) => ({ usage: countedBy(raw, body, call.body.fields) }),
    });
  const isAsItCame = change === undefined && !call.isAmended && !call.needsNeutral;
  if (call.operation === 'embeddings') return embeddings(call, to, isAsItCame);
  const codec = call.operation === 'completions' ? (provider.completions ?? provider.chat) : provider.chat;
  if (!codec || !call.wire.chat) throw notOffered(target.deployment, call.operation);
  const rung = isAsItCame ? passingRung(call, to, codec) : 'none';
  if (rung !== 'none' && codec.pass && codec.relay) {
    const relay = relayed(codec.relay(relayContext(call)), codec, call, to);
    return { ...passed(call, to, codec.pass, relay), rung };
  }
  return translated(call, to, provider.chat ?? codec, change);
}

const notOffered = ({ id, provider }: Deployment, operation: string) =>
  new RutterError('ERR_ROUTE_UNSUPPORTED', `Deployment ${id} (${provider}) does not offer ${operation}.`);

/** How a schema is kept to where the caller's bytes pass; `none` where they cannot. */
function passingRung(call: ModelCall, to: Addressed, codec: ChatCodec): Rung | undefined | 'none' {
  if (codec.dialect !== call.dialect || codec.passes?.(to.deployment) === false) return 'none';
  const rule = inlineRule(codec, to.deployment);
  if (rule && hasParts(call.chat(), rule)) return 'none';
  if (!call.read.asksForJson) return undefined;
  const held = holdToSchema(asked(call, to).request, { ...holding(to), codec });
  return held && (held.rung !== 'native' || held.check) ? 'none' : held?.rung;
}

const inlineRule = (codec: ChatCodec, deployment: Deployment): InlineRule | undefined =>
  codec.inlines && {
    sorts: codec.inlines,
    reads: (address) => codec.readsAddress?.(address, deployment) ?? false,
    imagesAreFiles: codec.imagesAreFiles === true,
  };

const holding = ({ deployment }: Addressed) => ({
  deployment,
  validates: deployment.params.enable_json_schema_validation === true,
});

/** Vendors answer some operations with text or bytes: where usage cannot be read, the reply is none the worse for it. */
function countedBy(raw: RawCodec, body: Buffer, fields: Fields): Usage | undefined {
  try {
    return raw.usage?.(body, fields);
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
  { target, deployment, unwanted }: Addressed,
  pass: (input: PassInput) => PassRequest,
  plan: Pick<Prepared['plan'], 'relay' | 'decode'>,
): Prepared {
  const { defaults, extraBody } = target.settings;
  const missing = Object.keys(defaults).filter((name) => !(name in call.fields));
  const all = missing.length > 0 ? { ...defaults, ...call.fields } : call.fields;
  const { fields, changed, dropped } = withoutPaths(all, unwanted);
  const request = pass({ deployment, stream: call.stream, fields });
  const set: Record<string, unknown> = { ...request.set, ...extraBody };
  const gone = changed.length > 0 ? changed.filter((name) => !(name in fields)) : changed;
  const { strip } = call.read;
  const remove = request.remove || gone.length > 0 ? [...strip, ...(request.remove ?? []), ...gone] : strip;
  const added = [...(call.form ? [] : missing), ...changed, ...Object.keys(call.overrides)];
  for (const name of added) if (name in fields && !(name in set) && !remove.includes(name)) set[name] = fields[name];
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
    dropped: [...dropped, ...(request.dropped ?? [])],
    spentMs: 0,
  };
}

function translated(
  call: ModelCall,
  to: Addressed,
  codec: ChatCodec,
  change: Partial<ChatRequest> | undefined,
): Prepared | Promise<Prepared> {
  const found = asked(call, to, change);
  // A loop may ask for whole drafts although the client reads a stream, or the other way round.
  const stream = change?.stream ?? call.stream;
  const request: ChatRequest = { ...found.request, model: to.deployment.model, stream };
  const rule = inlineRule(codec, to.deployment);
  if (!rule || !hasParts(request, rule)) return written(call, to, codec, request, found.dropped);
  const began = performance.now();
  return call.inline(request.messages, rule, timers(call, to.target).totalMs).then(async (messages) => ({
    ...(await written(call, to, codec, { ...request, messages }, found.dropped)),
    spentMs: performance.now() - began,
  }));
}

function written(
  call: ModelCall,
  to: Addressed,
  codec: ChatCodec,
  wanted: ChatRequest,
  dropped: readonly string[],
): Prepared | Promise<Prepared> {
  const { deployment, target } = to;
  const { stream, messages } = wanted;
  const held = holdToSchema(wanted, { ...holding(to), codec });
  const request = withWholeCalls(held?.request ?? wanted, call.body);
  const context: CodecContext = { deployment, stream, request };
  const ready = (upstream: UpstreamRequest, plan: Pick<Prepared, 'plan' | 'reading'>): Prepared => {
    const sent = common(call, to, upstream);
    return {
      ...sent,
      ...plan,
      stream,
      form: stream ? 'events' : 'chat-reply',
      dropped: [...dropped, ...sent.dropped],
      rung: held?.rung,
      check: held?.check,
      messages,
    };
  };
  const elsewhere = askedElsewhere(target.provider, codec, { context, held });
  if (elsewhere)
    return timed(elsewhere.request, (upstream) =>
      ready(upstream, { plan: unread(codec.framing), reading: elsewhere.reading }),
    );
  const reader = stream ? eventReader(codec, context, held) : undefined;
  const decode = chatDecoder(codec, context, held);
  return ready(codec.request({ ...request, deployment }), {
    plan: { relay: undefined, framing: codec.framing, reader, decode },
  });
}

/** What is read elsewhere is not read here. */
const unread = (framing: Framing): Prepared['plan'] => ({
  relay: undefined,
  framing,
  reader: undefined,
  decode: undefined,
});

async function timed(
  asking: Promise<UpstreamRequest>,
  ready: (upstream: UpstreamRequest) => Prepared,
): Promise<Prepared> {
  const began = performance.now();
  const prepared = ready(await asking);
  return { ...prepared, spentMs: prepared.spentMs + performance.now() - began };
}

function eventReader(codec: ChatCodec, context: CodecContext, held: Held | undefined): TransferPlan['reader'] {
  const read = codec.events(context);
  const take = held?.tool?.reader();
  return take ? (frame) => take(read(frame)) : read;
}

function chatDecoder(codec: ChatCodec, context: CodecContext, held?: Held): (body: Buffer) => Decoded {
  return decoder((body: never) => {
    const chat = codec.reply(body, context);
    return { chat: held?.tool?.reply(chat) ?? chat, usage: chat.usage };
  });
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

/** Bytes pass; only a stream answered by one JSON reply has to be read after all. */
function relayed(
  relay: Relay,
  codec: ChatCodec,
  call: ModelCall,
  { deployment }: Addressed,
): Pick<Prepared['plan'], 'relay' | 'decode'> {
  if (!call.stream) return { relay, decode: undefined };
  return {
    relay,
    decode: (body) => chatDecoder(codec, { deployment, stream: true, request: call.chat() })(body),
  };
}

/** The request under the deployment's default parameters, and without what nobody wants. */
function asked(call: ModelCall, { target, unwanted }: Addressed, change?: Partial<ChatRequest>) {
  const { defaults } = target.settings;
  const { wire } = call;
  if (!wire.chat || (unwanted.length === 0 && Object.keys(defaults).length === 0))
    return { request: change ? { ...call.chat(), ...change } : call.chat(), dropped: [] };
  const { fields, dropped } = withoutPaths({ ...defaults, ...call.fields }, unwanted);
  const found = withoutNeutral({ ...wire.chat(fields), ...call.amendment, ...change }, unwanted);
  return { request: found.request, dropped: [...dropped, ...found.dropped] };
}

function embeddings(call: ModelCall, to: Addressed, isAsItCame: boolean): Prepared | Promise<Prepared> {
  const { target, deployment } = to;
  const codec = target.provider.embeddings;
  if (!codec) throw notOffered(target.deployment, 'embeddings');
  if (isAsItCame && codec.dialect === call.dialect && codec.pass && codec.relay)
    return passed(call, to, codec.pass, { relay: codec.relay(relayContext(call)), decode: undefined });
  const { defaults } = target.settings;
  const { fields, dropped } = withoutPaths({ ...defaults, ...call.fields }, to.unwanted);
  const input = { ...call.embeddings(fields), model: deployment.model, deployment };
  const ready = (upstream: UpstreamRequest, plan: Pick<Prepared, 'plan' | 'reading'>): Prepared => {
    const sent = common(call, to, upstream);
    return { ...sent, ...plan, dropped: [...dropped, ...sent.dropped], stream: false, form: 'embeddings-reply' };
  };
  const elsewhere = embeddedElsewhere(target.provider, codec, input);
  if (elsewhere)
    return timed(elsewhere.request, (upstream) =>
      ready(upstream, { plan: unread('json'), reading: elsewhere.reading }),
    );
  const decode = decoder((body: never) => {
    const reply = codec.reply(body, deployment);
    return { embeddings: reply, usage: reply.usage };
  });
  return ready(codec.request(input), { plan: { ...unread('json'), decode } });
}

function common(call: ModelCall, { target }: Addressed, upstream: UpstreamRequest) {
  const { extraBody } = target.settings;
  const hasMore = Object.keys(extraBody).length > 0 && typeof upstream.body === 'object';
  return {
    path: upstream.path,
    query: upstream.query,
    method: upstream.method ?? 'POST',
    headers: upstream.headers,
    body: call.body.write(hasMore ? { ...(upstream.body as object), ...extraBody } : upstream.body),
    dropped: upstream.dropped ?? [],
    spentMs: 0,
  };
}
