/**
 * How a server stops: no new connections, what runs to its end, then gone.
 *
 * Invariant: unless the deadline has passed, no connection is closed that has
 * a request on it or bytes still to send. Node's own ways of closing idle
 * connections are not used: to them one is idle as soon as its reply has been
 * handed over, however much of that is still to be sent.
 */
import type { Server, ServerResponse } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const lookMs = 20;
/** For what was told to end at the deadline to say so to its client. */
const lastWordsMs = 1000;

export interface Draining {
  readonly server: Server;
  readonly sockets: ReadonlySet<Socket>;
  /** Connections that have brought a request, until they are upgraded. */
  readonly begun: WeakSet<Socket>;
  /** The reply a connection is busy with. */
  answeredOn(socket: Socket): ServerResponse | undefined;
  /** Requests and upgraded connections that are still going on. */
  active(): number;
  /** Ends what is still going on; called at the deadline. */
  onLate(): void;
}

/** True when nothing was cut. */
export async function drain(draining: Draining, ms: number): Promise<boolean> {
  const { server, sockets, onLate } = draining;
  NetServer.prototype.close.call(server);
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
async function rested(draining: Draining, ms: number): Promise<boolean> {
  const { sockets, active } = draining;
  const until = performance.now() + ms;
  const idleSince = new WeakMap<Socket, number>();
  // A request may have been on its way when the first look was taken: rest is two looks in a row.
  let wasAtRest = false;
  for (;;) {
    let isAtRest = active() === 0;
    for (const socket of sockets) {
      const state = stateOf(socket, draining);
      if (state === 'busy') isAtRest = false;
      if (state !== 'idle') continue;
      // What has arrived since the last look may be the head of another request.
      if (idleSince.get(socket) === socket.bytesRead) socket.destroy();
      else idleSince.set(socket, socket.bytesRead);
    }
    if (isAtRest && wasAtRest) return true;
    wasAtRest = isAtRest;
    if (!isAtRest && performance.now() >= until) return false;
    await sleep(lookMs);
  }
}

/** `new` has shown no whole request yet, or is no longer HTTP. */
function stateOf(socket: Socket, { begun, answeredOn }: Draining): 'new' | 'busy' | 'idle' {
  if (socket.writableLength > 0 || answeredOn(socket)?.closed === false) return 'busy';
  return begun.has(socket) ? 'idle' : 'new';
}
