/** What SQLite says, in words that tell an operator or an author what to do. */
import { RutterError } from '@rutter/plugin-sdk';
import type { Answer, Task } from './thread.ts';

type Failure = Extract<Answer, { ok: false }>;

/** By SQLite's primary result code. */
const openReasons: Readonly<Record<number, string>> = {
  5: 'another process holds it locked. Stop that process, or give this gateway a data folder of its own.',
  6: 'another process holds it locked. Stop that process, or give this gateway a data folder of its own.',
  8: 'it, or its folder, may not be written to. Give the user this runs as the right to write there.',
  11: 'it is damaged. Restore it from a copy, or move it away to begin with an empty one.',
  13: 'the disk is full. Free some space.',
  14: 'it cannot be opened or created. Check that the path is a file in a folder this user may write to.',
  26: 'it is not a SQLite database. Move it away to begin with an empty one.',
};

const primary = ({ errcode = 0 }: Failure) => errcode & 255;

/** Why the file could not be opened for use. */
export function openError(file: string, failure: Failure): RutterError {
  const reason = openReasons[primary(failure)] ?? 'see what SQLite says.';
  return new RutterError(
    'ERR_PLUGIN_FAILED',
    `store-sqlite cannot use ${file}: ${reason} (SQLite: ${failure.message})`,
  );
}

/** Why a statement failed. It is quoted without its values. */
export function statementError(failure: Failure, task: Task): RutterError {
  const what = task.kind === 'run' || task.kind === 'query' ? ` of: ${task.sql.slice(0, 300)}` : '';
  return new RutterError('ERR_PLUGIN_FAILED', `SQLite refused a ${task.kind}: ${failure.message}${what}`);
}
