/** What a gateway is started with, before any of it runs. */
import { resolve } from 'node:path';
import { type ComposedText, composeFromEnvironment } from '../config/from-environment.ts';
import { readTextFile } from '../config/layers.ts';
import { readConfiguration } from '../config/read.ts';
import type { KernelOptions } from '../kernel.ts';
import { KernelLog } from '../log/log.ts';
import { findDistribution, readShipped } from '../plugins/distribution.ts';
import type { ServeOptions } from './options.ts';

export interface Given {
  readonly kernel: KernelOptions;
  readonly notes: readonly string[];
}

/** What a kernel is made with: from a file, or composed from the keys in the environment. */
export async function kernelOptions(options: ServeOptions): Promise<Given> {
  const environment = process.env;
  const distribution = findDistribution();
  const log = new KernelLog({ level: options.debug ? 'debug' : 'info', isShared: options.workers > 1 });
  const dataFolder = resolve(options.dataFolder);
  const composed = options.config === undefined ? await composedFromEnvironment(distribution) : undefined;
  const file = composed ? resolve(dataFolder, 'composed-from-environment.yaml') : resolve(options.config as string);
  const readText = composed
    ? async (path: string) => (path === file ? composed.yaml : readTextFile(path))
    : readTextFile;
  const kernel: KernelOptions = {
    log,
    environment,
    dataFolder,
    distribution,
    readConfiguration: (known, text, remote) =>
      readConfiguration({
        files: [file],
        environment,
        ...known,
        defaultsFile: distribution?.defaultsFile,
        remote,
        readText: text === undefined ? readText : async (path) => (path === file ? text : readText(path)),
      }),
  };
  return { kernel, notes: composed?.notes ?? [] };
}

/** A configuration for the vendors whose keys are in the environment. */
export async function composedFromEnvironment(distribution = findDistribution()): Promise<ComposedText> {
  const shipped = distribution ? await readShipped(distribution) : [];
  const claims = shipped.flatMap(({ manifest }) =>
    (manifest.claims.environment ?? []).map(({ variable, models, prefix }) => ({
      prefix: prefix ?? manifest.claims.modelPrefixes?.[0] ?? manifest.name,
      variable,
      models,
    })),
  );
  return composeFromEnvironment(process.env, claims);
}
