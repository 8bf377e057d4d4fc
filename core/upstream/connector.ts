/**
 * Opens sockets to one origin: TCP, and TLS with HTTP/1.1 where it is https.
 *
 * Timers are exact, one per connect, because an attempt's deadlines are shorter
 * than the half-second ticks of undici's own. For a guarded origin nothing is
 * connected to that the guard has not seen.
 */
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { buildConnector } from 'undici';
import type { AddressGuard } from './addresses.ts';
import { connectFailure, connectTimeoutFailure } from './failures.ts';
import { type ConnectionSecurity, ordinarySecurity } from './tls.ts';

const keepAliveProbeMs = 60_000;
/** Node's timers take no more; they would fire at once. */
const longestTimerMs = 2 ** 31 - 1;
const readAheadBytes = 64 * 1024;

export class Connector {
  readonly origin: string;
  readonly #guard: AddressGuard | undefined;
  readonly #security: ConnectionSecurity;
  #session: Buffer | undefined;

  constructor(origin: string, guard: AddressGuard | undefined, security: ConnectionSecurity = ordinarySecurity) {
    this.origin = origin;
    this.#guard = guard;
    this.#security = security;
  }

  /** Calls back once, with a connected socket or a RutterError. Destroying the returned socket earlier counts as an error. */
  open(target: buildConnector.Options, timeoutMs: number, callback: buildConnector.Callback): Socket | undefined {
    try {
      if (isIP(target.hostname) !== 0) this.#guard?.checkAddress(target.hostname, target.hostname);
    } catch (error) {
      queueMicrotask(() => callback(error as Error, null));
      return undefined;
    }
    const isSecure = target.protocol === 'https:';
    const socket = isSecure ? this.#openTls(target) : connectTcp(this.#address(target, 80));
    this.#settle(socket, isSecure ? 'secureConnect' : 'connect', timeoutMs, target.hostname, callback);
    return socket;
  }

  #address({ hostname, port }: buildConnector.Options, defaultPort: number) {
    return {
      host: hostname,
      port: Number(port) || defaultPort,
      highWaterMark: readAheadBytes,
      ...(this.#security.family === undefined ? undefined : { family: this.#security.family }),
      ...(this.#guard === undefined ? undefined : { lookup: this.#guard.lookup }),
    };
  }

  #openTls(target: buildConnector.Options): Socket {
    const servername = target.servername || target.hostname;
    const { rejectUnauthorized, ca, cert, key } = this.#security;
    const socket = connectTls({
      rejectUnauthorized,
      ...(ca === undefined ? undefined : { ca }),
      ...(cert === undefined ? undefined : { cert, key }),
      ...this.#address(target, 443),
      ALPNProtocols: ['http/1.1'],
      ...(isIP(servername) === 0 ? { servername } : undefined),
      ...(this.#session === undefined ? undefined : { session: this.#session }),
    });
    socket.on('session', (session) => {
      this.#session = session;
    });
    return socket;
  }

  #settle(socket: Socket, ready: string, timeoutMs: number, hostname: string, callback: buildConnector.Callback): void {
    let isSettled = false;
    const fail = (error: unknown): void => {
      if (isSettled) return;
      isSettled = true;
      clearTimeout(timer);
      socket.destroy();
      callback(connectFailure(error, this.origin), null);
    };
    const timer = setTimeout(
      () => fail(connectTimeoutFailure(this.origin, timeoutMs)),
      Math.min(timeoutMs, longestTimerMs),
    );
    socket.setNoDelay(true).setKeepAlive(true, keepAliveProbeMs);
    // Stays on for the life of the socket: an error between two requests must not be an uncaught one.
    socket.on('error', fail);
    socket.once('close', () => fail(new Error('closed')));
    socket.once(ready, () => {
      if (isSettled) return;
      try {
        if (socket.remoteAddress !== undefined) this.#guard?.checkAddress(hostname, socket.remoteAddress);
      } catch (error) {
        return fail(error);
      }
      isSettled = true;
      clearTimeout(timer);
      callback(null, socket);
    });
  }
}
