/** The HTTP edge: the Koa application, WebSockets, and the listening server. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Log } from '@rutter/plugin-sdk';
import { createApp } from './app.ts';
import type { Holdable } from './holdable.ts';
import { IdempotentReplies } from './idempotency.ts';
import { type GatewayServer, type ListenOptions, listen } from './server.ts';
import { Upgrades } from './upgrade.ts';

export class Gateway {
  readonly #current: (headers: IncomingHttpHeaders) => Holdable;
  readonly #log: Log;
  #server: GatewayServer | undefined;
  #isDraining = false;
  #active: () => number = () => 0;
  #upgrades: Upgrades | undefined;

  constructor(options: { current(headers: IncomingHttpHeaders): Holdable; readonly log: Log }) {
    this.#current = options.current;
    this.#log = options.log;
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** The port it listens on. */
  async listen(options: ListenOptions): Promise<number> {
    const { app, admission } = createApp({
      current: this.#current,
      isDraining: () => this.#isDraining,
      idempotency: new IdempotentReplies(),
      log: this.#log,
    });
    const upgrades = new Upgrades(this.#current);
    this.#upgrades = upgrades;
    this.#active = () => admission.active + upgrades.active;
    this.#server = await listen(options, {
      request: app.callback(),
      upgrade: (request, socket, head) => void upgrades.accept(request, socket, head),
      active: () => this.#active(),
    });
    return this.#server.port;
  }

  /** Readiness goes off, nothing new is accepted, what runs may finish for `ms`; then `onLate` is to end it. True when nothing was cut. */
  async stop(ms: number, onLate: () => void): Promise<boolean> {
    this.#isDraining = true;
    this.#upgrades?.closeAll();
    return (await this.#server?.stop(ms, onLate)) ?? true;
  }
}
