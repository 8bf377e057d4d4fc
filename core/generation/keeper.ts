/**
 * Keeps the current generation: builds the next beside it, swaps one
 * reference, drains the last behind it.
 *
 * Invariant: a change that fails changes nothing; at most eight generations
 * live at once.
 */
import { join } from 'node:path';
import { type KernelEvent, RutterError, type Source } from '@rutter/plugin-sdk';
import type { DependencyContainer } from 'tsyringe';
import { within } from '../deadline.ts';
import type { Distribution } from '../plugins/distribution.ts';
import { Evaluator } from '../plugins/evaluate.ts';
import type { KernelServices } from '../plugins/kernel-services.ts';
import { PackCache } from '../plugins/pack-cache.ts';
import type { ComposedInstance } from '../plugins/plan.ts';
import type { SourcesLook } from '../sources/remote-files.ts';
import type { SourceChoice } from '../sources/source-table.ts';
import { Sources } from '../sources/sources.ts';
import { Assembler, type BuildParts, type Live } from './assembler.ts';
import { type Canary, CanarySeat, type Next, type Verdict } from './canary.ts';
import { ChangeQueue, type Waiting } from './change-queue.ts';
import type { Generation } from './generation.ts';
import { type GenerationList, History, listGenerations } from './history.ts';
import { InstanceTable } from './instance-table.ts';
import { type InstanceRow, listInstances } from './list.ts';
import type { ChangePlan } from './plan-change.ts';
import type { Made, Open, Prepared, Request } from './prepared.ts';
import { CompositionReader, type ReadComposition, type ReadConfiguration } from './read-composition.ts';
import { type Change, describeDiagnostic, type ReloadReport, type Rollback } from './report.ts';
import { type Deadlines, defaultDeadlines, type Remote, traced } from './running.ts';
import { kernelToken } from './tokens.ts';

export type { BuildParts } from './assembler.ts';
export type { Prepared } from './prepared.ts';

export interface KeeperOptions<P> {
  /** Made by `createRoot`. */
  readonly root: DependencyContainer;
  readonly readConfiguration: ReadConfiguration;
  readonly distribution: Distribution | undefined;
  /** Compiles the request path; throws to refuse the composition. */
  build(parts: BuildParts): P | Promise<P>;
  onEvent?(event: KernelEvent): void;
  /** Services the kernel cannot do without; `state` and `store` when absent. */
  readonly required?: readonly string[];
  /** 10,000 ms to set up, 5,000 to say it is healthy, 10,000 to dispose when absent. */
  readonly deadlines?: Partial<Deadlines>;
  /** 8 when absent. */
  readonly maxGenerations?: number;
  /** Of the first generation; 1 when absent. */
  readonly firstNumber?: number;
  /** In a worker beside others: reaches an instance of a plugin that is `shared`, which runs in the supervisor. */
  readonly supervise?: (instance: ComposedInstance, key: string) => Promise<Remote>;
}

/** How long a prepared generation may wait for its commit. */
const preparedMs = 60_000;
/** How long a change under way may take to end when the keeper closes. */
const closeMs = 2000;

export class GenerationKeeper<P> {
  readonly #options: KeeperOptions<P>;
  readonly #kernel: KernelServices;
  readonly #evaluator = new Evaluator();
  readonly #reader: CompositionReader;
  readonly #assembler: Assembler<P>;
  readonly #queue: ChangeQueue<ReloadReport>;
  readonly #open = new Map<Prepared<P>, Open<P>>();
  readonly #live = new Set<Live<P>>();
  readonly #history = new History();
  readonly #sources: Sources;
  #current: Live<P> | undefined;
  readonly #canary: CanarySeat<P>;
  #awaited: Waiting | undefined;
  /** Of the generation in force, and the last that was given to any. */
  #number: number;
  #last: number;
  #isClosed = false;

