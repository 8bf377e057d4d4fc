/**
 * One child process and the isolates in it.
 *
 * Invariant: it has no environment, no handles but its two pipes, and no
 * rights but to read its own program; it is gone when this process is.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { type Frame, FrameReader, writeFrame } from './child/frames.ts';
import { childFiles } from './guest-text.ts';
import { childHeapMb, mostFrameBytes } from './limits.ts';

/** An isolate in the child, as the gateway holds it. */
export interface Tenant {
  /** Whether the child owes it an answer. */
  readonly isBusy: boolean;
  onFrame(frame: Frame): void;
  /** Its isolate is gone. `isCulprit`: it is why, by `reason` where that is known; else it fell with a neighbour. */
  onGone(isCulprit: boolean, reason?: string): void;
}

export class SandboxProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #tenants = new Map<number, Tenant>();
  readonly #onEnd: (process: SandboxProcess) => void;
  #culprit: number | undefined;
  #hasEnded = false;
  #last = 0;

  constructor(guest: string, onEnd: (process: SandboxProcess) => void) {
    this.#onEnd = onEnd;
    const { program, folder, addon } = childFiles();
    this.#child = spawn(process.execPath, [...flags(folder), program, addon, String(mostFrameBytes)], {
      env: {},
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const reader = new FrameReader(mostFrameBytes, (frame) => this.#take(frame));
    this.#child.stdout.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk);
      } catch {
        // Whoever speaks another language than agreed has been taken over.
        this.kill();
      }
    });
    this.#child.stdin.on('error', () => this.kill());
    this.#child.once('error', () => this.#end());
    this.#child.once('exit', () => this.#end());
    this.#child.unref();
    this.#send({ t: 'guest' }, guest);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get size(): number {
    return this.#tenants.size;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The number of a new isolate, which tells `opened` or `gone`. */
  open(tenant: Tenant, memoryMb: number): number {
    this.#last += 1;
    this.#tenants.set(this.#last, tenant);
    this.#send({ t: 'open', cell: this.#last, memoryMb });
    return this.#last;
  }

  send(header: object, payload: string): void {
    this.#send(header, payload);
  }

  close(cell: number): void {
    if (!this.#tenants.delete(cell)) return;
    if (this.#tenants.size === 0) this.kill();
    else this.#send({ t: 'close', cell });
  }

  /** `culprit` is the isolate whose silence is the reason. */
  kill(culprit?: number): void {
    this.#culprit ??= culprit;
    this.#child.kill('SIGKILL');
  }

  #send(header: object, payload?: string): void {
    if (this.#hasEnded) return;
    this.#child.stdin.write(writeFrame(header, payload));
  }

  #take(frame: Frame): void {
    const cell = Number(frame.header.cell);
    const tenant = this.#tenants.get(cell);
    if (frame.header.t !== 'gone') {
      tenant?.onFrame(frame);
      return;
    }
    if (frame.header.isCatastrophe === true) {
      // The process ends with it, and the others in it are not to blame.
      this.#culprit ??= cell;
      this.kill();
      return;
    }
    this.#tenants.delete(cell);
    tenant?.onGone(true);
    if (this.#tenants.size === 0) this.kill();
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#onEnd(this);
    const tenants = [...this.#tenants];
    this.#tenants.clear();
    for (const [cell, tenant] of tenants)
      tenant.onGone(this.#culprit === undefined ? tenant.isBusy : cell === this.#culprit);
  }
}

const flags = (folder: string): readonly string[] => [
  '--permission',
  '--allow-addons',
  `--allow-fs-read=${folder}/*`,
  '--no-node-snapshot',
  '--no-warnings',
  `--max-old-space-size=${childHeapMb}`,
];
