/**
 * A provider of the sandbox as the request path knows it: its codecs are
 * asked, its address and its credentials are the operator's.
 *
 * Invariant: the plugin never sees a credential, cannot choose where a
 * request goes beyond the path below the deployment's address, and cannot ask
 * for a secret of the machine: of its `auth` only the form is taken.
 */
import {
  type Auth,
  type ChatCodec,
  type ChatRequest,
  type Deployment,
  type EmbeddingsCodec,
  type Framing,
  type HeaderAuth,
  type Provider,
  type QueryAuth,
  RutterError,
  z,
} from '@rutter/plugin-sdk';
import type { AskedAhead, ChatElsewhere, Elsewhere, EmbeddingsElsewhere } from '../plugins/types.ts';
import { GuestStream } from './guest-stream.ts';
import type { Asking, Resident } from './resident.ts';
import {
  chatEventsOf,
  chatReplyOf,
  embeddingsReplyOf,
  failureCodeOf,
  readAs,
  upstreamRequestOf,
} from './vendor-shapes.ts';

const codec = z.object({
  framing: z.enum(['sse', 'ndjson', 'aws-event-stream', 'json']),
  inlines: z.array(z.enum(['image', 'file'])).optional(),
  imagesAreFiles: z.boolean().optional(),
});

const key = z
  .string()
  .regex(/^[a-z_]{1,60}$/)
  .optional();
const keyed = { keyParam: key, optional: z.boolean().optional() };
const plainAuth = z.discriminatedUnion('scheme', [
  z.object({ scheme: z.literal('none') }),
  z.object({
    scheme: z.literal('header'),
    header: z.string().regex(/^[A-Za-z0-9-]{1,100}$/),
    prefix: z
      .string()
      .regex(/^[\x20-\x7e]{0,50}$/)
      .optional(),
    ...keyed,
  }),
  z.object({ scheme: z.literal('query'), parameter: z.string().regex(/^[\w.-]{1,100}$/), ...keyed }),
]);
const auth = z.union([plainAuth, z.object({ scheme: z.literal('first'), of: z.array(plainAuth).min(1).max(8) })]);

const description = z.object({
  origin: z.string().max(2048).optional(),
  auth,
  whenClientLeaves: z.enum(['cancel', 'drain']).optional(),
  chat: codec.optional(),
  completions: codec.optional(),
  hasEmbeddings: z.boolean(),
  hasFailure: z.boolean(),
});

export type ProviderOffer = z.output<typeof description>;

/** ERR_PLUGIN_INVALID where the plugin is no provider that the sandbox can serve. */
export function providerOffer(found: unknown): ProviderOffer {
  const { origin, auth: asked } = (found ?? {}) as { readonly origin?: unknown; readonly auth?: unknown };
  if (origin === 'function' || asked === 'function')
    throw new RutterError(
      'ERR_PLUGIN_INVALID',
      'its origin or auth is a function; expected plain data, which is all that the sandbox takes of them',
    );
  const { scheme } = (asked ?? {}) as { readonly scheme?: unknown };
  if (scheme === 'sigv4' || scheme === 'oauth2' || scheme === 'google')
    throw new RutterError(
      'ERR_PLUGIN_INVALID',
      `its auth is ${scheme}, by which the machine's own credentials would be used; expected header, query, none, or first of them`,
    );
  const offer = readAs(description, found, 'the description of a provider');
  if (!offer.chat && !offer.completions && !offer.hasEmbeddings)
    throw new RutterError('ERR_PLUGIN_INVALID', 'it has no codec for chat, completions or embeddings');
  return offer;
}

/** Whether its own address counts: the operator has granted it. */
export function isGranted(origin: string | undefined, granted: readonly string[]): boolean {
  const url = URL.parse(origin ?? '');
  return url !== null && url.username === '' && url.password === '' && granted.includes(url.origin);
}

export interface ProviderNeighbour {
  readonly name: string;
  readonly resident: Resident;
  readonly offer: ProviderOffer;
  readonly ms: number;
  /** Origins that the operator grants. */
  readonly origins: readonly string[];
}

