/**
 * A generation beside the one in force, for a share of the credentials: what
 * was prepared of one, and what an operator decides of the one that runs.
 */
import { type KernelEvent, RutterError } from '@rutter/plugin-sdk';
import type { Assembler, Live } from './assembler.ts';
import type { ReadComposition } from './read-composition.ts';
import { describeDiagnostic, type ReloadReport } from './report.ts';

export interface Canary<P> {
  readonly live: Live<P>;
  readonly share: number;
}

/** Promoted, it serves everybody; reverted, nobody. Until the next change of a file, or a reload that is asked for. */
export interface Verdict {
  readonly canary: 'promote' | 'revert';
}

export const verdicts: readonly Verdict['canary'][] = ['promote', 'revert'];

/** As the admin interface shows it. */
export interface CanaryRow {
  readonly generation: number;
  readonly share: number;
  /** Requests that hold it. */
  readonly leases: number;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
}

export const canaryRow = <P>({ live: { generation }, share }: Canary<P>): CanaryRow => ({
  generation: generation.number,
  share,
  leases: generation.leases,
  startedAt: generation.startedAt,
});

/** What becomes of the canary: another, the one that runs, or none. */
export type Next<P> = Canary<P> | undefined;

interface Made<P> {
  readonly report: ReloadReport;
  readonly live: Live<P> | undefined;
}

interface Beside<P> {
  readonly read: ReadComposition | undefined;
  /** The last number that was given to a generation. */
  readonly last: number;
  readonly current: Live<P> | undefined;
}

/** Where the canary sits, or nobody. */
export class CanarySeat<P> {
  readonly #assembler: Assembler<P>;
  readonly #emit: (event: KernelEvent) => void;
  #running: Next<P>;

  constructor(assembler: Assembler<P>, emit: (event: KernelEvent) => void) {
    this.#assembler = assembler;
    this.#emit = emit;
  }

  get running(): Next<P> {
    return this.#running;
  }

  /**
   * Makes the canary that was read, unless it is there already or would differ
   * in nothing. Where it cannot be made, neither is what was made ahead of it.
   */
  async beside<M extends Made<P>>(
    made: M,
    { read, last, current }: Beside<P>,
  ): Promise<M & { readonly canary: Next<P> }> {
    if (read?.canary === undefined) return this.#with(made, undefined, {});
    const { live } = made;
    const running = this.#running;
    const number = last + (live === undefined ? 1 : 2);
    const hatched = await this.#assembler.assemble(number, running?.live, read.canary.read);
    const { diagnostics } = hatched.outcome;
    const reasons = diagnostics.filter(({ severity }) => severity === 'error').map(describeDiagnostic);
    if (reasons.length > 0) {
      await live?.generation.retire(0);
      const report = { ...made.report, diagnostics, reasons, ok: false, changed: false };
      return { ...made, report, live: undefined, canary: running };
    }
    const next = hatched.live ?? running?.live;
    const stable = live ?? current;
    if (next !== undefined && next.identity !== stable?.identity)
      return this.#with(made, { live: next, share: read.canary.share }, hatched.live ? hatched.outcome : {});
    await hatched.live?.generation.retire(0);
    return this.#with(made, undefined, { diagnostics: [sameAsStable(read)] });
  }

  /** What a verdict comes to: promoted, the canary takes the place of what is in force. ERR_REQUEST_INVALID for none. */
  judge({ canary: verdict }: Verdict, generation: number): Made<P> & { readonly canary: undefined } {
    const { live } = this.#running ?? {};
    if (live === undefined)
      throw new RutterError('ERR_REQUEST_INVALID', `There is no canary to ${verdict}.`, { expose: true });
    const kept = live.generation.instances.map(({ name }) => name);
    const report: ReloadReport = {
      ...{ ok: true, changed: true, generation, sources: [verdict], reasons: [], diagnostics: [] },
      ...{ started: [], kept, leftOut: [], durationMs: 0 },
    };
    return { report, live: verdict === 'promote' ? live : undefined, canary: undefined };
  }

  /** From one canary to the next, or to none: in the tick of the swap. */
  turnTo(next: Next<P>, { stable, current }: { readonly stable: number; readonly current: Live<P> | undefined }): void {
    const before = this.#running;
    this.#running = next;
    if (before?.live === next?.live) return;
    if (next !== undefined)
      this.#emit({ type: 'canary-started', generation: next.live.generation.number, share: next.share });
    if (before === undefined) return;
    const { generation } = before.live;
    const outcome = before.live === current ? 'promoted' : next === undefined ? 'reverted' : 'replaced';
    this.#emit({ type: 'canary-ended', generation: generation.number, outcome, stable });
    if (outcome !== 'promoted') void generation.retire(generation.configuration.kernel.drainMs);
  }

  /** The gateway stops; whoever sits here drains with the others. */
  close(): void {
    this.#running = undefined;
  }

  #with<M extends Made<P>>(made: M, next: Next<P>, more: Partial<ReloadReport>): M & { readonly canary: Next<P> } {
    const { report } = made;
    const running = this.#running;
    const started = [...new Set([...report.started, ...(more.started ?? [])])];
    const diagnostics = [...report.diagnostics, ...(more.diagnostics ?? [])];
    const changed = report.changed || next?.live !== running?.live || next?.share !== running?.share;
    return { ...made, canary: next, report: { ...report, started, diagnostics, changed } };
  }
}

const sameAsStable = ({ configuration }: ReadComposition): ReloadReport['diagnostics'][number] => ({
  severity: 'warning',
  message: 'The canary is what is in force already: there is none.',
  found: 'entries that change nothing',
  expected: 'another plugin, version or option; or no "canary"',
  place: configuration.placeOf('canary'),
});
