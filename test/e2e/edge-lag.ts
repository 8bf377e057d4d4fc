/**
 * How long a gateway keeps its simplest caller waiting while other work goes on.
 *
 * The caller is a thread of its own: what this process is busy with itself
 * must not be taken for the gateway's slowness.
 */
import { Worker } from 'node:worker_threads';
import { expect } from 'vitest';

const probe = `
const { connect } = require('node:net');
const { parentPort, workerData } = require('node:worker_threads');
let isOver = false;
parentPort.on('message', () => { isOver = true; });
const waits = [];
let late = 0;
const once = () => new Promise((resolve) => {
  const startedAt = performance.now();
  const socket = connect(workerData.port, '127.0.0.1');
  const done = () => { waits.push(performance.now() - startedAt); socket.destroy(); resolve(); };
  socket.once('data', done).once('error', done);
  socket.write('GET /health/liveliness HTTP/1.1\\r\\nhost: gateway\\r\\nconnection: close\\r\\n\\r\\n');
});
(async () => {
  while (!isOver) {
    await once();
    const startedAt = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 5));
    late = Math.max(late, performance.now() - startedAt - 5);
  }
  waits.sort((a, b) => a - b);
  parentPort.postMessage({ mostMs: waits.at(-1) - late, usualMs: waits[Math.floor(waits.length * 0.9)] });
  parentPort.close();
})();
`;

export interface Lag {
  /** The longest wait, less what the machine kept the caller's own timers waiting. */
  readonly mostMs: number;
  /** Nine waits of ten were no longer. */
  readonly usualMs: number;
}

export async function lagDuring(
  { gateway: { port } }: { readonly gateway: { readonly port: number } },
  work: Promise<unknown>,
): Promise<Lag> {
  const worker = new Worker(probe, { eval: true, workerData: { port } });
  const lag = new Promise<Lag>((resolve, reject) => {
    worker.once('message', resolve).once('error', reject);
  });
  await work.finally(() => worker.postMessage('over'));
  return lag;
}

/** Bounds that a machine busy with other tests keeps as well; by itself the gateway stays far below. */
export function expectNoLag({ mostMs, usualMs }: Lag): void {
  expect(mostMs).toBeLessThan(1000);
  expect(usualMs).toBeLessThan(250);
}
