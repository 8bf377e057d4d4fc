/**
 * A whole small reply as a promise, for the kernel's own calls: tokens,
 * credentials, metadata. Request paths use the callbacks of {@link Upstream}.
 */
import { RutterError } from '@rutter/plugin-sdk';
import type { Upstream } from './exchange.ts';
import type { ExchangeListener } from './types.ts';

export interface CollectRequest {
  readonly url: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** For the whole exchange. */
  readonly timeoutMs: number;
  readonly connectTimeoutMs?: number;
  /** 1 MiB when absent. */
  readonly maxReplyBytes?: number;
  readonly guarded?: boolean;
  /** Whether certificates are checked, where that is not left to what holds for all. */
  readonly verifies?: boolean | undefined;
}

export interface CollectedReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export async function collect(upstream: Upstream, request: CollectRequest): Promise<CollectedReply> {
  const listener = new Collector();
  const exchange = upstream.exchange(
    {
      url: request.url,
      method: request.method ?? 'GET',
      headers: request.headers ?? {},
      body: request.body,
      connectTimeoutMs: Math.min(request.connectTimeoutMs ?? request.timeoutMs, request.timeoutMs),
      maxReplyBytes: request.maxReplyBytes ?? 1024 * 1024,
      guarded: request.guarded ?? false,
      verifies: request.verifies,
    },
    listener,
  );
  const late = () =>
    exchange.abort(new RutterError('ERR_PROVIDER_TIMEOUT', `No whole reply within ${request.timeoutMs} ms.`));
  const timer = setTimeout(late, request.timeoutMs);
  try {
    return await listener.reply.promise;
  } finally {
    clearTimeout(timer);
  }
}

class Collector implements ExchangeListener {
  readonly reply = Promise.withResolvers<CollectedReply>();
  #status = 0;
  #headers: Readonly<Record<string, string>> = {};
  readonly #parts: Buffer[] = [];

  onHead(status: number, headers: Readonly<Record<string, string>>): void {
    this.#status = status;
    this.#headers = headers;
  }

  onData(chunk: Buffer): void {
    this.#parts.push(chunk);
  }

  onEnd(): void {
    this.reply.resolve({ status: this.#status, headers: this.#headers, body: Buffer.concat(this.#parts) });
  }

  onError(error: Error): void {
    this.reply.reject(error);
  }
}
