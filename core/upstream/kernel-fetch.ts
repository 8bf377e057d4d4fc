/**
 * `host.fetch`: HTTP for plugins, under the address rules, without redirects,
 * bounded in time and size.
 */
import { hash } from 'node:crypto';
import { type HostFetchOptions, type HostResponse, RutterError } from '@rutter/plugin-sdk';
import type { Authenticator, CredentialLookup } from './auth/authenticator.ts';
import type { Upstream } from './exchange.ts';
import { revealSecret } from './secret.ts';
import type { Exchange, ExchangeListener } from './types.ts';

const defaultMs = 30_000;
const defaultBytes = 16 * 1024 * 1024;
/** Bytes that may wait for their reader before the sender is asked to wait. */
const waitingBytes = 1024 * 1024;

/** Requests of `source` plugins: to any address, signed as they say with credentials that only the kernel sees. */
export async function sourceFetch(
  upstream: Upstream,
  authenticator: Authenticator,
  { url, options }: { readonly url: string; readonly options: HostFetchOptions },
): Promise<HostResponse> {
  const { auth, credentials = {}, body } = options;
  if (auth === undefined) return exchange(upstream, { url, options, guarded: false });
  if (body !== undefined && typeof body !== 'string' && !(body instanceof Uint8Array))
    throw new RutterError('ERR_PLUGIN_INVALID', 'A signed request was given a stream; expected a text or bytes.');
  const headers = plainHeaders(options.headers ?? {});
  const digests = Object.entries(credentials).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : revealSecret(value),
  ]);
  const lookup: CredentialLookup = {
    id: `source ${hash('sha256', JSON.stringify(digests), 'hex').slice(0, 16)}`,
    apiKey: undefined,
    secret: (name) => {
      const value = credentials[name];
      return value === undefined || typeof value === 'string' ? undefined : value;
    },
    param: (name) => credentials[name],
  };
  const target = { url, method: options.method ?? 'GET', headers, body };
  const usedAt = Date.now();
  const moved = await authenticator.apply(auth, target, lookup);
  const reply = await exchange(upstream, { url: moved ?? url, options: { ...options, headers }, guarded: false });
  // The next request gets another, where this one was a temporary credential.
  if (reply.status === 401 || reply.status === 403) authenticator.invalidate(auth, lookup, usedAt);
  return reply;
}

export function kernelFetch(upstream: Upstream, url: string, options: HostFetchOptions): Promise<HostResponse> {
  if (options.auth !== undefined || options.credentials !== undefined)
    return Promise.reject(
      new RutterError(
        'ERR_PLUGIN_INVALID',
        'host.fetch was given "auth"; expected it from plugins of kind "source" alone.',
      ),
    );
  return exchange(upstream, { url, options, guarded: true });
}

function exchange(
  upstream: Upstream,
  { url, options, guarded }: { readonly url: string; readonly options: HostFetchOptions; readonly guarded: boolean },
): Promise<HostResponse> {
  const timeoutMs = options.timeoutMs ?? defaultMs;
  const reply = new FetchedReply(timeoutMs);
  const running = upstream.exchange(
    {
      url,
      method: options.method ?? 'GET',
      headers: plainHeaders(options.headers ?? {}),
      body: options.body,
      connectTimeoutMs: Math.min(timeoutMs, 10_000),
      maxReplyBytes: options.maxBytes ?? defaultBytes,
      guarded,
    },
    reply,
  );
  reply.attach(running, options.signal);
  return reply.head;
}

type HeaderValue = NonNullable<HostFetchOptions['headers']>[string];

function plainHeader(value: HeaderValue): string {
  if (typeof value === 'string') return value;
  return 'prefix' in value ? value.prefix + revealSecret(value.secret) : revealSecret(value);
}

const plainHeaders = (headers: NonNullable<HostFetchOptions['headers']>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), plainHeader(value)]));

class FetchedReply implements ExchangeListener {
  readonly head: Promise<HostResponse>;
  #resolve!: (reply: HostResponse) => void;
  #reject!: (error: Error) => void;
  #exchange: Exchange | undefined;
  #chunks: Buffer[] = [];
  #waiting = 0;
  #error: Error | undefined;
  #isEnded = false;
  #wake: (() => void) | undefined;
  readonly #timer: NodeJS.Timeout;
  #stopListening: (() => void) | undefined;

  constructor(timeoutMs: number) {
    this.head = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#timer = setTimeout(
      () => this.#abort(new RutterError('ERR_PROVIDER_TIMEOUT', `The exchange took longer than ${timeoutMs} ms.`)),
      timeoutMs,
    );
  }

  attach(exchange: Exchange, signal: AbortSignal | undefined): void {
    this.#exchange = exchange;
    if (!signal) return;
    const abort = () =>
      this.#abort(RutterError.from(signal.reason, 'ERR_REQUEST_ABORTED', 'The exchange was aborted.'));
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener('abort', abort, { once: true });
    this.#stopListening = () => signal.removeEventListener('abort', abort);
  }

  #abort(error: Error): void {
    this.#exchange?.abort(error);
  }

  onHead(status: number, headers: Readonly<Record<string, string>>): void {
    this.#resolve({
      status,
      headers,
      body: { [Symbol.asyncIterator]: () => this.#read() },
      text: () => this.#text(),
      json: async () => parse(await this.#text()),
    });
  }

  onData(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#waiting += chunk.length;
    if (this.#waiting > waitingBytes) this.#exchange?.pause();
    this.#signal();
  }

  onEnd(): void {
    this.#isEnded = true;
    this.#over();
  }

  onError(error: Error): void {
    this.#error = error;
    this.#reject(error);
    this.#over();
  }

  #over(): void {
    clearTimeout(this.#timer);
    this.#stopListening?.();
    this.#signal();
  }

  #signal(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const chunk = this.#chunks.shift();
        if (chunk) {
          this.#waiting -= chunk.length;
          if (this.#waiting <= waitingBytes / 2) this.#exchange?.resume();
          yield chunk;
        } else if (this.#error) throw this.#error;
        else if (this.#isEnded) return;
        else
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
      }
    } finally {
      if (!this.#isEnded) this.#abort(new RutterError('ERR_REQUEST_ABORTED', 'The reader stopped before the end.'));
    }
  }

  async #text(): Promise<string> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.#read()) chunks.push(chunk);
    return Buffer.concat(chunks).toString('utf8');
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new RutterError('ERR_PROVIDER_MALFORMED', 'The reply is not JSON.', { cause: error });
  }
}
