/** A running instance as one generation sees it: why it is there and whom it serves may differ from one to the next. */
import type { PlannedInstance } from '../plugins/plan.ts';
import type { PluginInstance } from '../plugins/types.ts';
import type { Running } from './running.ts';

export class InstanceView implements PluginInstance {
  readonly key: string;
  readonly name: string;
  readonly manifest: PluginInstance['manifest'];
  readonly digest: string;
  readonly place: PluginInstance['place'];
  readonly reason: string;
  readonly for: readonly string[] | undefined;
  readonly value: PluginInstance['value'];
  readonly setupMs: number;
  readonly #running: Running;

  constructor(running: Running, planned: PlannedInstance) {
    this.key = running.key;
    this.name = running.name;
    this.manifest = running.package.manifest;
    this.digest = running.package.packed?.digest ?? '';
    this.place = running.place;
    this.reason = planned.reason;
    this.for = planned.for;
    this.value = running.value;
    this.setupMs = running.setupMs;
    this.#running = running;
  }

  get sandbox(): PluginInstance['sandbox'] {
    return this.#running.sandbox;
  }

  /** Shared by all generations that hold the instance. */
  get lastError(): PluginInstance['lastError'] {
    return this.#running.lastError;
  }

  set lastError(error: PluginInstance['lastError']) {
    this.#running.lastError = error;
  }
}
