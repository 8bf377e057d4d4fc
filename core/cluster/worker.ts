/** One of several gateway processes on a port: it does what the supervisor says. */
import type { Given } from '../cli/serve.ts';
import { announcement, isGuarded, listenOptions } from '../cli/serve.ts';
import type { ServeOptions } from '../cli/options.ts';
import type { Prepared as PreparedGeneration } from '../generation/keeper.ts';
import type { ReloadReport } from '../generation/report.ts';
import { type Compiled, Kernel } from '../kernel.ts';
import { Channel } from './channel.ts';
import type { Ask, Message, Prepared, Tell } from './messages.ts';
import { RemoteInstances } from './remote-instance.ts';

const numberVariable = 'RUTTER_WORKER';
export const countVariable = 'RUTTER_WORKER_COUNT';

export const isWorker = () => process.env[numberVariable] !== undefined && process.send !== undefined;
export const workerEnvironment = (number: number, count: number) => ({ [numberVariable]: String(number), [countVariable]: String(count) });

export async function startWorker(options: ServeOptions, given: (options: ServeOptions) => Promise<Given>): Promise<number> {
  // The supervisor decides when it ends: a terminal signals the whole group.
  process.on('SIGTERM', () => {}).on('SIGINT', () => {}).on('SIGHUP', () => {});
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
  #prepared: PreparedGeneration<Compiled> | undefined;

  constructor(options: ServeOptions, { kernel, notes }: Given) {
    this.#options = options;
    this.#notes = notes;
    this.#channel = new Channel({ send: (message) => void process.send?.(message) }, { ask: (ask) => this.#ask(ask), tell: (tell) => this.#tell(tell) });
    this.#remotes = new RemoteInstances(() => this.#channel);
    process.on('message', (message) => this.#channel.receive(message as Message));
    process.once('disconnect', () => void this.#stop());
    this.#kernel = new Kernel({
      ...kernel,
      supervise: (instance, key) => this.#remotes.supervise(instance, key),
      reload: (source) => this.#channel.ask<ReloadReport>({ type: 'reload', source }),
    });
  }

  async boot(): Promise<void> {
    const report = await this.#kernel.reload('boot');
    if (!report.ok) {
      this.#kernel.log.flush();
      this.#channel.tell({ type: 'refused', reasons: report.reasons });
      return;
    }
    const { host, tls } = await listenOptions(this.#options, isGuarded(this.#kernel));
    this.#channel.tell({
      type: 'booted',
      watched: this.#kernel.keeper.watched,
      isGuarded: isGuarded(this.#kernel),
      announcement: announcement(this.#kernel, { host, port: this.#options.port, isSecure: tls !== undefined, notes: this.#notes }),
    });
  }

  async #ask(ask: Ask): Promise<unknown> {
    if (ask.type === 'listen') {
      const { host, tls } = await listenOptions(this.#options, isGuarded(this.#kernel));
      return this.#kernel.gateway.listen({ host, port: ask.port, tls, isShared: true });
    }
    if (ask.type === 'prepare') {
      this.#prepared = await this.#kernel.keeper.prepare({ source: ask.source });
      return { report: plain(this.#prepared.report), watched: this.#kernel.keeper.watched } satisfies Prepared;
    }
    const prepared = this.#prepared;
    this.#prepared = undefined;
    if (!prepared) return undefined;
    if (ask.type === 'commit') {
      const report = this.#kernel.keeper.commit(prepared);
      this.#kernel.reported(report);
      return plain(report);
    }
    await this.#kernel.keeper.abort(prepared);
    return undefined;
  }

  #tell(tell: Tell): void {
    if (tell.type === 'message') this.#remotes.heard(tell.key, tell.channel, tell.text);
    else if (tell.type === 'stop') void this.#stop();
  }

  async #stop(): Promise<void> {
    const isClean = await this.#kernel.stop();
    process.exit(isClean ? 0 : 1);
  }
}

/** Reports cross the border as data. */
const plain = (report: ReloadReport): ReloadReport => JSON.parse(JSON.stringify(report)) as ReloadReport;
