/**
 * HTTP/1.1 to upstreams by callbacks, with connections kept alive per origin.
 *
 * Guarded and unguarded exchanges share no connection, since only the guarded
 * ones were checked when they were opened. Redirects are never followed, and
 * nothing here waits without an end: connects have a timer, replies a size,
 * and all else is ended by {@link Exchange.abort}.
 */
import { type AddressGuard, createAddressGuard, readUrl } from './addresses.ts';
import { drainingFailure } from './failures.ts';
import { LiveExchange } from './live-exchange.ts';
import { OriginPool } from './origin-pool.ts';
import { type ConnectionSecurity, isSameSecurity, ordinarySecurity } from './tls.ts';
import type { Exchange, ExchangeListener, ExchangeRequest } from './types.ts';

export interface UpstreamOptions {
  /** Most connections to one origin; 1,024 when absent. Four times as many exchanges may wait for one. */
  readonly connections?: number;
  /** Origins whose connections are kept; 256 when absent. Beyond it, the one idle longest is closed. */
  readonly maxOrigins?: number;
  /** Exceptions to the address rules of guarded exchanges; see {@link createAddressGuard}. */
  readonly allowedAddresses?: readonly string[];
}

/** What WHATWG would rewrite: characters to encode, dot segments, fragments. The quick way of taking a URL apart leaves such to it. */
const unusual = /[^!$-&(-;=?-Z[\]_a-z|~]|\/(?:\.|%2e)/i;
/** Behind `https://`. */
const shortestScheme = 8;

export class Upstream {
  readonly #connections: number;
  readonly #maxOrigins: number;
  #open = new Map<string, OriginPool>();
  #security = ordinarySecurity;
  #guarded = new Map<string, OriginPool>();
  /** Of exchanges that want certificates checked where others do not, or the other way round. */
  #contrary = new Map<string, OriginPool>();
  #guard: AddressGuard;
  #ticks = 0;
  #isClosed = false;
  #onAllIdle: (() => void) | undefined;
  /** Guarded pools of an earlier guard that still finish their exchanges. */
  readonly #retired = new Set<OriginPool>();

  constructor(options: UpstreamOptions = {}) {
    this.#connections = options.connections ?? 1024;
    this.#maxOrigins = options.maxOrigins ?? 256;
    this.#guard = createAddressGuard(options.allowedAddresses ?? []);
  }

  /** Origins with connections or exchanges, and the exchanges under way or waiting. */
  get stats(): { readonly origins: number; readonly active: number } {
    let active = 0;
    for (const pool of this.#pools()) active += pool.active;
    return { origins: this.#kept + this.#retired.size, active };
  }

  /** Puts other exceptions in force for guarded exchanges that start from now on. Throws ERR_CONFIG_INVALID. */
  allow(addresses: readonly string[]): void {
    this.#guard = createAddressGuard(addresses);
    const before = this.#guarded;
    this.#guarded = new Map();
    this.#retire(before);
  }

  /** Connections that are opened from now on are secured so; exchanges under way finish on those they have. */
  secure(security: ConnectionSecurity): void {
    if (isSameSecurity(security, this.#security)) return;
    this.#security = security;
    const before = [this.#open, this.#guarded, this.#contrary];
    this.#open = new Map();
    this.#guarded = new Map();
    this.#contrary = new Map();
    for (const pools of before) this.#retire(pools);
  }

  #retire(pools: ReadonlyMap<string, OriginPool>): void {
    for (const pool of pools.values()) {
      if (pool.active === 0) pool.destroy(drainingFailure());
      else this.#retired.add(pool);
    }
  }

  /** Starts an exchange. The listener hears nothing before this has returned. */
  exchange(request: ExchangeRequest, listener: ExchangeListener): Exchange {
    const live = new LiveExchange(request, listener);
    try {
      if (this.#isClosed) throw drainingFailure();
      this.#start(live, request);
    } catch (error) {
      live.fail(error as Error);
    }
    return live;
  }

  /** Takes no more exchanges, lets those under way finish until the deadline, then ends them with ERR_KERNEL_DRAINING. */
  async close(deadlineMs: number): Promise<void> {
    this.#isClosed = true;
    if (this.stats.active > 0 && deadlineMs > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, deadlineMs);
      this.#onAllIdle = resolve;
      await promise;
      clearTimeout(timer);
    }
    for (const pool of this.#pools()) pool.destroy(drainingFailure());
    this.#open.clear();
    this.#guarded.clear();
    this.#contrary.clear();
    this.#retired.clear();
  }

  get #kept(): number {
    return this.#open.size + this.#guarded.size + this.#contrary.size;
  }

  #start(live: LiveExchange, { url, guarded, verifies }: ExchangeRequest): void {
    const isContrary = verifies !== undefined && verifies !== this.#security.rejectUnauthorized;
    const pools = guarded ? this.#guarded : isContrary ? this.#contrary : this.#open;
    const end = url.indexOf('/', shortestScheme);
    // A known origin is spelled as WHATWG spells it and was checked when its pool was made.
    const known = end === -1 || unusual.test(url) ? undefined : pools.get(url.slice(0, end));
    if (known !== undefined) {
      live.start(known, url.slice(end));
      return;
    }
    const parsed = guarded ? this.#guard.checkUrl(url) : readUrl(url);
    live.start(pools.get(parsed.origin) ?? this.#add(pools, parsed.origin, guarded), parsed.pathname + parsed.search);
  }

  #add(pools: Map<string, OriginPool>, origin: string, guarded: boolean): OriginPool {
    if (this.#kept >= this.#maxOrigins) this.#evict();
    const pool = new OriginPool(origin, guarded ? this.#guard : undefined, {
      connections: this.#connections,
      security:
        pools === this.#contrary
          ? { ...this.#security, rejectUnauthorized: !this.#security.rejectUnauthorized }
          : this.#security,
      onIdle: (idle) => this.#onIdle(idle),
    });
    pools.set(origin, pool);
    return pool;
  }

  #onIdle(pool: OriginPool): void {
    pool.idleSince = ++this.#ticks;
    if (this.#retired.delete(pool)) pool.destroy(drainingFailure());
    // Origins that were all busy may have grown past the bound.
    if (this.#kept > this.#maxOrigins) this.#evict();
    if (this.#onAllIdle !== undefined && this.stats.active === 0) this.#onAllIdle();
  }

  #evict(): void {
    let oldest: { pools: Map<string, OriginPool>; pool: OriginPool } | undefined;
    for (const pools of [this.#open, this.#guarded, this.#contrary]) {
      for (const pool of pools.values()) {
        if (pool.active === 0 && pool.idleSince < (oldest?.pool.idleSince ?? Number.POSITIVE_INFINITY))
          oldest = { pools, pool };
      }
    }
    oldest?.pools.delete(oldest.pool.origin);
    oldest?.pool.destroy(drainingFailure());
  }

  *#pools(): Iterable<OriginPool> {
    yield* this.#open.values();
    yield* this.#guarded.values();
    yield* this.#contrary.values();
    yield* this.#retired;
  }
}
