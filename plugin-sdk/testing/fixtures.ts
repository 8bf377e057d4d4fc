/** Well-formed values of the contract, each of which a test changes only where it matters to it. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { ChatEvent, ChatReply, ChatRequest, EmbeddingsRequest, Message } from '../contract/chat.ts';
import { RutterError } from '../contract/errors.ts';
import type {
  Call,
  CallResult,
  Candidate,
  Credential,
  Deployment,
  LiveNumbers,
  Outcome,
  Principal,
  RequestContext,
  Secret,
} from '../contract/request.ts';

export function deployment(change: Partial<Deployment> = {}): Deployment {
  return {
    id: 'deployment-1',
    group: 'group',
    model: 'model',
    provider: 'provider',
    tags: [],
    params: {},
    info: {},
    ...change,
  };
}

export function liveNumbers(change: Partial<LiveNumbers> = {}): LiveNumbers {
  return {
    samples: 0,
    latencyMs: 0,
    firstTokenMs: 0,
    inFlight: 0,
    errorRate: 0,
    requestsThisMinute: 0,
    tokensThisMinute: 0,
    cooledUntil: 0,
    ...change,
  };
}

/** A candidate by the id of its deployment. */
export function candidate(id: string, live: Partial<LiveNumbers> = {}, change: Partial<Deployment> = {}): Candidate {
  return { deployment: deployment({ id, ...change }), live: liveNumbers(live) };
}

export function principal(change: Partial<Principal> = {}): Principal {
  return { id: 'key-1', kind: 'key', permissions: ['model.call'], ...change };
}

export function requestContext(change: Partial<RequestContext> = {}): RequestContext {
  return {
    id: 'request-1',
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    receivedAt: Date.UTC(2030, 0, 1),
    method: 'POST',
    path: '/v1/chat/completions',
    headers: {},
    principal: principal(),
    group: 'group',
    operation: 'chat',
    tags: [],
    signal: new AbortController().signal,
    features: { get: () => undefined, want: async () => undefined },
    generation: 1,
    ...change,
  };
}

export function chatRequest(change: Partial<ChatRequest> = {}): ChatRequest {
  return {
    model: 'group',
    messages: [{ role: 'user', content: 'Why is the sky blue?' }],
    stream: false,
    extra: {},
    ...change,
  };
}

type Facts = Partial<Pick<Call, 'dialect' | 'model' | 'controls' | 'operation'>>;

/** A chat call of the given request. */
export function call(change: Partial<ChatRequest> = {}, facts: Facts = {}): Call {
  const request = chatRequest(change);
  return {
    operation: 'chat',
    dialect: 'openai-chat',
    model: request.model,
    stream: request.stream,
    controls: {},
    chat: () => request,
    embeddings: () => hasNo('embeddings'),
    text: () => request.messages.map(words).join('\n'),
    explain: () => {},
    ...facts,
  };
}

/** An embeddings call of the given inputs. */
export function embeddingsCall(input: EmbeddingsRequest['input'], facts: Facts = {}): Call {
  const request: EmbeddingsRequest = { model: facts.model ?? 'group', input, extra: {} };
  return {
    operation: 'embeddings',
    dialect: 'openai-embeddings',
    model: request.model,
    stream: false,
    controls: {},
    chat: () => hasNo('chat'),
    embeddings: () => request,
    text: () => input.filter((entry) => typeof entry === 'string').join('\n'),
    explain: () => {},
    ...facts,
  };
}

function hasNo(form: string): never {
  throw new RutterError('ERR_REQUEST_INVALID', `This call has no ${form} form.`);
}

function words({ content }: Message): string {
  if (typeof content === 'string') return content;
  return content.map((part) => (part.type === 'text' ? part.text : '')).join('\n');
}

export function chatReply(change: Partial<ChatReply> = {}): ChatReply {
  return {
    id: 'reply-1',
    model: 'model',
    text: 'Because blue light scatters most.',
    end: 'stop',
    usage: { input: 6, output: 7 },
    ...change,
  };
}

/** The result of a call that gives this reply, whole or as events. */
export function callResult(reply: ChatReply = chatReply(), from: Deployment | undefined = deployment()): CallResult {
  return { deployment: from, reply: async () => reply, events: () => eventsOf(reply) };
}

async function* eventsOf(reply: ChatReply): AsyncIterable<ChatEvent> {
  yield { type: 'start', ...(reply.id && { id: reply.id }), ...(reply.model && { model: reply.model }) };
  for (const text of reply.text.match(/\S+\s*/g) ?? []) yield { type: 'text-delta', text };
  for (const [index, { id, name, arguments: json }] of (reply.toolCalls ?? []).entries()) {
    yield { type: 'tool-call', index, id, name, arguments: json };
  }
  yield { type: 'end', reason: reply.end };
  if (reply.usage !== undefined) yield { type: 'usage', ...reply.usage };
}

/** A complete request that one deployment served at the first try. */
export function outcome(change: Partial<Outcome> = {}): Outcome {
  const served = change.deployment ?? deployment();
  return {
    context: requestContext(),
    requestedModel: 'group',
    group: 'group',
    operation: 'chat',
    stream: false,
    status: 200,
    deployment: served,
    route: `${served.id}: only candidate`,
    attempts: [
      {
        deployment: served.id,
        provider: served.provider,
        model: served.model,
        group: served.group,
        startedMs: 1,
        endedMs: 401,
        status: 200,
      },
    ],
    fallbacks: 0,
    usage: { input: 6, output: 7 },
    costNanoUsd: 1_300,
    cacheHit: false,
    ending: 'complete',
    durationMs: 402,
    firstTokenMs: undefined,
    overheadMs: 2,
    error: undefined,
    ...change,
  };
}

const hashed = (text: string) => createHash('sha256').update(text).digest();

/** A secret that does not print. */
export function secretOf(text: string): Secret {
  const own = hashed(text);
  return {
    equals: (other) =>
      timingSafeEqual(own, typeof other === 'string' ? hashed(other) : Buffer.from(other.digest(), 'hex')),
    digest: () => own.toString('hex'),
    toString: () => '[secret]',
    toJSON: () => '[secret]',
  };
}

/** What a caller sent to say who it is. */
export function credential(text: string, source = 'authorization'): Credential {
  return { ...secretOf(text), source, startsWith: (prefix) => text.startsWith(prefix) };
}
