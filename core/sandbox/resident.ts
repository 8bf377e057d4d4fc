/**
 * One plugin instance that lives in the sandbox: its isolate, opened again
 * when it is lost, and the count of its falls.
 *
 * Invariant: a call ends at its deadline whatever the plugin does; after three
 * falls in a minute it is not asked again before somebody forgives it.
 */
import {
  type Clock,
  type ErrorCode,
  type KernelEvent,
  type Log,
  type RequestContext,
  RutterError,
  type Secret,
} from '@rutter/plugin-sdk';
import type { SandboxStatus } from '../plugins/types.ts';
import { Falls } from './falls.ts';
import { type Answerer, type CallOptions, GuestPort } from './guest-port.ts';
import { firstPauseMs, longestPauseMs, openMs, setUpMs } from './limits.ts';
import type { Rooms } from './pool.ts';
import { isRefusing, type Speaking } from './refusal.ts';
import type { Special } from './values.ts';

export interface ResidentOptions {
  readonly name: string;
  readonly text: string;
  readonly pool: Rooms;
  /** Where it lives, in words: `in the sandbox`. */
  readonly where: string;
  readonly queue?: number | undefined;
  readonly serialSilenceMs?: number | undefined;
  readonly setUpMs?: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly secrets: readonly Secret[];
  readonly answer: Answerer;
  /** Hears of its falls. */
  tell?(event: KernelEvent): void;
  /** Argument of `setUp`, by how often it has been set up before. */
  setUp(restarts: number): { readonly argument: object; readonly special: Special };
}

export interface Asking {
  readonly ms: number;
  readonly context?: RequestContext;
  /** By what right an error is an answer; without, every error is a fall. */
  readonly mayRefuse?: Speaking;
}

export class Resident {
  readonly #options: ResidentOptions;
  readonly #falls: Falls;
  #port: GuestPort | undefined;
  #restarts = 0;
  /** By ports that are gone. */
  #turnedAway = 0;
  #pauseMs = firstPauseMs;
  #retry: NodeJS.Timeout | undefined;
  #hasEnded = false;

  constructor(options: ResidentOptions) {
    this.#options = options;
    this.#falls = new Falls(() => options.clock.monotonic());
  }

  /** How long it may take to be loaded, checked and set up, each. */
  get setUpMs(): number {
    return this.#options.setUpMs ?? setUpMs;
  }

  /** Where it lives, in words. */
  get where(): string {
    return this.#options.where;
  }

