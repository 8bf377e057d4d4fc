/**
 * One question put to every gateway process that shares the state: each keeps
 * its own records, and whoever is asked gathers them all.
 */
import type { Host, State } from '@rutter/plugin-sdk';

const channel = 'observer-decisions';
const beatMs = 5_000;
/** A process that has been silent for this long is not waited for. */
const goneMs = 3 * beatMs;
const waitMs = 1_000;
const mostPeers = 256;

type Message =
  | { readonly type: 'here'; readonly from: string; readonly isNew: boolean }
  | { readonly type: 'ask'; readonly from: string; readonly id: number; readonly question: unknown }
  | {
      readonly type: 'answer';
      readonly from: string;
      readonly to: string;
      readonly id: number;
      readonly found: unknown[];
    };

interface Asking {
  readonly missing: Set<string>;
  readonly found: unknown[];
  readonly done: () => void;
}

export class Peers<Question, Record> {
  readonly #host: Pick<Host, 'clock' | 'log'>;
  readonly #state: State;
  readonly #own: (question: Question) => readonly Record[];
  readonly #id: string;
  readonly #seen = new Map<string, number>();
  readonly #asking = new Map<number, Asking>();
  #asked = 0;
  #stop: (() => void) | undefined;

  constructor(
    host: Pick<Host, 'clock' | 'log' | 'random'>,
    state: State,
    own: (question: Question) => readonly Record[],
  ) {
    this.#host = host;
    this.#state = state;
    this.#own = own;
    this.#id = `${host.clock.now().toString(36)}-${globalThis.process?.pid ?? 0}-${host.random().toString(36).slice(2)}`;
  }

  async open(every: Host['every']): Promise<void> {
    this.#stop = await this.#state.subscribe(channel, (text) => this.#take(text));
    await this.#say({ type: 'here', from: this.#id, isNew: true });
    every(beatMs, () => this.#say({ type: 'here', from: this.#id, isNew: false }));
  }

  close(): void {
    this.#stop?.();
  }

  /** Everybody's records; those of who does not answer in time are missing. */
  async ask(question: Question): Promise<readonly Record[]> {
    const missing = new Set(this.#alive());
    const found: unknown[] = [...this.#own(question)];
    if (missing.size === 0) return found as Record[];
    const id = ++this.#asked;
    const late = new AbortController();
    const answered = new Promise<void>((done) => {
      this.#asking.set(id, { missing, found, done });
    });
    try {
      await this.#say({ type: 'ask', from: this.#id, id, question });
      await Promise.race([answered, this.#host.clock.sleep(waitMs, late.signal).catch(() => {})]);
    } finally {
      late.abort();
      this.#asking.delete(id);
    }
    return found as Record[];
  }

  #alive(): string[] {
    const since = this.#host.clock.now() - goneMs;
    for (const [peer, at] of this.#seen) if (at < since) this.#seen.delete(peer);
    return [...this.#seen.keys()];
  }

  #take(text: string): void {
    const message = JSON.parse(text) as Message;
    if (message.from === this.#id) return;
    if (this.#seen.size < mostPeers) this.#seen.set(message.from, this.#host.clock.now());
    if (message.type === 'here' && message.isNew) void this.#say({ type: 'here', from: this.#id, isNew: false });
    if (message.type === 'ask')
      void this.#say({
        ...{ type: 'answer', from: this.#id, to: message.from, id: message.id },
        found: [...this.#own(message.question as Question)],
      });
    if (message.type === 'answer' && message.to === this.#id) this.#answered(message);
  }

  #answered({ id, from, found }: Message & { readonly type: 'answer' }): void {
    const asking = this.#asking.get(id);
    if (!asking?.missing.delete(from)) return;
    asking.found.push(...found);
    if (asking.missing.size === 0) asking.done();
  }

  async #say(message: Message): Promise<void> {
    try {
      await this.#state.publish(channel, JSON.stringify(message));
    } catch (error) {
      this.#host.log.warn({ error }, 'other processes could not be told or asked');
    }
  }
}
