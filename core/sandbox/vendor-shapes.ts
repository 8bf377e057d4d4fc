/**
 * What a provider or a guard in the sandbox may answer with: requests that
 * stay below the deployment's own address, replies and events in shapes that
 * the gateway knows. Whatever else stands in them is dropped or refused.
 */
import {
  type ChatEvent,
  type ChatReply,
  type EmbeddingsReply,
  type ErrorCode,
  errorKinds,
  RutterError,
  type UpstreamRequest,
  z,
} from '@rutter/plugin-sdk';
import { credentialHeaders } from '../http/credentials.ts';
import { speaksForVendor } from './refusal.ts';

const longest = { path: 4096, header: 8192, name: 256, query: 100, texts: 1000 };

/** What the connection, the body and the gateway itself say; RFC 9110 §7.6.1 and §8. */
const ownHeaders: ReadonlySet<string> = new Set([
  ...['host', 'connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'expect', 'forwarded'],
  ...['content-length', 'content-encoding', 'accept-encoding', 'via', 'user-agent', 'x-request-id'],
  ...['traceparent', 'tracestate'],
]);

const isOpenHeader = (name: string) =>
  /^[a-z0-9-]{1,100}$/.test(name) && !ownHeaders.has(name) && !/^proxy-/.test(name) && !credentialHeaders.has(name);

/** `..` in any spelling would climb out of the base path; a fragment or a backslash is read differently by each reader. */
const isBelow = (path: string) =>
  path === '' ||
  (/^\/(?!\/)[\x21-\x7e]*$/.test(path) &&
    !/[\\#]/.test(path) &&
    !(path.split('?')[0] as string).split('/').some((step) => /^(\.|%2e){1,2}$/i.test(step)));

const headerValue = z
  .string()
  .max(longest.header)
  .regex(/^[\x20-\x7e]*$/);

const upstreamRequest = z.object({
  method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']).optional(),
  path: z.string().max(longest.path).refine(isBelow, 'expected a path below the address, such as /v1/chat'),
  query: z
    .record(z.string().max(longest.name), z.string().max(longest.path))
    .refine((query) => Object.keys(query).length <= longest.query)
    .optional(),
  headers: z
    .record(
      z.string().toLowerCase().refine(isOpenHeader, 'expected the name of a header that is not one of its own'),
      headerValue,
    )
    .optional(),
  body: z.unknown().optional(),
  dropped: z.array(z.string().max(longest.name)).max(longest.texts).optional(),
});

const extra = z.record(z.string(), z.unknown());
const count = z.number().min(0).max(1e12);
const choice = z.int().min(0).max(128);

const usage = z.object({
  input: count,
  output: count,
  cachedInput: count.optional(),
  cachedAudioInput: count.optional(),
  cachedImageInput: count.optional(),
  cacheWrite: count.optional(),
  cacheWriteLong: count.optional(),
  reasoning: count.optional(),
  audioInput: count.optional(),
  audioOutput: count.optional(),
  imageInput: count.optional(),
  imageOutput: count.optional(),
  videoInput: count.optional(),
  searches: count.optional(),
  serviceTier: z.string().max(longest.name).optional(),
});

const toolCall = z.object({ id: z.string(), name: z.string(), arguments: z.string(), extra: extra.optional() });
const reasoningBlock = z.object({
  text: z.string().optional(),
  signature: z.string().optional(),
  redacted: z.string().optional(),
  origin: z.string().optional(),
});
const end = z.enum(['stop', 'length', 'tool-calls', 'refusal']);

const answer = {
  text: z.string(),
  toolCalls: z.array(toolCall).optional(),
  reasoning: z.array(reasoningBlock).optional(),
  refusal: z.string().optional(),
  end,
  logprobs: z.unknown().optional(),
};

const chatReply = z.object({
  ...answer,
  id: z.string().max(longest.name).optional(),
  model: z.string().max(longest.name).optional(),
  usage: usage.optional(),
  others: z.array(z.object(answer)).max(128).optional(),
});

const index = z.int().min(0).max(10_000);
const wordEvents = [
  z.object({
    type: z.literal('text-delta'),
    text: z.string(),
    choice: choice.optional(),
    logprobs: z.unknown().optional(),
  }),
  z.object({ type: z.literal('reasoning-delta'), text: z.string(), choice: choice.optional() }),
  z.object({ type: z.literal('reasoning-block'), block: reasoningBlock, choice: choice.optional() }),
  z.object({ type: z.literal('refusal-delta'), text: z.string(), choice: choice.optional() }),
  z.object({
    type: z.literal('tool-call'),
    index,
    id: z.string(),
    name: z.string(),
    arguments: z.string().optional(),
    choice: choice.optional(),
  }),
  z.object({ type: z.literal('tool-call-delta'), index, arguments: z.string(), choice: choice.optional() }),
  z.object({ type: z.literal('end'), reason: end, choice: choice.optional() }),
] as const;

const wordEvent = z.discriminatedUnion('type', wordEvents);
const chatEvent = z.discriminatedUnion('type', [
  ...wordEvents,
  z.object({
    type: z.literal('start'),
    id: z.string().max(longest.name).optional(),
    model: z.string().max(longest.name).optional(),
  }),
  usage.extend({ type: z.literal('usage') }),
]);

const vector = z.union([
  z.custom<Float32Array>((value) => value instanceof Float32Array && value.every(Number.isFinite)),
  z.array(z.number()),
]);

export const upstreamRequestOf = (found: unknown): UpstreamRequest =>
  readAs(upstreamRequest, found, 'a request to the vendor') as UpstreamRequest;

export const chatReplyOf = (found: unknown): ChatReply =>
  withoutUndefined(readAs(chatReply, found, 'a reply')) as ChatReply;

export const chatEventsOf = (found: unknown): readonly ChatEvent[] =>
  readAs(z.array(chatEvent), found, 'a list of events').map(withoutUndefined) as readonly ChatEvent[];

/** Events of a stream's words: what it used and who answered are the vendor's to say. */
export const wordEventsOf = (found: unknown): readonly ChatEvent[] =>
  readAs(z.array(wordEvent), found, 'a list of events with words').map(withoutUndefined) as readonly ChatEvent[];

/** One vector for each input, all of one length. */
export function embeddingsReplyOf(found: unknown, inputs: number): EmbeddingsReply {
  const shape = z.object({
    vectors: z.array(vector).length(inputs),
    model: z.string().max(longest.name).optional(),
    usage: usage.optional(),
  });
  const reply = readAs(shape, found, 'vectors');
  if (new Set(reply.vectors.map(({ length }) => length)).size > 1)
    throw new RutterError('ERR_PLUGIN_INVALID', 'it gave vectors of several lengths');
  return withoutUndefined(reply) as EmbeddingsReply;
}

/** A code that says what a vendor's error is; undefined leaves it to the status. */
export function failureCodeOf(found: unknown): ErrorCode | undefined {
  if (found === undefined || found === null) return undefined;
  if (typeof found === 'string' && Object.hasOwn(errorKinds, found) && speaksForVendor.test(found))
    return found as ErrorCode;
  throw new RutterError('ERR_PLUGIN_INVALID', 'it gave a code for an error that is no code of a vendor');
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as T;
}

export function readAs<T>(schema: z.ZodType<T>, found: unknown, what: string): T {
  const { data, error } = schema.safeParse(found ?? undefined);
  if (error === undefined) return data;
  const [issue] = error.issues;
  throw new RutterError(
    'ERR_PLUGIN_INVALID',
    `${what} is of no known shape: ${issue?.path.join('.')} ${issue?.message}`,
  );
}