export function provider(neighbour: ProviderNeighbour): Provider & AskedAhead {
  const { offer, origins, resident, ms } = neighbour;
  const asking: Asking = { ms, mayRefuse: 'vendor' };
  return {
    origin: isGranted(offer.origin, origins) ? (offer.origin as string) : '',
    auth: authOf(offer.auth),
    ...(offer.whenClientLeaves && { whenClientLeaves: offer.whenClientLeaves }),
    ...(offer.chat && { chat: chatCodec(neighbour, 'chat', offer.chat) }),
    ...(offer.completions && { completions: chatCodec(neighbour, 'completions', offer.completions) }),
    ...(offer.hasEmbeddings && { embeddings: embeddingsCodec(neighbour) }),
    ...(offer.hasFailure && {
      failureAhead: async (status, body, headers) => {
        try {
          return await resident.call('readFailure', { status, body, headers }, asking, failureCodeOf);
        } catch (error) {
          if (RutterError.is(error) && !error.code.startsWith('ERR_PLUGIN_')) return error;
          throw error;
        }
      },
    }),
  };
}

/** Written out, so that a variable of the environment can never be among it. */
function authOf(asked: ProviderOffer['auth']): Auth {
  if (asked.scheme === 'first') return { scheme: 'first', of: asked.of.flatMap((one) => keyAuth(one) ?? []) };
  return keyAuth(asked) ?? { scheme: 'none' };
}

function keyAuth(asked: z.output<typeof plainAuth>): HeaderAuth | QueryAuth | undefined {
  if (asked.scheme === 'none') return undefined;
  const { keyParam, optional } = asked;
  const own = { ...(keyParam && { keyParam }), ...(optional !== undefined && { optional }) };
  if (asked.scheme === 'query') return { scheme: 'query', parameter: asked.parameter, ...own };
  const { header, prefix } = asked;
  return { scheme: 'header', header: header.toLowerCase(), ...(prefix && { prefix }), ...own };
}

type CodecData = { readonly framing: Framing } & z.output<typeof codec>;

const streamMethods = { ask: 'readFrames', close: 'closeFrames' };

function chatCodec(
  { resident, ms, name }: ProviderNeighbour,
  which: 'chat' | 'completions',
  { framing, inlines, imagesAreFiles }: CodecData,
): ChatCodec & Elsewhere<ChatElsewhere> {
  const asking: Asking = { ms, mayRefuse: 'vendor' };
  const elsewhere: ChatElsewhere = {
    request: (input) => resident.call('writeChat', { codec: which, input: plain(input) }, asking, upstreamRequestOf),
    reply: (body, context) => resident.call('readChat', { codec: which, body, context }, asking, chatReplyOf),
    events: (context) => {
      const stream = new GuestStream(resident, streamMethods, context);
      return {
        read: (frames) => stream.ask({ codec: which, frames }, asking, chatEventsOf),
        close: () => stream.close(),
      };
    },
  };
  const never = notHere(name);
  return {
    framing,
    ...(inlines && { inlines }),
    ...(imagesAreFiles !== undefined && { imagesAreFiles }),
    request: never,
    reply: never,
    events: never,
    elsewhere,
  };
}

/** Spelling is for codecs to which bytes pass; here none do. */
function plain({ spelling: _spelling, ...input }: ChatRequest & { readonly deployment: Deployment }): object {
  return input;
}

function embeddingsCodec({ resident, ms, name }: ProviderNeighbour): EmbeddingsCodec & Elsewhere<EmbeddingsElsewhere> {
  const asking: Asking = { ms, mayRefuse: 'vendor' };
  const never = notHere(name);
  return {
    request: never,
    reply: never,
    elsewhere: {
      request: (input) => resident.call('writeEmbeddings', { input }, asking, upstreamRequestOf),
      reply: (body, { deployment, input }) =>
        resident.call('readEmbeddings', { body, deployment }, asking, (found) =>
          embeddingsReplyOf(found, input.length),
        ),
    },
  };
}

function notHere(name: string): () => never {
  return () => {
    throw new RutterError('ERR_KERNEL_INTERNAL', `Provider ${name} lives in the sandbox and is asked ahead.`);
  };
}
