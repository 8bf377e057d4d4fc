/**
 * Makes one generation, or says why there is none: read, set up, compile.
 *
 * Invariant: an assembly that fails has given back everything it took.
 */
import { RutterError } from '@rutter/plugin-sdk';
import type { DependencyContainer } from 'tsyringe';
import type { Configuration, Diagnostic } from '../config/types.ts';
import { within } from '../deadline.ts';
import { BuildFault } from '../plugins/build-fault.ts';
import type { Evaluator } from '../plugins/evaluate.ts';
import type { KernelServices } from '../plugins/kernel-services.ts';
import type { ComposedInstance } from '../plugins/plan.ts';
import type { Lease, PluginInstance } from '../plugins/types.ts';
import { Attempt, type Quarantine } from './attempt.ts';
import { Generation } from './generation.ts';
import type { InstanceTable } from './instance-table.ts';
import { type ChangePlan, type PartsByName, pathsBetween, stepsBetween } from './plan-change.ts';
import type { CompositionReader, CompositionResult, ReadComposition } from './read-composition.ts';
import { describeDiagnostic, type LeftOut, type ReloadReport } from './report.ts';
import type { Deadlines, Remote } from './running.ts';
import { createChild } from './tokens.ts';

/** What a request path is compiled from. */
export interface BuildParts {
  readonly number: number;
  readonly configuration: Configuration;
  /** In order of the hooks. */
  readonly instances: readonly PluginInstance[];
  readonly container: DependencyContainer;
  /** Keeps the generation that is made of these; not before it is there. */
  hold(): Lease;
  /** A service of an instance or of the kernel; undefined for none. */
  service(name: string): unknown;
}

export interface AssemblerOptions<P> {
  readonly root: DependencyContainer;
  readonly kernel: KernelServices;
  readonly reader: CompositionReader;
  readonly evaluator: Evaluator;
  readonly table: InstanceTable;
  readonly deadlines: Deadlines;
  readonly required: readonly string[];
  readonly supervise: ((instance: ComposedInstance, key: string) => Promise<Remote>) | undefined;
  build(parts: BuildParts): P | Promise<P>;
}

/** A generation with what is known of its making. */
export interface Live<P> {
  readonly generation: Generation<P>;
  /** Equal for generations between which nothing changes for a request. */
  readonly identity: string;
  readonly leftOut: readonly LeftOut[];
  /** What it was read as, and what each of its instances was made of. */
  readonly read: ReadComposition;
  readonly parts: PartsByName;
}

export interface Assembly<P> {
  /** Undefined when it was refused, or when nothing changed. */
  readonly live: Live<P> | undefined;
  /** What was read; undefined where that failed. */
  readonly read?: ReadComposition;
  readonly outcome: Pick<ReloadReport, 'diagnostics' | 'started' | 'kept' | 'leftOut'>;
}

const mostQuarantined = 64;

export class Assembler<P> {
  readonly #options: AssemblerOptions<P>;
  readonly #quarantine: Quarantine;

  constructor(options: AssemblerOptions<P>) {
    this.#options = options;
    this.#quarantine = createQuarantine();
  }

