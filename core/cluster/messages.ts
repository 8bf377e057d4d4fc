/** What the supervisor and its workers say to each other. */
import type { Verdict } from '../generation/canary.ts';
import type { ReloadReport, Rollback } from '../generation/report.ts';
import type { ComposedInstance } from '../plugins/plan.ts';

/** Asked by one side, answered by the other under the same id. */
export type Ask =
  /** Worker to supervisor. */
  | { readonly type: 'set-up'; readonly instance: ComposedInstance; readonly key: string }
  | { readonly type: 'release'; readonly key: string }
  | { readonly type: 'call'; readonly key: string; readonly method: string; readonly args: readonly unknown[] }
  | {
      readonly type: 'append';
      readonly key: string;
      readonly table: string;
      readonly columns: readonly string[];
      readonly rows: readonly (readonly unknown[])[];
    }
  | { readonly type: 'reload'; readonly source: string; readonly back?: Rollback | Verdict | undefined }
  /** Supervisor to worker. */
  | { readonly type: 'listen'; readonly port: number }
  /** Answered when a change can be prepared without waiting for an old generation to drain. */
  | { readonly type: 'ready'; readonly source: string }
  /** One change has one number, in all workers and in all that is said about it. */
  | {
      readonly type: 'prepare';
      readonly source: string;
      readonly change: number;
      readonly back?: Rollback | Verdict | undefined;
    }
  | { readonly type: 'commit'; readonly change: number }
  | { readonly type: 'abort'; readonly change: number };

/** Told without an answer. */
export type Tell =
  | { readonly type: 'booted'; readonly watched: Watched; readonly isGuarded: boolean; readonly announcement: string }
  | { readonly type: 'refused'; readonly reasons: readonly string[] }
  | { readonly type: 'subscribe'; readonly key: string; readonly channel: string }
  | { readonly type: 'message'; readonly key: string; readonly channel: string; readonly text: string }
  | { readonly type: 'stop' };

export interface Watched {
  readonly files: readonly string[];
  readonly folders: readonly string[];
}

/** What a worker says of a change it has prepared or put in force. */
export interface Prepared {
  readonly report: ReloadReport;
  readonly watched: Watched;
  /** Equal in two workers that read the same. */
  readonly identity: string | undefined;
}

export type Message =
  | { readonly ask: Ask; readonly id: number }
  | { readonly answer: unknown; readonly id: number }
  | { readonly failure: { readonly code: string; readonly message: string }; readonly id: number }
  | { readonly tell: Tell };
