/**
 * `--workers N`: N gateway processes on one port behind one supervisor, which
 * serves no request itself. It runs the shared state and store, watches the
 * files, and puts a change in force in all workers or in none.
 */
import { fork } from 'node:child_process';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { RutterError } from '@rutter/plugin-sdk';
import { surviveFaults } from '../cli/faults.ts';
import type { Given } from '../cli/given.ts';
import { listenError } from '../cli/listen-error.ts';
import { listenOptions } from '../cli/listening.ts';
import type { ServeOptions } from '../cli/options.ts';
import { stopWhenAsked } from '../cli/signals.ts';
import type { Verdict } from '../generation/canary.ts';
import type { ReloadReport, Rollback } from '../generation/report.ts';
import { watchComposition } from '../generation/watch.ts';
import { systemClock } from '../kernel.ts';
import type { KernelLog } from '../log/log.ts';
import { FeatureDefinitions } from '../pipeline/features.ts';
import { KeepStore } from '../plugins/keep.ts';
import { Sandbox } from '../sandbox/sandbox.ts';
import { longestDrainMs } from './channel.ts';
import { Member } from './member.ts';
import type { Ask, Prepared, Tell, Watched } from './messages.ts';
import { SharedInstances } from './shared-instances.ts';
import { workerEnvironment } from './worker.ts';

const restartMs = 1000;
/** For files that change while the workers read them. */
const mostTries = 5;
const drainSlackMs = 15_000;
/** Less than what is prepared may wait for its commit. */
const prepareMs = 50_000;

export async function startSupervisor(
  options: ServeOptions,
  given: (options: ServeOptions) => Promise<Given>,
): Promise<number> {
  const { kernel } = await given(options);
  const supervisor = new Supervisor(options, { log: kernel.log, dataFolder: kernel.dataFolder });
  surviveFaults(kernel.log, (error) => (error instanceof Error ? (error.stack ?? error.message) : String(error)));
  const since = Date.now();
  let watching: { close(): void } | undefined;
  const stopping = stopWhenAsked(async () => {
    watching?.close();
    return supervisor.stop();
  });
  process.on('SIGHUP', () => void supervisor.reload('signal'));
  try {
    const announcement = await supervisor.start();
    watching = watchComposition({
      watched: () => supervisor.watched,
      since,
      changed: () => supervisor.reload('file'),
    });
    process.stdout.write(announcement);
    return -1;
  } catch (error) {
    if (stopping.isAsked) return -1;
    await supervisor.kill();
    throw error;
  }
}

/**
 * A port that nobody listens on; the one asked for, or any for 0. Workers
 * share a port with whoever shares it, so that they would not notice.
 */
function freePort(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => reject(listenError(error, { host, port })));
    server.listen(port, host, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : port));
    });
  });
}

class Supervisor {
  readonly #options: ServeOptions;
  readonly #log: KernelLog;
  readonly #members = new Map<number, Member>();
  readonly #shared: SharedInstances;
  #port = 0;
  #watched: Watched = { files: [], folders: [] };
  #turn: Promise<unknown> = Promise.resolve();
  #waiting: Promise<ReloadReport> | undefined;
  #change = 0;
  #generation = 1;
  #isStopping = false;

