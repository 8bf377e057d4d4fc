/** Questions and answers over a process channel. */
import { type ErrorCode, errorKinds, RutterError } from '@rutter/plugin-sdk';
import type { Ask, Message, Tell } from './messages.ts';

export interface Port {
  send(message: Message): void;
}

export interface ChannelHandlers {
  ask(question: Ask): Promise<unknown>;
  tell(news: Tell): void;
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: RutterError): void;
  readonly timer: NodeJS.Timeout;
}

const answerMs = 60_000;
/** As long as a timer can be, and so as long as a drain deadline. */
export const longestDrainMs = 2_147_400_000;
const mostPending = 100_000;

export class Channel {
  readonly #port: Port;
  readonly #handlers: ChannelHandlers;
  readonly #pending = new Map<number, Pending>();
  #next = 0;
  #isClosed = false;

  constructor(port: Port, handlers: ChannelHandlers) {
    this.#port = port;
    this.#handlers = handlers;
  }

  ask<T>(ask: Ask, timeoutMs = answerMs): Promise<T> {
    if (this.#isClosed) return Promise.reject(goneError());
    if (this.#pending.size >= mostPending)
      return Promise.reject(new RutterError('ERR_PLUGIN_DOWN', 'Too many questions wait for the other process.'));
    const id = this.#next++;
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(
          new RutterError('ERR_PLUGIN_DOWN', `The other process did not answer "${ask.type}" within ${timeoutMs} ms.`),
        );
      }, timeoutMs);
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject, timer });
      this.#port.send({ ask, id });
    });
  }

  tell(tell: Tell): void {
    this.#port.send({ tell });
  }

  receive(message: Message): void {
    if ('tell' in message) this.#handlers.tell(message.tell);
    else if ('ask' in message) void this.#answer(message.ask, message.id);
    else this.#settle(message);
  }

  #settle(message: Exclude<Message, { tell: Tell } | { ask: Ask }>): void {
    const pending = this.#pending.get(message.id);
    if (!pending) return;
    this.#pending.delete(message.id);
    clearTimeout(pending.timer);
    if ('answer' in message) {
      pending.resolve(message.answer);
      return;
    }
    const { code, message: text } = message.failure;
    pending.reject(new RutterError(Object.hasOwn(errorKinds, code) ? (code as ErrorCode) : 'ERR_PLUGIN_FAILED', text));
  }

  async #answer(ask: Ask, id: number): Promise<void> {
    try {
      this.#port.send({ answer: await this.#handlers.ask(ask), id });
    } catch (error) {
      const { code, message } = RutterError.from(error, 'ERR_PLUGIN_FAILED');
      this.#port.send({ failure: { code, message }, id });
    }
  }

  /** The other side is gone: nothing will be answered any more. */
  close(): void {
    this.#isClosed = true;
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(goneError());
    }
    this.#pending.clear();
  }
}

const goneError = () => new RutterError('ERR_PLUGIN_DOWN', 'The other process is gone.');
