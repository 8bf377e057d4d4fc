/** Requests as a plugin knows them, made of what came over the border. */
import {
  type Call,
  type ChatRequest,
  type EmbeddingsRequest,
  type RequestContext,
  RutterError,
} from '@rutter/plugin-sdk';
import type { Ask } from './asks.ts';

export type PlainContext = Omit<RequestContext, 'signal' | 'features'> & {
  /** The same for everything that is asked about one request. */
  readonly number: number;
  /** Those that were known when it was sent. */
  readonly features: Readonly<Record<string, number | Float32Array>>;
};

export interface PlainCall extends Pick<Call, 'operation' | 'dialect' | 'model' | 'stream' | 'controls'> {
  readonly chat?: ChatRequest;
  readonly embeddings?: EmbeddingsRequest;
  readonly text: string;
}

type FeatureValue = number | Float32Array | undefined;

const mostLooked = 32;
/** Requests remembered; beyond, the oldest is met as a new one. */
const mostRequests = 512;

interface Known {
  readonly context: RequestContext;
  readonly values: Map<string, FeatureValue>;
  /** Calls about it that have not been answered, the latest last. */
  readonly calls: Set<number>;
}

/**
 * The requests a plugin is asked about. What it hangs on a request's context
 * in one call it finds there in the next, as it would inside.
 */
export class Contexts {
  readonly #ask: Ask;
  readonly #looked: Set<string>;
  readonly #known = new Map<number, Known>();
  readonly #open = new Map<number, Known>();

  constructor(ask: Ask, looked: Set<string>) {
    this.#ask = ask;
    this.#looked = looked;
  }

  of(plain: PlainContext, call: number): RequestContext {
    const known = this.#known.get(plain.number) ?? this.#meet(plain);
    for (const [name, value] of Object.entries(plain.features)) known.values.set(name, value);
    if (call > 0) {
      known.calls.add(call);
      this.#open.set(call, known);
    }
    return known.context;
  }

  /** What is wanted later belongs to another call about the same request, or to none. */
  answered(call: number): void {
    this.#open.get(call)?.calls.delete(call);
    this.#open.delete(call);
  }

  #meet({ number, features: _features, ...plain }: PlainContext): Known {
    const known = this.#make(plain);
    this.#known.set(number, known);
    const [oldest] = this.#known.keys();
    if (this.#known.size > mostRequests && oldest !== undefined) this.#known.delete(oldest);
    return known;
  }

  #make(plain: Omit<PlainContext, 'number' | 'features'>): Known {
    const values = new Map<string, FeatureValue>();
    const calls = new Set<number>();
    const looked = this.#looked;
    const features: RequestContext['features'] = {
      get(name) {
        if (looked.size < mostLooked) looked.add(name);
        return values.get(name);
      },
      want: async (name) => {
        if (values.has(name)) return values.get(name);
        const value = (await this.#ask('want', { name }, [...calls].at(-1))) as FeatureValue;
        values.set(name, value);
        return value;
      },
    };
    return { context: { ...plain, signal: neverAborted, features }, values, calls };
  }
}

/** A request that ends is not told to the sandbox: its answer is thrown away. */
const neverAborted = {
  aborted: false,
  reason: undefined,
  onabort: null,
  addEventListener() {},
  removeEventListener() {},
  dispatchEvent: () => false,
  throwIfAborted() {},
} as unknown as AbortSignal;

export function callOf({ chat, embeddings, text, ...plain }: PlainCall): Call {
  const none = (form: string) =>
    new RutterError(
      'ERR_REQUEST_INVALID',
      `The operation ${plain.operation} has no ${form} form, or its words are not granted.`,
    );
  return {
    ...plain,
    text: () => text,
    // Loops run inside the gateway alone.
    explain() {},
    chat() {
      if (chat === undefined) throw none('chat');
      return chat;
    },
    embeddings() {
      if (embeddings === undefined) throw none('embeddings');
      return embeddings;
    },
  };
}
