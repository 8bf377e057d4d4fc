/** `rutter serve`: reads, composes, listens, and stops when asked. */
import { startSupervisor } from '../cluster/supervisor.ts';
import { isWorker, startWorker } from '../cluster/worker.ts';
import { watchComposition } from '../generation/watch.ts';
import { Kernel } from '../kernel.ts';
import { surviveFaults } from './faults.ts';
import { giveBackMemory } from './give-back.ts';
import { kernelOptions } from './given.ts';
import { listenError } from './listen-error.ts';
import { announcement, isGuarded, listenOptions, startRefused } from './listening.ts';
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
    kernel.watchSources();
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
  giveBackMemory();
  // What was logged on the way stands ahead of the words that all is well.
  kernel.log.flush();
  return announcement(kernel, { host, port: found, isSecure: tls !== undefined, notes });
}
