/**
 * Worker threads, one for each trusted plugin that is to run off the event
 * loop. They are no border: what runs in one can do whatever the gateway can.
 *
 * Invariant: a thread has one guest, and ends with it.
 */
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { PackedText } from '@rutter/plugin-sdk/pack';
import type { Frame } from '../child/frames.ts';
import { threadHeapMb } from '../limits.ts';
import type { Carrier, Room, Rooms } from '../pool.ts';
import type { Tenant } from '../process.ts';
import { machineMs } from './machine-time.ts';

export class Threads {
  readonly #running = new Set<Thread>();
  #isClosed = false;

  /** How many run. */
  get size(): number {
    return this.#running.size;
  }

  /** Room for one plugin: a thread of its own each time. */
  roomsFor(about: Omit<PackedText, 'text'>): Rooms {
    return { take: async (tenant) => this.#start(about, tenant) };
  }

  close(): void {
    this.#isClosed = true;
    for (const thread of this.#running) thread.kill();
  }

  #start(about: Omit<PackedText, 'text'>, tenant: Tenant): Room {
    if (this.#isClosed) throw new Error('The worker threads have been closed.');
    const thread = new Thread(about, tenant, (ended) => this.#running.delete(ended));
    this.#running.add(thread);
    return { process: thread, cell: 0 };
  }
}

const isSource = import.meta.url.endsWith('.ts');
const program = fileURLToPath(new URL(isSource ? './main.ts' : './main.js', import.meta.url));

class Thread implements Carrier {
  readonly pid = undefined;
  readonly #worker: Worker;
  #isClosed = false;

  constructor(about: Omit<PackedText, 'text'>, tenant: Tenant, onEnd: (thread: Thread) => void) {
    this.#worker = new Worker(program, {
      workerData: about,
      execArgv: isSource ? ['--conditions=@rutter/source', '--no-warnings'] : [],
      // Without it a plugin that runs out of memory takes the gateway with it.
      resourceLimits: { maxOldGenerationSizeMb: threadHeapMb },
    });
    this.#worker.unref();
    this.#worker.on('message', (frame: Frame) => tenant.onFrame(frame));
    let reason: string | undefined;
    this.#worker.on('error', (error) => {
      reason = `its thread ended: ${(error instanceof Error ? error.message : String(error)).slice(0, 300)}`;
    });
    this.#worker.once('exit', () => {
      onEnd(this);
      if (!this.#isClosed) tenant.onGone(true, reason);
    });
  }

  send(header: object, payload: string): void {
    const { ms } = header as { readonly ms?: number };
    this.#worker.postMessage({ header: { ...header, until: machineMs() + (ms ?? 0) }, payload });
  }

  close(): void {
    this.#isClosed = true;
    void this.#worker.terminate();
  }

  kill(): void {
    void this.#worker.terminate();
  }
}
