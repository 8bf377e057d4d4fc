/** What lies between a change that is asked for and one that is in force. */
import type { Live } from './assembler.ts';
import type { Next } from './canary.ts';
import type { Generation } from './generation.ts';
import type { ReadComposition } from './read-composition.ts';
import type { ReloadReport } from './report.ts';

/** A generation that is ready and not yet in force, or the report why there is none. */
export interface Prepared<P> {
  readonly report: ReloadReport;
  /** Undefined when the change was refused or changes nothing. */
  readonly generation: Generation<P> | undefined;
  /** Of what would be in force: equal in two processes where a request would not see the difference. */
  readonly identity: string | undefined;
}

export interface Open<P> {
  readonly made: Made<P>;
  /** Ends its turn. */
  end(): void;
  readonly expiry: AbortController;
}

/** What is to be put in force: what the files say, or an earlier composition. */
export interface Request {
  readonly sources: readonly string[];
  readonly earlier?: ReadComposition;
  readonly rollbackOf?: number | undefined;
}

export interface Made<P> {
  readonly report: ReloadReport;
  readonly live: Live<P> | undefined;
  readonly rollbackOf: number | undefined;
  /** The canary from then on. */
  readonly canary: Next<P>;
}
