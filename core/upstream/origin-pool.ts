/**
 * The connections to one origin, and the exchanges that wait for one.
 *
 * A connection carries one exchange at a time. The one used last is used
 * first, so that a burst's surplus falls idle and is closed. Both connections
 * and waiting exchanges are bounded.
 */
import type { Socket } from 'node:net';
import { Client } from 'undici';
import type { AddressGuard } from './addresses.ts';
import { Connector } from './connector.ts';
import { maxHeadBytes, overloadedFailure } from './failures.ts';
import type { ConnectionSecurity } from './tls.ts';

const idleMs = 20_000;
const longestIdleMs = 60_000;
/** Closed this much before the time a server announces, so that a request does not meet its goodbye. */
const idleMarginMs = 1_000;
/** Exchanges that may wait, as a multiple of the connections. */
const waitingFactor = 4;

/** An exchange, as far as connections are concerned. */
export interface Occupant {
  readonly connectTimeoutMs: number;
  /** Called in the turn the exchange is given a connection that is its alone. */
  begin(connection: Connection): void;
  /** Ends it in a later turn. */
  fail(error: Error): void;
  /** Ends it now. */
  abort(reason: Error): void;
}

/** One undici client, which opens its socket anew whenever it has lost it. */
export class Connection {
  readonly client: Client;
  readonly pool: OriginPool;
  exchange: Occupant | undefined;
  /** Replies completed on the present socket; 0 says that it is fresh. */
  served = 0;
  #opening: Socket | undefined;

  constructor(pool: OriginPool, origin: string, connector: Connector) {
    this.pool = pool;
    this.client = new Client(origin, {
      connect: (target, callback) => {
        this.served = 0;
        this.#opening = connector.open(target, this.exchange?.connectTimeoutMs ?? 1, (...outcome) => {
          this.#opening = undefined;
          callback(...outcome);
        });
      },
      pipelining: 1,
      // The attempt loop has its own timers.
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: maxHeadBytes,
      keepAliveTimeout: idleMs,
      keepAliveMaxTimeout: longestIdleMs,
      keepAliveTimeoutThreshold: idleMarginMs,
    });
    this.client.on('disconnect', () => pool.onDisconnect(this));
  }

  /** Also ends a connect under way, which undici by itself would let run. */
  destroy(reason: Error): void {
    this.client.destroy(reason, () => {});
    this.#opening?.destroy();
  }
}

export class OriginPool {
  readonly origin: string;
  /** Of the last exchange's end, in ticks of the owner; orders pools by how long they have been idle. */
  idleSince = 0;
  readonly #connector: Connector;
  readonly #maxConnections: number;
  readonly #onIdle: (pool: OriginPool) => void;
  readonly #connections = new Set<Connection>();
  readonly #free: Connection[] = [];
  readonly #waiting = new Set<Occupant>();

  constructor(
    origin: string,
    guard: AddressGuard | undefined,
    limits: { connections: number; security?: ConnectionSecurity; onIdle(pool: OriginPool): void },
  ) {
    this.origin = origin;
    this.#connector = new Connector(origin, guard, limits.security);
    this.#maxConnections = limits.connections;
    this.#onIdle = limits.onIdle;
  }

  /** Exchanges under way or waiting. */
  get active(): number {
    return this.#connections.size - this.#free.length + this.#waiting.size;
  }

  start(exchange: Occupant): void {
    const connection = this.#free.pop() ?? this.#open();
    if (connection !== undefined) this.#begin(exchange, connection);
    else if (this.#waiting.size < this.#maxConnections * waitingFactor) this.#waiting.add(exchange);
    else exchange.fail(overloadedFailure(this.origin, this.#waiting.size));
  }

  /** An exchange that was aborted before it had a connection. */
  forget(exchange: Occupant): void {
    if (this.#waiting.delete(exchange)) this.#checkIdle();
  }

  /** After a complete reply: the next exchange may use the connection. */
  release(connection: Connection): void {
    connection.exchange = undefined;
    connection.served++;
    const next = this.#nextWaiting();
    if (next !== undefined) {
      this.#begin(next, connection);
    } else {
      this.#free.push(connection);
      this.#checkIdle();
    }
  }

  /** After a failure or an abort: the connection is closed, and a waiting exchange gets a new one. */
  discard(connection: Connection, reason: Error): void {
    connection.exchange = undefined;
    this.#connections.delete(connection);
    connection.destroy(reason);
    const next = this.#nextWaiting();
    const fresh = next === undefined ? undefined : this.#open();
    if (next !== undefined && fresh !== undefined) this.#begin(next, fresh);
    else this.#checkIdle();
  }

  onDisconnect(connection: Connection): void {
    const index = this.#free.indexOf(connection);
    if (index === -1) return;
    this.#free.splice(index, 1);
    this.#connections.delete(connection);
    connection.client.destroy(null, () => {});
  }

  /** Ends what is under way with the reason and closes every connection. */
  destroy(reason: Error): void {
    for (const exchange of [...this.#waiting]) exchange.abort(reason);
    for (const connection of [...this.#connections]) {
      if (connection.exchange !== undefined) connection.exchange.abort(reason);
      else connection.destroy(reason);
    }
    this.#connections.clear();
    this.#free.length = 0;
  }

  #open(): Connection | undefined {
    if (this.#connections.size >= this.#maxConnections) return undefined;
    const connection = new Connection(this, this.origin, this.#connector);
    this.#connections.add(connection);
    return connection;
  }

  #begin(exchange: Occupant, connection: Connection): void {
    connection.exchange = exchange;
    exchange.begin(connection);
  }

  #nextWaiting(): Occupant | undefined {
    if (this.#waiting.size === 0) return undefined;
    const [next] = this.#waiting;
    if (next !== undefined) this.#waiting.delete(next);
    return next;
  }

  #checkIdle(): void {
    if (this.active === 0) this.#onIdle(this);
  }
}
