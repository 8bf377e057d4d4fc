/** What came of a change, for logs, the admin interface and the command line. */
import type { Diagnostic } from '../config/types.ts';

export interface Change {
  /** What asked for it: `boot`, `file`, `admin`, `signal`. */
  readonly source: string;
}

/** A change that takes nothing from the files: back to what an earlier generation was made of. */
export interface Rollback {
  /** The number of the generation to go back to; undefined for the one before. */
  readonly rollbackTo: number | undefined;
}

export interface LeftOut {
  readonly name: string;
  readonly plugin: string;
  readonly kind: string;
  readonly version: string;
  readonly digest: string;
  readonly state: 'failed' | 'quarantined';
  readonly reason: string;
  readonly error: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export interface ReloadReport {
  /** False when the change was refused; what was in force stays in force. */
  readonly ok: boolean;
  /** False when what was read equals what is in force. */
  readonly changed: boolean;
  /** The generation in force afterwards; 0 for none. */
  readonly generation: number;
  /** Who asked, several when changes were taken together. */
  readonly sources: readonly string[];
  /** Why it was refused, one line each, with file, line and path. */
  readonly reasons: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
  /** Names of instances set up anew, and of those carried over. */
  readonly started: readonly string[];
  readonly kept: readonly string[];
  /** Instances that failed and whose entries allow that. */
  readonly leftOut: readonly LeftOut[];
  readonly durationMs: number;
}

/** `file:line:column: path: message. Found …; expected ….` */
export function describeDiagnostic({ message, found, expected, place }: Diagnostic): string {
  const path = place.path === '' ? '' : `${place.path}: `;
  const where = place.file === '' ? '' : `${place.file}:${place.line}:${place.column}: `;
  const sentence = /[.?!]$/.test(message) ? message : `${message}.`;
  return `${where}${path}${sentence} Found ${found}; expected ${expected}.`;
}
