/**
 * Reads the fields of one block of plain data, collecting every problem
 * instead of stopping at the first.
 */
import { didYouMean } from './nearest.ts';

/** One thing wrong with a plugin package, with its file and field. */
export interface PackProblem {
  readonly file: string;
  readonly field: string;
  readonly message: string;
}

export type Block = Readonly<Record<string, unknown>>;

export const isBlock = (value: unknown): value is Block =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A value for a message, short. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= 60 ? text : `${text.slice(0, 60)}…`;
}

export class Fields {
  readonly problems: PackProblem[] = [];
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  refuse(field: string, message: string): void {
    this.problems.push({ file: this.#file, field, message });
  }

  /** Names every key that is not one of those known. */
  onlyKnown(block: Block, prefix: string, known: readonly string[]): void {
    for (const key of Object.keys(block)) {
      if (known.includes(key)) continue;
      this.refuse(`${prefix}.${key}`, `unknown field; expected one of ${known.join(', ')}.${didYouMean(key, known)}`);
    }
  }

  text(value: unknown, field: string, expected: string, pattern = /\S/): string {
    if (typeof value === 'string' && pattern.test(value)) return value;
    this.refuse(field, `found ${shown(value)}, expected ${expected}.`);
    return '';
  }

  oneOf<T extends string>(value: unknown, field: string, known: readonly T[]): T | undefined {
    if (known.includes(value as T)) return value as T;
    const hint = typeof value === 'string' ? didYouMean(value, known) : '';
    this.refuse(field, `found ${shown(value)}, expected one of ${known.join(', ')}.${hint}`);
    return undefined;
  }

  flag(value: unknown, field: string): boolean {
    if (value === undefined || typeof value === 'boolean') return value ?? false;
    this.refuse(field, `found ${shown(value)}, expected true or false.`);
    return false;
  }

  /** A list without repetitions; absent is empty. */
  texts(value: unknown, field: string, pattern = /\S/): readonly string[] {
    if (value === undefined) return [];
    if (!Array.isArray(value)) {
      this.refuse(field, `found ${shown(value)}, expected a list of texts.`);
      return [];
    }
    value.forEach((item: unknown, index) => {
      if (typeof item !== 'string' || !pattern.test(item))
        this.refuse(
          `${field}[${index}]`,
          `found ${shown(item)}, expected a text${pattern.source === '\\S' ? '' : ` like ${pattern.source}`}.`,
        );
      else if (value.indexOf(item) !== index) this.refuse(`${field}[${index}]`, `${shown(item)} stands there twice.`);
    });
    return value.filter((item) => typeof item === 'string');
  }
}