  get status(): SandboxStatus {
    const { isQuarantined, total } = this.#falls;
    const state = isQuarantined ? 'quarantined' : this.#port === undefined ? 'down' : 'running';
    const turnedAway = this.#turnedAway + (this.#port?.turnedAway ?? 0);
    const { waiting = 0, pid } = this.#port ?? {};
    return { state, falls: total, restarts: this.#restarts, waiting, turnedAway, pid };
  }

  /** Opens an isolate and loads the plugin's text in it; gives what it defines. */
  async load(): Promise<unknown> {
    const port = await GuestPort.open(this.#options.pool, this.#portOptions(), openMs);
    this.#port = port;
    return port.call('load', { text: this.#options.text }, { ms: this.setUpMs });
  }

  /** Sets up what has been loaded; gives what it offers. */
  async setUp(): Promise<unknown> {
    const { argument, special } = this.#options.setUp(this.#restarts);
    return this.#required().call('setUp', argument, { ms: this.setUpMs, special });
  }

  /** For questions ahead of `setUp`, which are no falls. */
  ask(method: string, argument: unknown, options: CallOptions): Promise<unknown> {
    return this.#required().call(method, argument, options);
  }

  /**
   * What the plugin answers, checked by `accept`, which throws at what is
   * forged. Rejects with the guard's own refusal or an ERR_PLUGIN error.
   */
  async call<T>(
    method: string,
    argument: unknown,
    asking: Asking,
    accept: (answer: unknown) => T | Promise<T>,
  ): Promise<T> {
    if (this.#falls.isQuarantined) throw this.#error('ERR_PLUGIN_DOWN', 'it is quarantined');
    const port = this.#port;
    if (port === undefined) throw this.#error('ERR_PLUGIN_DOWN', 'it is being set up again');
    let answer: unknown;
    try {
      answer = await port.call(method, argument, asking);
    } catch (error) {
      if (asking.mayRefuse && isRefusing(error, asking.mayRefuse)) throw error;
      const { code, message } = RutterError.from(error, 'ERR_PLUGIN_FAILED');
      // An isolate that is gone has been counted when it went.
      if (code !== 'ERR_PLUGIN_DOWN') this.#fell(message, code);
      throw this.#error(code, message);
    }
    try {
      return await accept(answer);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#fell(message, 'ERR_PLUGIN_INVALID');
      throw this.#error('ERR_PLUGIN_INVALID', message);
    }
  }

  /** Which isolate there is now, by number: what one has been told, the next does not know. */
  get isolate(): number {
    return this.#restarts;
  }

  /** Tells it something that it need not answer. */
  tell(method: string, argument: unknown): void {
    void this.#port?.call(method, argument, { ms: setUpMs }).catch(() => {});
  }

  /** What its `host.keep` holds, for whoever comes after it; undefined when it does not say in time. */
  kept(ms: number): Promise<unknown> {
    if (this.#port === undefined) return Promise.resolve(undefined);
    return this.#port.call('kept', undefined, { ms }).catch(() => undefined);
  }

  /** Ends its quarantine; false when there was none. */
  release(): boolean {
    if (!this.#falls.isQuarantined) return false;
    this.#falls.forgive();
    this.#pauseMs = firstPauseMs;
    this.#options.log.info({}, 'the plugin is released from quarantine');
    this.#options.tell?.({ type: 'plugin-released', plugin: this.#options.name });
    if (this.#port === undefined) this.#openAgain();
    return true;
  }

  async end(disposeMs: number): Promise<void> {
    this.#hasEnded = true;
    clearTimeout(this.#retry);
    const port = this.#port;
    this.#port = undefined;
    await port?.call('dispose', undefined, { ms: disposeMs }).catch(() => {});
    port?.close();
  }

  #required(): GuestPort {
    if (this.#port === undefined) throw this.#error('ERR_PLUGIN_DOWN', 'it is gone');
    return this.#port;
  }

  #portOptions() {
    const { clock, secrets, answer, queue, serialSilenceMs } = this.#options;
    const onGone = (isCulprit: boolean, reason?: string) => this.#gone(isCulprit, reason);
    return { clock, secrets, answer, queue, serialSilenceMs, onGone };
  }

  #gone(isCulprit: boolean, reason = 'it brought itself down'): void {
    this.#turnedAway += this.#port?.turnedAway ?? 0;
    this.#port = undefined;
    if (this.#hasEnded) return;
    this.#options.log.warn({ isCulprit, reason }, `the plugin ${this.#options.where} is gone`);
    if (isCulprit) this.#fell(reason, 'ERR_PLUGIN_DOWN');
    if (!this.#falls.isQuarantined) this.#openAgain();
  }

  #fell(reason: string, code: ErrorCode): void {
    const { name: plugin, tell } = this.#options;
    const isOneTooMany = this.#falls.add();
    const { total: falls } = this.#falls;
    tell?.({ type: 'plugin-fell', plugin, code, falls });
    if (!isOneTooMany) return;
    tell?.({ type: 'plugin-quarantined', plugin, falls });
    this.#options.log.error(
      { reason, falls: this.#falls.total },
      'the plugin is quarantined: it fell three times within a minute; a new generation or an operator releases it',
    );
    clearTimeout(this.#retry);
    const port = this.#port;
    this.#port = undefined;
    port?.close();
  }

  #openAgain(): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#reopen(), this.#pauseMs);
    this.#retry.unref();
    this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs);
  }

  async #reopen(): Promise<void> {
    this.#restarts += 1;
    let port: GuestPort | undefined;
    try {
      port = await GuestPort.open(this.#options.pool, this.#portOptions(), openMs);
      await port.call('load', { text: this.#options.text }, { ms: this.setUpMs });
      const { argument, special } = this.#options.setUp(this.#restarts);
      await port.call('setUp', argument, { ms: this.setUpMs, special });
    } catch (error) {
      port?.close();
      if (this.#hasEnded) return;
      const { message, code } = RutterError.from(error);
      this.#fell(message, code);
      if (!this.#falls.isQuarantined) this.#openAgain();
      return;
    }
    if (this.#hasEnded || this.#falls.isQuarantined) port.close();
    else this.#port = port;
  }

  #error(code: RutterError['code'], reason: string): RutterError {
    return new RutterError(code, `Plugin "${this.#options.name}" ${this.#options.where}: ${reason}.`);
  }
}
