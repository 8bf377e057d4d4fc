/** A provider in its isolate: what it is as data, and its codecs as calls. */
import {
  type ChatCodec,
  type ChatEvent,
  type ChatRequest,
  type CodecContext,
  type Deployment,
  type EmbeddingsRequest,
  type Frame,
  type Provider,
  RutterError,
} from '@rutter/plugin-sdk';
import { type StreamStep, Streams } from './streams.ts';

type CodecName = 'chat' | 'completions';
type Reader = (frame: Frame) => readonly ChatEvent[];

interface Translated {
  readonly codec: CodecName;
  readonly input: ChatRequest & { readonly deployment: Deployment };
}

interface Read {
  readonly codec: CodecName;
  readonly body: unknown;
  readonly context: CodecContext;
}

/** What the gateway knows a provider by. */
export function describeProvider(value: Partial<Provider>): object {
  const { origin, auth, whenClientLeaves, chat, completions, embeddings, failure } = value;
  const codecOf = (codec: ChatCodec | undefined) =>
    codec && { framing: codec.framing, inlines: codec.inlines, imagesAreFiles: codec.imagesAreFiles };
  const data = (item: unknown) => (typeof item === 'function' ? 'function' : item);
  return {
    origin: data(origin),
    auth: data(auth),
    whenClientLeaves,
    chat: codecOf(chat),
    completions: codecOf(completions),
    hasEmbeddings: embeddings !== undefined,
    hasFailure: failure !== undefined,
  };
}

export class Codecs {
  readonly #provider: () => Partial<Provider>;
  readonly #readers = new Streams<Reader>();

  constructor(provider: () => Partial<Provider>) {
    this.#provider = provider;
  }

  methods() {
    return {
      writeChat: ({ codec, input }: Translated) => this.#codec(codec).request(input),
      readChat: ({ codec, body, context }: Read) => this.#codec(codec).reply(body as never, context),
      readFrames: (step: StreamStep & { readonly codec: CodecName; readonly frames: readonly Frame[] }) => {
        const read = this.#readers.of(step, (context: CodecContext) => this.#codec(step.codec).events(context));
        return step.frames.flatMap((frame) => read(frame));
      },
      closeFrames: ({ stream }: StreamStep) => this.#readers.close(stream),
      writeEmbeddings: ({ input }: { readonly input: EmbeddingsRequest & { readonly deployment: Deployment } }) =>
        this.#provider().embeddings?.request(input),
      readEmbeddings: ({ body, deployment }: { readonly body: unknown; readonly deployment: Deployment }) =>
        this.#provider().embeddings?.reply(body as never, deployment),
      readFailure: ({ status, body, headers }: FailureArgument) => {
        const found = this.#provider().failure?.(status, body, headers);
        // A whole error goes the way of what is thrown.
        if (RutterError.is(found)) throw found;
        return found;
      },
    };
  }

  #codec(name: CodecName): ChatCodec {
    const codec = this.#provider()[name];
    if (codec === undefined) throw new RutterError('ERR_PLUGIN_INVALID', `It has no codec for ${name}.`);
    return codec;
  }
}

interface FailureArgument {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}