  /**
   * `current` is what is in force: equal to it, nothing is made. `earlier` is
   * taken in place of what the files say.
   */
  async assemble(number: number, current: Live<P> | undefined, earlier?: ReadComposition): Promise<Assembly<P>> {
    const read = earlier ?? (await this.#read());
    if ('diagnostics' in read) return refused(read.diagnostics);
    const attempt = new Attempt({ ...this.#options, quarantine: this.#quarantine }, read);
    if (
      current !== undefined &&
      current.identity === attempt.identity &&
      current.leftOut.every(({ state }) => state === 'quarantined')
    ) {
      const names = read.composition.instances.map(({ name }) => name);
      return {
        live: undefined,
        read,
        outcome: { diagnostics: attempt.warnings, started: [], kept: names, leftOut: current.leftOut },
      };
    }
    try {
      const live = (await attempt.setUpAll()) ? await this.#compileWhatCan(number, { attempt, read }) : undefined;
      const { started, kept, leftOut, warnings, problems } = attempt;
      if (live !== undefined) return { live, read, outcome: { diagnostics: warnings, started, kept, leftOut } };
      await attempt.giveUp();
      return refused([...problems, ...warnings]);
    } catch (error) {
      await attempt.giveUp();
      return refused([diagnosticOf(error)]);
    }
  }

  /** What `assemble` would do, as far as that can be said without setting anything up. */
  async plan(current: Live<P> | undefined, given: { readonly text?: string; readonly earlier?: ReadComposition }) {
    const read = given.earlier ?? (await this.#read({ text: given.text, isTrial: true }));
    if ('diagnostics' in read) return planned({ diagnostics: read.diagnostics });
    const attempt = new Attempt({ ...this.#options, quarantine: this.#quarantine }, read);
    const { table } = this.#options;
    const running = new Set(table.running().map(({ key }) => key));
    const steps = stepsBetween(current?.parts ?? new Map(), attempt.parts, (key) => running.has(key));
    const settings = pathsBetween(current?.read.configuration.settings, read.configuration.settings);
    const diagnostics = [...attempt.warnings, ...(await attempt.checkShipped())];
    return planned({ diagnostics, steps, settings, changed: current?.identity !== attempt.identity });
  }

  #read(look?: Parameters<CompositionReader['read']>[0]): Promise<CompositionResult> {
    return this.#options.reader.read(look).catch((error: unknown) => ({ diagnostics: [diagnosticOf(error)] }));
  }

  /** Leaves out what cannot be compiled, where its entry allows that; undefined when the attempt has failed. */
  async #compileWhatCan(number: number, made: Made): Promise<Live<P> | undefined> {
    const { attempt } = made;
    for (;;) {
      try {
        return await this.#compile(number, made);
      } catch (error) {
        if (!(error instanceof BuildFault)) throw error;
        await attempt.blame(error);
        if (attempt.problems.length > 0) return undefined;
      }
    }
  }

  async #compile(number: number, { attempt, read }: Made): Promise<Live<P>> {
    const { root, kernel, table, deadlines, build } = this.#options;
    const { configuration, identity, leftOut, held } = attempt;
    const instances = attempt.views();
    const container = createChild(root, configuration, instances);
    const parts: BuildParts = {
      number,
      configuration,
      instances,
      container,
      hold: () => generation.lease(),
      service: (name) => attempt.service(name),
    };
    const late = `The request path of generation ${number} took longer to compile`;
    const path = await within(() => build(parts), { clock: kernel.clock, ms: deadlines.setupMs, late });
    const end = () => table.release(held);
    const generation: Generation<P> = new Generation<P>({
      number,
      configuration,
      instances,
      container,
      path,
      clock: kernel.clock,
      end,
    });
    return { generation, identity, leftOut, read, parts: attempt.parts };
  }
}

interface Made {
  readonly attempt: Attempt;
  readonly read: ReadComposition;
}

type Found = Pick<ChangePlan, 'diagnostics'> & Partial<Pick<ChangePlan, 'steps' | 'settings' | 'changed'>>;

function planned({ diagnostics, steps = [], settings = [], changed = false }: Found) {
  const reasons = diagnostics.filter(({ severity }) => severity === 'error').map(describeDiagnostic);
  return { ok: reasons.length === 0, changed: changed && reasons.length === 0, reasons, diagnostics, steps, settings };
}

function refused<P>(diagnostics: readonly Diagnostic[]): Assembly<P> {
  return { live: undefined, outcome: { diagnostics, started: [], kept: [], leftOut: [] } };
}

/** Bounded; the oldest is tried again. */
function createQuarantine(): Quarantine {
  const reasons = new Map<string, string>();
  return {
    reasonFor: (key) => reasons.get(key),
    add(key, reason) {
      const [oldest] = reasons.keys();
      if (reasons.size >= mostQuarantined && oldest !== undefined) reasons.delete(oldest);
      reasons.set(key, reason);
    },
  };
}

/** Something thrown on the way, as a diagnostic that has no better place. */
function diagnosticOf(error: unknown): Diagnostic {
  const { message, code } = RutterError.from(error);
  const place = { file: '', line: 1, column: 1, path: '' };
  return { severity: 'error', message, found: code, expected: 'a composition that can be read and compiled', place };
}
