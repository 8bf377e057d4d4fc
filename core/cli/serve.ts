/** `rutter serve`: reads, composes, listens, and stops when asked. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { RutterError } from '@rutter/plugin-sdk';
import { startSupervisor } from '../cluster/supervisor.ts';
import { isWorker, startWorker } from '../cluster/worker.ts';
import { composeFromEnvironment } from '../config/from-environment.ts';
import { readTextFile } from '../config/layers.ts';
import { readConfiguration } from '../config/read.ts';
import { watchComposition } from '../generation/watch.ts';
import type { ListenOptions } from '../http/server.ts';
import { Kernel, type KernelOptions } from '../kernel.ts';
import { KernelLog } from '../log/log.ts';
import { findDistribution, readShipped } from '../plugins/distribution.ts';
import { surviveFaults } from './faults.ts';
import { listenError } from './listen-error.ts';
import { readServeOptions, type ServeOptions } from './options.ts';
import { stopWhenAsked } from './signals.ts';

export async function serve(args: readonly string[]): Promise<number> {
  const options = readServeOptions(args, process.env);
  if (isWorker()) return startWorker(options, kernelOptions);
  if (options.workers > 1) return startSupervisor(options, kernelOptions);
  const { kernel: given, notes } = await kernelOptions(options);
  const kernel = new Kernel(given);
  surviveFaults(kernel.log, (error) => kernel.keeper.describeError(error));
  const startedAt = Date.now();
  let watching: { close(): void } | undefined;
  const stopping = stopWhenAsked(async () => {
    watching?.close();
    return (await kernel.stop()) ? 0 : 1;
  });
  process.on('SIGHUP', () => void kernel.reload('signal'));
  try {
    const listening = await begin(kernel, options, notes);
    watching = watchComposition({
      watched: () => kernel.keeper.watched,
      since: startedAt,
      changed: () => kernel.reload('file'),
    });
    process.stdout.write(listening);
    return -1;
  } catch (error) {
    // Told to stop while it started, it ends as one that had started.
    if (stopping.isAsked) return -1;
    await kernel.stop();
    throw error;
  }
}

/** The first generation and the open port; the text says where it listens. */
async function begin(kernel: Kernel, options: ServeOptions, notes: readonly string[]): Promise<string> {
  const report = await kernel.reload('boot');
  if (!report.ok) throw startRefused(report.reasons);
  const { host, port, tls } = await listenOptions(options, isGuarded(kernel));
  const found = await kernel.gateway.listen({ host, port, tls, isShared: false }).catch((error: unknown) => {
    throw listenError(error, { host, port });
  });
  // What was logged on the way stands ahead of the words that all is well.
  kernel.log.flush();
  return announcement(kernel, { host, port: found, isSecure: tls !== undefined, notes });
}

export function startRefused(reasons: readonly string[]): RutterError {
  return new RutterError(
    'ERR_CONFIG_INVALID',
    `The gateway does not start:\n${reasons.map((reason) => `  ${reason}`).join('\n')}`,
  );
}

/** Whether some plugin asks callers who they are. */
export function isGuarded(kernel: Kernel): boolean {
  return (kernel.keeper.current?.path.path.identifiers.length ?? 0) > 0;
}

export async function listenOptions(options: ServeOptions, guarded: boolean): Promise<Omit<ListenOptions, 'isShared'>> {
  const { sslKeyFile, sslCertFile } = options;
  const tls =
    sslKeyFile && sslCertFile ? { key: await readTls(sslKeyFile), cert: await readTls(sslCertFile) } : undefined;
  return { host: options.host ?? (guarded ? '0.0.0.0' : '127.0.0.1'), port: options.port, tls };
}

async function readTls(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new RutterError('ERR_CONFIG_INVALID', `The file ${file} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

interface Announced {
  readonly host: string;
  readonly port: number;
  readonly isSecure: boolean;
  readonly notes: readonly string[];
}

export function announcement(kernel: Kernel, { host, port, isSecure, notes }: Announced): string {
  const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
  const url = `${isSecure ? 'https' : 'http'}://${name}:${port}`;
  const model = kernel.keeper.current?.path.path.models.names(false)[0] ?? 'simulated';
  const key = isGuarded(kernel) ? " -H 'authorization: Bearer YOUR_MASTER_KEY'" : '';
  return [
    ...notes,
    `Rutter is listening on ${url}`,
    ...(isGuarded(kernel) ? [] : [reachOf(host)]),
    'Try it:',
    `  curl ${url}/v1/chat/completions${key} -H 'content-type: application/json' -d '{"model":"${model}","messages":[{"role":"user","content":"Hello"}]}'`,
    '',
  ].join('\n');
}

/** Who can call a gateway that asks for no key. */
function reachOf(host: string): string {
  const isLocal = host === 'localhost' || host === '::1' || /^127\./.test(host);
  return isLocal
    ? 'Callers need no key; only this machine can reach it.'
    : `WARNING: there is no master key, so whoever reaches ${host} may call it.`;
}

export interface Given {
  readonly kernel: KernelOptions;
  readonly notes: readonly string[];
}

/** What a kernel is made with: from a file, or composed from the keys in the environment. */
export async function kernelOptions(options: ServeOptions): Promise<Given> {
  const environment = process.env;
  const distribution = findDistribution();
  const log = new KernelLog({ level: options.debug ? 'debug' : 'info' });
  const dataFolder = resolve(options.dataFolder);
  const composed = options.config === undefined ? await fromEnvironment(distribution) : undefined;
  const file = composed ? resolve(dataFolder, 'composed-from-environment.yaml') : resolve(options.config as string);
  const readText = composed
    ? async (path: string) => (path === file ? composed.yaml : readTextFile(path))
    : readTextFile;
  const kernel: KernelOptions = {
    log,
    environment,
    dataFolder,
    distribution,
    readConfiguration: (known) =>
      readConfiguration({ files: [file], environment, ...known, defaultsFile: distribution?.defaultsFile, readText }),
  };
  return { kernel, notes: composed?.notes ?? [] };
}

async function fromEnvironment(distribution: ReturnType<typeof findDistribution>) {
  const shipped = distribution ? await readShipped(distribution) : [];
  const claims = shipped.flatMap(({ manifest }) =>
    (manifest.claims.environment ?? []).map(({ variable, models }) => ({
      prefix: manifest.claims.modelPrefixes?.[0] ?? manifest.name,
      variable,
      models,
    })),
  );
  return composeFromEnvironment(process.env, claims);
}
