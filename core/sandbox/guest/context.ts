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
  /** Those that were known when it was sent. */
  readonly features: Readonly<Record<string, number | Float32Array>>;
};

export interface PlainCall extends Pick<Call, 'operation' | 'dialect' | 'model' | 'stream' | 'controls'> {
  readonly chat?: ChatRequest;
  readonly embeddings?: EmbeddingsRequest;
  readonly text: string;
}

type FeatureValue = number | Float32Array | undefined;

interface Within {
  readonly call: number;
  readonly ask: Ask;
  readonly looked: Set<string>;
}

const mostLooked = 32;

export function contextOf({ features: known, ...plain }: PlainContext, { call, ask, looked }: Within): RequestContext {
  const values = new Map<string, FeatureValue>(Object.entries(known));
  return {
    ...plain,
    signal: neverAborted,
    features: {
      get(name) {
        if (looked.size < mostLooked) looked.add(name);
        return values.get(name);
      },
      async want(name) {
        if (values.has(name)) return values.get(name);
        const value = (await ask('want', { name }, call)) as FeatureValue;
        values.set(name, value);
        return value;
      },
    },
  };
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
    new RutterError('ERR_REQUEST_INVALID', `The operation ${plain.operation} has no ${form} form.`);
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
