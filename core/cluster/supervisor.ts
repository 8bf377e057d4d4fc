/**
 * `--workers N`: N gateway processes on one port behind one supervisor, which
 * serves no request itself. It runs the shared state and store, watches the
 * files, and puts a change in force in all workers or in none.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { RutterError } from '@rutter/plugin-sdk';
import type { ServeOptions } from '../cli/options.ts';
import type { Given } from '../cli/serve.ts';
import { stopWhenAsked } from '../cli/signals.ts';
import type { ReloadReport } from '../generation/report.ts';
import { watchComposition } from '../generation/watch.ts';
import { systemClock } from '../kernel.ts';
import type { KernelLog } from '../log/log.ts';
import { FeatureDefinitions } from '../pipeline/features.ts';
import { KeepStore } from '../plugins/keep.ts';
import { Channel } from './channel.ts';
import type { Ask, Message, Prepared, Tell, Watched } from './messages.ts';
import { SharedInstances } from './shared-instances.ts';
import { workerEnvironment } from './worker.ts';

const bootMs = 30_000;
const restartMs = 1000;
const drainSlackMs = 15_000;
const longestDrainMs = 3_600_000;

interface Booted {
  readonly watched: Watched;
  readonly announcement: string;
}

export async function startSupervisor(options: ServeOptions, given: (options: ServeOptions) => Promise<Given>): Promise<number> {
  const { kernel } = await given(options);
  const port = options.port === 0 ? await freePort() : options.port;
  const supervisor = new Supervisor(options, { log: kernel.log, dataFolder: kernel.dataFolder, port });
  const announcement = await supervisor.start();
  process.on('SIGHUP', () => void supervisor.reload('signal'));
  const watching = watchComposition({ watched: () => supervisor.watched, changed: () => supervisor.reload('file') });
  stopWhenAsked(async () => {
    watching.close();
    return supervisor.stop();
  });
  process.stdout.write(announcement.replaceAll(`:${options.port}`, `:${port}`));
  return -1;
}

/** Several sockets share a port only when each names it. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

class Member {
  readonly number: number;
  readonly process: ChildProcess;
  readonly channel: Channel;
  readonly booted: Promise<Booted>;
  readonly exited: Promise<number>;
  #resolve!: (booted: Booted) => void;
  #reject!: (error: Error) => void;

  constructor(number: number, process: ChildProcess, handlers: { ask(ask: Ask): Promise<unknown>; tell(tell: Tell): void }) {
    this.number = number;
    this.process = process;
    this.booted = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.booted.catch(() => {});
    this.channel = new Channel(
      { send: (message) => void (process.connected && process.send(message)) },
      {
        ask: handlers.ask,
        tell: (tell) => {
          if (tell.type === 'booted') this.#resolve(tell);
          else if (tell.type === 'refused') this.#reject(new RutterError('ERR_CONFIG_INVALID', `The gateway does not start:\n${tell.reasons.map((reason) => `  ${reason}`).join('\n')}`));
          else handlers.tell(tell);
        },
      },
    );
    process.on('message', (message) => this.channel.receive(message as Message));
    this.exited = new Promise((resolve) =>
      process.once('exit', (code, signal) => {
        this.channel.close();
        this.#reject(new RutterError('ERR_KERNEL_INTERNAL', `Worker ${number} ended while it started (${signal ?? code}).`));
        resolve(code ?? 1);
      }),
    );
    setTimeout(() => this.#reject(new RutterError('ERR_KERNEL_INTERNAL', `Worker ${number} did not start within ${bootMs} ms.`)), bootMs).unref();
  }
}

class Supervisor {
  readonly #options: ServeOptions;
  readonly #port: number;
  readonly #log: KernelLog;
  readonly #members = new Map<number, Member>();
  readonly #shared: SharedInstances;
  #watched: Watched = { files: [], folders: [] };
  #turn: Promise<unknown> = Promise.resolve();
  #isStopping = false;

  constructor(options: ServeOptions, parts: { readonly log: KernelLog; readonly dataFolder: string; readonly port: number }) {
    this.#options = options;
    this.#port = parts.port;
    this.#log = parts.log;
    const refuse = () => {
      throw new RutterError('ERR_PLUGIN_INVALID', 'A shared instance may use its clock, log, random numbers and files only.');
    };
    this.#shared = new SharedInstances({
      log: (name) => this.#log.of(name),
      clock: systemClock,
      seed: String(Math.random()),
      dataFolder: parts.dataFolder,
      fetch: refuse,
      spawnEnabled: false,
      invoke: refuse,
      provides: [],
      use: refuse,
      keep: new KeepStore(),
      features: new FeatureDefinitions(),
    });
  }

  get watched(): Watched {
    return this.#watched;
  }

  /** All workers up and listening; the text says where. */
  async start(): Promise<string> {
    for (let number = 0; number < this.#options.workers; number++) this.#fork(number);
    const members = [...this.#members.values()];
    try {
      const booted = await Promise.all(members.map((member) => member.booted));
      await Promise.all(members.map(({ channel }) => channel.ask({ type: 'listen', port: this.#port })));
      const first = booted[0] as Booted;
      this.#watched = first.watched;
      return first.announcement;
    } catch (error) {
      this.#isStopping = true;
      for (const { process } of members) process.kill('SIGKILL');
      await this.#shared.close();
      throw error;
    }
  }

  #fork(number: number): Member {
    const child = fork(process.argv[1] as string, process.argv.slice(2), { env: { ...process.env, ...workerEnvironment(number, this.#options.workers) }, serialization: 'advanced', stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const member: Member = new Member(number, child, { ask: (ask) => this.#ask(number, ask), tell: (tell) => this.#tell(member, tell) });
    this.#members.set(number, member);
    void member.exited.then((code) => this.#exited(member, code));
    return member;
  }

  /** A worker that dies is replaced, and what it held is given back. */
  async #exited(member: Member, code: number): Promise<void> {
    await this.#shared.releaseAll(member.number);
    if (this.#isStopping) return;
    this.#log.of('supervisor').error({ worker: member.number, code }, 'a worker ended; starting another');
    await sleep(restartMs);
    if (this.#isStopping) return;
    const next = this.#fork(member.number);
    try {
      await next.booted;
      await next.channel.ask({ type: 'listen', port: this.#port });
      // The files may have changed since the others read them: all shall run the same.
      await this.reload('restart');
    } catch (error) {
      this.#log.of('supervisor').error({ worker: member.number, err: error }, 'the worker did not come up');
      next.process.kill('SIGKILL');
    }
  }

  async #ask(worker: number, ask: Ask): Promise<unknown> {
    if (ask.type === 'set-up') return this.#shared.setUp(worker, ask.instance, ask.key);
    if (ask.type === 'release') return this.#shared.release(worker, ask.key);
    if (ask.type === 'call') return this.#shared.call(ask.key, ask.method, ask.args);
    if (ask.type === 'reload') return this.reload(ask.source);
    throw new RutterError('ERR_KERNEL_INTERNAL', `A worker asked "${ask.type}".`);
  }

  #tell(member: Member, tell: Tell): void {
    const failed = (error: unknown) => this.#log.of('supervisor').error({ err: error }, 'a shared instance failed');
    if (tell.type === 'append') this.#shared.append(tell.key, tell.table, tell.columns, tell.rows).catch(failed);
    else if (tell.type === 'subscribe') this.#shared.subscribe(tell.key, tell.channel, (text) => member.channel.tell({ type: 'message', key: tell.key, channel: tell.channel, text })).catch(failed);
  }

  /** In all workers or in none; one change at a time. */
  reload(source: string): Promise<ReloadReport> {
    const turn = this.#turn.then(() => this.#reload(source));
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #reload(source: string): Promise<ReloadReport> {
    const members = [...this.#members.values()].filter(({ process }) => process.connected);
    const prepared = await Promise.allSettled(members.map(({ channel }) => channel.ask<Prepared>({ type: 'prepare', source })));
    const done = prepared.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const refused = done.find(({ report }) => !report.ok);
    const failed = prepared.find((result) => result.status === 'rejected');
    if (done[0]) this.#watched = done[0].watched;
    if (refused || failed || done.length === 0) {
      await Promise.allSettled(members.map(({ channel }) => channel.ask({ type: 'abort' })));
      const report = refused?.report ?? failedReport(source, failed?.reason);
      for (const reason of report.reasons) this.#log.of('reload').error({ source, reason }, 'refused in every worker');
      return report;
    }
    const reports = await Promise.all(members.map(({ channel }) => channel.ask<ReloadReport>({ type: 'commit' })));
    return reports[0] as ReloadReport;
  }

  /** Workers drain, then what they share ends. */
  async stop(): Promise<number> {
    this.#isStopping = true;
    const members = [...this.#members.values()];
    for (const { channel } of members) channel.tell({ type: 'stop' });
    const timer = setTimeout(() => {
      for (const { process } of members) process.kill('SIGKILL');
    }, longestDrainMs + drainSlackMs);
    const codes = await Promise.all(members.map(({ exited }) => exited));
    clearTimeout(timer);
    await this.#shared.close();
    this.#log.flush();
    return codes.every((code) => code === 0) ? 0 : 1;
  }
}

const failedReport = (source: string, reason: unknown): ReloadReport => ({
  ok: false,
  changed: false,
  generation: 0,
  sources: [source],
  reasons: [reason instanceof Error ? reason.message : 'No worker could prepare the change.'],
  diagnostics: [],
  started: [],
  kept: [],
  leftOut: [],
  durationMs: 0,
});
