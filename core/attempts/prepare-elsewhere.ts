/** Codecs of another place: what they write and read comes as promises that their place keeps in time. */
import {
  type ChatCodec,
  type ChatRequest,
  type CodecContext,
  type Deployment,
  type EmbeddingsCodec,
  type EmbeddingsRequest,
  type Provider,
  RutterError,
  type UpstreamRequest,
} from '@rutter/plugin-sdk';
import type { AskedAhead, ChatElsewhere, Elsewhere, EmbeddingsElsewhere } from '../plugins/types.ts';
import type { Held } from '../structured/ladder.ts';
import { vendorError } from './errors.ts';
import type { ReadElsewhere } from './transfer-plan.ts';

interface Asked {
  readonly request: Promise<UpstreamRequest>;
  readonly reading: ReadElsewhere;
}

/** Undefined where the codec answers at once. */
export function askedElsewhere(
  provider: Provider,
  codec: ChatCodec & Elsewhere<ChatElsewhere>,
  { context, held }: { readonly context: CodecContext; readonly held: Held | undefined },
): Asked | undefined {
  const { elsewhere } = codec;
  if (elsewhere === undefined) return undefined;
  const { request, deployment } = context;
  return {
    request: orNext(elsewhere.request({ ...(request as ChatRequest), deployment })),
    reading: {
      open: () => {
        const stream = elsewhere.events(context);
        const take = held?.tool?.reader();
        return {
          read: async (frames) => {
            const events = await orNext(stream.read(frames));
            return take ? take(events) : events;
          },
          close: () => stream.close(),
        };
      },
      whole: async (body) => {
        const chat = await orNext(elsewhere.reply(body, context));
        return { chat: held?.tool?.reply(chat) ?? chat, usage: chat.usage };
      },
      failure: failureOf(provider),
    },
  };
}

/** Undefined where the codec answers at once. */
export function embeddedElsewhere(
  provider: Provider,
  codec: EmbeddingsCodec & Elsewhere<EmbeddingsElsewhere>,
  input: EmbeddingsRequest & { readonly deployment: Deployment },
): Asked | undefined {
  const { elsewhere } = codec;
  if (elsewhere === undefined) return undefined;
  return {
    request: orNext(elsewhere.request(input)),
    reading: {
      open: () => {
        throw new RutterError('ERR_KERNEL_INTERNAL', 'Embeddings are not streamed.');
      },
      whole: async (body) => {
        const embeddings = await orNext(elsewhere.reply(body, input));
        return { embeddings, usage: embeddings.usage };
      },
      failure: failureOf(provider),
    },
  };
}

/** Where the plugin cannot say what an error means, its status does. */
const failureOf =
  ({ failureAhead }: Provider & AskedAhead): ReadElsewhere['failure'] =>
  async (status, body, headers) => {
    const found = status < 400 ? undefined : await failureAhead?.(status, body, headers).catch(() => undefined);
    return vendorError(() => found, status, body, headers);
  };

/** A codec that fails speaks against its deployment alone: another one may be tried. */
async function orNext<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (thrown) {
    const error = RutterError.from(thrown, 'ERR_PLUGIN_FAILED');
    if (!error.code.startsWith('ERR_PLUGIN_') || error.retry === 'next') throw error;
    throw new RutterError(error.code, error.message, { retry: 'next', cause: error });
  }
}
