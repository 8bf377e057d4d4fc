/**
 * One immutable composition, pinned by the requests it serves.
 *
 * Invariant: its instances are given back only when no lease is out, or when
 * those that were out have been told to stop and have had their grace.
 */
import { type Clock, type Kind, RutterError } from '@rutter/plugin-sdk';
import type { DependencyContainer } from 'tsyringe';
import type { Configuration } from '../config/types.ts';
import type { Lease, PluginInstance } from '../plugins/types.ts';
import { resolveKind } from './tokens.ts';

/** What an aborted request may still take to give its lease back. */
const graceMs = 5000;

export interface GenerationParts<P> {
  readonly number: number;
  readonly configuration: Configuration;
  /** In order of the hooks. */
  readonly instances: readonly PluginInstance[];
  readonly container: DependencyContainer;
  readonly path: P;
  readonly clock: Clock;
  /** Gives the instances back; called once, after the last lease. */
  end(): Promise<void>;
}

/** A request's hold on its generation. */
export class GenerationLease<P = unknown> implements Lease {
  #generation: Generation<P> | undefined;
  /** Aborts when the generation must end although the lease is still out. */
  readonly signal: AbortSignal;

  constructor(generation: Generation<P>) {
    this.#generation = generation;
    this.signal = generation.signal;
  }

  release(): void {
    const generation = this.#generation;
    if (generation === undefined) return;
    this.#generation = undefined;
    generation.giveBack();
  }
}

export class Generation<P> {
  readonly number: number;
  readonly configuration: Configuration;
  readonly instances: readonly PluginInstance[];
  readonly container: DependencyContainer;
  /** What the kernel compiled from the rest; requests run on it. */
  readonly path: P;
  readonly startedAt: number;
  /** Aborts at the drain deadline. */
  readonly signal: AbortSignal;
  /** Resolves when it has drained and its instances have been given back. */
  readonly settled: Promise<void>;
  readonly #parts: GenerationParts<P>;
  readonly #abort = new AbortController();
  readonly #alarms = new AbortController();
  readonly #settle: () => void;
  #leases = 0;
  #isRetired = false;
  #isEnding = false;

  constructor(parts: GenerationParts<P>) {
    this.number = parts.number;
    this.configuration = parts.configuration;
    this.instances = parts.instances;
    this.container = parts.container;
    this.path = parts.path;
    this.startedAt = parts.clock.now();
    this.signal = this.#abort.signal;
    this.#parts = parts;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.settled = promise;
    this.#settle = resolve;
  }

  /** Requests that hold it. */
  get leases(): number {
    return this.#leases;
  }

  get isRetired(): boolean {
    return this.#isRetired;
  }

  /** On the way of every request: a counter, and an object to give back. */
  lease(): GenerationLease<P> {
    if (this.#isEnding) throw new RutterError('ERR_KERNEL_DRAINING', `Generation ${this.number} has ended.`);
    this.#leases += 1;
    return new GenerationLease(this);
  }

  /** For {@link GenerationLease.release} alone. */
  giveBack(): void {
    this.#leases -= 1;
    if (this.#leases === 0 && this.#isRetired) void this.#end();
  }

  /** Instances of a kind, in order of the hooks. */
  ofKind(kind: Kind): readonly PluginInstance[] {
    return resolveKind(this.container, kind);
  }

  /** Takes it out of service. Called again, the earlier deadline counts. Resolves with {@link settled}. */
  retire(deadlineMs: number): Promise<void> {
    this.#isRetired = true;
    if (this.#leases === 0) void this.#end();
    else void this.#watch(deadlineMs);
    return this.settled;
  }

  async #watch(deadlineMs: number): Promise<void> {
    const { clock } = this.#parts;
    try {
      await clock.sleep(deadlineMs, this.#alarms.signal);
      const message = `Generation ${this.number} was replaced and has reached its drain deadline of ${deadlineMs} ms.`;
      this.#abort.abort(new RutterError('ERR_KERNEL_DRAINING', message, { expose: true }));
      await clock.sleep(graceMs, this.#alarms.signal);
    } catch {
      return; // It has drained.
    }
    await this.#end();
  }

  async #end(): Promise<void> {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#alarms.abort();
    try {
      await this.#parts.end();
      await this.container.dispose();
    } finally {
      this.#settle();
    }
  }
}
