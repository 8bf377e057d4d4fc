/**
 * The host of one instance: what its manifest's `needs` lists, and no more.
 *
 * Everything started through it ends with {@link HostHandle.end}.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Host,
  type HostFetchOptions,
  type Manifest,
  type Need,
  RutterError,
  type Services,
} from '@rutter/plugin-sdk';
import { Children } from './children.ts';
import type { KernelServices } from './kernel-services.ts';
import { seededBy } from './random.ts';
import { Timers } from './timers.ts';

export interface HostOptions {
  /** Name of the instance. */
  readonly name: string;
  readonly key: string;
  readonly manifest: Manifest;
  readonly kernel: KernelServices;
  /** The services its manifest's `uses` names. */
  readonly services: ReadonlyMap<string, unknown>;
  /** Told of errors that nobody else sees, such as those of timers. */
  onFault(error: unknown): void;
}

export interface HostHandle {
  readonly host: Host;
  /** Ends timers, child processes and exchanges, and reports what the plugin had left running. */
  end(): void;
}

export function createHost(options: HostOptions): HostHandle {
  const { name, key, manifest, kernel, services } = options;
  const log = kernel.log(name);
  const timers = new Timers(kernel.clock, options.onFault);
  const children = new Children(name, log);
  const ended = new AbortController();
  const gate = gatekeeper(name, manifest, ended.signal);

  const host: Host = {
    name,
    version: manifest.version,
    clock: kernel.clock,
    log,
    features: kernel.features.registry(key),
    random: seededBy(kernel.seed, name),
    get dataFolder() {
      gate('dataFolder', 'files');
      const folder = join(kernel.dataFolder, 'instances', name);
      mkdirSync(folder, { recursive: true });
      return folder;
    },
    every(intervalMs, task) {
      gate('every');
      return timers.every(intervalMs, task);
    },
    keep(entry, version, make) {
      gate('keep');
      return kernel.keep.take(name, { name: entry, version }, make);
    },
    async fetch(url, fetchOptions) {
      gate('fetch', 'fetch');
      return kernel.fetch(
        url,
        endingWith(ended.signal, fetchOptions),
        manifest.kind === 'source' ? 'source' : undefined,
      );
    },
    spawn(command, args, spawnOptions) {
      gate('spawn', 'spawn');
      if (kernel.spawnEnabled) return children.spawn(command, args, spawnOptions);
      throw new RutterError(
        'ERR_PLUGIN_INVALID',
        `Plugin "${name}" used host.spawn, which this gateway has switched off.`,
      );
    },
    async invoke(group, request, invokeOptions) {
      gate('invoke', 'invoke');
      return kernel.invoke(group, request, invokeOptions);
    },
    use: <S extends keyof Services>(service: S) => serviceOf<S>(service, { name, manifest, services }),
  };
  const end = () => {
    ended.abort(new RutterError('ERR_PLUGIN_DOWN', `Plugin "${name}" has ended.`));
    const { standing, running } = timers.end();
    const left = children.end();
    // Timers are meant to end here; children and unfinished work should have been ended by `dispose`.
    if (left > 0 || running > 0)
      log.warn(
        { children: left, tasks: running, timers: standing },
        'the plugin left child processes or timer tasks running; they were ended',
      );
    else if (standing > 0) log.debug({ timers: standing }, 'the timers of the plugin ended with it');
  };
  return { host, end };
}

type Gate = (ability: string, need?: Need) => void;

function gatekeeper(name: string, { needs }: Manifest, ended: AbortSignal): Gate {
  return (ability, need) => {
    if (need !== undefined && !needs.includes(need)) {
      throw new RutterError(
        'ERR_PLUGIN_INVALID',
        `Plugin "${name}" used host.${ability}; found needs ${JSON.stringify(needs)} in its manifest, expected "${need}" among them.`,
      );
    }
    if (ended.aborted)
      throw new RutterError(
        'ERR_PLUGIN_INVALID',
        `Plugin "${name}" used host.${ability} after its instance had ended.`,
      );
  };
}

function endingWith(ended: AbortSignal, options: HostFetchOptions = {}): HostFetchOptions {
  return { ...options, signal: options.signal ? AbortSignal.any([options.signal, ended]) : ended };
}

function serviceOf<S extends keyof Services>(
  service: S,
  { name, manifest, services }: Pick<HostOptions, 'name' | 'manifest' | 'services'>,
): Services[S] {
  const found = services.get(service);
  if (found !== undefined) return found as Services[S];
  throw new RutterError(
    'ERR_PLUGIN_INVALID',
    `Plugin "${name}" used host.use("${service}"); found uses ${JSON.stringify(manifest.uses)} in its manifest, expected "${service}" among them.`,
  );
}
