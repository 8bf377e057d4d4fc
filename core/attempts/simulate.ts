/** Lets a provider that answers without a socket look like one that does not. */
import { type Provider, RutterError } from '@rutter/plugin-sdk';
import type { Exchange, ExchangeListener } from '../upstream/types.ts';

interface Sent {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string;
}

export function simulate(provider: Provider, sent: Sent, listener: ExchangeListener): Exchange {
  const controller = new AbortController();
  const gate = new Gate();
  const run = async () => {
    const { pathname, search } = new URL(sent.url);
    const body = typeof sent.body === 'string' ? Buffer.from(sent.body) : sent.body;
    const answer = await provider.respond?.(
      { method: sent.method, path: pathname + search, headers: sent.headers, body },
      controller.signal,
    );
    if (!answer || controller.signal.aborted) return;
    listener.onHead(answer.status, answer.headers);
    for await (const chunk of answer.body) {
      if (controller.signal.aborted) return;
      await gate.passed();
      listener.onData(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    }
    if (!controller.signal.aborted) listener.onEnd();
  };
  run().catch((error: unknown) => {
    if (!controller.signal.aborted) listener.onError(RutterError.from(error, 'ERR_PROVIDER_CONNECTION'));
  });
  return {
    abort(reason) {
      if (controller.signal.aborted) return;
      controller.abort(reason);
      gate.open();
      listener.onError(reason);
    },
    pause: () => gate.close(),
    resume: () => gate.open(),
  };
}

/** Holds the sender back while the receiver is busy. */
class Gate {
  #waiting: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  close(): void {
    this.#closed ??= new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  open(): void {
    this.#waiting?.();
    this.#waiting = undefined;
    this.#closed = undefined;
  }

  async passed(): Promise<void> {
    await this.#closed;
  }
}
