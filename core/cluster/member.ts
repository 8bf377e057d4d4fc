/** The supervisor's side of one worker process. */
import type { ChildProcess } from 'node:child_process';
import { RutterError } from '@rutter/plugin-sdk';
import { startRefused } from '../cli/listening.ts';
import { Channel } from './channel.ts';
import type { Ask, Message, Tell, Watched } from './messages.ts';

/** A source that does not answer has its own deadline, which comes first. */
const bootMs = 60_000;

export interface Booted {
  readonly watched: Watched;
  readonly isGuarded: boolean;
  readonly announcement: string;
}

export interface MemberHandlers {
  ask(ask: Ask): Promise<unknown>;
  tell(tell: Tell): void;
}

export class Member {
  readonly number: number;
  readonly process: ChildProcess;
  readonly channel: Channel;
  /** Rejects when it is refused, ends or is too slow. */
  readonly booted: Promise<Booted>;
  /** Its exit code; 1 where a signal ended it. */
  readonly exited: Promise<number>;

  constructor(number: number, process: ChildProcess, handlers: MemberHandlers) {
    this.number = number;
    this.process = process;
    const { promise, resolve, reject } = Promise.withResolvers<Booted>();
    this.booted = promise;
    // Whoever waits hears of it; nobody need wait.
    promise.catch(() => {});
    const tell = (news: Tell) => {
      if (news.type === 'booted') resolve(news);
      else if (news.type === 'refused') reject(startRefused(news.reasons));
      else handlers.tell(news);
    };
    const send = (message: Message) => void (process.connected && process.send(message));
    this.channel = new Channel({ send }, { ask: handlers.ask, tell });
    process.on('message', (message) => this.channel.receive(message as Message));
    // Told to a process that has just gone: its exit says all there is to say.
    process.on('error', () => {});
    const late = setTimeout(
      () => reject(new RutterError('ERR_KERNEL_INTERNAL', `Worker ${number} did not start within ${bootMs} ms.`)),
      bootMs,
    );
    late.unref();
    this.exited = new Promise((resolve) =>
      process.once('exit', (code, signal) => {
        clearTimeout(late);
        this.channel.close();
        reject(new RutterError('ERR_KERNEL_INTERNAL', `Worker ${number} ended while it started (${signal ?? code}).`));
        resolve(code ?? 1);
      }),
    );
  }
}
