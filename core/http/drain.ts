/**
 * How a server stops: no new connections, what runs to its end, then gone.
 *
 * Invariant: unless the deadline has passed, no connection is closed that has
 * a request on it or bytes still to send.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const lookMs = 20;
/** For what was told to end at the deadline to say so to its client. */
const lastWordsMs = 1000;

export interface Draining {
  readonly server: Server;
  readonly sockets: ReadonlySet<Socket>;
  /** Requests and upgraded connections that are still going on. */
  active(): number;
  /** Ends what is still going on; called at the deadline. */
  onLate(): void;
}

/** True when nothing was cut. */
export async function drain(draining: Draining, ms: number): Promise<boolean> {
  const { server, sockets, onLate } = draining;
  server.close();
  const isClean = await rested(draining, ms);
  if (!isClean) {
    onLate();
    await rested(draining, lastWordsMs);
  }
  server.closeAllConnections();
  for (const socket of sockets) socket.destroy();
  return isClean;
}

/** Whether it came to rest in time. Idle connections are closed as they become idle. */
async function rested({ server, sockets, active }: Draining, ms: number): Promise<boolean> {
  const until = performance.now() + ms;
  const isAtRest = () => active() === 0 && !Array.from(sockets).some(({ writableLength }) => writableLength > 0);
  // A request may have been on its way when the first look was taken: rest is two looks in a row.
  let wasAtRest = false;
  for (;;) {
    server.closeIdleConnections();
    const isNowAtRest = isAtRest();
    if (isNowAtRest && wasAtRest) return true;
    wasAtRest = isNowAtRest;
    if (!isNowAtRest && performance.now() >= until) return false;
    await sleep(lookMs);
  }
}
