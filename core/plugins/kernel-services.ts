/** What the plugin runtime is handed by the rest of the kernel. */
import type { Clock, FeatureRegistry, Host, HostFetchOptions, HostResponse, Log } from '@rutter/plugin-sdk';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { KeepStore } from './keep.ts';

/** Features by the instance that defines them. */
export interface FeatureStore {
  registry(instanceKey: string): FeatureRegistry;
  forget(instanceKey: string): void;
}

export interface KernelServices {
  /** The log of one instance, by its name. */
  log(name: string): Log;
  readonly clock: Clock;
  /** What randomness is derived from: the same seed gives each instance the same numbers. */
  readonly seed: string;
  /** Absolute; instances get folders below it. */
  readonly dataFolder: string;
  /** For a `source`, requests are signed and may go to any address: its options are the operator's. */
  fetch(url: string, options: HostFetchOptions, kind?: 'source'): Promise<HostResponse>;
  readonly spawnEnabled: boolean;
  readonly invoke: Host['invoke'];
  /** Names of the services the kernel itself provides, such as `models`. */
  readonly provides: readonly string[];
  /** One of the services in `provides`. */
  use(name: string): unknown;
  readonly keep: KeepStore;
  readonly features: FeatureStore;
  readonly sandbox: Sandbox;
}
