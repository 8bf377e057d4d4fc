/**
 * Rows on their way to the file: checked as they come, bounded in number and
 * bytes, gathered into batches.
 */
import { RutterError, type SqlValue } from '@rutter/plugin-sdk';
import type { Shape } from './thread.ts';

export interface Batch {
  readonly kind: 'append';
  readonly order: number;
  /** Statements the thread has not been told of. */
  readonly shapes: Shape[];
  /** The number of each row's statement. */
  readonly which: number[];
  readonly rows: (readonly SqlValue[])[];
  bytes: number;
}

/** Rows a transaction may hold: about ten milliseconds of work. */
export const maxBatchRows = 2_000;

const maxShapes = 1_000;
const namePattern = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;
/** What a row and a value weigh beside their text; an estimate. */
const rowOverheadBytes = 64;
const valueBytes = 16;

/** Insert statements by table and columns, numbered so that a row need not carry its own. */
export class Shapes {
  readonly #numbers = new Map<string, Map<string, number>>();
  /** By the array of columns itself: callers mostly pass the same one, and joining it costs more than the row. */
  readonly #recent = new WeakMap<readonly string[], { readonly table: string; readonly number: number }>();
  #count = 0;

  /** The number of the statement; a new one is added to the batch that first uses it. */
  numberOf(table: string, columns: readonly string[], batch: Batch): number {
    const recent = this.#recent.get(columns);
    if (recent?.table === table) return recent.number;
    const name = columns.join();
    const number = this.#numbers.get(table)?.get(name) ?? this.#add(table, columns, batch);
    this.#recent.set(columns, { table, number });
    return number;
  }

  #add(table: string, columns: readonly string[], batch: Batch): number {
    if (this.#count >= maxShapes) {
      throw new RutterError(
        'ERR_PLUGIN_INVALID',
        `More than ${maxShapes} different sets of columns were appended; keep them few and fixed.`,
      );
    }
    const shape = { number: ++this.#count, sql: insertInto(table, columns) };
    const ofTable = this.#numbers.get(table) ?? new Map<string, number>();
    this.#numbers.set(table, ofTable.set(columns.join(), shape.number));
    batch.shapes.push(shape);
    return shape.number;
  }
}

function insertInto(table: string, columns: readonly string[]): string {
  for (const name of [table, ...columns]) {
    if (!namePattern.test(name)) {
      throw new RutterError(
        'ERR_PLUGIN_INVALID',
        `'${name}' cannot name a table or column; expected letters, digits and _.`,
      );
    }
  }
  const names = columns.map((column) => `"${column}"`).join(', ');
  return `INSERT INTO "${table}" (${names}) VALUES (${columns.map(() => '?').join(', ')})`;
}

/** About how much memory a row takes. Throws when a value is none that a store keeps. */
export function bytesOf(table: string, columns: readonly string[], values: readonly SqlValue[]): number {
  if (columns.length !== values.length || columns.length === 0) {
    throw new RutterError(
      'ERR_PLUGIN_INVALID',
      `A row for '${table}' has ${values.length} values for ${columns.length} columns; expected one each.`,
    );
  }
  let bytes = rowOverheadBytes;
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    if (typeof value === 'string') bytes += valueBytes + 2 * value.length;
    else if (value === null || (typeof value === 'number' && Number.isFinite(value))) bytes += valueBytes;
    else throw notKept(`${table}.${columns[index]}`, value);
  }
  return bytes;
}

/** Throws when a value of a statement is none that a store keeps. */
export function checkValues(values: readonly SqlValue[]): void {
  for (const [index, value] of values.entries()) {
    if (typeof value === 'string' || value === null || Number.isFinite(value)) continue;
    throw notKept(`value ${index + 1}`, value);
  }
}

const notKept = (where: string, value: unknown) =>
  new RutterError(
    'ERR_PLUGIN_INVALID',
    `${where} is ${typeof value === 'number' ? value : `of type ${typeof value}`}; expected a string, a finite number or null.`,
  );
