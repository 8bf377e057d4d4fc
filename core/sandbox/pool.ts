/**
 * The child processes: none until somebody is untrusted, one for each plugin
 * while there are few, shared when there are many.
 */
import { guestText } from './guest-text.ts';
import { memoryMb, mostChildren } from './limits.ts';
import { SandboxProcess, type Tenant } from './process.ts';

/** What carries messages to the guests in it. */
export interface Carrier {
  readonly pid: number | undefined;
  send(header: object, payload: string): void;
  close(cell: number): void;
  /** `culprit` is the guest whose silence is the reason. */
  kill(culprit?: number): void;
}

export interface Room {
  readonly process: Carrier;
  readonly cell: number;
}

/** Where a plugin finds room. */
export interface Rooms {
  take(tenant: Tenant): Promise<Room>;
}

export class SandboxPool implements Rooms {
  readonly #children = new Set<SandboxProcess>();
  #isClosed = false;

  /** How many run. */
  get size(): number {
    return this.#children.size;
  }

  async take(tenant: Tenant): Promise<Room> {
    const guest = await guestText();
    if (this.#isClosed) throw new Error('The sandbox has been closed.');
    const process = this.#idlest() ?? this.#start(guest);
    return { process, cell: process.open(tenant, memoryMb) };
  }

  close(): void {
    this.#isClosed = true;
    for (const child of this.#children) child.kill();
  }

  /** Undefined while another may be started. */
  #idlest(): SandboxProcess | undefined {
    const running = [...this.#children];
    if (running.length < mostChildren) return undefined;
    return running.toSorted((a, b) => a.size - b.size)[0];
  }

  #start(guest: string): SandboxProcess {
    const child = new SandboxProcess(guest, (ended) => this.#children.delete(ended));
    this.#children.add(child);
    return child;
  }
}
