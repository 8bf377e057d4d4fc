/** One of several gateway processes on a port: it does what the supervisor says. */

import { surviveFaults } from '../cli/faults.ts';
import type { Given } from '../cli/given.ts';
import { listenError } from '../cli/listen-error.ts';
import { announcement, isGuarded, listenOptions } from '../cli/listening.ts';
import type { ServeOptions } from '../cli/options.ts';
import type { Prepared as PreparedGeneration } from '../generation/keeper.ts';
import type { ReloadReport } from '../generation/report.ts';
import { type Compiled, Kernel } from '../kernel.ts';
import { Channel, longestDrainMs } from './channel.ts';
import type { Ask, Message, Prepared, Tell } from './messages.ts';
import { RemoteInstances } from './remote-instance.ts';

const numberVariable = 'RUTTER_WORKER';
const countVariable = 'RUTTER_WORKER_COUNT';
const generationVariable = 'RUTTER_WORKER_GENERATION';

export const isWorker = () => process.env[numberVariable] !== undefined && process.send !== undefined;

/** What a worker is told by its environment; `generation` is the number its first one is to have. */
export const workerEnvironment = (worker: { number: number; count: number; generation: number }) => ({
  [numberVariable]: String(worker.number),
  [countVariable]: String(worker.count),
  [generationVariable]: String(worker.generation),
});

export async function startWorker(
  options: ServeOptions,
  given: (options: ServeOptions) => Promise<Given>,
): Promise<number> {
  // The supervisor decides when it ends: a terminal signals the whole group.
  process
    .on('SIGTERM', () => {})
    .on('SIGINT', () => {})
    .on('SIGHUP', () => {});
  const worker = new Worker(options, await given(options));
  await worker.boot();
  return -1;
}

class Worker {
  readonly #options: ServeOptions;
  readonly #notes: readonly string[];
  readonly #kernel: Kernel;
  readonly #channel: Channel;
  readonly #remotes: RemoteInstances;
  #prepared: { readonly change: number; readonly generation: PreparedGeneration<Compiled> } | undefined;
  /** The last change that was given up; one prepared too late for it must not stay. */
  #abortedChange = 0;
  #isStopping = false;

  constructor(options: ServeOptions, { kernel, notes }: Given) {
    this.#options = options;
    this.#notes = notes;
    this.#channel = new Channel(
      // Without the supervisor there is nobody to tell, and sending would throw.
      { send: (message) => void (process.connected && process.send?.(message)) },
      { ask: (ask) => this.#ask(ask), tell: (tell) => this.#tell(tell) },
    );
    this.#remotes = new RemoteInstances(() => this.#channel);
    process.on('message', (message) => this.#channel.receive(message as Message));
    process.once('disconnect', () => {
      this.#channel.close();
      void this.#stop();
    });
    this.#kernel = new Kernel({
      ...kernel,
      firstGeneration: Number(process.env[generationVariable] ?? 1),
      supervise: (instance, key) => this.#remotes.supervise(instance, key),
      reload: (source, back) => this.#channel.ask<ReloadReport>({ type: 'reload', source, back }, longestDrainMs),
    });
    surviveFaults(this.#kernel.log, (error) => this.#kernel.keeper.describeError(error));
  }

  async boot(): Promise<void> {
    const report = await this.#kernel.reload('boot');
    if (this.#isStopping) return;
    if (!report.ok) {
      this.#kernel.log.flush();
      this.#channel.tell({ type: 'refused', reasons: report.reasons });
      return;
    }
    const { host, tls } = await listenOptions(this.#options, isGuarded(this.#kernel));
    const where = { host, port: this.#options.port, isSecure: tls !== undefined, notes: this.#notes };
    this.#kernel.watchSources();
    this.#channel.tell({
      type: 'booted',
      watched: this.#kernel.keeper.watched,
      isGuarded: isGuarded(this.#kernel),
      announcement: announcement(this.#kernel, where),
    });
  }

  async #ask(ask: Ask): Promise<unknown> {
    if (ask.type === 'listen') return this.#listen(ask.port);
    if (ask.type === 'ready') return this.#kernel.keeper.ready(ask);
    if (ask.type === 'prepare') return this.#prepare(ask);
    if (ask.type === 'commit') return this.#commit(ask.change);
    if (ask.type === 'abort') return this.#abort(ask.change);
    return undefined;
  }

  async #listen(port: number): Promise<number> {
    const { host, tls } = await listenOptions(this.#options, isGuarded(this.#kernel));
    return this.#kernel.gateway.listen({ host, port, tls, isShared: true }).catch((error: unknown) => {
      throw listenError(error, { host, port });
    });
  }

  async #prepare({ source, change, back }: Extract<Ask, { type: 'prepare' }>): Promise<Prepared> {
    const generation = await this.#kernel.keeper.prepare({ source, ...back });
    if (change <= this.#abortedChange) await this.#kernel.keeper.abort(generation);
    else this.#prepared = { change, generation };
    const { report, identity } = generation;
    return { report: plain(report), watched: this.#kernel.keeper.watched, identity };
  }

  #commit(change: number): ReloadReport | undefined {
    const prepared = this.#take(change);
    if (!prepared) return undefined;
    const report = this.#kernel.keeper.commit(prepared);
    this.#kernel.reported(report);
    return plain(report);
  }

  async #abort(change: number): Promise<void> {
    this.#abortedChange = change;
    const prepared = this.#take(change);
    if (prepared) await this.#kernel.keeper.abort(prepared);
  }

  #take(change: number): PreparedGeneration<Compiled> | undefined {
    if (this.#prepared?.change !== change) return undefined;
    const { generation } = this.#prepared;
    this.#prepared = undefined;
    return generation;
  }

  #tell(tell: Tell): void {
    if (tell.type === 'message') this.#remotes.heard(tell.key, tell.channel, tell.text);
    else if (tell.type === 'stop') void this.#stop();
  }

  async #stop(): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    const isClean = await this.#kernel.stop().catch((error: unknown) => {
      this.#kernel.log.of('worker').error({ err: error }, 'the worker did not stop as it should');
      return false;
    });
    this.#kernel.log.flush();
    process.exit(isClean ? 0 : 1);
  }
}

/** Reports cross the border as data. */
const plain = (report: ReloadReport): ReloadReport => JSON.parse(JSON.stringify(report)) as ReloadReport;