  constructor(options: KeeperOptions<P>) {
    const { root, readConfiguration, distribution, supervise, required = ['state', 'store'] } = options;
    const kernel = root.resolve(kernelToken);
    const { clock, dataFolder, provides: provided } = kernel;
    this.#options = options;
    this.#number = (options.firstNumber ?? 1) - 1;
    this.#last = this.#number;
    this.#kernel = kernel;
    this.#sources = new Sources(kernel);
    const cache = new PackCache({ folder: join(dataFolder, 'pack-cache'), clock, sandbox: kernel.sandbox });
    this.#reader = new CompositionReader({
      readConfiguration,
      distribution,
      cache,
      dataFolder,
      provided,
      required,
      sources: this.#sources,
    });
    this.#assembler = new Assembler<P>({
      root,
      kernel,
      required,
      supervise,
      reader: this.#reader,
      evaluator: this.#evaluator,
      table: new InstanceTable(kernel),
      deadlines: { ...defaultDeadlines, ...options.deadlines },
      build: (parts) => options.build(parts),
    });
    this.#canary = new CanarySeat(this.#assembler, (event) => this.#emit(event));
    this.#queue = new ChangeQueue({
      now: () => clock.now(),
      ready: () => this.#slot(),
      run: async (sources) => this.#finish(await this.#prepare({ sources })),
    });
  }

  /** The generation in force; undefined before the first and after `close`. */
  get current(): Generation<P> | undefined {
    return this.#current?.generation;
  }

  /** The generation beside it that serves a share of the credentials. */
  get canary(): Canary<P> | undefined {
    return this.#canary.running;
  }

  /** Generations not yet drained, oldest first. */
  get live(): readonly Generation<P>[] {
    return Array.from(this.#live, ({ generation }) => generation);
  }

  /** A change that waits for its turn, or for an old generation to drain. */
  get waiting(): Waiting | undefined {
    return this.#queue.waiting ?? this.#awaited;
  }

  /** Files and folders whose change may change the composition, as of the last reading. */
  get watched(): { readonly files: readonly string[]; readonly folders: readonly string[] } {
    return this.#reader.watched;
  }

  /** Reads everything anew and puts it in force. What is wrong is told in the report, not thrown. */
  apply(change: Change): Promise<ReloadReport> {
    return this.#queue.add(change.source);
  }

  /** Puts an earlier composition in force again; it holds until a change is read. ERR_REQUEST_INVALID for one that is not kept. */
  async rollback({ rollbackTo }: Rollback): Promise<ReloadReport> {
    const end = await this.#queue.turn();
    try {
      await this.#slot();
      return this.#finish(await this.#prepare(this.#backTo(rollbackTo)));
    } finally {
      end();
    }
  }

  /** Promotes or reverts the canary. ERR_REQUEST_INVALID where there is none. */
  async settle(verdict: Verdict): Promise<ReloadReport> {
    const end = await this.#queue.turn();
    try {
      return this.#finish(this.#judge(verdict));
    } finally {
      end();
    }
  }

  /** What a change would do; nothing is set up. `text` stands in place of the main file's. */
  async plan(given: { readonly text?: string } | Rollback = {}): Promise<ChangePlan> {
    const end = await this.#queue.turn();
    try {
      const { clock } = this.#kernel;
      const startedMs = clock.monotonic();
      const earlier = 'rollbackTo' in given ? { earlier: this.#history.target(given.rollbackTo).read } : given;
      const plan = await this.#assembler.plan(this.#current, earlier);
      return { ...plan, generation: this.#number, durationMs: Math.round(clock.monotonic() - startedMs) };
    } finally {
      end();
    }
  }

  /** The source for a bucket, for whoever writes to it. */
  openSource(address: { readonly scheme: string; readonly bucket: string }, choice: SourceChoice): Promise<Source> {
    return this.#sources.table.open(address.scheme, address.bucket, choice);
  }

  /** Whether anything that sources hold differs from what was read last, and what of it could not be looked at. */
  lookAtSources(): Promise<SourcesLook> {
    return this.#sources.lookAgain();
  }

  /** The last ten generations, oldest first, and whether what is in force was read from the files. */
  generations(): GenerationList {
    return listGenerations(this.#history, this.live, this.#current?.generation.number);
  }

  /** Resolves when a change could be prepared at once: when one more generation may live. */
  async ready({ source }: Change): Promise<void> {
    const waiting = { sources: [source], sinceMs: this.#kernel.clock.now() };
    this.#awaited = waiting;
    await this.#slot();
    if (this.#awaited === waiting) this.#awaited = undefined;
  }

  /** As {@link apply}, but leaves the swap to `commit` or `abort`, one of which must follow within a minute. */
  async prepare(change: Change & (Partial<Rollback> | Verdict)): Promise<Prepared<P>> {
    const end = await this.#queue.turn();
    try {
      const made = await this.#made(change);
      const { report, live, canary } = made;
      const { identity } = live ?? this.#current ?? {};
      const both = identity && canary ? JSON.stringify([identity, canary.live.identity, canary.share]) : identity;
      const prepared: Prepared<P> = { report, generation: live?.generation, identity: both };
      const expiry = new AbortController();
      this.#open.set(prepared, { made, end, expiry });
      void this.#kernel.clock.sleep(preparedMs, expiry.signal).then(
        () => this.abort(prepared),
        () => {},
      );
      return prepared;
    } catch (error) {
      end();
      throw error;
    }
  }

  /** Puts a prepared generation in force. ERR_KERNEL_INTERNAL when it was refused, aborted, or waited too long. */
  commit(prepared: Prepared<P>): ReloadReport {
    const open = prepared.report.ok ? this.#take(prepared) : undefined;
    if (open === undefined)
      throw new RutterError(
        'ERR_KERNEL_INTERNAL',
        'Found no prepared generation to commit: it was refused, aborted, or waited too long.',
      );
    const report = this.#finish(open.made);
    open.end();
    return report;
  }

  /** Gives a prepared generation up; nothing of it is left. */
  async abort(prepared: Prepared<P>): Promise<void> {
    const open = this.#take(prepared);
    if (open === undefined) return;
    await this.#giveUp(open.made);
    open.end();
  }

  /** Takes the current generation out of service; resolves when all have drained. */
  async close(drainMs: number): Promise<void> {
    this.#isClosed = true;
    this.#current = undefined;
    this.#canary.close();
    await Promise.all([...this.#open.keys()].map((prepared) => this.abort(prepared)));
    await Promise.all(this.live.map((generation) => generation.retire(drainMs)));
    await this.#sources.close();
    // A change on its way finds the keeper closed and gives up what it made.
    const late = 'The change under way took longer to end';
    const turn = async () => (await this.#queue.turn())();
    await within(turn, { clock: this.#kernel.clock, ms: closeMs, late }).catch(() => {});
  }

  /** Every instance that runs, and those left out of the current generation. */
  list(): readonly InstanceRow[] {
    return listInstances(this.live, this.#current, this.canary?.live.generation);
  }

  /** An error's trace with the lines of plugins' sources in place of packed ones. */
  describeError(error: unknown): string {
    return traced(this.#evaluator, error);
  }

  #backTo(number: number | undefined): Request {
    const { number: rollbackOf, read, rollbackOf: origin } = this.#history.target(number);
    return { sources: ['rollback'], earlier: read, rollbackOf: origin ?? rollbackOf };
  }

  async #made(change: Change & (Partial<Rollback> | Verdict)): Promise<Made<P>> {
    if ('canary' in change) return this.#judge(change);
    await this.#slot();
    return this.#prepare('rollbackTo' in change ? this.#backTo(change.rollbackTo) : { sources: [change.source] });
  }

  async #prepare({ sources, earlier, rollbackOf }: Request): Promise<Made<P>> {
    const { clock } = this.#kernel;
    const startedMs = clock.monotonic();
    const { live, outcome, read } = await this.#assembler.assemble(this.#last + 1, this.#current, earlier);
    const errors = outcome.diagnostics.filter(({ severity }) => severity === 'error');
    const report: ReloadReport = {
      ...outcome,
      ok: errors.length === 0,
      changed: live !== undefined,
      generation: this.#number,
      sources,
      reasons: errors.map(describeDiagnostic),
      durationMs: Math.round(clock.monotonic() - startedMs),
    };
    // Back means back for everybody.
    const made = await this.#withCanary({ report, live, rollbackOf, canary: undefined }, earlier ? undefined : read);
    const durationMs = Math.round(clock.monotonic() - startedMs);
    if (!made.report.ok) this.#emit({ type: 'reload-refused', reasons: made.report.reasons });
    return { ...made, report: { ...made.report, durationMs } };
  }

  /** The canary that goes with a change; without it the change is not made either. */
  async #withCanary(made: Made<P>, read: ReadComposition | undefined): Promise<Made<P>> {
    if (!made.report.ok) return { ...made, canary: this.#canary.running };
    if (read?.canary !== undefined) await this.#slot(made.live === undefined ? 0 : 1);
    return this.#canary.beside(made, { read, last: this.#last, current: this.#current });
  }

  #judge(verdict: Verdict): Made<P> {
    return { ...this.#canary.judge(verdict, this.#number), rollbackOf: undefined };
  }

  /** What was made and is not wanted; what runs is left as it is. */
  async #giveUp({ live, canary }: Made<P>): Promise<void> {
    for (const one of [canary?.live, live])
      if (one !== undefined && !this.#live.has(one)) await one.generation.retire(0);
  }

  /** The swap: one reference. */
  #finish(made: Made<P>): ReloadReport {
    const { report, live, rollbackOf, canary } = made;
    if (this.#isClosed) {
      void this.#giveUp(made);
      return { ...report, ok: false, changed: false, reasons: ['The gateway is stopping.'] };
    }
    if (live === undefined) {
      if (report.ok && rollbackOf === undefined) this.#history.confirm();
      if (report.ok) this.#turnTo(canary, report.generation);
      return report;
    }
    const { generation } = live;
    const before = this.#current;
    this.#number = generation.number;
    this.#adopt(live);
    this.#current = live;
    this.#history.add({
      number: generation.number,
      identity: live.identity,
      startedAt: generation.startedAt,
      sources: report.sources,
      read: live.read,
      rollbackOf,
    });
    this.#emit({ type: 'generation-started', generation: generation.number });
    if (rollbackOf === undefined)
      void this.#sources.keep().catch((error: unknown) => {
        const fields = { error: RutterError.from(error).message };
        this.#kernel.log('sources').warn(fields, 'what runs of what came from sources could not be written down');
      });
    void before?.generation.retire(generation.configuration.kernel.drainMs);
    this.#turnTo(canary, generation.number);
    return { ...report, generation: generation.number };
  }

  #adopt(live: Live<P>): void {
    if (this.#live.has(live)) return;
    const { generation } = live;
    this.#last = Math.max(this.#last, generation.number);
    this.#live.add(live);
    void generation.settled.then(() => {
      this.#live.delete(live);
      this.#emit({ type: 'generation-retired', generation: generation.number });
    });
  }

  #turnTo(canary: Next<P>, stable: number): void {
    if (canary !== undefined) this.#adopt(canary.live);
    this.#canary.turnTo(canary, { stable, current: this.#current });
  }

  #take(prepared: Prepared<P>): Open<P> | undefined {
    const open = this.#open.get(prepared);
    this.#open.delete(prepared);
    open?.expiry.abort();
    return open;
  }

  /** Resolves when one more generation may live: every old one ends at its drain deadline at the latest. */
  async #slot(besides = 0): Promise<void> {
    const most = (this.#options.maxGenerations ?? 8) - besides;
    while (this.#live.size >= most)
      await Promise.race(this.live.filter(({ isRetired }) => isRetired).map(({ settled }) => settled));
  }

  #emit(event: KernelEvent): void {
    this.#options.onEvent?.(event);
  }
}