  constructor(options: ServeOptions, parts: { readonly log: KernelLog; readonly dataFolder: string }) {
    this.#options = options;
    this.#log = parts.log;
    const refuse = () => {
      throw new RutterError(
        'ERR_PLUGIN_INVALID',
        'A shared instance may use its clock, log, random numbers and files only.',
      );
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
      // Nothing that is shared is untrusted: no child is ever started.
      sandbox: new Sandbox(),
    });
  }

  get watched(): Watched {
    return this.#watched;
  }

  /** All workers up and listening; the text says where. */
  async start(): Promise<string> {
    const numbers = Array.from({ length: this.#options.workers }, (_none, number) => number);
    const members = numbers.map((number) => this.#fork(number));
    const [first] = await Promise.all(members.map((member) => member.booted));
    if (first === undefined) throw new RutterError('ERR_KERNEL_INTERNAL', 'No worker was started.');
    const { host } = await listenOptions(this.#options, first.isGuarded);
    this.#port = await freePort(host, this.#options.port);
    await Promise.all(members.map(({ channel }) => channel.ask({ type: 'listen', port: this.#port })));
    this.#watched = first.watched;
    return first.announcement.replaceAll(`:${this.#options.port}`, `:${this.#port}`);
  }

  /** Ends all at once, for a start that failed. */
  async kill(): Promise<void> {
    this.#isStopping = true;
    for (const { process } of this.#members.values()) process.kill('SIGKILL');
    await this.#shared.close();
    this.#log.flush();
  }

  #fork(number: number): Member {
    const { workers: count } = this.#options;
    const child = fork(process.argv[1] as string, process.argv.slice(2), {
      env: { ...process.env, ...workerEnvironment({ number, count, generation: this.#generation }) },
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const member: Member = new Member(number, child, {
      ask: (ask) => this.#ask(number, ask),
      tell: (tell) => this.#tell(member, tell),
    });
    this.#members.set(number, member);
    void member.exited.then((code) => this.#exited(member, code));
    return member;
  }

  /** A worker that dies is replaced, and what it held is given back. */
  async #exited(member: Member, code: number): Promise<void> {
    if (!this.#isStopping) this.#members.delete(member.number);
    const log = this.#log.of('supervisor');
    await this.#shared.releaseAll(member.number).catch((error: unknown) => {
      log.error({ worker: member.number, err: error }, 'what an ended worker held was not given back');
    });
    if (this.#isStopping) return;
    log.error({ worker: member.number, code }, 'a worker ended; starting another');
    await sleep(restartMs);
    if (this.#isStopping) return;
    const next = this.#fork(member.number);
    try {
      await next.booted;
      // The files may have changed since the others read them: all shall run the same.
      await this.reload('restart');
      await next.channel.ask({ type: 'listen', port: this.#port });
    } catch (error) {
      log.error({ worker: member.number, err: error }, 'the worker did not come up');
      next.process.kill('SIGKILL');
    }
  }

  async #ask(worker: number, ask: Ask): Promise<unknown> {
    if (ask.type === 'set-up') return this.#shared.setUp(worker, ask.instance, ask.key);
    if (ask.type === 'release') return this.#shared.release(worker, ask.key);
    if (ask.type === 'call') return this.#shared.call(worker, ask);
    if (ask.type === 'append') return this.#shared.append(ask.key, ask.table, ask);
    if (ask.type === 'reload') return ask.back ? this.#rollback(ask.source, ask.back) : this.reload(ask.source);
    throw new RutterError('ERR_KERNEL_INTERNAL', `A worker asked "${ask.type}".`);
  }

  #tell(member: Member, tell: Tell): void {
    if (tell.type !== 'subscribe') return;
    const { key, channel } = tell;
    const pass = (text: string) => member.channel.tell({ type: 'message', key, channel, text });
    this.#shared.subscribe(member.number, tell, pass).catch((error: unknown) => {
      this.#log.of('supervisor').error({ err: error }, 'a shared instance failed');
    });
  }

  /** In all workers or in none; one change at a time. Those asked for while one waits are taken together with it. */
  reload(source: string): Promise<ReloadReport> {
    if (this.#waiting) return this.#waiting;
    const turn = this.#turn.then(() => {
      this.#waiting = undefined;
      return this.#reload(source);
    });
    this.#waiting = turn;
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** Waits its turn as every change does, and is taken together with no other. */
  #rollback(source: string, back: Rollback | Verdict): Promise<ReloadReport> {
    const turn = this.#turn.then(() => this.#reload(source, back));
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #reload(source: string, back?: Rollback | Verdict): Promise<ReloadReport> {
    for (let tries = 1; ; tries += 1) {
      if (this.#isStopping) return this.#failed(source, 'The gateway is stopping.');
      this.#change += 1;
      const change = this.#change;
      const members = [...this.#members.values()].filter(({ process }) => process.connected);
      const { refusal, isTorn } = await this.#prepare(members, { type: 'prepare', source, change, back });
      if (refusal === undefined) return this.#commit(members, { source, change });
      await Promise.allSettled(members.map(({ channel }) => channel.ask({ type: 'abort', change })));
      if (isTorn && tries < mostTries) continue;
      for (const reason of refusal.reasons) this.#log.of('reload').error({ source, reason }, 'refused in every worker');
      return refusal;
    }
  }

  async #prepare(
    members: readonly Member[],
    ask: Extract<Ask, { type: 'prepare' }>,
  ): Promise<{ readonly refusal: ReloadReport | undefined; readonly isTorn: boolean }> {
    await Promise.allSettled(
      members.map(({ channel }) => channel.ask({ type: 'ready', source: ask.source }, longestDrainMs)),
    );
    const answers = await Promise.allSettled(members.map(({ channel }) => channel.ask<Prepared>(ask, prepareMs)));
    const done = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
    const failed = answers.find((answer) => answer.status === 'rejected');
    if (done[0]) this.#watched = done[0].watched;
    const refused = done.find(({ report }) => !report.ok)?.report;
    // Files that change between the readings of two workers are read again.
    const isTorn = refused === undefined && new Set(done.map(({ identity }) => identity)).size > 1;
    if (refused) return { refusal: refused, isTorn };
    if (isTorn) return { refusal: this.#failed(ask.source, 'The files kept changing while they were read.'), isTorn };
    if (!failed && done.length > 0) return { refusal: undefined, isTorn };
    const { reason } = failed ?? {};
    const words = reason instanceof Error ? reason.message : 'No worker could prepare the change.';
    return { refusal: this.#failed(ask.source, words), isTorn };
  }

  async #commit(
    members: readonly Member[],
    { source, change }: { readonly source: string; readonly change: number },
  ): Promise<ReloadReport> {
    // A worker that dies now is replaced by one that reads the same files.
    const reports = await Promise.allSettled(
      members.map(({ channel }) => channel.ask<ReloadReport>({ type: 'commit', change })),
    );
    const report = reports.find((result) => result.status === 'fulfilled')?.value;
    if (report === undefined) return this.#failed(source, 'No worker put the change in force.');
    this.#generation = report.generation;
    return report;
  }

  #failed(source: string, reason: string): ReloadReport {
    return {
      ok: false,
      changed: false,
      generation: this.#generation,
      sources: [source],
      reasons: [reason],
      diagnostics: [],
      started: [],
      kept: [],
      leftOut: [],
      durationMs: 0,
    };
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
